"""Values of any type as JSON holds them, for the reject file. Nothing in here raises because of a value.

A row is rejected because something about it is odd, so its values are: dates and times beyond Python's, text that is
no UTF-8, NaN, numbers beyond 64 bits. What JSON has no form for becomes text.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, time
from types import NoneType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_LARGEST = 2**64 - 1
_SMALLEST = -(2**63)


def plain_value(value: pa.Scalar) -> Any:
    """Return an Arrow value as JSON types.

    :param value: of any type, null included.
    """
    try:
        return json_value(value.as_py())
    except Exception:  # whatever Python cannot hold of it: see test_plain_values for what each type raises
        return _in_parts(value)


def json_value(value: Any) -> Any:
    """Return a Python value as JSON types; text where JSON has no form for it."""
    for kinds, form in _JSON_FORMS:
        if isinstance(value, kinds):
            return form(value)
    return readable(str(value))


def _integer(value: int) -> int | str:
    return value if _SMALLEST <= value <= _LARGEST else str(value)


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text_of(value: bytes | bytearray | memoryview) -> str:
    return bytes(value).decode("utf-8", "backslashreplace")


def readable(text: str) -> str:
    """Return a text as UTF-8 can hold it: half a surrogate pair is written out."""
    return text.encode("utf-8", "backslashreplace").decode()


_JSON_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (NoneType | bool, lambda value: value),
    (str, readable),
    (int, _integer),
    (float, _float),
    (date | time, lambda value: value.isoformat()),
    (bytes | bytearray | memoryview, _text_of),
    (dict, lambda value: {readable(str(name)): json_value(member) for name, member in value.items()}),
    (list | tuple, lambda value: [json_value(member) for member in value]),
)


def _in_parts(value: pa.Scalar) -> Any:
    """Take a value that Python cannot hold as a whole apart, so that its neighbours in a struct or list stay."""
    for form in _FORMS:
        try:
            return form(value)
        except Exception:  # noqa: S112 - the next form is tried, and the last one cannot fail
            continue
    return f"a value of the type {value.type} that cannot be shown"


def _members(value: pa.Scalar) -> Any:
    kind = value.type
    if pa.types.is_struct(kind):
        return {readable(kind.field(place).name): plain_value(value[place]) for place in range(kind.num_fields)}
    if pa.types.is_dictionary(kind) or pa.types.is_union(kind) or isinstance(kind, pa.BaseExtensionType):
        return plain_value(value.value)
    if pa.types.is_nested(kind):
        return [plain_value(member) for member in value.values]
    raise TypeError(kind)


def _bytes(value: pa.Scalar) -> str:
    return _text_of(value.as_buffer())


def _cast(value: pa.Scalar) -> str:
    text: str = pc.cast(value, pa.string()).as_py()
    if "out of range" in text:  # what Arrow writes of a date beyond its calendar
        raise ValueError(text)
    return text


def _number(value: pa.Scalar) -> str:
    return f"{value.type} {value.value}"


_FORMS: tuple[Callable[[pa.Scalar], Any], ...] = (_members, _bytes, _cast, _number)
