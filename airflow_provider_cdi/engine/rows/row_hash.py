"""The hash of a row: of its content alone, whatever rows came with it.

It is kept in state records, so what it makes of a value must never change. Each value counts as 0.1.0 read it in a
batch of its own; where that failed or looked at the neighbours, the rule here decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.engine.rows.value_text import MARKS, UNFIT, VALUES_FIELD

#: What reading a column as Python objects may raise because of one of its values.
_UNREADABLE = (ValueError, OverflowError, ArithmeticError, TypeError, LookupError, pa.ArrowException)


def row_hashes(rows: pa.RecordBatch, start: int = 0, stop: int | None = None) -> Iterator[int]:
    """Yield a 64-bit hash of the content of each row, without its ``UPDATED_AT``.

    :param rows: a batch as a source returns it.
    :param start: first row.
    :param stop: row after the last one; None for the end.
    """
    part = rows.slice(start, None if stop is None else stop - start)
    columns = [
        _member(array, field)
        for array, field in zip(part.columns, part.schema, strict=True)
        if field.name != UPDATED_AT
    ]
    for values in zip(*columns, strict=True):
        digest = hashlib.blake2b(_json(values), digest_size=8).digest()
        yield int.from_bytes(digest, "little")


def _json(values: tuple[Any, ...]) -> bytes:
    try:
        return orjson.dumps(values, default=str)
    except orjson.JSONEncodeError:  # nested deeper than orjson goes
        return b",".join(repr(value).encode() for value in values)


def _member(array: pa.Array, field: pa.Field) -> list[Any]:
    metadata = field.metadata or {}
    if VALUES_FIELD.items() <= metadata.items():
        return [None if text is None else _of_value_text(text) for text in _values(array)]
    if types.is_timestamp(array.type) and (array.type.unit == "ns" or metadata.get(b"cdi") == b"ns"):
        return _nanosecond_texts(array)
    return _values(array)


def _of_value_text(text: str) -> Any:
    if text[:1] == UNFIT:
        return text.partition("|")[2]
    return text[1:] if text[:1] in MARKS else orjson.Fragment(text)


def _values(array: pa.Array) -> list[Any]:
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    read = next((read for is_type, read in _NESTED if is_type(array.type)), _plain_values)
    return read(array)


def _plain_values(array: pa.Array) -> list[Any]:
    try:
        values: list[Any] = array.to_pylist()
    except _UNREADABLE:
        values = [_as_python(value) for value in array]
    if types.is_floating(array.type) and not pc.all(pc.is_finite(array)).as_py():
        # orjson would write null for them, as it does for NULL.
        return [value if value is None or abs(value) < _INFINITY else _NOT_FINITE[str(value)] for value in values]
    if types.is_time(array.type):
        # The end of a day, 24:00, would be its beginning.
        texts = array.cast(pa.string()).to_pylist()
        return [
            text if text is not None and text[0] == "<" else value for text, value in zip(texts, values, strict=True)
        ]
    return values


_INFINITY = float("inf")
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _as_python(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except _UNREADABLE:
        pass
    # Far dates and times are numbers below, and text that is not UTF-8 is bytes.
    number = getattr(value, "value", None)
    if isinstance(number, int):
        return number
    buffer = value.as_buffer() if hasattr(value, "as_buffer") else None
    return repr(value.type) if buffer is None else buffer.to_pybytes()


def _structs(array: pa.Array) -> list[Any]:
    fields = [array.type.field(place) for place in range(array.type.num_fields)]
    # flatten, unlike the fields themselves, knows the slice and the NULL objects.
    children = array.flatten()
    if all(map(_is_read_alike, children, fields)):
        try:  # in a third of the time
            values: list[Any] = array.to_pylist()
        except _UNREADABLE:
            pass
        else:
            return values
    columns = [_member(child, field) for child, field in zip(children, fields, strict=True)]
    names = [field.name for field in fields]
    rows = zip(*columns, strict=True) if columns else iter([()] * len(array))
    valid = array.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if is_there else None for row, is_there in zip(rows, valid, strict=True)]


def _is_read_alike(array: pa.Array, field: pa.Field) -> bool:
    """Whether Arrow itself makes of a column what :func:`_member` does."""
    if field.metadata and b"cdi" in field.metadata:
        return field.metadata[b"cdi"] in (b"json", b"texts")
    if types.is_floating(array.type):
        return pc.all(pc.is_finite(array)).as_py() is not False
    return any(is_type(array.type) for is_type in _READ_ALIKE)


_READ_ALIKE = (types.is_string, types.is_integer, types.is_boolean, types.is_decimal, types.is_date, types.is_null)


def _maps(array: pa.Array) -> list[Any]:
    entry = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
    entries = array.cast(pa.list_(entry))
    keys, items = entries.flatten().flatten()
    pairs = iter(list(zip(_values(keys), _values(items), strict=True)))
    return _cut(entries, pairs)


def _lists(array: pa.Array) -> list[Any]:
    return _cut(array, iter(_member(array.flatten(), array.type.value_field)))


def _cut(lists: pa.Array, values: Iterator[Any]) -> list[Any]:
    lengths = pc.list_value_length(lists).to_pylist()
    return [None if length is None else list(islice(values, length)) for length in lengths]


_NESTED: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[Any]]], ...] = (
    (types.is_struct, _structs),
    (types.is_map, _maps),
    (lambda kind: types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind), _lists),
)


def _nanosecond_texts(array: pa.Array) -> list[Any]:
    """Say times as pandas does, which 0.1.0 did: without a fraction, or with six or nine digits of it."""
    zone = "" if array.type.tz is None else "+00:00"
    clock = array.cast(pa.int64()).cast(pa.timestamp(array.type.unit)).cast(pa.string())
    short = pc.replace_substring_regex(clock, r"\.0+$", "")
    texts = pc.replace_substring_regex(short, r"(\.[0-9]{6})000$", r"\1")
    return [None if text is None else text + zone for text in texts.to_pylist()]
