"""Warehouses in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.engine.rows.position import parse_position, position_of_moment
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.testing.virtual_time import NOON


@dataclass(frozen=True)
class Row:
    """One row of a :class:`ListSource`.

    :param at: its ``UPDATED_AT``, in seconds before (negative) or after noon; None for NULL.
    :param id: its ``EXTERNAL_ID``.
    :param payload: its ``PAYLOAD``.
    """

    at: float | None
    id: str
    payload: str = "{}"


@cache
def position(at: float) -> str:
    """Return the position of a moment, in seconds before or after noon."""
    return parse_position((NOON + timedelta(seconds=at)).isoformat())


class ListSource:
    """A warehouse table in a list, read the way a database reads: by bounds and in order.

    :param breaks: read by read, after how many batches the warehouse breaks off; then no more.
    :param clock: what the warehouse's clock shows, in seconds before or after noon.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        batch_rows: int = 50,
        breaks: Sequence[int] = (),
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.rows = list(rows)
        self.batch_rows = batch_rows
        self.breaks = list(breaks)
        self.reads: list[Bounds] = []
        self.cancelled = 0
        self.clock = clock

    @property
    def opened_at(self) -> datetime:
        """What the clock shows."""
        return self.now()

    def now(self) -> datetime:
        """Ask the clock."""
        return NOON + timedelta(seconds=self.clock())

    def count(
        self,
        bounds: Bounds,
        *,
        position: str | None,
        now: str,
        with_total: bool = False,
        recent: str | None = None,
    ) -> Counts:
        """Count in one go, as a database does in one query."""
        asked_at = self.now()
        stamps = [_text(row.at) for row in self.rows if row.at is not None]
        seen = position_of_moment(asked_at)
        return Counts(
            in_bounds=len(self._within(bounds)),
            at_position=sum(stamp == position for stamp in stamps),
            future=sum(stamp > now for stamp in stamps),
            without_time=sum(row.at is None for row in self.rows),
            total=len(self.rows) if with_total else None,
            passed=sum(now < stamp <= seen for stamp in stamps),
            recent=sum(recent <= stamp <= seen for stamp in stamps) if recent else 0,
            asked_at=asked_at,
        )

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        """Stream the rows, in batches."""
        self.reads.append(bounds)
        rows = sorted(self._within(bounds), key=lambda row: (row.at, row.id))
        left = self.breaks.pop(0) if self.breaks else None
        for number, start in enumerate(range(0, len(rows), self.batch_rows)):
            if number == left:
                raise RetryLater("The warehouse broke off.")
            yield as_batch(rows[start : start + self.batch_rows])

    def cancel(self) -> None:
        """Note that somebody wanted an end."""
        self.cancelled += 1

    def _within(self, bounds: Bounds) -> list[Row]:
        return [row for row in self.rows if row.at is not None and _is_within(_text(row.at), bounds)]


def as_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """Return rows as a source hands them out."""
    stamps = [round((row.at or 0) * 1_000_000) + int(NOON.timestamp()) * 1_000_000 for row in rows]
    return pa.record_batch(
        {
            "UPDATED_AT": pa.array(stamps, pa.timestamp("us")),
            "EXTERNAL_ID": pa.array([row.id for row in rows], pa.string()),
            "PAYLOAD": pa.array([row.payload for row in rows], pa.string()),
        }
    )


#: ``count`` has an argument of that name.
_text = position


def _is_within(stamp: str, bounds: Bounds) -> bool:
    return (
        (bounds.after is None or stamp > bounds.after)
        and (bounds.since is None or stamp >= bounds.since)
        and (bounds.until is None or stamp < bounds.until)
        and (bounds.up_to is None or stamp <= bounds.up_to)
    )


class TableSource:
    """Rows that changed before noon, a millisecond apart, in an Arrow table. It is always read as a whole.

    :param columns: name -> values.
    """

    def __init__(self, columns: dict[str, Any], batch_rows: int = 2_000) -> None:
        size = len(next(iter(columns.values())))
        stamps = [int(NOON.timestamp() * 1e6) - (size - row) * 1_000 for row in range(size)]
        self._table = pa.table({"UPDATED_AT": pa.array(stamps, pa.timestamp("us")), **columns})
        self._batch_rows = batch_rows

    @property
    def opened_at(self) -> datetime:
        """What the clock shows."""
        return NOON

    def now(self) -> datetime:
        """Ask the clock."""
        return NOON

    def count(self, bounds: Bounds, *, position: str | None, now: str, **_: Any) -> Counts:
        """All rows are within all bounds."""
        return Counts(self._table.num_rows, 0, 0, 0, self._table.num_rows)

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        """Stream the rows, in batches."""
        return iter(self._table.to_batches(self._batch_rows))

    def cancel(self) -> None:
        """Nothing is at work that could be stopped."""
