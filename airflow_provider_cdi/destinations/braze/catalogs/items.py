"""The data type ``catalog_items``: ``/catalogs/{name}/items``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from airflow_provider_cdi.destinations.braze.arguments import OnUnknownField
from airflow_provider_cdi.destinations.braze.catalogs.responses import places_of_unknown_fields, read_catalog_refusal
from airflow_provider_cdi.destinations.braze.catalogs.unknown_fields import UnknownFields
from airflow_provider_cdi.destinations.braze.endpoint import Endpoint
from airflow_provider_cdi.destinations.braze.limits import ENVELOPE_BYTES, BrazeLimits
from airflow_provider_cdi.destinations.braze.operators import adds_up
from airflow_provider_cdi.destinations.braze.responses.rate_headers import BrazeDestination
from airflow_provider_cdi.destinations.braze.responses.responses import interpret_response
from airflow_provider_cdi.destinations.columns import (
    as_texts,
    by_halves,
    column,
    fast_texts,
    identifier_array,
    joined,
    joined_texts,
    json_text,
    read_identifiers,
)
from airflow_provider_cdi.destinations.fast_path_payloads import Look, fast_records, splice_fast
from airflow_provider_cdi.destinations.payload import PayloadBounds, read_payload, splice
from airflow_provider_cdi.destinations.structs import StructStyle, payload_texts
from airflow_provider_cdi.engine.ports import BatchLimits, Rate
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import Request, Response, Verdict
from airflow_provider_cdi.exceptions import SourceError

ID = "ID"
DELETED = "DELETED"
CONTRACT = TableContract("catalog_items", identifiers=(ID,), optional=(DELETED,))

#: Braze: catalog items, id.
_ID_CHARACTERS = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_PERMISSIONS = {
    "PUT": "catalogs.replace_items",
    "PATCH": "catalogs.update_items",
    "DELETE": "catalogs.delete_items",
}
#: Operators of array fields, for PATCH only.
_MERGE_OPERATORS = frozenset({"$add", "$remove"})

_MISSING = Rejection("identifier_missing", "ID holds no value.")
_ID_IN_PAYLOAD = Rejection("identifier_in_payload", "PAYLOAD names id, but the item's id comes from ID.")
_DELETED_INVALID = Rejection("deleted_invalid", "DELETED is neither true nor false.")
_BAD_KEY = Rejection("catalog_key_invalid", "A key in an object of PAYLOAD holds a dot or a dollar.")

_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0", ""})

#: Braze refuses a request with an id twice.
_ONCE = "id"


class CatalogItems(BrazeDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` for the items of one catalog.

    :param catalog: its name; the catalog and its fields must exist in Braze.
    :param merge: change only the fields that the payload names (PATCH, items that exist) instead of
        replacing the item, or creating it (PUT).
    :param on_unknown_field: what a field that the catalog does not have means.
    :param now: seconds since the epoch, for the rate-limit header that gives a moment.
    """

    contract = CONTRACT
    key_names = "items"
    #: Shared by all methods.
    documented_rate = Rate(16_000, 60)

    def __init__(
        self,
        catalog: str,
        limits: BrazeLimits,
        *,
        merge: bool,
        now: Callable[[], float],
        on_unknown_field: OnUnknownField = "stop",
    ) -> None:
        super().__init__(now)
        self._catalog = catalog
        self._unknown_fields = UnknownFields(on_unknown_field, catalog)
        self._path = f"/catalogs/{catalog}/items"
        self._limits = limits
        self._write = "PATCH" if merge else "PUT"
        # An object as short as that has no value that is too long, and the keys that are checked are those inside.
        self._look = Look(
            frozenset({"id"}), frozenset(), limits.catalog_value_chars, self._fast_members, flat_arrays=False
        )
        # No bound on the keys: how many fields there are, the catalog says.
        self._bounds = PayloadBounds(limits.payload_bytes, None, limits.catalog_nesting)

    def learn_fields(self, fields: Collection[str]) -> None:
        """Take note of the fields that the catalog has, before rows are encoded.

        :param fields: their names, ``id`` among them.
        """
        self._unknown_fields.learn(fields)
        self._look = self._look._replace(flat_bytes=0)  # now the names of every item are looked at

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request."""
        return BatchLimits(self._limits.catalog_items, self._limits.body_bytes - ENVELOPE_BYTES)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """The same item again is the same item, unless it adds to an array."""
        return not any(adds_up(record) for record in records)

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into items to write or to delete, grouped by the method."""
        ids = read_identifiers(rows, ID)
        deleted: list[bool | Rejection] = by_halves(rows, _deleted, _DELETED_INVALID)
        raws = payload_texts(rows, StructStyle())
        return [
            entry or self._encode_row(ids[row], deleted[row], raws[row])
            for row, entry in enumerate(self._encode_fast(rows, deleted, raws))
        ]

    def request(self, records: Sequence[Record]) -> Request:
        """Join items of one group into one request; the group is the method."""
        items = b",".join([record.body for record in records])
        return Request(records[0].group, self._path, b'{"items":[%b]}' % items)

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return how many items are deleted; Braze: catalogs log no data points."""
        return {"data_points": 0, "items_deleted": len(records) if records and records[0].group == "DELETE" else 0}

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means: catalogs take a request as a whole or not at all."""
        if answer.status == 400 and not self._unknown_fields.stops:
            places = places_of_unknown_fields(answer, records)
            if places is not None:
                return self._unknown_fields.read_refusal(places, records)
        if answer.status in (400, 404):
            verdict = read_catalog_refusal(answer, records, self._catalog)
            if verdict is not None:
                return verdict
        method = records[0].group
        endpoint = Endpoint(method, self._path, _PERMISSIONS[method])
        return interpret_response(answer, records, endpoint, self._now)

    def _encode_fast(
        self, rows: pa.RecordBatch, deleted: list[bool | Rejection], raws: list[bytes | Rejection | None]
    ) -> list[Record | None]:
        """Encode the items that are like most: to be written, and not deleted; None for each other one."""
        try:
            ids = identifier_array(rows, ID)
        except pa.ArrowInvalid:
            ids = None
        if ids is None:
            return [None] * rows.num_rows
        ids = fast_texts(ids, self._limits.catalog_id_chars, _ID_CHARACTERS.pattern)
        heads = [None if gone else head for gone, head in zip(deleted, joined('{"id":"', ids, '",'), strict=True)]
        bodies = splice_fast(heads, raws, self._bounds, self._look)
        return fast_records(joined_texts("id:", ids), bodies, self._write, _ONCE)

    def _fast_members(self, row: int, document: dict[str, Any], text: bytes) -> bytes | None:
        return None if self._check_fields(document) or not self._unknown_fields.knows_all_of(document) else b""

    def _encode_row(
        self, item: str | Rejection | None, deleted: bool | Rejection, raw: bytes | Rejection | None
    ) -> Record | Rejection:
        item = self._check_id(item)
        if isinstance(item, Rejection):
            return item
        if isinstance(deleted, Rejection):
            return deleted
        head = b'{"id":%b' % json_text(item)
        if deleted:
            return Record(f"id:{item}", head + b"}", "DELETE", unique=_ONCE)
        return self._written(f"id:{item}", head, raw)

    def _written(self, key: str, head: bytes, raw: bytes | Rejection | None) -> Record | Rejection:
        """Make the record of an item that is written."""
        payload = read_payload(raw, self._bounds)
        if isinstance(payload, Rejection):
            return payload
        if "id" in payload.document:
            return _ID_IN_PAYLOAD
        settled = self._unknown_fields.settle(payload)
        if isinstance(settled, Rejection):
            return settled
        payload, dropped = settled
        fault = self._check_fields(payload.document)
        if fault is not None:
            return fault
        record = Record(key, splice([head], payload), self._write, _ONCE)
        record.adjusted = dropped
        return record

    def _check_id(self, item: str | Rejection | None) -> str | Rejection:
        if item is None or isinstance(item, Rejection):
            return item or _MISSING
        if len(item) > self._limits.catalog_id_chars or not _ID_CHARACTERS.fullmatch(item):
            return Rejection(
                "catalog_id_invalid",
                f"ID is not 1 to {self._limits.catalog_id_chars} letters, digits, _ and -.",
            )
        return item

    def _check_fields(self, document: dict[str, Any]) -> Rejection | None:
        operators = _MERGE_OPERATORS if self._write == "PATCH" else frozenset()
        for field, value in document.items():
            kind = type(value)
            if kind is str and len(value) > self._limits.catalog_value_chars:
                return self._too_long(field)
            if kind is dict or kind is list:
                fault = self._check_nested(field, value, operators) or self._check_arrays(field, value, operators)
                if fault is not None:
                    return fault
        return None

    def _check_nested(self, field: str, value: Any, operators: frozenset[str]) -> Rejection | None:
        pending = [value]
        while pending:
            current = pending.pop()
            if type(current) is dict:
                if any(("." in key or "$" in key) and key not in operators for key in current):
                    return _BAD_KEY
                pending.extend(current.values())
            elif type(current) is list:
                pending.extend(current)
            elif type(current) is str and len(current) > self._limits.catalog_value_chars:
                return self._too_long(field)
        return None

    def _check_arrays(self, field: str, value: Any, operators: frozenset[str]) -> Rejection | None:
        """Check the array of a field, or those that it adds and removes."""
        changes = type(value) is dict and bool(value) and operators.issuperset(value)
        for array in value.values() if changes else (value,):
            if type(array) is list and not self._is_array(array) and not (array is value and _is_place(array)):
                most = self._limits.catalog_array_elements
                return Rejection(
                    "catalog_array_invalid", f"{field} is an array of more than {most} texts, or not of texts."
                )
        return None

    def _is_array(self, array: list[Any]) -> bool:
        # Braze: an array holds texts, at most 100.
        return len(array) <= self._limits.catalog_array_elements and all(type(element) is str for element in array)

    def _too_long(self, field: str) -> Rejection:
        most = self._limits.catalog_value_chars
        return Rejection("catalog_value_too_long", f"{field} has a text over {most:,} characters.")


