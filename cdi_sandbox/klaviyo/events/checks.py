"""Whether one event of a request is valid, and what makes Klaviyo lose it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo import limits
from cdi_sandbox.klaviyo.json_api.bodies import at
from cdi_sandbox.klaviyo.json_api.errors import Problem
from cdi_sandbox.klaviyo.json_api.revisions import EVENTS_SINCE_1990
from cdi_sandbox.times import read_moment

_ATTRIBUTES = frozenset({"properties", "time", "value", "value_currency", "unique_id", "backfill", "metric", "profile"})
METRIC_NAME = ("metric", "data", "attributes", "name")
_METRIC_POINTER = "/attributes/metric/data/attributes/name"


class EventRules(NamedTuple):
    """When an event may have happened, in seconds since the epoch."""

    earliest: float
    latest: float


def event_rules(revision: str, now: float) -> EventRules:
    """Say what the times of events may be."""
    early = revision < EVENTS_SINCE_1990
    year = limits.EARLIEST_EVENT_YEAR_BEFORE if early else limits.EARLIEST_EVENT_YEAR
    return EventRules(datetime(year, 1, 1, tzinfo=UTC).timestamp(), now + limits.LATEST_EVENT_SECONDS)


def check_event(thing: Json, rules: EventRules) -> list[Problem]:
    """Find what is wrong with the shape of an event; the pointers begin at it."""
    if not isinstance(thing, dict) or thing.get("type") != "event":
        return [Problem("/type", "The type must be 'event'")]
    attributes = thing.get("attributes")
    if not isinstance(attributes, dict):
        return [Problem("/attributes", "The attributes must be an object")]
    problems = [
        Problem(f"/attributes/{name}", f"'{name}' is not a field of an event")
        for name in attributes
        if name not in _ATTRIBUTES
    ]
    if not isinstance(attributes.get("properties"), dict):
        problems.append(Problem("/attributes/properties", "Properties are required, an object; it may be empty"))
    problems += _check_metric(attributes)
    for name, check in _CHECKS.items():
        detail = check(attributes[name], rules) if attributes.get(name) is not None else None
        if detail is not None:
            problems.append(Problem(f"/attributes/{name}", detail))
    return problems


def check_properties(thing: Json) -> list[Problem]:
    """Find which documented limits the properties of an event pass. Klaviyo may lose such an event in silence."""
    properties = thing["attributes"]["properties"]
    place = "/attributes/properties"
    if len(properties) > limits.EVENT_PROPERTIES:
        return [Problem(place, f"An event must have at most {limits.EVENT_PROPERTIES} properties")]
    detail = next(_passed_limits(properties, 1), None)
    return [] if detail is None else [Problem(place, detail)]


def _check_metric(attributes: Mapping[str, Json]) -> list[Problem]:
    name = at(attributes, *METRIC_NAME)
    if at(attributes, "metric", "data", "type") != "metric" or not isinstance(name, str) or not name.strip():
        return [Problem(_METRIC_POINTER, "The name of a metric is required")]
    if len(name) > limits.METRIC_NAME_CHARS:
        return [Problem(_METRIC_POINTER, f"The name must have at most {limits.METRIC_NAME_CHARS} characters")]
    return []


def _check_time(value: Json, rules: EventRules) -> str | None:
    moment = read_moment(value)
    if moment is None:
        return "The time must be in ISO 8601, as 2026-11-20T09:15:00+00:00"
    if not rules.earliest <= moment <= rules.latest:
        return "The time is too long ago, or more than a year ahead"
    return None


def _check_value(value: Json, rules: EventRules) -> str | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if is_number else "The value must be a number"


def _check_currency(value: Json, rules: EventRules) -> str | None:
    is_code = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha()
    return None if is_code else "The currency must be a code of ISO 4217"


def _check_unique_id(value: Json, rules: EventRules) -> str | None:
    if isinstance(value, str) and 1 <= len(value) <= limits.UNIQUE_ID_CHARS:
        return None
    return f"A unique id must be a string of 1 to {limits.UNIQUE_ID_CHARS} characters"


def _check_backfill(value: Json, rules: EventRules) -> str | None:
    return None if isinstance(value, bool) else "It must be true or false"


_CHECKS: Mapping[str, Callable[[Any, EventRules], str | None]] = {
    "time": _check_time,
    "value": _check_value,
    "value_currency": _check_currency,
    "unique_id": _check_unique_id,
    "backfill": _check_backfill,
}


def _passed_limits(value: Json, depth: int) -> Iterator[str]:
    if depth > limits.EVENT_NESTING:
        yield f"Properties must be nested at most {limits.EVENT_NESTING} levels deep"
    elif isinstance(value, (list, dict)):
        if isinstance(value, list) and len(value) > limits.EVENT_ARRAY_ITEMS:
            yield f"An array must have at most {limits.EVENT_ARRAY_ITEMS} items"
        for part in value.values() if isinstance(value, dict) else value:
            yield from _passed_limits(part, depth + isinstance(part, (list, dict)))
    elif isinstance(value, str) and _is_too_long(value):
        yield f"A string must have at most {limits.EVENT_STRING_BYTES} bytes"
    elif isinstance(value, int) and not limits.SMALLEST_INTEGER <= value <= limits.LARGEST_INTEGER:
        yield "An integer must fit into 64 bits"


def _is_too_long(text: str) -> bool:
    # A letter takes at most four bytes, so most texts need no encoding.
    return len(text) * 4 > limits.EVENT_STRING_BYTES and len(text.encode()) > limits.EVENT_STRING_BYTES
