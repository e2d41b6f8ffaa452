"""Two rows of one person become one profile: the newer over the older."""

from __future__ import annotations

import json
from typing import Any

import orjson

from airflow_provider_cdi.destinations.klaviyo.identifiers import PersonRecord
from airflow_provider_cdi.engine.ports import Merge
from airflow_provider_cdi.engine.rows.records import Record


def merge_profiles(older: Record, newer: Record, most_bytes: int) -> Merge | None:
    """Make a profile that leaves what the two leave one after the other.

    Attributes, the parts of the location and the properties are taken one by one from the newer profile where it has
    them, and from the older one where not: Klaviyo leaves alone what a profile does not name.

    :param older: read before the other. Neither has anything to clear.
    :param most_bytes: that the profile may have.
    :return: None when it would be larger.
    """
    if not isinstance(older, PersonRecord) or not isinstance(newer, PersonRecord):
        raise TypeError("only profiles of this destination can be merged")
    body = newer.body
    if _names_of(older) - _names_of(newer):
        below, above = decoded_profile(older), decoded_profile(newer)
        body = orjson.dumps(_overlaid(below, above))
        if len(body) > most_bytes:
            return None
    kept = PersonRecord(newer.key, body, newer.group, newer.unique, newer.others)
    kept.row, kept.adjusted = newer.row, newer.adjusted
    return Merge(kept, older, "superseded")


def _names_of(record: Record) -> set[tuple[str, ...]]:
    """Name what a profile gives: the usual row of a table gives the same as the one before it."""
    attributes = orjson.loads(record.body)["attributes"]
    nested = {(name, inner) for name in ("location", "properties") if name in attributes for inner in attributes[name]}
    return {(name,) for name in attributes} | nested


def decoded_profile(record: Record) -> dict[str, Any]:
    """Decode a profile so that it can be encoded again with every digit."""
    # Numbers stay the digits that they are: what is encoded again must not differ from what the warehouse wrote.
    profile: dict[str, Any] = json.loads(record.body, parse_float=orjson.Fragment, parse_int=orjson.Fragment)
    return profile


def _overlaid(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    below, above = older["attributes"], newer["attributes"]
    nested = {
        name: below.get(name, {}) | above.get(name, {})
        for name in ("location", "properties")
        if name in below or name in above
    }
    return older | newer | {"attributes": below | above | nested}
