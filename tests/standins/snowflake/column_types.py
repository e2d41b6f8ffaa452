"""Snowflake's column types: how the engine keeps them, and what the client is told about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlglot import exp

_ENGINE = {
    exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMPTZ_NS",
    exp.DataType.Type.TIMESTAMPLTZ: "TIMESTAMPTZ_NS",
    exp.DataType.Type.VARIANT: "JSON",
    exp.DataType.Type.OBJECT: "JSON",
    exp.DataType.Type.STRUCT: "JSON",
    exp.DataType.Type.MAP: "JSON",
    exp.DataType.Type.ARRAY: "JSON",
    exp.DataType.Type.FLOAT: "DOUBLE",
    exp.DataType.Type.BINARY: "BLOB",
    exp.DataType.Type.VARBINARY: "BLOB",
}
_WHOLE = {exp.DataType.Type.INT, exp.DataType.Type.BIGINT, exp.DataType.Type.SMALLINT, exp.DataType.Type.TINYINT}
_NTZ = {exp.DataType.Type.TIMESTAMPNTZ, exp.DataType.Type.TIMESTAMP, exp.DataType.Type.DATETIME}

#: What the wire calls a type that the engine's own type does not tell.
_LOGICAL = {
    **dict.fromkeys(_NTZ, "TIMESTAMP_NTZ"),
    exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMP_TZ",
    exp.DataType.Type.TIMESTAMPLTZ: "TIMESTAMP_LTZ",
    exp.DataType.Type.VARIANT: "VARIANT",
    exp.DataType.Type.JSON: "VARIANT",
    exp.DataType.Type.OBJECT: "OBJECT",
    exp.DataType.Type.STRUCT: "OBJECT",
    exp.DataType.Type.MAP: "OBJECT",
    exp.DataType.Type.ARRAY: "ARRAY",
    exp.DataType.Type.LIST: "ARRAY",
}
_SEMI_STRUCTURED = frozenset({"VARIANT", "OBJECT", "ARRAY"})


def is_semi_structured(kind: exp.DataType | None) -> bool:
    """Whether a type is VARIANT or one of its kin."""
    return kind is not None and _LOGICAL.get(kind.this) in _SEMI_STRUCTURED


def engine_type(kind: exp.DataType) -> str:
    """Return the engine's type for a declared column.

    A timestamp without zone of up to six digits is kept in microseconds, which reach the year 9999; with
    more digits in nanoseconds, which end in 2262 (:meth:`~.engine.Engine.load` keeps both).
    """
    if kind.this in _NTZ:
        return "TIMESTAMP" if scale_of(kind) <= 6 else "TIMESTAMP_NS"
    if kind.this in _WHOLE:
        return "DECIMAL(38,0)"
    if kind.this is exp.DataType.Type.DECIMAL:
        sizes = [int(size.name) for size in kind.expressions]
        precision, scale = (*sizes, 0)[:2] if sizes else (38, 0)
        return f"DECIMAL({precision},{scale})"
    return _ENGINE.get(kind.this) or str(exp.DataType.build(kind.this).sql("duckdb"))


def scale_of(kind: exp.DataType) -> int:
    """Return how many digits of a second a timestamp type holds: nine when it does not say."""
    return int(kind.expressions[0].name) if kind.expressions else 9


@dataclass(frozen=True, slots=True)
class WireColumn:
    """One column of a result as the client is told about it."""

    name: str
    logical: str
    precision: int = 0
    scale: int = 0
    length: int = 0

    def as_rowtype(self) -> dict[str, Any]:
        """Return the entry of the answer's ``rowtype``."""
        is_number = self.logical == "FIXED"
        return {
            "name": self.name,
            "database": "",
            "schema": "",
            "table": "",
            "nullable": True,
            "type": self.logical.lower(),
            "byteLength": self.length or None,
            "length": self.length or None,
            "precision": self.precision if is_number or self.logical.startswith("TIME") else None,
            "scale": self.scale if is_number or self.logical.startswith("TIME") else None,
            "collation": None,
        }

    def metadata(self) -> dict[str, str]:
        """Return the metadata of the Arrow field."""
        # A TIMESTAMP_TZ of three parts has 16 bytes; the client tells its two forms apart by that.
        size = 16 if self.logical == "TIMESTAMP_TZ" else self.length
        return {
            "logicalType": self.logical,
            "precision": str(self.precision or 38),
            "scale": str(self.scale),
            "charLength": str(self.length),
            "byteLength": str(size),
        }


def wire_column(name: str, arrow: pa.DataType, kind: exp.DataType | None) -> WireColumn:
    """Describe a column of a result.

    :param arrow: what the engine returns.
    :param kind: Snowflake's type as far as the statement tells it.
    """
    logical = _LOGICAL.get(kind.this) if kind is not None else None
    if pa.types.is_timestamp(arrow):
        is_zoned = logical in ("TIMESTAMP_TZ", "TIMESTAMP_LTZ")
        known = logical if logical and is_zoned == bool(arrow.tz) else None
        scale = scale_of(kind) if known and kind is not None else 9
        return WireColumn(name, known or ("TIMESTAMP_LTZ" if arrow.tz else "TIMESTAMP_NTZ"), scale=scale)
    if logical in _SEMI_STRUCTURED:
        return WireColumn(name, logical, length=16777216)
    if pa.types.is_decimal(arrow):
        return WireColumn(name, "FIXED", precision=arrow.precision, scale=arrow.scale)
    if pa.types.is_integer(arrow):
        return WireColumn(name, "FIXED", precision=38)
    for test, known, length in _PLAIN:
        if test(arrow):
            return WireColumn(name, known, scale=9 if known == "TIME" else 0, length=length)
    raise NotImplementedError(f"The column {name} has the type {arrow}, which this stand-in cannot send.")


_PLAIN = (
    (pa.types.is_boolean, "BOOLEAN", 0),
    (pa.types.is_floating, "REAL", 0),
    (pa.types.is_date, "DATE", 0),
    (pa.types.is_time, "TIME", 0),
    (pa.types.is_string, "TEXT", 16777216),
    (pa.types.is_null, "TEXT", 16777216),
    (pa.types.is_binary, "BINARY", 8388608),
)


def declared(arrow: pa.DataType) -> exp.DataType:
    """Return the Snowflake type of a column that is made of Arrow values."""
    for test, name in _DECLARED:
        if test(arrow):
            return exp.DataType.build(name, dialect="snowflake")
    if pa.types.is_timestamp(arrow):
        return exp.DataType.build("TIMESTAMP_LTZ(9)" if arrow.tz else "TIMESTAMP_NTZ(9)", dialect="snowflake")
    if pa.types.is_decimal(arrow):
        return exp.DataType.build(f"NUMBER({arrow.precision},{arrow.scale})", dialect="snowflake")
    return exp.DataType.build("VARCHAR")


_DECLARED = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_integer, "NUMBER(38,0)"),
    (pa.types.is_floating, "FLOAT"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (pa.types.is_binary, "BINARY"),
    (pa.types.is_nested, "VARIANT"),
)
