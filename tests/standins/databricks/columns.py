"""A column as Thrift describes it, and as Arrow carries it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes

from standins.databricks.engine import Column

#: Name of a type in SQL -> Thrift's id. A timestamp without zone and a variant have none of their own.
_IDS = {
    "boolean": ttypes.TTypeId.BOOLEAN_TYPE,
    "tinyint": ttypes.TTypeId.TINYINT_TYPE,
    "smallint": ttypes.TTypeId.SMALLINT_TYPE,
    "int": ttypes.TTypeId.INT_TYPE,
    "bigint": ttypes.TTypeId.BIGINT_TYPE,
    "float": ttypes.TTypeId.FLOAT_TYPE,
    "double": ttypes.TTypeId.DOUBLE_TYPE,
    "string": ttypes.TTypeId.STRING_TYPE,
    "variant": ttypes.TTypeId.STRING_TYPE,
    "timestamp": ttypes.TTypeId.TIMESTAMP_TYPE,
    "timestamp_ntz": ttypes.TTypeId.TIMESTAMP_TYPE,
    "date": ttypes.TTypeId.DATE_TYPE,
    "binary": ttypes.TTypeId.BINARY_TYPE,
    "decimal": ttypes.TTypeId.DECIMAL_TYPE,
    "array": ttypes.TTypeId.ARRAY_TYPE,
    "map": ttypes.TTypeId.MAP_TYPE,
    "struct": ttypes.TTypeId.STRUCT_TYPE,
    "void": ttypes.TTypeId.NULL_TYPE,
}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def thrift_schema(columns: Sequence[Column]) -> ttypes.TTableSchema:
    """Describe a result's columns."""
    return ttypes.TTableSchema([_described(column, place) for place, column in enumerate(columns, start=1)])


def arrow_schema(columns: Sequence[Column], schema: pa.Schema) -> pa.Schema:
    """Write each column's SQL type into its field, as the service does."""
    fields = [
        field.with_name(column.name).with_metadata({"Spark:DataType:SqlName": column.type.upper()})
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.schema(fields)


def _described(column: Column, place: int) -> ttypes.TColumnDesc:
    entry = ttypes.TPrimitiveTypeEntry(_IDS[re.split(r"[(<]", column.type)[0]], _qualifiers(column.type))
    described = ttypes.TTypeDesc([ttypes.TTypeEntry(primitiveEntry=entry)])
    return ttypes.TColumnDesc(column.name, described, place, "")


def _qualifiers(type_text: str) -> ttypes.TTypeQualifiers | None:
    found = _DECIMAL.fullmatch(type_text)
    if found is None:
        return None
    precision, scale = (ttypes.TTypeQualifierValue(i32Value=int(number)) for number in found.groups())
    return ttypes.TTypeQualifiers({"precision": precision, "scale": scale})
