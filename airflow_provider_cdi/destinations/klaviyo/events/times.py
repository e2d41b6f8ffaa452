"""When an event happened: to the second for Klaviyo, and exactly for telling events apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa
from pyarrow import types

from airflow_provider_cdi.destinations.columns import column, is_text, timestamp_texts
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.texts import text_column
from airflow_provider_cdi.destinations.times import read_time
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.exceptions import SourceError

EVENT_TIME = "EVENT_TIME"

_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_SECONDS_A_DAY = 86_400

_MISSING = Rejection("event_time_missing", "EVENT_TIME is NULL.")
_INVALID = Rejection(
    "event_time_invalid",
    "EVENT_TIME cannot be read as a time without doubt; write it as 2026-01-05T09:30:00Z.",
)


class EventTime(NamedTuple):
    """When an event happened.

    :param text: ISO 8601 in UTC, cut to the second as Klaviyo does.
    :param exact: the same at the full precision of the warehouse.
    """

    text: str
    exact: str


class EventTimes:
    """Reads the times of events.

    :param limits: which times Klaviyo takes; outside of them events may vanish without an error.
    :param now: seconds since the epoch.
    """

    def __init__(self, limits: KlaviyoLimits, now: Callable[[], float]) -> None:
        self._first = datetime(limits.event_first_year, 1, 1, tzinfo=UTC).timestamp()
        self._ahead = limits.event_days_ahead * _SECONDS_A_DAY
        self._now = now
        self._out_of_range = Rejection(
            "event_time_out_of_range",
            f"EVENT_TIME is before {limits.event_first_year}, or more than {limits.event_days_ahead} days ahead.",
        )

    def read(self, rows: pa.RecordBatch) -> list[EventTime | Rejection]:
        """Give the time of each event.

        :param rows: with the column ``EVENT_TIME``: timestamps (UTC where they have no zone), dates (midnight), or
            text that :func:`~airflow_provider_cdi.destinations.times.read_time` reads.
        :raises SourceError: when the column is of another type.
        """
        array = column(rows, EVENT_TIME)
        if array is None or types.is_null(array.type):
            return [_MISSING] * rows.num_rows
        if is_text(array.type):
            return [self._read_text(text) for text in text_column(rows, EVENT_TIME)]
        if types.is_date(array.type):
            array = array.cast(pa.timestamp("ms"))
        if not types.is_timestamp(array.type):
            raise SourceError(
                f"Column EVENT_TIME has the type {array.type}. Cast it to a timestamp in UTC, or to text in ISO 8601."
            )
        return self._read_timestamps(array)

    def _read_timestamps(self, array: pa.Array) -> list[EventTime | Rejection]:
        factor = _NANOSECONDS[array.type.unit]
        ticks = array.cast(pa.int64()).to_pylist()
        first, last = self._first, self._now() + self._ahead
        times: list[EventTime | Rejection] = []
        for text, tick in zip(timestamp_texts(array, "s"), ticks, strict=True):
            if tick is None:
                times.append(_MISSING)
            elif text is None or not first <= tick * factor / 1e9 <= last:
                times.append(self._out_of_range)
            else:
                times.append(EventTime(text, str(tick * factor)))
        return times

    def _read_text(self, text: str | Rejection | None) -> EventTime | Rejection:
        if text is None or isinstance(text, Rejection):
            return text or _MISSING
        time = read_time(text)
        if time is None:
            return _INVALID
        if not self._first <= time.seconds + float(f"0.{time.fraction or 0}") <= self._now() + self._ahead:
            return self._out_of_range
        return EventTime(time._replace(fraction="").text, f"{time.seconds}{time.fraction:0<9}")
