"""Sending events: in bulk and one by one. Both answer 202 with nothing in it, whatever becomes of the events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cdi_sandbox.api.call import Call, Change, Reply
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo import limits
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.events.checks import METRIC_NAME, check_event, check_properties, event_rules
from cdi_sandbox.klaviyo.json_api.bodies import at, envelope, objects, refuse, stop_for
from cdi_sandbox.klaviyo.json_api.documents import nothing
from cdi_sandbox.klaviyo.json_api.errors import DUPLICATE_EVENT, Problem, RequestRefused, error_reply
from cdi_sandbox.klaviyo.json_api.revisions import BULK_EVENTS, META_BESIDE_ATTRIBUTES
from cdi_sandbox.klaviyo.profiles.checks import (
    check_meta,
    check_profile,
    profile_identifier,
    profile_rules,
)
from cdi_sandbox.times import read_moment

_ENTRIES = "/data/attributes/events-bulk-create/data"
#: Why events vanish, as ``dropped`` of the control plane counts them.
OVER_A_LIMIT, ON_DEMAND = "over a limit", "on demand"


def bulk_events(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/event-bulk-create-jobs``: all events are taken, or none."""
    if call.revision < BULK_EVENTS:
        raise RequestRefused(error_reply(404, f"There are bulk events since the revision {BULK_EVENTS}."))
    entries = objects(call, "event-bulk-create-job", ("events-bulk-create", "data"), limits.EVENTS_PER_REQUEST)
    settings = account.settings
    problems = [
        problem.under(f"{_ENTRIES}/{index}") for index, entry in enumerate(entries) for problem in _entry(entry)
    ]
    stop_for(problems, settings)
    if len(call.objects) > limits.EVENTS_PER_REQUEST:
        raise refuse(_ENTRIES, f"At most {limits.EVENTS_PER_REQUEST} events are allowed in one request")
    stop_for(_problems_of_entries(account, call, entries), settings)
    return _taken(account, call, [_wanted(account, entry["attributes"]) for entry in entries])


