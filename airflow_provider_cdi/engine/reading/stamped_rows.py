"""Rows that the query itself stamps: a view with ``current_timestamp as updated_at``.

Such rows are later than any bound that was fixed before the query, by every query anew. So they are told apart: rows of
the last second are counted twice, and whoever was counted first and stands at another time when the clock has gone
on is stamped by the query. Then the slice is read without its upper bound, and of the rows behind the bound those
go out whose time is that of the read. They never move the watermark, which stays with the rows that keep their time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import closing
from airflow_provider_cdi.engine.ports import Bounds, CallAside, Counts, Source
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.engine.rows.position import integers, stamp_of_position, whole_second
from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT

_SECOND = timedelta(seconds=1)
_SECOND_ONE = "1970-01-01T00:00:01.000000Z"
_MILLISECOND = timedelta(milliseconds=1)
#: How often the clock is asked until its millisecond is another one.
ASKED = 100


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
        #: How many of them were a little later than the clock.
        self.found_ahead = 0

    async def look_for(
        self, counts: Counts, asked_at: datetime, sleep: Callable[[float], Awaitable[None]], call_aside: CallAside
    ) -> None:
        """Find out whether rows of the last second keep their time.

        :param counts: what was counted from :attr:`recent` on.
        :param asked_at: what the source's clock showed then.
        :param sleep: waits; rows with milliseconds move only with the next one, those with whole seconds with the next
            second.
        :param call_aside: how a blocking call is made.
        """
        seen = Bounds(since=self.recent, up_to=self._clock.shown(asked_at))
        # A time that is rounded to whole seconds may be half a second ahead.
        ahead = Bounds(after=seen.up_to, up_to=self._clock.shown(asked_at + _SECOND))
        await sleep(2 * _MILLISECOND.total_seconds())
        again = await call_aside(lambda: self._counted(seen))
        self.found = max(0, counts.recent - again.in_bounds)
        near = 0
        if not self.found and counts.future > counts.passed:
            near = (await call_aside(lambda: self._counted(ahead))).in_bounds
        if not self.found and (again.at_position or near):
            await sleep((_SECOND + _MILLISECOND).total_seconds())
            again = await call_aside(lambda: self._counted(seen))
            still_near = (await call_aside(lambda: self._counted(ahead))).in_bounds if near else 0
            self.found_ahead = max(0, near - still_near)
            self.found = max(0, counts.recent - again.in_bounds) + self.found_ahead

    def _counted(self, bounds: Bounds) -> Counts:
        """Count rows once more, and those of them that stand at the whole second of the upper bound."""
        end = bounds.up_to or self._up_to
        return self._source.count(bounds, position=whole_second(end), now=end)

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        """Read the rows within the bounds, and behind their upper one those that this very query stamps."""
        query = _StampingQuery(self._source, self._clock)
        with closing(self._source.read(replace(bounds, up_to=None))) as batches:
            for batch in batches:
                within = _rows_up_to(batch, self._up_to)
                kept, stamped = batch.slice(0, within), query.stamped(batch.slice(within))
                yield from (part for part in (kept, stamped) if part.num_rows)


class _StampingQuery:
    """Tells the rows that a query stamps from those of their own time that were written while it began.

    Rows come in the order of time, and all their times are known before the first of them comes: so the clock is asked
    before the query and after its first rows, and what the query stamps lies between. A row that was written in
    that moment too is still at its time when the clock has gone on.

    :param source: where rows come from; the query begins after this.
    :param clock: what ``UPDATED_AT`` shows at a moment.
    """

    def __init__(self, source: Source, clock: SourceClock) -> None:
        self._source = source
        self._clock = clock
        self._began = clock.shown(source.now())
        self._ended: str | None = None
        self._one_stamp: int | None = None
        self._stayers: Counter[tuple[int, int]] | None = None

    def stamped(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return those of the rows that the query stamps.

        :param rows: rows behind the slice's bound.
        """
        self._ended = self._ended or self._clock.shown(self._source.now())
        unit = rows.column(UPDATED_AT).type.unit
        second = stamp_of_position(whole_second(self._began), unit)
        first, last = (stamp_of_position(at, unit) for at in (_millisecond(self._began), self._ended))
        whole = stamp_of_position(_SECOND_ONE, unit)
        in_time = [
            second == stamp or first <= stamp <= last or (stamp % whole == 0 and last < stamp <= last + whole // 2)
            for stamp in integers(rows.column(UPDATED_AT))
        ]
        return self._without_stayers(rows.filter(pa.array(in_time, pa.bool_())))

    def _without_stayers(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Leave out rows that keep their time. Where all have one time, it is that of the statement: nobody else's."""
        stamps = integers(rows.column(UPDATED_AT))
        if self._one_stamp is None and rows.num_rows:
            self._one_stamp = stamps[0]
        if all(stamp == self._one_stamp for stamp in stamps):
            return rows
        if self._stayers is None:
            self._stayers = self._read_stayers()
        whole = stamp_of_position(_SECOND_ONE, rows.column(UPDATED_AT).type.unit)
        moves = []
        for stamp, row_hash in zip(stamps, row_hashes(rows), strict=True):
            stays = stamp % whole != 0 and self._stayers[stamp, row_hash] > 0
            self._stayers[stamp, row_hash] -= stays
            moves.append(not stays)
        return rows.filter(pa.array(moves, pa.bool_()))

    def _read_stayers(self) -> Counter[tuple[int, int]]:
        """Read what still stands at the times of the query when they are past.

        Whole seconds may not be past, so rows that stand at one are taken for the query's in any case.
        """
        ended = self._ended or self._began
        if not any(_millisecond(self._clock.shown(self._source.now())) > ended for _ in range(ASKED)):
            return Counter()
        bounds = Bounds(since=_millisecond(self._began), up_to=ended)
        with closing(self._source.read(bounds)) as batches:
            return Counter(
                pair
                for batch in batches
                for pair in zip(integers(batch.column(UPDATED_AT)), row_hashes(batch), strict=True)
            )


def _millisecond(position: str) -> str:
    return f"{position[:23]}000Z"


def _rows_up_to(batch: pa.RecordBatch, position: str) -> int:
    column = batch.column(UPDATED_AT)
    return bisect_right(integers(column), stamp_of_position(position, column.type.unit))
