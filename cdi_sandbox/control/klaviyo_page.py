"""The page at ``/klaviyo``: profiles, events and jobs of the local Klaviyo, for people with a browser."""

from __future__ import annotations

from itertools import islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdi_sandbox.api.json import Json
from cdi_sandbox.control.page import counts, document, page_response, paths, table
from cdi_sandbox.klaviyo.views import shown_event, shown_job, shown_profile, summary
from cdi_sandbox.world import World

LAST_SHOWN = 20
_FOOTER = """As JSON: <code>/_sandbox/klaviyo/state</code>, <code>/_sandbox/klaviyo/profile?email=…</code>,
<code>/_sandbox/klaviyo/profiles</code>, <code>/_sandbox/klaviyo/events</code>, <code>/_sandbox/klaviyo/jobs</code>"""


def klaviyo_page_route(world: World) -> Route:
    """Make the route of the page."""

    async def page(request: Request) -> Response:
        world.catch_up()
        world.store.commit()
        return page_response(_page(world))

    return Route("/klaviyo", page, methods=["GET"])


def _page(world: World) -> str:
    now = summary(world.klaviyo)
    shown = {
        "profiles": now["profiles"],
        "active profiles": now["active_profiles"],
        "events": now["events"],
        "jobs": sum(now["jobs"].values()),
        "unfinished jobs": now["unfinished_jobs"],
        "events dropped in silence": sum(now["dropped"].values()),
    }
    totals = {path: total for path, total in world.requests.totals().items() if path.startswith("/api/")}
    sections = {
        "Jobs": _jobs(world),
        "Profiles": _profiles(world),
        "Events": _events(world),
        "Dropped in silence": table(["why", "events"], [[why, number] for why, number in now["dropped"].items()]),
        "Lists": table(["name", "profiles"], [[name, number] for name, number in now["lists"].items()]),
        "What came, by path": paths(totals),
    }
    lead = 'A local stand-in for Klaviyo\'s API. Nothing leaves this machine. <a href="/">Braze sandbox</a>'
    return document("Klaviyo sandbox", lead, counts(shown), sections, _FOOTER)


def _jobs(world: World) -> str:
    names = ("kind", "status", "created", "total", "done", "failed", "skipped")
    last = islice(reversed(world.klaviyo.jobs.values()), LAST_SHOWN)
    return table(list(names), [[shown_job(job)[name] for name in names] for job in last])


def _profiles(world: World) -> str:
    last = islice(reversed(world.klaviyo.profiles.by_number.values()), LAST_SHOWN)
    rows = [_profile_row(shown_profile(world.klaviyo, profile)) for profile in last]
    return table(["id", "e-mail", "phone", "external id", "properties", "consent", "updated"], rows)


def _profile_row(shown: dict[str, Json]) -> list[Json]:
    consent = ", ".join([f"{name} {state}" for name, state in shown["consent"].items()] + shown["suppressions"])
    identifiers = [shown.get(name, "") for name in ("email", "phone_number", "external_id")]
    return [shown["id"], *identifiers, len(shown["properties"]), consent, shown["updated"][:19]]


def _events(world: World) -> str:
    last = islice(reversed(world.klaviyo.events.by_number.values()), LAST_SHOWN)
    rows = []
    for event in last:
        shown = shown_event(world.klaviyo, event)
        value = str(shown.get("value", ""))
        rows.append([shown["metric"], shown["time"], shown["profile_id"], shown["unique_id"], value])
    return table(["metric", "time", "profile", "unique id", "value"], rows)
