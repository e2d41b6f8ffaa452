"""What events and purchases have in common: ``time`` and ``properties``."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import orjson

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.records import Rejection

#: Braze's second format, yyyy-MM-dd'T'HH:mm:ss:SSSZ: like ISO 8601, but a colon before the milliseconds.
_COLON_MILLISECONDS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d):(\d{3}) ?(Z|[+-]\d\d:?\d\d)?", re.ASCII)

#: Braze: event object; a property of such a name is refused.
RESERVED_PROPERTIES = frozenset({"time", "event_name"})


def check_time(document: dict[str, Any]) -> Rejection | None:
    """Refuse a ``time`` that Braze cannot read; a missing one is fine here."""
    time = document.get("time")
    if time is None or (isinstance(time, str) and _is_time(time)):
        return None
    return Rejection("time_invalid", "time is not an ISO 8601 text.")


def check_properties(document: dict[str, Any], size: int, limits: BrazeLimits) -> Rejection | None:
    """Refuse ``properties`` that break Braze's rules; missing ones are fine.

    Names and lengths are checked for the properties themselves: Braze documents no rule for what lies
    inside a property that is an object or an array.

    :param document: the decoded event or purchase.
    :param size: bytes of its text.
    """
    properties = document.get("properties")
    if properties is None:
        return None
    if type(properties) is not dict:
        return Rejection("properties_invalid", "properties is not an object.")
    if size > limits.properties_bytes and len(orjson.dumps(properties)) > limits.properties_bytes:
        return Rejection("properties_too_large", f"properties have more than {limits.properties_bytes:,} bytes.")
    return _check_each(properties, limits.property_chars)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(_COLON_MILLISECONDS.sub(r"\1.\2\3", text, count=1))
    except ValueError:
        return False
    return True


def _check_each(properties: dict[str, Any], most_chars: int) -> Rejection | None:
    for name, value in properties.items():
        if not name or len(name) > most_chars or name[0] == "$" or name in RESERVED_PROPERTIES:
            return Rejection(
                "property_name_invalid",
                f"A property's name is empty, over {most_chars} characters, begins with a dollar, "
                "or is time or event_name.",
            )
        if type(value) is str and len(value) > most_chars:
            return Rejection("property_value_too_long", f"properties.{name} has over {most_chars} characters.")
    return None
