"""Rows that the query itself stamps: a view with ``current_timestamp as updated_at``.

Such rows are later than any bound that was fixed before the query, by every query anew. So they are told apart: rows of
the last second are counted twice, and whoever was counted first and stands at another time when the clock has gone
on is stamped by the query. Then the slice is read without its upper bound, and of the rows behind the bound those
go out whose time is that of the read. They never move the watermark, which stays with the rows that keep their time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import closing
from airflow_provider_cdi.engine.contract import UPDATED_AT
from airflow_provider_cdi.engine.ports import Bounds, CallAside, Counts, Source
from airflow_provider_cdi.engine.position import stamp_of_position, whole_second
from airflow_provider_cdi.engine.slice import Slice
from airflow_provider_cdi.engine.source_clock import SourceClock

_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)


class StampedRows:
    """Finds rows that the query stamps, and reads them.

    :param source: where rows come from.
    :param part: the slice that is read.
    """

    def __init__(self, source: Source, part: Slice) -> None:
        self._source = source
        self._clock = SourceClock(part.zone)
        self._up_to = part.up_to
        #: From here on, rows may be stamped by the query: the beginning of the second in which the source was opened.
        self.recent = whole_second(self._clock.shown(source.opened_at))
        #: How many rows were found that the query stamps.
        self.found = 0

    def __bool__(self) -> bool:
        return self.found > 0

    async def look_for(self, counts: Counts, sleep: Callable[[float], Awaitable[None]], call_aside: CallAside) -> None:
        """Find out whether rows of the last second keep their time.

        :param counts: what was counted from :attr:`recent` on.
        :param sleep: waits; rows with milliseconds move only with the next one, those with whole seconds with the next
            second.
        :param call_aside: how a blocking call is made.
        """
        if not counts.recent or counts.asked_at is None:
            return
        seen = self._clock.shown(counts.asked_at)
        await sleep(2 * _MILLISECOND.total_seconds())
        again = await call_aside(lambda: self._counted_again(seen))
        self.found = max(0, counts.recent - again.in_bounds)
        if not self.found and again.at_position:
            passed = timedelta(microseconds=counts.asked_at.microsecond)
            await sleep((_SECOND + _MILLISECOND - passed).total_seconds())
            again = await call_aside(lambda: self._counted_again(seen))
            self.found = max(0, counts.recent - again.in_bounds)

    def _counted_again(self, seen: str) -> Counts:
        """Count the same rows once more, and those of them that stand at a whole second."""
        return self._source.count(Bounds(since=self.recent, up_to=seen), position=whole_second(seen), now=seen)

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        """Read the rows within the bounds, and behind their upper one those that this very query stamps.

        Rows come in the order of time, and all their times are known before the first of them comes: so the clock is
        asked before the query and after its first rows.
        """
        began = self._clock.shown(self._source.now())
        ended: str | None = None
        with closing(self._source.read(replace(bounds, up_to=None))) as batches:
            for batch in batches:
                ended = ended or self._clock.shown(self._source.now())
                kept, stamped = self._within(batch), self._stamped(batch, began, ended)
                yield from (part for part in (kept, stamped) if part.num_rows)

    def _within(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.slice(0, _rows_up_to(batch, self._up_to))

    def _stamped(self, batch: pa.RecordBatch, began: str, ended: str) -> pa.RecordBatch:
        """Return the rows behind the bound whose time is the query's, whole seconds and milliseconds included."""
        behind = batch.slice(_rows_up_to(batch, self._up_to))
        stamps, unit = behind.column(UPDATED_AT), behind.column(UPDATED_AT).type.unit
        second = stamp_of_position(whole_second(began), unit)
        first = stamp_of_position(f"{began[:23]}000Z", unit)
        last = stamp_of_position(ended, unit)
        return behind.filter(
            pa.array([second == stamp or first <= stamp <= last for stamp in integers(stamps)], pa.bool_())
        )


def integers(column: pa.Array) -> Sequence[int]:
    """Give timestamps as integers, without a copy."""
    values = memoryview(column.buffers()[1]).cast("q")
    return values[column.offset : column.offset + len(column)]


def _rows_up_to(batch: pa.RecordBatch, position: str) -> int:
    column = batch.column(UPDATED_AT)
    return bisect_right(integers(column), stamp_of_position(position, column.type.unit))
