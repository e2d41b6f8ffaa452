"""The application: which paths there are, who answers them, and which key they need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cdi_sandbox.braze import catalog_calls, cdi, identities, track, users
from cdi_sandbox.braze.auth import BRAZE_DOOR
from cdi_sandbox.braze.whole_ids import with_text_ids
from cdi_sandbox.control import control_routes
from cdi_sandbox.http.call import Endpoint
from cdi_sandbox.http.middleware import TRANSPORT, Door, Gate
from cdi_sandbox.http.visitors import Visitors
from cdi_sandbox.klaviyo.auth import KLAVIYO_DOOR
from cdi_sandbox.klaviyo.control import klaviyo_control_routes
from cdi_sandbox.klaviyo.endpoints import ENDPOINTS as KLAVIYO_ENDPOINTS
from cdi_sandbox.klaviyo.page import klaviyo_page_route
from cdi_sandbox.page import page_route
from cdi_sandbox.settings import Clock, Settings
from cdi_sandbox.world import World

_ITEMS = "/catalogs/{name}/items"
_ITEM = "/catalogs/{name}/items/{item}"

#: Every call of Braze's API that the sandbox knows. Permissions and pools: Braze, the endpoint pages.
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/users/track", "users.track", "track", track.track, track.track_objects, read=with_text_ids),
    Endpoint(
        "POST",
        "/users/track/bulk",
        "users.track.bulk",
        "bulk",
        track.track_bulk,
        track.track_objects,
        max_bytes=2 * 1024 * 1024,
        oversize=(400, "Payload too large"),
        read=with_text_ids,
    ),
    Endpoint(
        "POST",
        "/users/track/sync",
        "users.track.sync",
        "sync",
        track.track_sync,
        track.track_objects,
        read=with_text_ids,
    ),
    Endpoint(
        "POST", "/users/delete", "users.delete", "users", users.delete_users, users.delete_objects, read=with_text_ids
    ),
    Endpoint("POST", "/users/alias/new", "users.alias.new", "users", identities.new_aliases, read=with_text_ids),
    Endpoint("POST", "/users/alias/update", "users.alias.update", "users", identities.update_aliases),
    Endpoint("POST", "/users/identify", "users.identify", "users", identities.identify, read=with_text_ids),
    Endpoint("POST", "/users/merge", "users.merge", "users", identities.merge_users),
    Endpoint(
        "POST",
        "/users/external_ids/rename",
        "users.external_ids.rename",
        "external_ids",
        identities.rename_external_ids,
    ),
    Endpoint(
        "POST",
        "/users/external_ids/remove",
        "users.external_ids.remove",
        "external_ids",
        identities.remove_external_ids,
    ),
    Endpoint("POST", "/users/export/ids", "users.export.ids", "export", users.export_users, read=with_text_ids),
    Endpoint("POST", "/v2/subscription/status/set", "subscription.status.set", "subscription", users.set_groups),
    Endpoint("GET", "/catalogs", "catalogs.get", "catalogs", catalog_calls.list_catalogs, has_body=False),
    Endpoint("POST", "/catalogs", "catalogs.create", "catalogs", catalog_calls.create_catalog),
    Endpoint(
        "DELETE",
        "/catalogs/{name}",
        "catalogs.delete",
        "catalogs",
        catalog_calls.delete_catalog,
        has_body=False,
    ),
    # The permissions of the schema calls are not documented in what we read.
    Endpoint("POST", "/catalogs/{name}/fields", "catalogs.create_fields", "catalogs", catalog_calls.add_fields),
    Endpoint(
        "DELETE",
        "/catalogs/{name}/fields/{field}",
        "catalogs.delete_fields",
        "catalogs",
        catalog_calls.delete_field,
        has_body=False,
    ),
    *(
        Endpoint(verb, _ITEMS, right, "catalog_items", catalog_calls.write_items, catalog_calls.catalog_items)
        for verb, right in (
            ("POST", "catalogs.add_items"),
            ("PUT", "catalogs.replace_items"),
            ("PATCH", "catalogs.update_items"),
            ("DELETE", "catalogs.delete_items"),
        )
    ),
    Endpoint("GET", _ITEMS, "catalogs.get_items", "catalog_item", catalog_calls.list_items, has_body=False),
    *(
        Endpoint(verb, _ITEM, right, "catalog_item", catalog_calls.write_item, has_body=verb != "DELETE")
        for verb, right in (
            ("POST", "catalogs.create_item"),
            ("PUT", "catalogs.replace_item"),
            ("PATCH", "catalogs.update_item"),
            ("DELETE", "catalogs.delete_item"),
        )
    ),
    Endpoint("GET", _ITEM, "catalogs.get_item", "catalog_item", catalog_calls.read_item, has_body=False),
    Endpoint("GET", "/cdi/integrations", "cdi.integration_list", "cdi_list", cdi.list_integrations, has_body=False),
    Endpoint(
        "GET",
        "/cdi/integrations/{id}/job_sync_status",
        "cdi.integration_job_status",
        "cdi_status",
        cdi.job_status,
        has_body=False,
    ),
    Endpoint(
        "POST",
        "/cdi/integrations/{id}/sync",
        "cdi.integration_sync",
        "cdi_sync",
        cdi.start_sync,
        has_body=False,
    ),
)

PERMISSIONS = frozenset(endpoint.permission for endpoint in ENDPOINTS)


class Sandbox(Starlette):
    """The application, with its state at hand: ``app.world``."""

    world: World

    def __init__(self, host_names: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.visitors = Visitors(super().__call__, host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and let the faults reach the connection that it came on."""
        # In uvicorn, ``send`` belongs to an object that knows the connection. Elsewhere there is none.
        scope[TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await self.visitors(scope, receive, send)


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Sandbox:
    """Make a sandbox as an ASGI application.

    :param settings: how it behaves; the defaults are Braze's.
    :param clock: where it gets its time from.
    :raises ValueError: when the store of the settings cannot be opened.
    """
    world = World(settings or Settings(), clock or Clock())
    routes = [*_routes(world, BRAZE_DOOR, ENDPOINTS), *_routes(world, KLAVIYO_DOOR, KLAVIYO_ENDPOINTS)]
    nowhere = Gate(world, KLAVIYO_DOOR, {})
    routes += [Route(path, nowhere) for path in ("/api", "/api/{rest:path}")]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        world.close()

    routes += [*control_routes(world), *klaviyo_control_routes(world), page_route(world), klaviyo_page_route(world)]
    app = Sandbox(world.settings.host_names, routes=routes, lifespan=lifespan)
    app.world = world
    # Braze: a path with a slash at the end is another path.
    app.router.redirect_slashes = False
    app.router.default = Gate(world, BRAZE_DOOR, {})
    return app


def _routes(world: World, door: Door, endpoints: Iterable[Endpoint]) -> list[Route]:
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    gates = {path: Gate(world, door, methods) for path, methods in by_path.items()}
    ends = ("", "/") if door.ignores_slash else ("",)
    return [Route(path + end, gate) for path, gate in gates.items() for end in ends]
