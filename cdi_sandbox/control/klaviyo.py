"""``/_sandbox/klaviyo/...``: see what the local Klaviyo holds. It needs no key and counts to no rate limit."""

from __future__ import annotations

from starlette.routing import Route

from cdi_sandbox.api.json import Json
from cdi_sandbox.control.routes import ControlRequest, NotFound, control_route
from cdi_sandbox.klaviyo.profiles.profiles import Profile
from cdi_sandbox.klaviyo.views import shown_event, shown_job, shown_profile, summary
from cdi_sandbox.settings.klaviyo import IDENTIFIERS
from cdi_sandbox.world import World


def klaviyo_control_routes(world: World) -> list[Route]:
    """List the routes of the control plane that are about Klaviyo."""
    return [
        control_route("GET", "/klaviyo/state", world, lambda world, request: summary(world.klaviyo)),
        control_route("GET", "/klaviyo/profile", world, _profile),
        control_route("GET", "/klaviyo/profiles", world, _profiles),
        control_route("GET", "/klaviyo/events", world, _events),
        control_route("GET", "/klaviyo/jobs", world, _jobs),
    ]


def _profile(world: World, request: ControlRequest) -> Json:
    return shown_profile(world.klaviyo, _wanted(world, request))


def _profiles(world: World, request: ControlRequest) -> Json:
    skip, limit = request.number("skip", 0), request.number("limit", 100)
    held = list(world.klaviyo.profiles.by_number.values())
    chosen = held[skip : skip + limit]
    return {"total": len(held), "profiles": [shown_profile(world.klaviyo, profile) for profile in chosen]}


def _events(world: World, request: ControlRequest) -> Json:
    events = world.klaviyo.events
    if any(request.value(name) for name in IDENTIFIERS):
        held = events.by_profile.get(_wanted(world, request).number, [])
    else:
        held = list(events.by_number.values())
    skip, limit = request.number("skip", 0), request.number("limit", 100)
    chosen = held[skip : skip + limit]
    return {"total": len(held), "events": [shown_event(world.klaviyo, event) for event in chosen]}


def _jobs(world: World, request: ControlRequest) -> Json:
    return [shown_job(job) for job in world.klaviyo.jobs.values()]


def _wanted(world: World, request: ControlRequest) -> Profile:
    named = {name: request.value(name) for name in IDENTIFIERS if request.value(name)}
    if len(named) != 1:
        raise ValueError(f"Name one of {', '.join(IDENTIFIERS)}.")
    ((key, value),) = named.items()
    profile = world.klaviyo.profiles.by(key, value)
    if profile is None:
        raise NotFound("The local Klaviyo holds no profile with this identifier.")
    return profile
