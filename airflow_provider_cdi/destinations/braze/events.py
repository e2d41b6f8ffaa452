"""The data type ``events``: one custom event a row."""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.destinations.braze.identifiers import PAIRS, USER_IDENTIFIERS
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.braze.properties import check_properties
from airflow_provider_cdi.engine.contract import Contract
from airflow_provider_cdi.engine.records import Rejection

CONTRACT = Contract("events", identifiers=USER_IDENTIFIERS, pairs=PAIRS)


def check_event(document: dict[str, Any], text: bytes, limits: BrazeLimits) -> Rejection | None:
    """Find what Braze would refuse in an event.

    :param document: the decoded payload, without nulls.
    :param text: the same as JSON.
    :return: the first fault, or None.
    """
    name = document.get("name")
    if not isinstance(name, str) or not name.strip():
        return Rejection("event_name_missing", "name is missing, blank or not a text.")
    return check_properties(document, text, limits)
