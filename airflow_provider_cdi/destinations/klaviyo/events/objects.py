"""One event as Klaviyo wants it."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import orjson

from airflow_provider_cdi.destinations.klaviyo.events.times import EventTime
from airflow_provider_cdi.destinations.klaviyo.identifiers import Identity
from airflow_provider_cdi.destinations.klaviyo.properties import Properties, join_objects
from airflow_provider_cdi.destinations.structs import json_object_text
from airflow_provider_cdi.engine.rows.records import Rejection


class EventRow(NamedTuple):
    """What the columns of a row say; blank texts are None.

    :param value: a number as :func:`~airflow_provider_cdi.destinations.structs.column_values` gives it.
    """

    identity: Identity
    time: EventTime
    properties: Properties
    metric: str | None
    unique_id: str | None
    currency: str | None
    value: Any


def amount_text(value: Any, currency: str | None) -> bytes | Rejection:
    """Encode what the event is worth, as an object whose members go into the event."""
    members = {"value": value, "value_currency": currency and currency.upper()}
    return json_object_text({name: member for name, member in members.items() if member is not None})


def event_text(row: EventRow, metric: str, unique_id: str, amount: bytes) -> bytes:
    """Put the event together."""
    members = {
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        "time": row.time.text,
        "unique_id": unique_id,
        "properties": orjson.Fragment(row.properties.text),
    }
    return b'{"type":"event","attributes":%b}' % join_objects(orjson.dumps(members), amount)


def derived_id(row: EventRow, metric: str, amount: bytes) -> str:
    """Make a unique id out of all that an event is, so that the same row has the same one in every try."""
    state = hashlib.blake2b(digest_size=16)
    for part in (row.identity.key.encode(), metric.encode(), row.time.exact.encode(), amount, row.properties.text):
        state.update(b"%d:%b" % (len(part), part))
    return f"cdi-{state.hexdigest()}"
