"""How the control plane, ``/_sandbox/...``, answers a request.

It needs no key and counts to no rate limit. It is part of no vendor's API.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdi_sandbox.api.json import Json
from cdi_sandbox.world import World


class NotFound(Exception):
    """What was asked for does not exist; the text says what."""


class ControlRequest:
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


def control_route(method: str, path: str, world: World, answer: Callable[[World, ControlRequest], Json]) -> Route:
    """Make a route of the control plane.

    :param path: below ``/_sandbox``.
    :param answer: what it shows; ``NotFound`` becomes 404, ``ValueError`` 400.
    """

    async def endpoint(request: Request) -> Response:
        given = ControlRequest(request, await request.body())
        world.catch_up()
        try:
            status, content = 200, answer(world, given)
        except NotFound as absent:
            status, content = 404, {"message": str(absent)}
        except ValueError as error:  # also what is not JSON
            status, content = 400, {"message": str(error)}
        world.store.commit()
        return Response(orjson.dumps(content), status, media_type="application/json")

    return Route("/_sandbox" + path, endpoint, methods=[method])
