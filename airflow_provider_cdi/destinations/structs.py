"""A PAYLOAD column of any Arrow type as JSON text, one text a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from airflow_provider_cdi.destinations.columns import (
    by_halves,
    column,
    date_texts,
    is_text,
    plain,
    text_bytes,
    timestamp_texts,
)
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD
from airflow_provider_cdi.engine.rows.value_text import DECIMAL, JSON_FIELD, TIME, UNFIT, VALUES_FIELD

_UNREADABLE = Rejection(
    "payload_type_unsupported", "PAYLOAD holds text that is not UTF-8 or a value out of its type's range."
)


@dataclass(frozen=True, slots=True)
class StructStyle:
    """What a data type wants from columns that become JSON. Text payloads are not touched by it.

    :param nested_time: say a date or time inside a nested object as ``{"$time": …}`` (Braze: nested custom
        attributes).
    :param drop_nulls: leave NULL fields out of the payload's own object too; otherwise they are JSON null there. Below,
        NULL is always left out, of objects, of lists in them and of lists of them: Braze drops nested updates with a
        null in them.
    :param forms: field of the payload's own object -> gives its value in the form that it should have.
    """

    nested_time: bool = False
    drop_nulls: bool = False
    forms: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)


def payload_texts(rows: pa.RecordBatch, style: StructStyle) -> list[bytes | Rejection | None]:
    """Give every row's payload as JSON text in UTF-8.

    Text and binary columns and JSON extension types are given as they are, unchecked. Structs and maps are
    encoded: decimals and integers with every digit, dates as ``2026-01-05``, times as ISO 8601 in UTC with
    milliseconds.

    :param rows: with or without a PAYLOAD column.
    :return: one entry a row: the text, None for NULL, or the reason why there is no text.
    """
    array = column(rows, PAYLOAD)
    if array is None:
        return [None] * rows.num_rows
    if isinstance(array.type, pa.BaseExtensionType):
        array = plain(array.storage)
    if is_text(array.type) or types.is_binary(array.type) or types.is_large_binary(array.type):
        return text_bytes(array)  # type: ignore[return-value]
    return by_halves(array, lambda part: _encode(part, style), _UNREADABLE)


def column_values(rows: pa.RecordBatch, name: str, style: StructStyle) -> list[Any]:
    """Give the values of one column for :func:`json_object_text`.

    :param rows: with the column of that name. Text whose field says so is put in as JSON, see
        :mod:`airflow_provider_cdi.engine.rows.value_text`.
    :return: one value a row, None for NULL.
    """
    field = rows.schema.field(name)
    values: list[Any] = by_halves(
        rows.column(name),
        lambda part: _Reader(style).member(part, field, name, in_object=False),
        _Unfit(Rejection("payload_type_unsupported", f"{name} holds text that is not UTF-8 or is out of its range.")),
    )
    return values


def json_object_text(members: dict[str, Any]) -> bytes | Rejection:
    """Encode an object whose values, at any depth, come from :func:`column_values`.

    :return: the text, or the reason why there is none.
    """
    return _dump(members)


class _Unfit(Exception):
    """A value that JSON cannot say; raised while its row is encoded."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


def _encode(array: pa.Array, style: StructStyle) -> list[bytes | Rejection | None]:
    values = _Reader(style).read(array, PAYLOAD, in_object=False)
    return [None if value is None else _dump(value) for value in values]


def _dump(value: Any) -> bytes | Rejection:
    try:
        return orjson.dumps(value, default=_raise_unfit)
    except TypeError as error:
        # orjson wraps what the default function raised.
        if isinstance(error.__cause__, _Unfit):
            return error.__cause__.rejection
        raise


def _raise_unfit(value: Any) -> Any:
    if isinstance(value, _Unfit):
        # One object stands for all bad values of a column: without this its traceback grows by each row.
        raise value.with_traceback(None)
    raise TypeError(f"no JSON for {type(value).__name__}")


