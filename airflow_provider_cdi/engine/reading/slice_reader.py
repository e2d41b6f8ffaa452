"""Reading one slice: what is due, which rows are read, and which of them were handled before."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import closing, keeping
from airflow_provider_cdi.engine.ports import Bounds, CallAside, Counts, Source
from airflow_provider_cdi.engine.reading.late_rows import LateRows
from airflow_provider_cdi.engine.reading.read_ahead import ReadAhead
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.reading.stamped_rows import StampedRows
from airflow_provider_cdi.engine.rows.position import is_later, position_of_stamp
from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.engine.rows.watermark import TieFilter, Ties, Watermark, intact_buckets
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import Interrupted, RetryLater

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

#: Longest wait before a read that broke off is opened again, in seconds; the first is one second, then it doubles.
LONGEST_REOPEN_WAIT = 30.0


class SliceReader:
    """Reads a slice of a source, from its beginning or behind what an earlier try has handled.

    :param source: where rows come from.
    :param part: the slice; for a resumed run the rest of it.
    :param is_resumed: whether an earlier try of the same run has handled rows.
    :param read_ahead: how a blocking reader is read beside the event loop.
    :param call_aside: how a blocking call is made beside the event loop.
    :param with_total: whether all rows of the source are counted too.
    :param late: counts the rows below the watermark; None when nobody wants to know.
    :param settings: how often a read that breaks off is opened again.
    """

    def __init__(
        self,
        source: Source,
        part: Slice,
        *,
        is_resumed: bool,
        read_ahead: ReadAhead,
        call_aside: CallAside,
        with_total: bool = False,
        late: LateRows | None = None,
        settings: DeliverySettings = DeliverySettings(),  # noqa: B008 - frozen, so one for all calls is fine
    ) -> None:
        self._late = late
        self._source = source
        self._call_aside = call_aside
        self._read_ahead = read_ahead
        self._with_total = with_total
        self._reopenings, self._new_beginnings = _Reopenings(settings), _Reopenings(settings)
        self.part = part
        self._bounds = part.bounds()
        self.is_resumed = is_resumed
        #: Set by :meth:`read` while the rows at the watermark are read again.
        self.tie_filter: TieFilter | None = None
        self._counts = Counts(0, 0, 0, 0)
        #: Rows that the query itself stamps.
        self.stamped = StampedRows(source, part)

    @classmethod
    def of(cls, inputs: RunInputs) -> SliceReader:
        """Return the reader of a run."""
        return cls(
            inputs.source,
            inputs.part,
            is_resumed=inputs.progress is not None,
            read_ahead=inputs.read_ahead,
            call_aside=inputs.call_aside,
            with_total=inputs.gates is not None and inputs.gates.need_total,
            late=inputs.late,
            settings=inputs.settings,
        )

    async def count(self) -> None:
        """Ask the source what is due, in one query."""
        part, after = self.part, self.part.after
        # A watermark behind the bound: of an earlier run, before rows had to settle.
        now = after.position if after and is_later(after.position, part.up_to) else part.up_to
        self._counts = await self._call_aside(
            lambda: self._source.count(
                self._bounds,
                position=after.position if after else None,
                now=now,
                with_total=self._with_total,
                recent=self.stamped.recent,
            )
        )
        if self._late is not None:
            await self._late.count(after, self._counts.at_position, self._call_aside)

    async def look_for_stamped_rows(self, sleep: Sleep) -> None:
        """Find out whether the query itself stamps rows, unless the slice ends before it.

        :param sleep: waits for at most a second.
        """
        counts = self._counts
        if counts.asked_at is None or not (counts.recent or counts.future > counts.passed):
            return
        if self.part.until is None or is_later(self.part.until, self.stamped.recent):
            await self.stamped.look_for(counts, counts.asked_at, sleep, self._call_aside)

    @property
    def due(self) -> int:
        """Rows that the read will bring and that are not handled yet, as far as numbers can tell."""
        return self._counts.in_bounds + self._stamped_behind() + self._new_ties()

    @property
    def surely_due(self) -> int:
        """As :attr:`due`, but rows that left the group at the watermark are not taken for rows that came."""
        return self._counts.in_bounds + self._stamped_behind() + max(self._more_ties(), 0)

    @property
    def due_at_most(self) -> int:
        """Rows that the read will bring, of which some may be handled already."""
        return self._counts.in_bounds + self._stamped_behind() + self._counts.at_position

    @property
    def total(self) -> int:
        """All rows of the source; 0 where nobody asked."""
        return self._counts.total or 0

    @property
    def is_first_run(self) -> bool:
        """Whether the sync has no watermark yet: then every row is due."""
        return self.part.after is None and self.part.mode == "incremental"

    def tell_not_due(self) -> Mapping[str, int]:
        """Log and count the rows that no slice up to now holds, by the reason, and those that the query stamps."""
        not_due = self.not_due()
        for reason, number in not_due.items():
            level = logging.INFO if reason == "settling" else logging.WARNING
            log.log(level, "%s", _NOT_DUE[reason].format(number=number))
        if self.stamped.found:
            log.warning("%s", _STAMPED.format(number=self.stamped.found))
        return not_due

    def not_due(self) -> Mapping[str, int]:
        """Count the rows that no slice up to now holds, by the reason; windows and rejects have none."""
        if self.part.mode in ("window", "rejects"):
            return {}
        numbers = {
            "future": self._counts.future - self._counts.passed - self.stamped.found_ahead,
            "settling": self._counts.passed - self._stamped_passed() if self.part.settles else 0,
            "no_updated_at": self._counts.without_time,
        }
        return {reason: number for reason, number in numbers.items() if number}

    async def read(
        self, on_ties: Callable[[TieFilter], None], *, most: int | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Read the rows, a little ahead.

        :param on_ties: called first with the filter, if the rows at the watermark are read again.
        :param most: how many rows are wanted that were not handled before; None for all.
        """
        bounds = await self._choose_bounds()
        # Rows that the query stamps are told from others when they are read.
        if most is not None and not self.stamped.found:
            bounds = replace(bounds, most=most + (self._counts.at_position if self.tie_filter is not None else 0))
        if self.tie_filter is not None:
            on_ties(self.tie_filter)
        read = self.stamped.read if self.stamped.found else self._source.read
        return self._read_ahead(partial(read, bounds))

    async def reopen(self, error: RetryLater, rows: int, behind: Callable[[], Watermark | None], sleep: Sleep) -> None:
        """Wait, and expect the rest of the slice to be read anew.

        :param error: with which the read broke off.
        :param rows: how many have come so far.
        :param behind: says behind which rows the read goes on, None for the beginning.
        :param sleep: waits, for half a minute at most.
        :raises RetryLater: the error, when the read has broken off too often.
        """
        while True:
            # Rows that the query stamps come from the first one again: they bring a read no further.
            wait = self._reopenings.next_wait(0 if self.stamped.found else rows)
            if wait is None or isinstance(error, Interrupted):
                raise error
            log.warning("%s The read is opened again behind the rows that came.", error)
            await sleep(wait)
            after = behind()
            try:
                await self._resume_after(after)
            except RetryLater as another:
                error = another
            else:
                return

    async def wait_to_begin_again(self, error: RetryLater, sleep: Sleep) -> None:
        """Wait before the slice is read from its first row again: of what came nothing was sent.

        :param error: with which the read broke off.
        :param sleep: waits, for half a minute at most.
        :raises RetryLater: the error, when the read has broken off too often.
        """
        wait = self._new_beginnings.next_wait(0)
        if wait is None or isinstance(error, Interrupted):
            raise error
        log.warning("%s The slice is read from its first row again: nothing of it was sent.", error)
        await sleep(wait)

    async def _resume_after(self, after: Watermark | None) -> None:
        self.part = self.part.resumed_at(after) if after else self.part
        self._bounds = self.part.bounds()
        self.is_resumed, self.tie_filter = True, None
        await self.count()

    def handled_before(self, rows: pa.RecordBatch, stamps: Sequence[int]) -> Sequence[bool]:
        """Say of the leading rows at the old watermark which were handled before.

        :param stamps: ``UPDATED_AT`` of all rows of the batch, as integers.
        """
        after = self.part.after
        if after is None or self.tie_filter is None:
            return ()
        if position_of_stamp(stamps[0], rows.column(UPDATED_AT).type.unit) != after.position:
            return ()
        ties = bisect_right(stamps, stamps[0])
        return [self.tie_filter.is_handled(row_hash) for row_hash in row_hashes(rows, 0, ties)]

    async def cancel_after(self, failure: BaseException) -> None:
        """Stop a running count or read. Some drivers ask the network for it, so the event loop does not wait.

        :param failure: of the run; when nothing can be stopped, that is noted on it.
        """
        with keeping(failure, "the running query could not be stopped"):
            await self._call_aside(self._source.cancel)

    def _new_ties(self) -> int:
        """Rows by which the group at the watermark has changed."""
        return abs(self._more_ties())

    def _more_ties(self) -> int:
        after, at_position = self.part.after, self._counts.at_position
        return at_position - len(after.ties) if after and at_position else 0

    def _stamped_behind(self) -> int:
        """Rows behind the upper bound that go out all the same."""
        return self._stamped_passed() + self.stamped.found_ahead

    def _stamped_passed(self) -> int:
        return min(self.stamped.found - self.stamped.found_ahead, self._counts.passed)

    async def _choose_bounds(self) -> Bounds:
        """Read the rows at the watermark again only if that can bring something new."""
        after = self.part.after
        if after is None or not self._counts.at_position:
            return self._bounds
        if after.ties.exact is not None:
            self.tie_filter = TieFilter(after.ties)
        elif self._new_ties():
            ties = after.ties
            self.tie_filter = TieFilter(ties, await self._call_aside(lambda: self._intact_buckets(ties)))
        else:
            return self._bounds
        return self.part.bounds_with_ties()

    def _intact_buckets(self, ties: Ties) -> list[bool]:
        with closing(self._source.read(self.part.bounds_of_ties())) as group:
            return intact_buckets(ties, (row_hash for rows in group for row_hash in row_hashes(rows)))


