"""One value of a driver as a text of its own, made from nothing but itself.

See :mod:`airflow_provider_cdi.engine.rows.value_text` for the form, and for what reads it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Set
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson

from airflow_provider_cdi.engine.rows.value_text import DECIMAL, TIME, UNFIT
from airflow_provider_cdi.hooks.arrow.column_types import ITEMS, ColumnType
from airflow_provider_cdi.hooks.arrow.far_times import FAR_TIME, moment_of

_NO_UTF8 = "holds text that is not UTF-8"
_NOT_FINITE = "is NaN or infinite"
_BYTES = (bytes, bytearray, memoryview)


class UnfitError(Exception):
    """A value that JSON cannot say.

    :param fault: the rest of the reject's sentence: ``is NaN or infinite``.
    :param value: itself, for the hash of its row and the reject file.
    """

    def __init__(self, fault: str, value: str) -> None:
        super().__init__(fault)
        self.text = f"{UNFIT}{fault}|{value}"


def value_text(value: Any, kind: ColumnType = ColumnType.UNKNOWN) -> str | None:
    """Write a value of any type.

    :param value: as the driver returned it.
    :param kind: of the column; of a list it says what the items are, where those come as text.
    """
    if value is None:
        return None
    try:
        if isinstance(value, Decimal):
            return f"{DECIMAL}{_digits(value)}"
        if isinstance(value, date):
            return f"{TIME}{(_utc(value) if isinstance(value, datetime) else value).isoformat()}"
        if kind in ITEMS:
            value = _items(value, ITEMS[kind])
        if kind in (ColumnType.TEXT, ColumnType.PADDED) and isinstance(value, _BYTES):
            value = _decoded(bytes(value))
        return json_text(_plain(value))
    except UnfitError as unfit:
        return unfit.text


def number_text(value: Any) -> str | None:
    """Write a number that came as a number or as the database's own text, with every digit.

    :raises TypeError: when it is of another type.
    """
    if isinstance(value, str):
        return f"{DECIMAL}{value}" if value[-1:].isdigit() else value_text(Decimal(value))
    return value_text(Decimal(value) if isinstance(value, int | float) else value)


def json_text(value: Any) -> str:
    """Write a value as JSON; what JSON has no form for goes in as text."""
    try:
        return orjson.dumps(value, default=_finite_decimal, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # integers beyond 64 bits, and types that JSON has no form for
        return json.dumps(value, default=str, ensure_ascii=False)


def _finite_decimal(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError


def _plain(value: Any) -> Any:
    """Return what orjson encodes exactly.

    :raises UnfitError: when JSON cannot say the value, or one in it.
    """
    for types, read in _READERS:
        if isinstance(value, types):
            return read(value)
    return _text(str(value))


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise UnfitError(_NO_UTF8, value.hex()) from None


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raw = value.encode("utf-8", "surrogatepass")
        raise UnfitError(_NO_UTF8, raw.hex()) from None
    return value


def _whole(value: int) -> Any:
    return value if -(2**63) <= value < 2**64 else orjson.Fragment(str(value))


def _float(value: float) -> float:
    if not math.isfinite(value):
        raise UnfitError(_NOT_FINITE, _not_finite(value))
    return value


def _not_finite(value: float | Decimal) -> str:
    is_nan = value.is_nan() if isinstance(value, Decimal) else math.isnan(value)
    return "NaN" if is_nan else "Infinity" if value > 0 else "-Infinity"


def _digits(value: Decimal) -> str:
    if not value.is_finite():
        raise UnfitError(_NOT_FINITE, _not_finite(value))
    return format(value, "f")


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise UnfitError(FAR_TIME, value.isoformat()) from None


def _moment(value: datetime) -> str:
    return f"{_utc(value).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {_text(str(name)): _plain(member) for name, member in value.items()}


def _binary(value: Any) -> Any:
    raise UnfitError("holds binary data, which JSON cannot say", bytes(value).hex())


def _interval(value: timedelta) -> Any:
    raise UnfitError("holds an interval, which JSON cannot say", str(value))


_READERS: tuple[tuple[Any, Any], ...] = (
    ((bool, type(None), orjson.Fragment), lambda value: value),
    (str, _text),
    (int, _whole),
    (float, _float),
    (Decimal, lambda value: orjson.Fragment(_digits(value))),
    (datetime, _moment),
    (date, date.isoformat),
    (time, lambda value: value.isoformat("microseconds")),
    ((list, tuple, Set), lambda value: [_plain(item) for item in value]),
    (Mapping, _object),
    (_BYTES, _binary),
    (timedelta, _interval),
)


def _items(value: Any, kind: ColumnType) -> Any:
    """Turn the texts in a list, at any depth, into what they are.

    :raises UnfitError: when one is no such thing, or far from every calendar.
    """
    if isinstance(value, list | tuple):
        return [_items(item, kind) for item in value]
    if not isinstance(value, str):
        return value
    if kind is ColumnType.NUMBER:
        return Decimal(value)
    moment = moment_of(value)
    if moment is None:
        raise UnfitError(FAR_TIME, value)
    return moment.date() if kind is ColumnType.DATE else moment
