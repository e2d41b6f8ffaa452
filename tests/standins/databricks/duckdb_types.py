"""DuckDB's types in the words of Databricks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

_NAMES = {
    "boolean": "boolean",
    "tinyint": "tinyint",
    "smallint": "smallint",
    "integer": "int",
    "bigint": "bigint",
    "hugeint": "decimal(38,0)",
    "ubigint": "decimal(20,0)",
    "float": "float",
    "double": "double",
    "varchar": "string",
    "json": "variant",
    "variant": "variant",
    "timestamp with time zone": "timestamp",
    "timestamp": "timestamp_ntz",
    "date": "date",
    "blob": "binary",
    '"null"': "void",
    "null": "void",
}


def type_text(kind: Any) -> str:
    """Spell a DuckDB type as Databricks does.

    :param kind: a ``DuckDBPyType``.
    """
    nested = _NESTED.get(kind.id)
    if nested is not None and str(kind) != "JSON":
        return nested(dict(kind.children))
    return _NAMES[str(kind).lower()]


def _struct(children: dict[str, Any]) -> str:
    return f"struct<{','.join(f'{name}:{type_text(child)}' for name, child in children.items())}>"


def _map(children: dict[str, Any]) -> str:
    return f"map<{type_text(children['key'])},{type_text(children['value'])}>"


def _array(children: dict[str, Any]) -> str:
    return f"array<{type_text(children['child'])}>"


def _decimal(children: dict[str, Any]) -> str:
    return f"decimal({children['precision']},{children['scale']})"


_NESTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "struct": _struct,
    "map": _map,
    "list": _array,
    "decimal": _decimal,
}


def without_hugeints(schema: pa.Schema, types: list[str]) -> pa.Schema:
    """Return the schema with whole numbers beyond 64 bits as decimals, which DuckDB gives as floats."""
    fields = [
        field.with_type(pa.decimal128(38, 0)) if name == "decimal(38,0)" else field
        for field, name in zip(schema, types, strict=True)
    ]
    return pa.schema(fields)