class _Reader:
    """Reads an Arrow array column-wise into values that orjson can encode.

    A value that JSON cannot say becomes an :class:`_Unfit`, which orjson hands to its default function: rows
    without one pay nothing for the check.
    """

    def __init__(self, style: StructStyle) -> None:
        self._style = style

    def read(self, array: pa.Array, path: str, *, in_object: bool) -> list[Any]:
        """Read one array.

        :param path: its name for messages, for example ``PAYLOAD.address.zip``.
        :param in_object: whether the values lie directly in a nested object.
        """
        array = plain(array)
        if isinstance(array.type, pa.BaseExtensionType):
            return self._extension(array, path, in_object)
        if types.is_date(array.type) or types.is_timestamp(array.type):
            return self._times(array, path, in_object)
        if _is_list(array.type):
            return self._lists(array, path, in_object)
        for is_type, read in self._READERS:
            if is_type(array.type):
                return read(self, array, path)
        unfit = _unfit(path, f"has the type {array.type}, which JSON cannot say")
        return [None if null else unfit for null in array.is_null().to_pylist()]

    def _extension(self, array: pa.Array, path: str, in_object: bool) -> list[Any]:
        if array.type.extension_name == "arrow.json":
            return _raw_json(array.storage, path)
        if array.type.extension_name == "arrow.uuid":
            return array.to_pylist()  # type: ignore[no-any-return]
        return self.read(array.storage, path, in_object=in_object)

    def _times(self, array: pa.Array, path: str, in_object: bool) -> list[Any]:
        texts = date_texts(array) if types.is_date(array.type) else timestamp_texts(array)
        unfit = _unfit(path, "is outside the years 1 to 9999")
        nulls = array.is_null().to_pylist()
        values = [None if null else text or unfit for text, null in zip(texts, nulls, strict=True)]
        if not (in_object and self._style.nested_time):
            return values
        return [{"$time": value} if isinstance(value, str) else value for value in values]

    def _as_they_are(self, array: pa.Array, path: str) -> list[Any]:
        return array.to_pylist()  # type: ignore[no-any-return]

    def _as_text(self, array: pa.Array, path: str) -> list[Any]:
        return array.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]

    def _clocks(self, array: pa.Array, path: str) -> list[Any]:
        texts = array.cast(pa.string()).to_pylist()
        # Arrow has no words for the end of a day, which several databases have.
        ends = {f"<value out of range: {ticks}>" for ticks in _ENDS_OF_DAY}
        return ["24:00:00" if text in ends else text for text in texts]

    def _as_number_text(self, array: pa.Array, path: str) -> list[Any]:
        return [text and orjson.Fragment(text) for text in array.cast(pa.string()).to_pylist()]

    def _floats(self, array: pa.Array, path: str) -> list[Any]:
        if not types.is_float64(array.type):
            # As text, a 32-bit 0.1 stays 0.1; as a 64-bit number it would be 0.10000000149.
            single = array.cast(pa.float32())
            texts = pc.if_else(pc.is_finite(single), single.cast(pa.string()), None)
            values = [text and orjson.Fragment(text) for text in texts.to_pylist()]
        else:
            values = pc.if_else(pc.is_finite(array), array, None).to_pylist()
        if None not in values:
            return values
        unfit = _unfit(path, "is NaN or infinite")
        nulls = array.is_null().to_pylist()
        return [unfit if value is None and not null else value for value, null in zip(values, nulls, strict=True)]

    def _objects(self, array: pa.Array, path: str) -> list[Any]:
        fields = [array.type.field(place) for place in range(array.type.num_fields)]
        columns = [
            self.member(child, field, f"{path}.{field.name}", in_object=path != PAYLOAD)
            # flatten, unlike the fields themselves, knows the slice and the NULL objects.
            for field, child in zip(fields, array.flatten(), strict=True)
        ]
        names = [field.name for field in fields]
        rows = zip(*columns, strict=True) if columns else iter([()] * len(array))
        valid = array.is_valid().to_pylist()
        make = self._maker(path)
        return [make(names, row) if is_there else None for row, is_there in zip(rows, valid, strict=True)]

    def member(self, array: pa.Array, field: pa.Field, path: str, *, in_object: bool) -> list[Any]:
        """Read one array that may hold JSON text, as its field says."""
        if field.metadata and is_text(array.type):
            if JSON_FIELD.items() <= field.metadata.items():
                return _raw_json(array, path)
            if VALUES_FIELD.items() <= field.metadata.items():
                return [text and self._value(text, path, in_object) for text in array.to_pylist()]
        return self.read(array, path, in_object=in_object)

    def _value(self, text: str, path: str, in_object: bool) -> Any:
        """Read one value that says itself what it is, see :mod:`airflow_provider_cdi.engine.rows.value_text`."""
        mark, rest = text[0], text[1:]
        if mark == TIME:
            time = _time_text(rest)
            return {"$time": time} if in_object and self._style.nested_time else time
        if mark == UNFIT:
            return _unfit(path, rest.partition("|")[0])
        return orjson.Fragment(rest if mark == DECIMAL else text)

    def _maker(self, path: str) -> Callable[[list[str], tuple[Any, ...]], dict[str, Any]]:
        if path != PAYLOAD:
            return _without_nulls
        make = _without_nulls if self._style.drop_nulls else _with_nulls
        forms = self._style.forms
        return partial(_formed, make, forms) if forms else make

    def _maps(self, array: pa.Array, path: str) -> list[Any]:
        entry = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
        entries = array.cast(pa.list_(entry))
        keys, items = entries.flatten().flatten()
        names = iter(plain(keys).cast(pa.string()).to_pylist())
        values = iter(self.read(items, f"{path}.*", in_object=path != PAYLOAD))
        make = self._maker(path)
        return [
            None if length is None else make(list(islice(names, length)), tuple(islice(values, length)))
            for length in pc.list_value_length(entries).to_pylist()
        ]

    def _lists(self, array: pa.Array, path: str, in_object: bool) -> list[Any]:
        values = iter(self.read(array.flatten(), f"{path}[]", in_object=False))
        lengths = pc.list_value_length(array).to_pylist()
        if in_object or types.is_nested(array.type.value_type):
            return [
                None if length is None else [value for value in islice(values, length) if value is not None]
                for length in lengths
            ]
        return [None if length is None else list(islice(values, length)) for length in lengths]

    _READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[_Reader, pa.Array, str], list[Any]]], ...] = (
        (types.is_null, _as_they_are),
        (types.is_boolean, _as_they_are),
        (types.is_integer, _as_they_are),
        (is_text, _as_text),
        (types.is_floating, _floats),
        (types.is_decimal, _as_number_text),
        (types.is_time, _clocks),
        (types.is_struct, _objects),
        (types.is_map, _maps),
    )


