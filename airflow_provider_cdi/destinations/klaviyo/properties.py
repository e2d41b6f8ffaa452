"""Custom properties: from a payload, from columns, or from both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from airflow_provider_cdi.destinations.payload import Payload, PayloadBounds, read_payload, without_nulls
from airflow_provider_cdi.destinations.structs import StructStyle, column_values, json_object_text, payload_texts
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT, TableContract
from airflow_provider_cdi.engine.rows.value_text import has_no_json_form
from airflow_provider_cdi.exceptions import SourceError

#: Klaviyo's data warehouse import: a name with three underscores builds a nested property.
NESTS = "___"
#: The one name with a dollar that Klaviyo documents for bulky content of events.
EXTRA = "$extra"

_STYLE = StructStyle(drop_nulls=True)
_EMPTY = Payload(b"{}", {})


class Properties(NamedTuple):
    """The properties of one row.

    :param text: a JSON object, without the properties that are NULL.
    :param nulls: names of those.
    """

    text: bytes
    nulls: tuple[str, ...]


def other_columns(names: Iterable[str], contract: TableContract) -> list[str]:
    """Name the columns of a batch that the contract does not speak of: each is a property."""
    known = {UPDATED_AT, *contract.names}
    return [name for name in names if name not in known]


class PropertyReader:
    """Reads the properties of rows.

    :param contract: the columns that it does not speak of are properties under their own names.
    :param bounds: of a payload.
    :param allowed: names that may begin with a dollar, which is otherwise Klaviyo's own.
    """

    def __init__(self, contract: TableContract, bounds: PayloadBounds, allowed: frozenset[str] = frozenset()) -> None:
        self._contract = contract
        self._bounds = bounds
        self._allowed = allowed

    def read(self, rows: pa.RecordBatch) -> list[Properties | Rejection]:
        """Read the properties of each row.

        :raises SourceError: when a column cannot be a property, whatever the row.
        """
        names = other_columns(rows.schema.names, self._contract)
        # One after the other, so that only one of them is held decoded.
        payloads = map(self._payload, payload_texts(rows, StructStyle()))
        if not names:
            return [payload if isinstance(payload, Rejection) else _of_payload(payload) for payload in payloads]
        paths = [_checked_path(rows.schema.field(name)) for name in names]
        _check_places(names, paths)
        columns = [column_values(rows, name, _STYLE) for name in names]
        return [
            payload if isinstance(payload, Rejection) else _joined(payload, paths, values)
            for payload, values in zip(payloads, zip(*columns, strict=True), strict=True)
        ]

    def _payload(self, raw: bytes | Rejection | None) -> Payload | Rejection:
        if raw is None:
            return _EMPTY
        payload = read_payload(raw, self._bounds)
        if isinstance(payload, Rejection):
            return _EMPTY if payload.code == "payload_missing" else payload
        document = payload.document
        if ("" in document or "$" in "".join(document)) and not all(map(self._is_good_name, document)):
            return Rejection(
                "property_name_invalid", "A property's name is empty or begins with a dollar; those are Klaviyo's own."
            )
        return payload

    def _is_good_name(self, name: str) -> bool:
        return bool(name) and (name[0] != "$" or name in self._allowed)


def property_path(name: str) -> tuple[str, ...]:
    """Say where the column of a name goes: ``address___city`` into ``city`` of ``address``."""
    parts = tuple(name.split(NESTS))
    return parts if all(parts) else (name,)


def _checked_path(field: pa.Field) -> tuple[str, ...]:
    if has_no_json_form(field.type):
        raise SourceError(
            f"Column {field.name} would become a property, and values of the type {field.type} have no form in JSON. "
            "Cast it to text or to a number in a view, or leave it out."
        )
    path = property_path(field.name)
    if path[0].startswith("$"):
        raise SourceError(
            f"Column {field.name} would become a property, and names that begin with a dollar are Klaviyo's own. "
            "Rename it in a view, or leave it out."
        )
    return path


def _check_places(names: Sequence[str], paths: Sequence[tuple[str, ...]]) -> None:
    taken = dict(zip(paths, names, strict=True))
    for path, name in taken.items():
        for length in range(1, len(path)):
            if path[:length] in taken:
                raise SourceError(
                    f"Column {taken[path[:length]]} is a property, and column {name} would put another value into it: "
                    "three underscores nest. Rename one of them in a view, or leave it out."
                )


def _of_payload(payload: Payload) -> Properties:
    if None not in payload.document.values():
        return Properties(payload.text, ())
    nulls = tuple(name for name, value in payload.document.items() if value is None)
    return Properties(without_nulls(payload).text, nulls)


def _joined(payload: Payload, paths: Sequence[tuple[str, ...]], values: Sequence[Any]) -> Properties | Rejection:
    """Put the values of columns and the members of a payload into one object."""
    members: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        if value is not None:
            _place(members, path, value)
    tops = {path[0] for path in paths}
    if not tops.isdisjoint(payload.document):
        return Rejection(
            "property_twice",
            f"PAYLOAD and a column give the same property: {', '.join(sorted(tops.intersection(payload.document)))}.",
        )
    text = json_object_text(members)
    if isinstance(text, Rejection):
        return text
    nulls = tuple(name for name in dict.fromkeys(path[0] for path in paths) if name not in members)
    of_payload = _of_payload(payload)
    return Properties(join_objects(text, of_payload.text), nulls + of_payload.nulls)


def join_objects(one: bytes, other: bytes) -> bytes:
    """Splice two JSON objects without a name in common into one."""
    if not is_empty(one) and not is_empty(other):
        return one[:-1] + b"," + other[1:]
    return one if not is_empty(one) else other


def is_empty(text: bytes) -> bool:
    """Tell whether a JSON object has no member."""
    return text[1:2] != b'"' and not text[1:-1].strip()


def _place(members: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        members = members.setdefault(part, {})
    members[path[-1]] = value
