"""The sync itself: slice -> rows -> lanes -> batches -> outcomes -> watermark and report."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from random import Random

import pyarrow as pa

from airflow_provider_cdi.engine.block import Block
from airflow_provider_cdi.engine.checkpoints import Checkpoints, Journal, Progress
from airflow_provider_cdi.engine.delivery import Delivery
from airflow_provider_cdi.engine.guards import DeleteCap
from airflow_provider_cdi.engine.jobs import Jobs, SubmittedJob
from airflow_provider_cdi.engine.lanes import Batch, Lanes
from airflow_provider_cdi.engine.ledger import Ledger
from airflow_provider_cdi.engine.pacing import Pacer
from airflow_provider_cdi.engine.ports import Clock, Destination, Source, Transport
from airflow_provider_cdi.engine.reading import read_in_thread
from airflow_provider_cdi.engine.records import Record, Rejection
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.sentry import Sentry
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.engine.slice import Slice
from airflow_provider_cdi.engine.slice_reader import ReadAhead, SliceReader
from airflow_provider_cdi.engine.totals import Totals
from airflow_provider_cdi.exceptions import CdiError, Interrupted, JobsRunning, RetryLater, SourceError, Superseded

log = logging.getLogger(__name__)

#: Batches that may wait to be sent: what was just encoded is still in the processor's cache when it is.
BATCHES_AHEAD = 16
#: How often the stop request, the checkpoint's age and the progress line are looked at, in seconds.
TICK = 0.5
#: Time between two progress lines, in seconds.
PROGRESS_EVERY = 5.0
#: Longest wait before a read that broke off is opened again, in seconds; the first is one second, then it doubles.
LONGEST_REOPEN_WAIT = 30.0
#: Time that requests on their way have to come back when the run ends early, in seconds. Airflow kills a task that
#: was told to end after 5 seconds, and there is still something to save then.
GRACE = 2.5


class Sync:
    """One try of one run.

    :param source: where rows come from.
    :param destination: what they become and what answers mean.
    :param transport: sends requests.
    :param journal: where progress and rejects are saved.
    :param clock: where time comes from.
    :param settings: how to deliver.
    :param random: for the jitter of back-offs.
    :param stop_requested: whether the run is to end early.
    :param delete_cap: for a destination that deletes.
    :param patience: seconds without any movement, while jobs are at work on the other side, after which the try ends
        with :class:`~airflow_provider_cdi.exceptions.JobsRunning`; a later try goes on with the same jobs.
    :param sentry: keeps requests back after a pause of the process; None where nobody can take over.
    :param read_ahead: how a blocking reader is read beside the event loop.
    """

    def __init__(
        self,
        source: Source,
        destination: Destination,
        transport: Transport,
        journal: Journal,
        *,
        clock: Clock,
        settings: DeliverySettings | None = None,
        random: Random | None = None,
        stop_requested: Callable[[], bool] = lambda: False,
        delete_cap: DeleteCap | None = None,
        patience: float = math.inf,
        sentry: Sentry | None = None,
        read_ahead: ReadAhead = read_in_thread,
    ) -> None:
        self._source = source
        self._destination = destination
        self._journal = journal
        self._clock = clock
        self._settings = settings or DeliverySettings()
        self._stop_requested = stop_requested
        self._delete_cap = delete_cap
        self._patience = patience
        self._sentry = sentry
        self._read_ahead = read_ahead
        self._ready: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._lanes = Lanes(destination.limits, self._ready.put_nowait, destination.merge)
        self._delivery = Delivery(
            destination,
            transport,
            pacer=Pacer(
                clock, self._settings.requests_per_second, destination.rates, rate_share=self._settings.rate_share
            ),
            settings=self._settings,
            clock=clock,
            random=random or Random(),  # noqa: S311 (jitter, not a secret)
            stop_requested=self._is_ending,
            rows_entered=lambda: self._rows_started,
            on_job=self._checkpoint_is_due_for_a_job,
            sentry=sentry,
        )
        self._moved = asyncio.Event()
        self._failure: BaseException | None = None
        self._rows_started = 0
        self._seconds_without_rows = 0.0
        self._moved_at = 0.0

    async def run(self, part: Slice, progress: Progress | None = None, jobs: Sequence[SubmittedJob] = ()) -> Report:
        """Read the slice and deliver it.

        :param part: the slice; for a resumed run the rest of it (:meth:`Slice.resumed_at`).
        :param progress: the checkpoint of an earlier try of the same run.
        :param jobs: what the destination may still be at work on, from an earlier try or run.
        :return: the report; it is also available from :meth:`report` when the run fails.
        :raises StopSync: when only a person can help.
        :raises RetryLater: when a new try may succeed. In both cases what was acknowledged is saved.
        """
        self._described, self._shown = part.describe(), part.shown
        self._started = self._moved_at = self._clock.monotonic()
        self._delivery.jobs = Jobs(jobs)
        totals = progress.totals if progress else None
        self._ledger = Ledger(self._destination.contract, part.after, totals, up_to=part.up_to)
        self._checkpoints = Checkpoints(self._journal, self._ledger, self._delivery.jobs, self._settings, self._clock)
        self._slice_reader = SliceReader(
            self._source,
            part,
            is_resumed=progress is not None,
            read_ahead=self._read_ahead,
            with_total=self._delete_cap is not None,
        )
        self._slice_reader.count()
        await self._slice_reader.look_for_stamped_rows(self._clock.sleep)
        self._note_rows_not_due()
        self._due = self._slice_reader.due
        if self._due:
            if self._delete_cap is not None:
                self._slice_reader.check(self._delete_cap)
            await self._read_and_deliver()
        if not isinstance(self._failure, Superseded):  # what it knows is old: saved, it would take the place of the new
            await self._checkpoints.save(slice_is_done=self._failure is None)
        if self._failure is not None:
            raise self._failure
        return self.report()

    def report(self) -> Report:
        """Return the numbers so far."""
        watermark = self._ledger.watermark(slice_is_done=self._failure is None)
        return Report(
            slice=self._described,
            totals=self._ledger.settled_totals() + Totals(unknown=self._delivery.rows_in_doubt),
            traffic=self._delivery.traffic,
            seconds=self._clock.monotonic() - self._started,
            seconds_without_rows=self._seconds_without_rows,
            watermark=self._shown(watermark.position) if watermark else None,
        )

    def _note_rows_not_due(self) -> None:
        for reason, number in self._slice_reader.not_due().items():
            self._ledger.totals.skipped_because[reason] = number
            log.warning("%s", _NOT_DUE[reason].format(number=number))
        if self._slice_reader.stamped:
            log.warning("%s", _STAMPED.format(number=self._slice_reader.stamped.found))

    # --- the flow -------------------------------------------------------------------------------------

    async def _read_and_deliver(self) -> None:
        senders = [asyncio.create_task(self._send_batches()) for _ in range(self._settings.max_in_flight)]
        saver = asyncio.create_task(self._checkpoints.save_when_due(self._moved.set, self._fail))
        ticker = asyncio.create_task(self._tick())
        self._reader = asyncio.create_task(self._read_slice())
        try:
            await self._reader
            await self._wait_until(lambda: self._lanes.is_idle, no_more_rows=True)
        except asyncio.CancelledError:
            self._fail(Interrupted(_TOLD_TO_END))
        except Exception as error:  # raised again at the end of run(), when what was acknowledged is saved
            self._fail(error)
        finally:
            ticker.cancel()
            await self._end(senders, saver)

    async def _read_slice(self) -> None:
        reopened, rows = 0, 0
        while True:
            try:
                if reopened:
                    self._slice_reader.go_on_behind(self._ledger.go_on_behind_prefix())
                await self._read()
            except Interrupted:
                raise
            except RetryLater as error:
                await self._wait_until(lambda: self._lanes.is_idle, no_more_rows=True)
                # Rows that the query stamps come from the first one again: they bring a read no further.
                came = 0 if self._slice_reader.stamped else self._rows_started - rows
                if came >= self._settings.window_rows / 2:
                    reopened, rows = 0, self._rows_started  # it came a good way: this is no standstill
                if reopened == self._settings.reopen_reads:
                    raise
                log.warning("%s The read is opened again behind the rows that came.", error)
                await self._clock.sleep(min(2.0**reopened, LONGEST_REOPEN_WAIT))
                reopened += 1
            else:
                return

    async def _read(self) -> None:
        async with aclosing(self._slice_reader.read(self._ledger.reread_ties_with)) as batches:
            while (rows := await self._next_of(batches)) is not None:
                await self._wait_until(lambda: self._ledger.bytes_held <= self._settings.window_bytes)
                await self._enter(rows)

    async def _next_of(self, batches: AsyncGenerator[pa.RecordBatch, None]) -> pa.RecordBatch | None:
        began = self._clock.monotonic()
        rows = await anext(batches, None)
        self._seconds_without_rows += self._clock.monotonic() - began
        return rows

    async def _enter(self, rows: pa.RecordBatch) -> None:
        entries = self._destination.encode(rows)
        try:
            blocks = self._ledger.enter(rows)
        except ValueError as error:
            raise SourceError(f"The source cannot be synced safely: {error}.") from error
        handled = self._slice_reader.handled_before(rows, blocks[0].stamps)
        for block in blocks:
            self._rows_started += block.stop - block.start
            self._distribute(block, entries, handled)
            self._note_movement()
            await self._wait_until(self._is_room_for_more)

    def _is_room_for_more(self) -> bool:
        waiting = self._ready.qsize() + self._delivery.waiting
        return waiting < BATCHES_AHEAD and self._checkpoints.have_room(self._rows_started)

    def _distribute(self, block: Block, entries: list[Record | Rejection], handled: Sequence[bool]) -> None:
        is_handled, add = len(handled) > block.start, self._lanes.add
        for row, entry in enumerate(entries[block.start : block.stop], block.start):
            if is_handled and row < len(handled) and handled[row]:
                block.note_handled(row, by_this_run=self._slice_reader.is_resumed)
            elif isinstance(entry, Rejection):
                block.reject(row, entry)
            else:
                entry.block, entry.row = block, row
                add(entry)

    async def _send_batches(self) -> None:
        while await self._send_next_batch():
            pass

    async def _send_next_batch(self) -> bool:
        """Send one batch; say whether to go on. A sender that waits for the next one holds none any more."""
        batch = await self._ready.get()
        if batch is None or self._is_ending():
            return False
        try:
            await self._delivery.deliver(batch.records)
        except Exception as error:  # raised again at the end of run()
            self._fail(error)
            return False
        self._lanes.finish(batch)
        self._note_movement()
        return True

    def _note_movement(self) -> None:
        self._moved_at = self._clock.monotonic()
        self._ledger.advance()
        self._checkpoints.call_if_due()
        self._moved.set()

    async def _wait_until(self, condition: Callable[[], bool], *, no_more_rows: bool = False) -> None:
        """Wait for the senders. A batch that is not full goes out when no other is, or it would wait for ever.

        So batches are full, and a later try that reads the same rows makes the same ones.

        :param no_more_rows: nothing will fill the open batches any more.
        """
        while not condition() and self._failure is None:
            if no_more_rows or not self._lanes.has_batches_out:
                self._lanes.flush()
            self._moved.clear()
            await self._moved.wait()

    def _checkpoint_is_due_for_a_job(self) -> None:
        self._moved_at = self._clock.monotonic()
        self._checkpoints.call()

    # --- watching and ending --------------------------------------------------------------------------

    async def _tick(self) -> None:
        next_line = self._started + PROGRESS_EVERY
        while True:
            await self._clock.sleep(TICK)
            await self._look_for_a_pause()
            now = self._clock.monotonic()
            self._checkpoints.call_if_old()
            if now >= next_line:
                self._log_progress(now - self._started)
                next_line = now + PROGRESS_EVERY
            if self._stop_requested():
                self._fail(Interrupted(_TOLD_TO_END))
            if now - self._moved_at >= self._patience and (running := self._delivery.jobs.running):
                self._fail(JobsRunning(running))

    async def _look_for_a_pause(self) -> None:
        if self._sentry is None:
            return
        try:
            await self._sentry.look()
        except CdiError as error:
            self._fail(error)

    def _log_progress(self, seconds: float) -> None:
        totals = self._ledger.totals
        done, due = self._ledger.rows_in_prefix, max(self._due, 1)
        rate = done / seconds if seconds else 0.0
        eta = f"{(due - done) / rate:.0f} s left" if rate and due >= done else "time left unknown"
        rejected = totals.rejected + totals.unknown
        log.info(
            "%s of about %s rows (%.0f %%), %s rows/s, %s, %s rejects",
            f"{done:,}", f"{due:,}", min(100.0, 100 * done / due), f"{rate:,.0f}", eta, f"{rejected:,}",
        )  # fmt: skip

    def _is_ending(self) -> bool:
        return self._failure is not None or self._stop_requested()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
            self._slice_reader.cancel()
            self._reader.cancel()
            self._moved.set()

    async def _end(self, senders: Sequence[asyncio.Task[None]], saver: asyncio.Task[None]) -> None:
        """End all tasks; requests on their way get a moment to come back, so that few outcomes stay unknown."""
        if self._failure is not None and not isinstance(self._failure, Superseded):
            self._checkpoints.call()  # what is known now is saved now, whatever the grace brings
        for _ in senders:
            self._ready.put_nowait(None)
        # Who only waits for jobs has no request on its way.
        grace = 0 if isinstance(self._failure, JobsRunning) else GRACE
        _, late = await asyncio.wait(senders, timeout=grace)
        for sender in late:
            sender.cancel()
        self._checkpoints.close()
        await asyncio.gather(saver, *late, return_exceptions=True)


_TOLD_TO_END = "The task was told to end. What was acknowledged is saved; a new try goes on from there."

_STAMPED = (
    "{number:,} rows have the time of the query itself as UPDATED_AT (current_timestamp in a view or in sql=): every "
    "run sends all of them again. To send only what changed, give each row the time of its change, in a column that "
    "the load fills"
)

_NOT_DUE = {
    "future": "{number:,} rows are stamped later than now: they are skipped and will be sent when their time has come",
    "no_updated_at": "{number:,} rows have no UPDATED_AT: they are never sent until it is filled in",
}