def _is_list(kind: pa.DataType) -> bool:
    tests = types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view
    return any(is_kind(kind) for is_kind in tests)


def _with_nulls(names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


def _without_nulls(names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _formed(
    make: Callable[[list[str], tuple[Any, ...]], dict[str, Any]],
    forms: Mapping[str, Callable[[Any], Any]],
    names: list[str],
    row: tuple[Any, ...],
) -> dict[str, Any]:
    made = make(names, row)
    for name in forms.keys() & made.keys():
        made[name] = forms[name](made[name])
    return made


#: In seconds, milliseconds, microseconds, nanoseconds.
_ENDS_OF_DAY = tuple(86_400 * 1_000**step for step in range(4))


def _time_text(text: str) -> str:
    """Say a time as :func:`~.columns.timestamp_texts` does; a date stays one."""
    clock = text.removesuffix("+00:00")
    if "T" not in clock:
        return clock
    second, _, fraction = clock.partition(".")
    return f"{second}.{fraction[:3].ljust(3, '0')}Z"


def _unfit(path: str, fault: str) -> _Unfit:
    return _Unfit(Rejection("payload_type_unsupported", f"{path} {fault}."))


def _raw_json(array: pa.Array, path: str) -> list[Any]:
    unfit = _Unfit(Rejection("payload_not_json", f"{path} should hold JSON text, and does not."))
    return [None if text is None else _fragment(text) or unfit for text in text_bytes(plain(array))]


def _fragment(text: bytes) -> orjson.Fragment | None:
    # Checked on its own: a text like `1, "external_id": "…"` must not add members to its object.
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return orjson.Fragment(text)