def single_event(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/events``."""
    data = envelope(call, "event")
    attributes = data.get("attributes", {})
    profile = at(attributes, "profile", "data")
    place = "/data/attributes/profile/data"
    if isinstance(profile, dict) and isinstance(profile.get("attributes"), dict):
        profile, problems = _with_meta_beside(profile, call.revision)
    else:
        problems = []
    rules = profile_rules(account.settings, call.revision, of_event=True)
    problems = [problem.under(place) for problem in [*problems, *check_profile(profile, rules)]]
    problems += [problem.under("/data") for problem in _event(account, call, data)]
    problems += _refused(call, 0, place)
    stop_for(problems, account.settings)
    return _taken(account, call, [{"profile": profile, "events": [_read_event(account, data, False)]}])


def bulk_event_objects(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the events out of a bulk request, each with its profile, and whose they are."""
    things, identifiers = [], []
    entries = at(body, "data", "attributes", "events-bulk-create", "data")
    for entry in entries if isinstance(entries, list) else []:
        profile = at(entry, "attributes", "profile", "data")
        events = at(entry, "attributes", "events", "data")
        for event in events if isinstance(events, list) else []:
            things.append({"profile": profile, "event": event})
            identifiers.append(profile_identifier(profile))
    return things, identifiers


def single_event_objects(body: Json) -> tuple[list[Json], list[str | None]]:
    """Take the one event out of a request."""
    profile = at(body, "data", "attributes", "profile", "data")
    return [at(body, "data")], [profile_identifier(profile)]


def _entry(entry: Json) -> Iterator[Problem]:
    """Find what is wrong with the shape of one entry: a profile and its events."""
    if at(entry, "type") != "event-bulk-create":
        yield Problem("/type", "The type must be 'event-bulk-create'")
    elif not isinstance(at(entry, "attributes", "profile"), dict):
        yield Problem("/attributes/profile", "A profile is required")
    elif not isinstance(at(entry, "attributes", "events", "data"), list) or not entry["attributes"]["events"]["data"]:
        yield Problem("/attributes/events/data", "It must be an array with at least one event")


def _problems_of_entries(account: Account, call: Call, entries: list[Json]) -> list[Problem]:
    rules = profile_rules(account.settings, call.revision, of_event=True)
    problems: list[Problem] = []
    seen: set[tuple[str | None, str, str]] = set()
    position = 0
    for index, entry in enumerate(entries):
        place = f"{_ENTRIES}/{index}/attributes"
        profile = entry["attributes"]["profile"].get("data")
        problems += [problem.under(f"{place}/profile/data") for problem in check_profile(profile, rules)]
        problems += _refused(call, position, f"{place}/profile/data")
        for number, event in enumerate(entry["attributes"]["events"]["data"]):
            found = _event(account, call, event)
            if not found and _is_repeated(profile, event, seen):
                found = [Problem("/attributes/unique_id", DUPLICATE_EVENT)]
            problems += [problem.under(f"{place}/events/data/{number}") for problem in found]
            position += 1
    return problems


def _event(account: Account, call: Call, event: Json) -> list[Problem]:
    problems = check_event(event, event_rules(call.revision, account.now()))
    if not problems and account.settings.event_limits == "refuse":
        problems = check_properties(event)
    return problems


def _is_repeated(profile: Json, event: Json, seen: set[tuple[str | None, str, str]]) -> bool:
    unique_id = event["attributes"].get("unique_id")
    if unique_id is None:
        return False
    key = (profile_identifier(profile), at(event["attributes"], *METRIC_NAME), unique_id)
    if key in seen:
        return True
    seen.add(key)
    return False


def _refused(call: Call, position: int, place: str) -> list[Problem]:
    """Let a fault refuse the profile of this event."""
    identifier = call.identifiers[position] if position < len(call.identifiers) else None
    if identifier is None or identifier not in call.refused:
        return []
    return [Problem(place, call.refused[identifier])]


def _with_meta_beside(profile: dict[str, Json], revision: str) -> tuple[dict[str, Json], list[Problem]]:
    """Put ``meta`` beside the attributes, where bulk requests have it; single ones had it inside until 2026."""
    if revision >= META_BESIDE_ATTRIBUTES or "meta" not in profile["attributes"]:
        return profile, []
    attributes = {name: value for name, value in profile["attributes"].items() if name != "meta"}
    meta = profile["attributes"]["meta"]
    problems = check_meta(meta, "/attributes/meta")
    return {**profile, "attributes": attributes, **({} if problems else {"meta": meta})}, problems


def _wanted(account: Account, attributes: dict[str, Json]) -> Json:
    backfill = attributes.get("backfill") is True
    events = [_read_event(account, event, backfill) for event in attributes["events"]["data"]]
    return {"profile": attributes["profile"]["data"], "events": events}


def _read_event(account: Account, event: dict[str, Json], backfill: bool) -> dict[str, Any]:
    attributes = event["attributes"]
    given = attributes.get("time")
    may_drop = account.settings.event_limits == "drop"
    moment = account.now() if given is None else read_moment(given) or 0.0
    return {
        "metric": at(attributes, *METRIC_NAME),
        "time": int(moment // 1),
        "unique_id": attributes.get("unique_id"),
        "value": attributes.get("value"),
        "currency": attributes.get("value_currency"),
        "properties": attributes["properties"],
        "backfill": backfill or attributes.get("backfill") is True,
        "drop": OVER_A_LIMIT if may_drop and check_properties(event) else None,
    }


def _taken(account: Account, call: Call, entries: list[Json]) -> Reply:
    faults = [fault for fault in call.injected if fault.kind == "drop"]
    for entry in entries:
        identifier = profile_identifier(entry["profile"])
        if any(fault.concerns(identifier) for fault in faults):
            for event in entry["events"]:
                event["drop"] = ON_DEMAND
    reply = nothing()
    reply.change = Change("klaviyo.events", entries)
    reply.accepted = call.identifiers
    return reply
