"""The data type ``events``: one custom event a row."""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.braze.users.identifiers import PAIRS, USER_IDENTIFIERS
from airflow_provider_cdi.destinations.braze.users.properties import check_properties
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract

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
