"""The application: which paths there are, and who answers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cdi_sandbox.api.endpoint import Endpoint, State, VendorApi
from cdi_sandbox.api.host_check import HostCheckMiddleware
from cdi_sandbox.braze.auth import BRAZE_API
from cdi_sandbox.braze.endpoints import ENDPOINTS as BRAZE_ENDPOINTS
from cdi_sandbox.control.braze import braze_control_routes
from cdi_sandbox.control.braze_page import braze_page_route
from cdi_sandbox.control.klaviyo import klaviyo_control_routes
from cdi_sandbox.control.klaviyo_page import klaviyo_page_route
from cdi_sandbox.control.sandbox import sandbox_control_routes
from cdi_sandbox.klaviyo.auth import KLAVIYO_API
from cdi_sandbox.klaviyo.endpoints import ENDPOINTS as KLAVIYO_ENDPOINTS
from cdi_sandbox.middleware import TRANSPORT, EndpointMiddleware
from cdi_sandbox.settings.clock import Clock
from cdi_sandbox.settings.sandbox import Settings
from cdi_sandbox.world import World


class Sandbox(Starlette):
    """The application, with its state at hand: ``app.world``."""

    world: World

    def __init__(self, host_names: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self._host_check = HostCheckMiddleware(super().__call__, host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and let the faults reach the connection that it came on."""
        # In uvicorn, ``send`` belongs to an object that knows the connection. Elsewhere there is none.
        scope[TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._host_check(scope, receive, send)


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Sandbox:
    """Make a sandbox as an ASGI application.

    :param settings: how it behaves; the defaults are Braze's.
    :param clock: where it gets its time from.
    :raises ValueError: when the store of the settings cannot be opened.
    """
    world = World(settings or Settings(), clock or Clock())
    routes = _routes(world, BRAZE_API, lambda: world.braze, BRAZE_ENDPOINTS)
    routes += _routes(world, KLAVIYO_API, lambda: world.klaviyo, KLAVIYO_ENDPOINTS)
    nowhere = EndpointMiddleware(world, KLAVIYO_API, lambda: world.klaviyo, {})
    routes += [Route(path, nowhere) for path in ("/api", "/api/{rest:path}")]
    routes += [*sandbox_control_routes(world), *braze_control_routes(world), *klaviyo_control_routes(world)]
    routes += [braze_page_route(world), klaviyo_page_route(world)]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        world.close()

    app = Sandbox(world.settings.host_names, routes=routes, lifespan=lifespan)
    app.world = world
    # Braze: a path with a slash at the end is another path.
    app.router.redirect_slashes = False
    app.router.default = EndpointMiddleware(world, BRAZE_API, lambda: world.braze, {})
    return app


def _routes(
    world: World, api: VendorApi[State], state: Callable[[], State], endpoints: Iterable[Endpoint[State]]
) -> list[Route]:
    by_path: dict[str, dict[str, Endpoint[State]]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    ends = ("", "/") if api.ignores_slash else ("",)
    return [
        Route(path + end, EndpointMiddleware(world, api, state, methods))
        for path, methods in by_path.items()
        for end in ends
    ]
