"""The data type ``events``: one custom event a row. Purchases have the same ``properties``."""

from __future__ import annotations

from typing import Any

import orjson

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.braze.nested_times import MARK, has_bad_time
from airflow_provider_cdi.destinations.braze.users.identifiers import PAIRS, USER_IDENTIFIERS
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract

#: Braze: event object; a property of such a name is refused.
RESERVED_PROPERTIES = frozenset({"time", "event_name"})
_BAD_NAMES = RESERVED_PROPERTIES | {""}
#: What the report counts: Braze captures only so many properties of an event (256), and says nothing of the others.
NOT_CAPTURED = "properties_not_captured"

CONTRACT = TableContract("events", identifiers=USER_IDENTIFIERS, pairs=PAIRS)


def check_event(document: dict[str, Any], text: bytes, limits: BrazeLimits) -> Rejection | tuple[str, ...]:
    """Find what Braze would refuse in an event.

    :param document: the decoded payload, without nulls.
    :param text: the same as JSON.
    :return: the first fault, or what the report should count the row under.
    """
    name = document.get("name")
    if not isinstance(name, str) or not name.strip():
        return Rejection("event_name_missing", "name is missing, blank or not a text.")
    fault = check_properties(document, text, limits)
    if fault is not None:
        return fault
    properties = document.get("properties")
    return (NOT_CAPTURED,) if properties is not None and len(properties) > limits.event_properties else ()


def check_properties(document: dict[str, Any], text: bytes, limits: BrazeLimits) -> Rejection | None:
    """Refuse ``properties`` that break Braze's rules; missing ones are fine.

    Names and lengths are checked for the properties themselves: Braze documents no rule for what lies
    inside a property that is an object or an array.

    :param document: the decoded event or purchase.
    :param text: the same as JSON.
    """
    properties = document.get("properties")
    if properties is None:
        return None
    if type(properties) is not dict:
        return Rejection("properties_invalid", "properties is not an object.")
    if len(text) > limits.properties_bytes and len(orjson.dumps(properties)) > limits.properties_bytes:
        return Rejection("properties_too_large", f"properties have more than {limits.properties_bytes:,} bytes.")
    if MARK in text and has_bad_time(properties):
        return Rejection("nested_value_invalid", "properties hold a $time that is no time from the year 1 to 3000.")
    if _are_surely_good(properties, text, limits.property_chars):
        return None
    return _check_each(properties, limits.property_chars)


def _are_surely_good(properties: dict[str, Any], text: bytes, most_chars: int) -> bool:
    """Tell whether properties break no rule even if all their names were one, which spares nearly every row a walk.

    :param text: of the whole payload.
    """
    names = "".join(properties)
    if "$" in names or not _BAD_NAMES.isdisjoint(properties):
        return False
    if len(text) <= most_chars:
        return True
    return len(names) <= most_chars and max(map(_text_length, properties.values()), default=0) <= most_chars


def _text_length(value: Any) -> int:
    return len(value) if type(value) is str else 0


def _check_each(properties: dict[str, Any], most_chars: int) -> Rejection | None:
    for name, value in properties.items():
        if name in _BAD_NAMES or len(name) > most_chars or name[0] == "$":
            return Rejection(
                "property_name_invalid",
                f"A property's name is empty, over {most_chars} characters, begins with a dollar, "
                "or is time or event_name.",
            )
        if type(value) is str and len(value) > most_chars:
            return Rejection("property_value_too_long", f"properties.{name} has over {most_chars} characters.")
    return None
