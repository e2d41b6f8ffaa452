"""The control plane, ``/_sandbox/...``: see what the sandbox holds and got, set faults and settings.

It needs no key and counts to no rate limit. It is part of no vendor's API.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdi_sandbox.braze.profiles import User
from cdi_sandbox.braze.views import single, whole_user
from cdi_sandbox.http.call import Json
from cdi_sandbox.klaviyo.views import summary
from cdi_sandbox.world import World

_IDENTIFIERS = ("external_id", "braze_id", "email", "phone")


class NotHere(Exception):
    """What was asked for does not exist; the text says what."""


def control_routes(world: World) -> list[Route]:
    """List the routes of the control plane."""
    return [
        control_route("GET", "/state", world, state),
        control_route("GET", "/user", world, _user),
        control_route("GET", "/users", world, _users),
        control_route("GET", "/events", world, lambda world, ask: _happenings(world, ask, "events")),
        control_route("GET", "/purchases", world, lambda world, ask: _happenings(world, ask, "purchases")),
        control_route("GET", "/catalogs/{name}/items", world, _items),
        control_route("GET", "/requests", world, _requests),
        control_route("GET", "/received", world, _received),
        control_route("GET", "/faults", world, lambda world, ask: world.faults.shown()),
        control_route("POST", "/faults", world, _set_faults),
        control_route("DELETE", "/faults", world, _clear_faults),
        control_route("DELETE", "/faults/{number:int}", world, _remove_fault),
        control_route("GET", "/settings", world, lambda world, ask: world.settings.summary()),
        control_route("PUT", "/settings", world, _change_settings),
        control_route("POST", "/settle", world, _settle),
        control_route("POST", "/reset", world, _reset),
    ]


class Ask:
    """One request to the control plane: parts of the path, the query, the body."""

    def __init__(self, request: Request, body: bytes) -> None:
        self.path = request.path_params
        self._query = parse_qs(request.url.query)
        self._body = body

    def value(self, name: str) -> str | None:
        """Return a parameter of the query; None when there is none."""
        return self._query[name][0] if name in self._query else None

    def number(self, name: str, default: int) -> int:
        """Read a whole number from the query.

        :raises ValueError: for anything else.
        """
        value = self.value(name)
        if value is not None and not value.isdecimal():
            raise ValueError(f"{name!r} must be a whole number.")
        return default if value is None else int(value)

    def switch(self, name: str) -> bool:
        """Read ``1`` or ``true`` from the query."""
        return self.value(name) in ("1", "true")

    def json(self) -> Json:
        """Read the body.

        :raises ValueError: when it is not JSON.
        """
        return orjson.loads(self._body or b"null")


def control_route(method: str, path: str, world: World, answer: Callable[[World, Ask], Json]) -> Route:
    """Make a route of the control plane.

    :param path: below ``/_sandbox``.
    :param answer: what it shows; ``NotHere`` becomes 404, ``ValueError`` 400.
    """

    async def endpoint(request: Request) -> Response:
        ask = Ask(request, await request.body())
        world.catch_up()
        try:
            status, content = 200, answer(world, ask)
        except NotHere as absent:
            status, content = 404, {"message": str(absent)}
        except ValueError as error:  # also what is not JSON
            status, content = 400, {"message": str(error)}
        world.store.commit()
        return Response(orjson.dumps(content), status, media_type="application/json")

    return Route("/_sandbox" + path, endpoint, methods=[method])


def state(world: World, _: object = None) -> dict[str, Json]:
    """Summarize what the sandbox holds and got."""
    profiles = world.profiles
    return {
        "users": len(profiles.users),
        "events": sum(map(len, profiles.happenings["events"].values())),
        "purchases": sum(map(len, profiles.happenings["purchases"].values())),
        "catalogs": {catalog.name: len(catalog.items) for catalog in world.catalogs.all()},
        "catalog_bytes": world.catalogs.bytes,
        "waiting": world.waiting(),
        "requests": world.ledger.totals(),
        "klaviyo": summary(world.klaviyo),
        "faults": world.faults.shown(),
        "settings": world.settings.summary(),
    }


def _user(world: World, ask: Ask) -> Json:
    return whole_user(world.profiles, _wanted_user(world, ask))


def _users(world: World, ask: Ask) -> Json:
    skip, limit = ask.number("skip", 0), ask.number("limit", 100)
    chosen = list(world.profiles.users.values())[skip : skip + limit]
    return {"total": len(world.profiles.users), "users": [whole_user(world.profiles, user) for user in chosen]}


def _happenings(world: World, ask: Ask, kind: str) -> Json:
    user = _wanted_user(world, ask)
    return [single(happening) for happening in world.profiles.happenings[kind].get(user.number, [])]


def _wanted_user(world: World, ask: Ask) -> User:
    thing: dict[str, Any] = {name: ask.value(name) for name in _IDENTIFIERS if ask.value(name)}
    label, name = ask.value("alias_label"), ask.value("alias_name")
    if label and name:
        thing["user_alias"] = {"alias_label": label, "alias_name": name}
    if len(thing) != 1:
        raise ValueError(f"Name one of {', '.join(_IDENTIFIERS)}, or alias_label with alias_name.")
    user = world.profiles.find(thing)
    if user is None:
        raise NotHere("The sandbox holds no user with this identifier.")
    return user


def _items(world: World, ask: Ask) -> Json:
    catalog = world.catalogs.get(ask.path["name"])
    if catalog is None:
        raise NotHere("The sandbox holds no catalog of this name.")
    return {**catalog.shown(), "items": list(catalog.items.values())}


def _requests(world: World, ask: Ask) -> Json:
    return world.ledger.requests(ask.number("limit", 100))


def _received(world: World, ask: Ask) -> Json:
    path = ask.value("path")
    if path is None:
        raise ValueError("Name the path: /_sandbox/received?path=/users/track")
    return world.ledger.received(path, brief=ask.switch("brief"))


def _set_faults(world: World, ask: Ask) -> Json:
    wanted = ask.json()
    return [world.faults.add(fault).shown() for fault in (wanted if isinstance(wanted, list) else [wanted])]


def _clear_faults(world: World, ask: Ask) -> Json:
    world.faults.clear()
    return []


def _remove_fault(world: World, ask: Ask) -> Json:
    if not world.faults.remove(ask.path["number"]):
        raise NotHere("There is no fault of this number.")
    return world.faults.shown()


def _change_settings(world: World, ask: Ask) -> Json:
    changes = ask.json()
    if not isinstance(changes, dict):
        raise ValueError("Settings are an object: setting -> value.")  # noqa: TRY004 - answered as 400
    world.settings = world.settings.changed(changes)
    return world.settings.summary()


def _settle(world: World, ask: Ask) -> Json:
    world.settle()
    return state(world)


def _reset(world: World, ask: Ask) -> Json:
    world.reset()
    return state(world)
