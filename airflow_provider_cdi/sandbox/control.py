"""The control plane, ``/_sandbox/...``: see what the sandbox holds and got, set faults and settings.

It needs no key and counts to no rate limit. It is not part of Braze.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_cdi.sandbox.call import Json
from airflow_provider_cdi.sandbox.profiles import User
from airflow_provider_cdi.sandbox.views import single, whole_user
from airflow_provider_cdi.sandbox.world import World

_IDENTIFIERS = ("external_id", "braze_id", "email", "phone")


class NotHere(Exception):
    """What was asked for does not exist; the text says what."""


def control_routes(world: World) -> list[Route]:
    """List the routes of the control plane."""
    return [
        _route("GET", "/state", world, state),
        _route("GET", "/user", world, _user),
        _route("GET", "/users", world, _users),
        _route("GET", "/events", world, lambda world, ask: _happenings(world, ask, "events")),
        _route("GET", "/purchases", world, lambda world, ask: _happenings(world, ask, "purchases")),
        _route("GET", "/catalogs/{name}/items", world, _items),
        _route("GET", "/requests", world, _requests),
        _route("GET", "/received", world, _received),
        _route("GET", "/faults", world, lambda world, ask: world.faults.shown()),
        _route("POST", "/faults", world, _set_faults),
        _route("DELETE", "/faults", world, _clear_faults),
        _route("DELETE", "/faults/{number:int}", world, _remove_fault),
        _route("GET", "/settings", world, lambda world, ask: world.settings.summary()),
        _route("PUT", "/settings", world, _change_settings),
        _route("POST", "/settle", world, _settle),
        _route("POST", "/reset", world, _reset),
    ]


class _Ask:
    """One request to the control plane: parts of the path, the query, the body."""

    def __init__(self, request: Request, body: bytes) -> None:
        self.path = request.path_params
        self._query = parse_qs(request.url.query)
        self._body = body

    def value(self, name: str) -> str | None:
        return self._query[name][0] if name in self._query else None

    def number(self, name: str, default: int) -> int:
        value = self.value(name)
        if value is not None and not value.isdecimal():
            raise ValueError(f"{name!r} must be a whole number.")
        return default if value is None else int(value)

    def switch(self, name: str) -> bool:
        return self.value(name) in ("1", "true")

    def json(self) -> Json:
        return orjson.loads(self._body or b"null")


def _route(method: str, path: str, world: World, answer: Callable[[World, _Ask], Json]) -> Route:
    async def endpoint(request: Request) -> Response:
        ask = _Ask(request, await request.body())
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
        "faults": world.faults.shown(),
        "settings": world.settings.summary(),
    }


def _user(world: World, ask: _Ask) -> Json:
    return whole_user(world.profiles, _wanted_user(world, ask))


def _users(world: World, ask: _Ask) -> Json:
    skip, limit = ask.number("skip", 0), ask.number("limit", 100)
    chosen = list(world.profiles.users.values())[skip : skip + limit]
    return {"total": len(world.profiles.users), "users": [whole_user(world.profiles, user) for user in chosen]}


def _happenings(world: World, ask: _Ask, kind: str) -> Json:
    user = _wanted_user(world, ask)
    return [single(happening) for happening in world.profiles.happenings[kind].get(user.number, [])]


def _wanted_user(world: World, ask: _Ask) -> User:
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


def _items(world: World, ask: _Ask) -> Json:
    catalog = world.catalogs.get(ask.path["name"])
    if catalog is None:
        raise NotHere("The sandbox holds no catalog of this name.")
    return {**catalog.shown(), "items": list(catalog.items.values())}


def _requests(world: World, ask: _Ask) -> Json:
    return world.ledger.requests(ask.number("limit", 100))


def _received(world: World, ask: _Ask) -> Json:
    path = ask.value("path")
    if path is None:
        raise ValueError("Name the path: /_sandbox/received?path=/users/track")
    return world.ledger.received(path, brief=ask.switch("brief"))


def _set_faults(world: World, ask: _Ask) -> Json:
    wanted = ask.json()
    return [world.faults.add(fault).shown() for fault in (wanted if isinstance(wanted, list) else [wanted])]


def _clear_faults(world: World, ask: _Ask) -> Json:
    world.faults.clear()
    return []


def _remove_fault(world: World, ask: _Ask) -> Json:
    if not world.faults.remove(ask.path["number"]):
        raise NotHere("There is no fault of this number.")
    return world.faults.shown()


def _change_settings(world: World, ask: _Ask) -> Json:
    changes = ask.json()
    if not isinstance(changes, dict):
        raise ValueError("Settings are an object: setting -> value.")  # noqa: TRY004 - answered as 400
    world.settings = world.settings.changed(changes)
    return world.settings.summary()


def _settle(world: World, ask: _Ask) -> Json:
    world.settle()
    return state(world)


def _reset(world: World, ask: _Ask) -> Json:
    world.reset()
    return state(world)