def _is_place(array: list[Any]) -> bool:
    """Tell whether an array may be the value of a field of the type geo: longitude and latitude."""
    return len(array) == 2 and all(type(part) in (int, float) for part in array)


def _deleted(rows: pa.RecordBatch) -> list[bool | Rejection]:
    """Read DELETED; NULL is false, and what is neither true nor false must not delete anything.

    :raises SourceError: when nothing of the column's type is one of both.
    """
    array = column(rows, DELETED)
    if array is None:
        return [False] * rows.num_rows
    if types.is_boolean(array.type):
        return [value is True for value in array.to_pylist()]
    # Databases without booleans: BIT, NUMBER(1), CHAR(1) and the like, all of which Arrow can say as text.
    try:
        texts = as_texts(array)
    except pa.ArrowNotImplementedError:
        raise SourceError(
            f"Column {DELETED} has the type {array.type}, which is neither true nor false. Make it a boolean."
        ) from None
    is_said = pc.or_(texts.is_valid(), array.is_null())
    return [
        _truth(text) if said else _DELETED_INVALID
        for text, said in zip(texts.to_pylist(), is_said.to_pylist(), strict=True)
    ]


def _truth(text: str | None) -> bool | Rejection:
    word = "" if text is None else text.strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else _DELETED_INVALID
