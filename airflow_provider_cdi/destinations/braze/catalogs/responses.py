"""Catalogs refuse a request as a whole; some of their reasons concern the catalog, not an item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from airflow_provider_cdi.destinations.braze.responses.bad_requests import refused
from airflow_provider_cdi.destinations.braze.responses.codes import BRAZE_NAMES
from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.reject_codes import SENTENCE_CHARS
from airflow_provider_cdi.destinations.row_values import without_the_rows
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, Response
from airflow_provider_cdi.exceptions import DestinationRefused

_STORAGE = (
    "the catalog storage of the company is full ({error}). Delete items or catalogs, or buy storage; then run "
    "the sync again, nothing of this request was stored."
)
_UNKNOWN_FIELD = "invalid-fields"
#: Braze's ``errors[].id`` that no item can mend -> what to do. ``{fields}`` are those of the refused items.
_SYNC_ERRORS = {
    "catalog-not-found": (
        "there is no such catalog in the workspace of this API key. Create it in Braze first, with its "
        "fields, or correct the operator's catalog argument."
    ),
    _UNKNOWN_FIELD: (
        "some field does not exist in the catalog. The refused items have: {fields}. Add the missing fields to the "
        "catalog in Braze, leave them out of the payload, or let on_unknown_field say what becomes of such items."
    ),
    "item-array-invalid": (
        "Braze does not take the form of the request, whatever its items are. Check what lies between (proxy, "
        "gateway); if nothing does, report it with the version of this package."
    ),
    "company-size-limit-already-reached": _STORAGE,
    "company-size-limit-surge": _STORAGE,
}
#: Kinds of trouble, where it is no matter of configuration.
_KINDS = {
    "catalog-not-found": "missing",
    _UNKNOWN_FIELD: "missing",
    "company-size-limit-already-reached": "storage_full",
    "company-size-limit-surge": "storage_full",
}
_MOST_FIELDS = 30


def read_catalog_refusal(answer: Response, records: Sequence[Record], catalog: str) -> BatchRejected | None:
    """Read a 400 or 404 of a catalog.

    Nothing was stored, also not the items without a fault, so the engine's halving finds the culprits.

    :return: None when the body is not in the form of catalog errors.
    :raises DestinationRefused: for an unknown catalog or field, and for full storage.
    """
    named = _errors(answer)
    for error in named:
        if error["id"] in _SYNC_ERRORS:
            sentence = _SYNC_ERRORS[error["id"]].format(
                error=error["id"], fields=_fields(_refused_items(error, records))
            )
            refused_all = DestinationRefused(f"Braze refused items of the catalog {catalog!r}: {sentence}")
            raise refused_all.of_kind(_KINDS.get(error["id"], "configuration"))
    return refused(_rejection(named[0], records), len(records)) if named and answer.status == 400 else None


def places_of_unknown_fields(answer: Response, records: Sequence[Record]) -> list[int] | None:
    """Say which items a refusal names for a field that the catalog does not have.

    :return: their places, none when it names none; None for a refusal that another of its errors stops the sync for,
        and for any other one.
    """
    errors = _errors(answer)
    names = {error["id"] for error in errors}
    if _UNKNOWN_FIELD not in names or names & (_SYNC_ERRORS.keys() - {_UNKNOWN_FIELD}):
        return None
    ids = {
        value for error in errors if error["id"] == _UNKNOWN_FIELD for value in _texts(error.get("parameter_values"))
    }
    return [place for place, record in enumerate(records) if orjson.loads(record.body)["id"] in ids]


def _errors(answer: Response) -> list[dict[str, Any]]:
    errors = (json_object(answer.body) or {}).get("errors")
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict) and isinstance(error.get("id"), str)]


def _texts(values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _rejection(error: dict[str, Any], records: Sequence[Record]) -> Rejection:
    """Keep both of Braze's texts: the id is the code, the message tells more."""
    code = BRAZE_NAMES.get(error["id"], "braze_bad_request")
    message = error.get("message")
    more = f": {without_the_rows(message, records)}" if isinstance(message, str) else ""
    return Rejection(code, f"Braze: {error['id']}{more}"[:SENTENCE_CHARS])


def _refused_items(error: dict[str, Any], records: Sequence[Record]) -> list[dict[str, Any]]:
    items = [orjson.loads(record.body) for record in records]
    ids = _texts(error.get("parameter_values"))
    return [item for item in items if item["id"] in ids] or items


def _fields(items: list[dict[str, Any]]) -> str:
    """Name the fields of the items: names only, never values."""
    names = sorted({name for item in items for name in item} - {"id"})
    more = f" and {len(names) - _MOST_FIELDS} more" if len(names) > _MOST_FIELDS else ""
    return ", ".join(names[:_MOST_FIELDS]) + more
