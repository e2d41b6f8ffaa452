"""What makes Klaviyo lose an event without an error: limits of its properties."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.rows.records import Rejection

#: A number, unlike digits in a text, stands behind one of these.
_MANY_DIGITS = re.compile(rb"[\[:,\s-]\d{19}")
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def check_event_properties(text: bytes, limits: KlaviyoLimits) -> Rejection | None:
    """Find the first limit that the properties of an event pass.

    :param text: the properties, a JSON object.
    """
    return None if _is_surely_small(text, limits) else next(_faults(json.loads(text), limits), None)


def _is_surely_small(text: bytes, limits: KlaviyoLimits) -> bool:
    """Tell what counting can tell, which spares nearly every row the walk: so few signs can pass no limit."""
    return (
        len(text) <= limits.event_text_bytes
        and text.count(b",") < min(limits.event_properties, limits.event_array_items)
        and text.count(b"{") + text.count(b"[") <= limits.event_nesting
        and _MANY_DIGITS.search(text) is None
    )


def _faults(properties: dict[str, Any], limits: KlaviyoLimits) -> Iterator[Rejection]:
    if len(properties) > limits.event_properties:
        yield Rejection("too_many_properties", f"The event has more than {limits.event_properties} properties.")
    for name, value in properties.items():
        yield from _faults_in(value, name, 2, limits)


def _faults_in(value: Any, name: str, level: int, limits: KlaviyoLimits) -> Iterator[Rejection]:
    """Find faults in one property.

    :param level: of the value itself, should it be an object or an array; the properties are level 1.
    """
    if isinstance(value, dict | list):
        if level > limits.event_nesting:
            yield Rejection("payload_too_deep", f"{name} is nested more than {limits.event_nesting} levels deep.")
            return
        if isinstance(value, list) and len(value) > limits.event_array_items:
            yield Rejection("property_array_too_long", f"{name} has more than {limits.event_array_items:,} items.")
        for part in value.values() if isinstance(value, dict) else value:
            yield from _faults_in(part, name, level + 1, limits)
    elif isinstance(value, str):
        if len(value) * 4 > limits.event_text_bytes and len(value.encode()) > limits.event_text_bytes:
            yield Rejection("property_too_long", f"{name} has more than {limits.event_text_bytes:,} bytes.")
    elif isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        yield Rejection("property_number_too_large", f"{name} is a whole number that does not fit into 64 bits.")
