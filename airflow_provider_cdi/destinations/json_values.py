"""Arrow arrays of any type as values that orjson can encode, column by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from airflow_provider_cdi.destinations.columns import date_texts, is_text, plain, text_bytes, timestamp_texts
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD
from airflow_provider_cdi.engine.rows.value_text import DECIMAL, JSON_FIELD, TIME, UNFIT, VALUES_FIELD


class JsonReader:
    """Reads an Arrow array column-wise into values that orjson can encode.

    A value that JSON cannot say becomes an :class:`Unfit`, which orjson hands to its default function: rows
    without one pay nothing for the check. The arguments are those of :class:`~.structs.StructStyle`.
    """

    def __init__(self, *, nested_time: bool, drop_nulls: bool, forms: Mapping[str, Callable[[Any], Any]]) -> None:
        self._nested_time = nested_time
        self._forms = forms
        self._make_top = _without_nulls if drop_nulls else _with_nulls

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
        if not (in_object and self._nested_time):
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
            return {"$time": time} if in_object and self._nested_time else time
        if mark == UNFIT:
            return _unfit(path, rest.partition("|")[0])
        return orjson.Fragment(rest if mark == DECIMAL else text)

    def _maker(self, path: str) -> Callable[[list[str], tuple[Any, ...]], dict[str, Any]]:
        if path != PAYLOAD:
            return _without_nulls
        return partial(_formed, self._make_top, self._forms) if self._forms else self._make_top

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

    _READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[JsonReader, pa.Array, str], list[Any]]], ...] = (
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


class Unfit(Exception):
    """A value that JSON cannot say; raised while its row is encoded."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


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


def _unfit(path: str, fault: str) -> Unfit:
    return Unfit(Rejection("payload_type_unsupported", f"{path} {fault}."))


def _raw_json(array: pa.Array, path: str) -> list[Any]:
    unfit = Unfit(Rejection("payload_not_json", f"{path} should hold JSON text, and does not."))
    return [None if text is None else _fragment(text) or unfit for text in text_bytes(plain(array))]


def _fragment(text: bytes) -> orjson.Fragment | None:
    # Checked on its own: a text like `1, "external_id": "…"` must not add members to its object.
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return orjson.Fragment(text)
