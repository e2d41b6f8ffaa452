"""``/_sandbox/...``: see what the sandbox holds and got, set faults and settings."""

from __future__ import annotations

from starlette.routing import Route

from cdi_sandbox.api.json import Json
from cdi_sandbox.control.routes import ControlRequest, NotFound, control_route
from cdi_sandbox.klaviyo.views import summary
from cdi_sandbox.world import World


def sandbox_control_routes(world: World) -> list[Route]:
    """List the routes of the control plane that are about the sandbox as a whole."""
    return [
        control_route("GET", "/state", world, state),
        control_route("GET", "/requests", world, _requests),
        control_route("GET", "/received", world, _received),
        control_route("GET", "/faults", world, lambda world, request: world.faults.shown()),
        control_route("POST", "/faults", world, _set_faults),
        control_route("DELETE", "/faults", world, _clear_faults),
        control_route("DELETE", "/faults/{number:int}", world, _remove_fault),
        control_route("GET", "/settings", world, lambda world, request: world.settings.summary()),
        control_route("PUT", "/settings", world, _change_settings),
        control_route("POST", "/settle", world, _settle),
        control_route("POST", "/reset", world, _reset),
    ]


def state(world: World, _: object = None) -> dict[str, Json]:
    """Summarize what the sandbox holds and got."""
    profiles = world.braze.profiles
    return {
        "users": len(profiles.users),
        "events": sum(map(len, profiles.events["events"].values())),
        "purchases": sum(map(len, profiles.events["purchases"].values())),
        "data_points": world.braze.data_points,
        "catalogs": {catalog.name: len(catalog.items) for catalog in world.braze.catalogs.all()},
        "catalog_bytes": world.braze.catalogs.bytes,
        "waiting": world.waiting(),
        "requests": world.requests.totals(),
        "klaviyo": summary(world.klaviyo),
        "faults": world.faults.shown(),
        "settings": world.settings.summary(),
    }


def _requests(world: World, request: ControlRequest) -> Json:
    return world.requests.last(request.number("limit", 100))


def _received(world: World, request: ControlRequest) -> Json:
    path = request.value("path")
    if path is None:
        raise ValueError("Name the path: /_sandbox/received?path=/users/track")
    return world.requests.received(path, brief=request.switch("brief"))


def _set_faults(world: World, request: ControlRequest) -> Json:
    wanted = request.json()
    return [world.faults.add(fault).shown() for fault in (wanted if isinstance(wanted, list) else [wanted])]


def _clear_faults(world: World, request: ControlRequest) -> Json:
    world.faults.clear()
    return []


def _remove_fault(world: World, request: ControlRequest) -> Json:
    if not world.faults.remove(request.path["number"]):
        raise NotFound("There is no fault of this number.")
    return world.faults.shown()


def _change_settings(world: World, request: ControlRequest) -> Json:
    changes = request.json()
    if not isinstance(changes, dict):
        raise ValueError("Settings are an object: setting -> value.")  # noqa: TRY004 - answered as 400
    world.settings = world.settings.changed(changes)
    return world.settings.summary()


def _settle(world: World, request: ControlRequest) -> Json:
    world.settle()
    return state(world)


def _reset(world: World, request: ControlRequest) -> Json:
    world.reset()
    return state(world)
