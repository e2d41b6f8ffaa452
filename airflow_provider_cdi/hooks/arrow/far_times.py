"""Columns of dates and times, with what Python's own calendar cannot hold: infinity, years before 1 and after 9999.

Arrow counts days and microseconds in whole numbers that reach further. So a far time stands in its column like any
other, the column keeps its one type, and a destination rejects just that row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.hooks.arrow.column_types import ColumnType

#: What is said of a far time in the reason of a reject.
FAR_TIME = "is outside the years 1 to 9999"

TYPES = {
    ColumnType.TIMESTAMP: pa.timestamp("us"),
    ColumnType.TIMESTAMP_TZ: pa.timestamp("us", tz="UTC"),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIME: pa.time64("us"),
}
_NUMBERS = {ColumnType.DATE: pa.int32()}
_UNFIT = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, ValueError, TypeError)

#: How databases write dates and times, years of any length and before Christ too.
_TEXT = re.compile(
    r"[+]?(?P<year>-?\d{1,6})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[ T](?P<clock>\d\d:\d\d:\d\d(?:\.\d{1,6})?))?"
    r" ?(?:Z|UTC|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?(?P<bc> BC)?",
    re.ASCII,
)
_CLOCK = re.compile(
    r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?", re.ASCII
)
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - counted from, in UTC


def time_array(values: Sequence[Any], kind: ColumnType) -> pa.Array:
    """Return dates or times as Arrow, whatever they are.

    :param values: texts as databases write them, or Python's dates and times.
    :param kind: one of :data:`TYPES`.
    """
    wanted = TYPES[kind]
    try:
        is_text = kind is not ColumnType.TIME and isinstance(next(filter(None, values), None), str)
        return _from_texts(values, wanted) if is_text else pa.array(values, wanted)
    except _UNFIT:
        numbers = [None if value is None else _number(value, kind) for value in values]
        return pa.array(numbers, _NUMBERS.get(kind, pa.int64())).view(wanted)


def moment_of(text: str) -> datetime | None:
    """Read a time without zone, in UTC, as a database writes it; None where Python's calendar has none."""
    try:
        return _EPOCH + timedelta(microseconds=_number(text, ColumnType.TIMESTAMP))
    except OverflowError:
        return None


def _from_texts(values: Sequence[Any], wanted: pa.DataType) -> pa.Array:
    texts = pa.array(values, pa.string())
    if wanted != TYPES[ColumnType.TIMESTAMP_TZ]:
        return texts.cast(wanted)
    try:
        return texts.cast(wanted)
    except pa.ArrowInvalid:  # texts without a zone are in UTC
        return texts.cast(TYPES[ColumnType.TIMESTAMP]).view(wanted)


def _number(value: Any, kind: ColumnType) -> int:
    if kind is ColumnType.TIME:
        return _ticks_of_clock(value if isinstance(value, str) else value.isoformat())
    if isinstance(value, datetime):
        ticks = (value.replace(tzinfo=None) - _EPOCH - (value.utcoffset() or timedelta())) // timedelta(microseconds=1)
    elif isinstance(value, date):
        ticks = (value.toordinal() - _EPOCH.toordinal()) * _DAY
    else:
        ticks = _ticks_of_text(str(value))
    most = 2**31 - 1 if kind is ColumnType.DATE else 2**63 - 1
    number = ticks // _DAY if kind is ColumnType.DATE else ticks
    return max(-most, min(most, number))


#: Beyond everything that a database can write.
_NEVER = 2**64


def _ticks_of_text(text: str) -> int:
    found = _TEXT.fullmatch(text.strip())
    if found is None or found["month"] == "00" or found["day"] == "00":
        # -infinity, MySQL's zero dates, and whatever is no time at all.
        return _NEVER if text.strip().lower().lstrip("+") == "infinity" else -_NEVER
    year = int(found["year"])
    days = _days(1 - year if found["bc"] else year, int(found["month"]), int(found["day"]))
    ticks = days * _DAY + (_ticks_of_clock(found["clock"]) if found["clock"] else 0)
    return ticks - _offset(found)


def _ticks_of_clock(text: str) -> int:
    found = _CLOCK.match(text)
    if found is None:
        return _NEVER
    hours, minutes, seconds = (int(found[place]) for place in (1, 2, 3))
    ticks = (hours * 3600 + minutes * 60 + seconds) * _SECOND + int((found[4] or "").ljust(6, "0"))
    return (ticks - _offset(found)) % _DAY if found["sign"] else ticks


def _offset(found: re.Match[str]) -> int:
    if not found["sign"]:
        return 0
    seconds = int(found["hours"]) * 3600 + int(found["minutes"] or 0) * 60
    return (seconds if found["sign"] == "+" else -seconds) * _SECOND


def _days(year: int, month: int, day: int) -> int:
    """Count days since 1970 in the calendar of Gregory, which databases use for all times."""
    shifted = year - (month <= 2)
    era, place = divmod(shifted, 400)
    in_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + place * 365 + place // 4 - place // 100 + in_year - 719_468
