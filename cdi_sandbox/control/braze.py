"""``/_sandbox/...``: see what the local Braze holds."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.cdi.integrations import read_integration
from cdi_sandbox.braze.users.profiles import User
from cdi_sandbox.braze.users.views import single, whole_user
from cdi_sandbox.control.routes import ControlRequest, NotFound, control_route
from cdi_sandbox.world import World

_IDENTIFIERS = ("external_id", "braze_id", "email", "phone")


def braze_control_routes(world: World) -> list[Route]:
    """List the routes of the control plane that are about Braze."""
    return [
        control_route("GET", "/user", world, _user),
        control_route("GET", "/users", world, _users),
        control_route("GET", "/events", world, lambda world, request: _events(world, request, "events")),
        control_route("GET", "/purchases", world, lambda world, request: _events(world, request, "purchases")),
        control_route("GET", "/catalogs/{name}/items", world, _items),
        control_route("GET", "/cdi/integrations", world, _integrations),
        control_route("PUT", "/cdi/integrations", world, _set_integrations),
    ]


def _user(world: World, request: ControlRequest) -> Json:
    return whole_user(world.braze.profiles, _wanted_user(world, request))


def _users(world: World, request: ControlRequest) -> Json:
    skip, limit = request.number("skip", 0), request.number("limit", 100)
    profiles = world.braze.profiles
    chosen = list(profiles.users.values())[skip : skip + limit]
    return {"total": len(profiles.users), "users": [whole_user(profiles, user) for user in chosen]}


def _events(world: World, request: ControlRequest, kind: str) -> Json:
    user = _wanted_user(world, request)
    return [single(event) for event in world.braze.profiles.events[kind].get(user.number, [])]


def _wanted_user(world: World, request: ControlRequest) -> User:
    thing: dict[str, Any] = {name: request.value(name) for name in _IDENTIFIERS if request.value(name)}
    label, name = request.value("alias_label"), request.value("alias_name")
    if label and name:
        thing["user_alias"] = {"alias_label": label, "alias_name": name}
    if len(thing) != 1:
        raise ValueError(f"Name one of {', '.join(_IDENTIFIERS)}, or alias_label with alias_name.")
    user = world.braze.profiles.find(thing)
    if user is None:
        raise NotFound("The sandbox holds no user with this identifier.")
    return user


def _items(world: World, request: ControlRequest) -> Json:
    catalog = world.braze.catalogs.get(request.path["name"])
    if catalog is None:
        raise NotFound("The sandbox holds no catalog of this name.")
    return {**catalog.shown(), "items": list(catalog.items.values())}


def _integrations(world: World, _: ControlRequest) -> Json:
    now = world.now()
    return [{**one.shown(now), "jobs": one.jobs_at(now)} for one in world.braze.integrations]


def _set_integrations(world: World, request: ControlRequest) -> Json:
    wanted = request.json()
    if not isinstance(wanted, list):
        raise ValueError("Give a list of integrations.")  # noqa: TRY004 - answered as 400
    world.braze.integrations = [read_integration(one) for one in wanted]
    return _integrations(world, request)
