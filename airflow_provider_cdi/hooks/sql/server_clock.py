"""The clock of a database: how it is asked for, and what its answer means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.sql.timestamp_text import utc_text

#: Offsets of zones are multiples of it.
_QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ServerClock:
    """SQL of the database's own clock, at its full precision.

    It is never behind a time that the same statement computes: where a database has several clocks, it is the one
    that runs on while a statement does.

    :param utc: a timestamp without zone, in UTC.
    :param local: the same by the clock of ``{zone}``.
    :param moment: a timestamp with zone.
    :param is_utc: whether a time without zone that ``utc`` yields is sure to be UTC.
    """

    utc: str
    local: str
    moment: str
    is_utc: bool = True

    def like(self, kind: ColumnType, zone: str | None) -> str:
        """Return SQL of the clock as it is compared with a column.

        :param kind: what the column holds.
        :param zone: whose clock the column shows, None for UTC.
        """
        if kind is ColumnType.TIMESTAMP_TZ:
            return self.moment
        return self.utc if zone is None else self.local.format(zone=zone)

    def read(self, value: Any, worker_now: datetime) -> datetime:
        """Return the moment that the database answered with.

        :param worker_now: this machine's clock. It only tells which zone a session is in that does not say so.
        """
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        moment = moment.replace(tzinfo=UTC)
        return moment if self.is_utc else moment - round((moment - worker_now) / _QUARTER) * _QUARTER


#: Plain SQL has one clock, and a session whose zone nobody knows.
ANSI_CLOCK = ServerClock(
    utc="cast(current_timestamp as timestamp)",
    local="cast(current_timestamp as timestamp)",
    moment="current_timestamp",
    is_utc=False,
)


def local_text(text: str, zone: str) -> str | None:
    """Turn a time in UTC into what a clock shows elsewhere, both as text that compares; SQLite has no zones."""
    utc = utc_text(text)
    if utc is None:
        return None
    there = datetime.fromisoformat(utc).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return there.replace(tzinfo=None).isoformat(" ", "microseconds")
