"""The page at ``/``: what is in the sandbox and what it got, for people who look at it in a browser."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdi_sandbox.api.json import Json
from cdi_sandbox.control.page import counts, document, page_response, paths, table
from cdi_sandbox.control.sandbox import state
from cdi_sandbox.times import write_moment
from cdi_sandbox.world import World

LAST_REQUESTS = 20
_FOOTER = """As JSON: <code>/_sandbox/state</code>, <code>/_sandbox/user?external_id=…</code>,
<code>/_sandbox/requests</code>, <code>/_sandbox/received?path=/users/track&amp;brief=1</code>,
<code>/_sandbox/faults</code>, <code>/_sandbox/settings</code>"""


def braze_page_route(world: World) -> Route:
    """Make the route of the page."""

    async def page(request: Request) -> Response:
        world.catch_up()
        return page_response(_page(state(world), world.requests.last(LAST_REQUESTS)))

    return Route("/", page, methods=["GET"])


def _page(now: dict[str, Json], requests: list[Json]) -> str:
    numbers = {
        "users": now["users"],
        "events": now["events"],
        "purchases": now["purchases"],
        "data points": now["data_points"],
        "catalog items": sum(now["catalogs"].values()),
        "waiting to take effect": now["waiting"],
    }
    sections = {
        "What came, by path": paths(now["requests"]),
        "Last requests": _requests(requests),
        "Faults": _faults(now["faults"]),
        "Catalogs": _catalogs(now["catalogs"]),
    }
    lead = 'A local stand-in for Braze\'s REST API. Nothing leaves this machine. <a href="/klaviyo">Klaviyo sandbox</a>'
    return document("Braze sandbox", lead, counts(numbers), sections, _FOOTER)


def _requests(requests: list[Json]) -> str:
    rows = [
        [
            write_moment(each["at"])[11:23],
            each["method"],
            each["path"],
            each["status"],
            each["objects"],
            each["bytes"],
        ]
        for each in requests
    ]
    return table(["at (UTC)", "method", "path", "status", "objects", "bytes"], rows, bad_from=3)


def _faults(faults: list[Json]) -> str:
    rows = [
        [each["id"], each["kind"], f"{each['method']} {each['path']}", each["matched"], each["hit"]] for each in faults
    ]
    return table(["number", "kind", "calls", "matched", "hit"], rows)


def _catalogs(catalogs: dict[str, int]) -> str:
    return table(["name", "items"], [[name, number] for name, number in catalogs.items()])