class _Reopenings:
    """How often a read that broke off is opened again: not for ever, where it comes no further.

    :param settings: how often, and how many rows are a good way.
    """

    def __init__(self, settings: DeliverySettings) -> None:
        self._most, self._good_way = settings.reopen_reads, settings.window_rows / 2
        self._number = self._rows_then = 0

    def next_wait(self, rows: int) -> float | None:
        """Return the seconds after which the read is opened again; None when it has broken off too often.

        :param rows: how many have come so far.
        """
        if rows - self._rows_then >= self._good_way:  # it came a good way: this is no standstill
            self._number, self._rows_then = 0, rows
        if self._number == self._most:
            return None
        self._number += 1
        return min(2.0 ** (self._number - 1), LONGEST_REOPEN_WAIT)


_STAMPED = (
    "{number:,} rows have the time of the query itself as UPDATED_AT (current_timestamp in a view or in sql=): every "
    "run sends all of them again. To send only what changed, give each row the time of its change, in a column that "
    "the load fills"
)

_NOT_DUE = {
    "future": "{number:,} rows are stamped later than now: they are skipped and will be sent when their time has come",
    "settling": "{number:,} rows are younger than settle= asks for: a later run sends them when they are old enough",
    "no_updated_at": "{number:,} rows have no UPDATED_AT, or one outside of what can be read "
    "(infinity, a year before Christ or after 9999): they are never sent until it is filled in",
}
