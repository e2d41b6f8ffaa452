"""Column types: DuckDB's, BigQuery's and Arrow's, and how values go from the first to the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: DuckDB has 38 digits at most; BigQuery's BIGNUMERIC has 76. It is kept as text in a struct of this one field.
BIGNUMERIC = "$bignumeric"

_SCALARS = {
    "BOOLEAN": "BOOLEAN",
    "TINYINT": "INTEGER",
    "SMALLINT": "INTEGER",
    "INTEGER": "INTEGER",
    "BIGINT": "INTEGER",
    "HUGEINT": "INTEGER",
    "FLOAT": "FLOAT",
    "DOUBLE": "FLOAT",
    "VARCHAR": "STRING",
    "JSON": "JSON",
    "BLOB": "BYTES",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "DATETIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "INTERVAL": "INTERVAL",
    '"NULL"': "INTEGER",
}

_ARROW: dict[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "STRING": pa.string(),
    "JSON": pa.string(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "INTERVAL": pa.month_day_nano_interval(),
    "NUMERIC": pa.decimal128(38, 9),
    "BIGNUMERIC": pa.decimal256(76, 38),
}

_EXTENSIONS = {"JSON": b"google:sqlType:json", "DATETIME": b"google:sqlType:datetime"}


@dataclass(frozen=True, slots=True)
class Field:
    """One column of BigQuery.

    :param name: its name.
    :param kind: BigQuery's legacy type name, as the REST API uses it.
    :param repeated: whether it is an ARRAY.
    :param fields: the members of a RECORD.
    """

    name: str
    kind: str
    repeated: bool = False
    fields: tuple[Field, ...] = ()

    def resource(self) -> dict[str, Any]:
        """Return the column as the REST API describes it."""
        described: dict[str, Any] = {
            "name": self.name,
            "type": self.kind,
            "mode": "REPEATED" if self.repeated else "NULLABLE",
        }
        if self.fields:
            described["fields"] = [field.resource() for field in self.fields]
        return described

    def arrow_type(self) -> pa.DataType:
        """Return the type that the Storage API gives it."""
        if self.kind == "RECORD":
            single: pa.DataType = pa.struct([field.arrow_field() for field in self.fields])
        else:
            single = _ARROW[self.kind]
        return pa.list_(single) if self.repeated else single

    def arrow_field(self) -> pa.Field:
        """Return it with the metadata of the Storage API."""
        extension = _EXTENSIONS.get(self.kind)
        metadata = {b"ARROW:extension:name": extension} if extension else None
        return pa.field(self.name, self.arrow_type(), metadata=metadata)


def field_of(name: str, kind: Any) -> Field:
    """Return the BigQuery column of a DuckDB type.

    :param kind: DuckDB's type object.
    """
    if kind.id == "list":
        inner = field_of(name, kind.child)
        return Field(name, inner.kind, repeated=True, fields=inner.fields)
    if kind.id == "struct":
        members = kind.children
        if [member for member, _ in members] == [BIGNUMERIC]:
            return Field(name, "BIGNUMERIC")
        return Field(name, "RECORD", fields=tuple(field_of(*member) for member in members))
    if kind.id == "decimal":
        return Field(name, "NUMERIC")
    return Field(name, _SCALARS[str(kind)])


def fit(array: pa.Array, field: Field) -> pa.Array:
    """Turn DuckDB's Arrow column into the Storage API's."""
    if field.repeated:
        values = fit(array.flatten(), Field(field.name, field.kind, fields=field.fields))
        offsets = pc.cumulative_sum(pc.fill_null(pc.list_value_length(array), 0).cast(pa.int32()))
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), offsets])
        # BigQuery has no NULL arrays in results: they come out empty.
        return pa.ListArray.from_arrays(offsets, values, type=field.arrow_type())
    if field.kind == "BIGNUMERIC":
        return array.flatten()[0].cast(_ARROW["BIGNUMERIC"])
    if field.kind == "RECORD":
        children = [fit(child, member) for child, member in zip(array.flatten(), field.fields, strict=True)]
        members = [member.arrow_field() for member in field.fields]
        return pa.StructArray.from_arrays(children, fields=members, mask=array.is_null())
    return array.cast(field.arrow_type())


def cells(array: pa.Array, field: Field) -> list[Any]:
    """Write a column as the REST API does: texts, and objects of ``f`` and ``v`` around them."""
    if field.repeated:
        values = iter(cells(array.flatten(), Field(field.name, field.kind, fields=field.fields)))
        return [[{"v": next(values)} for _ in range(length)] for length in pc.list_value_length(array).to_pylist()]
    if field.kind == "RECORD":
        columns = [cells(child, member) for child, member in zip(array.flatten(), field.fields, strict=True)]
        rows = zip(*columns, strict=True)
        valid = array.is_valid().to_pylist()
        return [{"f": [{"v": value} for value in row]} if ok else None for ok, row in zip(valid, rows, strict=True)]
    return _WRITERS.get(field.kind, _texts)(array)


def _texts(array: pa.Array) -> list[str | None]:
    texts: list[str | None] = array.cast(pa.string()).to_pylist()
    return texts


def _integers(array: pa.Array) -> list[str | None]:
    return _texts(array.cast(pa.int64()))


def _datetimes(array: pa.Array) -> list[str | None]:
    return [text and text.replace(" ", "T") for text in _texts(array)]


def _decimals(array: pa.Array) -> list[str | None]:
    return [text and (text.rstrip("0").rstrip(".") if "." in text else text) for text in _texts(array)]


def _bytes(array: pa.Array) -> list[str | None]:
    from base64 import b64encode

    return [None if value is None else b64encode(value).decode() for value in array.to_pylist()]


_WRITERS: dict[str, Callable[[pa.Array], list[str | None]]] = {
    "TIMESTAMP": _integers,
    "DATETIME": _datetimes,
    "NUMERIC": _decimals,
    "BIGNUMERIC": _decimals,
    "BYTES": _bytes,
}
