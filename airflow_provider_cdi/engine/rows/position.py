"""Positions: points in time as canonical text in UTC, at the warehouse's full precision.

``2026-01-05T09:00:00.123456Z`` has microseconds, nine digits after the point are nanoseconds. Python's own
datetimes have no nanoseconds and Snowflake has, so the text, not a datetime, is what is kept and compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever parses a DAG pays for what is imported here
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POSITION = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{6}|\d{9})Z$")


def position_of_stamp(stamp: int, unit: str) -> str:
    """Return the position of an Arrow timestamp.

    :param stamp: units since 1970 in UTC.
    :param unit: ``us`` or ``ns``.
    """
    micros, nanos = divmod(stamp, 1000) if unit == "ns" else (stamp, None)
    text = position_of_moment(_EPOCH + timedelta(microseconds=micros))
    return text if nanos is None else f"{text[:-1]}{nanos:03d}Z"


def stamp_of_position(position: str, unit: str) -> int:
    """Return the Arrow timestamp of a position; digits beyond its unit are cut.

    :param unit: ``us`` or ``ns``.
    """
    micros = (datetime.fromisoformat(f"{position[:26]}Z") - _EPOCH) // timedelta(microseconds=1)
    return micros * 1000 + int(position[26:-1] or 0) if unit == "ns" else micros


def integers(column: pa.Array) -> Sequence[int]:
    """Give a column of Arrow timestamps as integers, without a copy."""
    values = memoryview(column.buffers()[1]).cast("q")
    return values[column.offset : column.offset + len(column)]


def whole_second(position: str) -> str:
    """Return the beginning of a position's second."""
    return f"{position[:19]}.000000Z"


def position_of_moment(moment: datetime) -> str:
    """Return the position of an aware datetime, with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rjust(26, "0") + "Z"


def parse_position(text: str) -> str:
    """Return the position that a person or a template wrote.

    :param text: ISO 8601, with or without an offset (none means UTC), for example ``2026-01-05``,
        ``2026-01-05 09:00`` or ``2026-01-05T09:00:00+02:00``; or a position, which comes back unchanged.
    :raises ValueError: when it is not ISO 8601.
    """
    if _POSITION.match(text):
        return text
    moment = datetime.fromisoformat(text.strip())
    return position_of_moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def is_later(one: str, other: str) -> bool:
    """Whether ``one`` is later than ``other``, also when only one of them has nanoseconds."""
    return one[:-1] > other[:-1].ljust(len("2026-01-05T09:00:00.123456789"), "0")
