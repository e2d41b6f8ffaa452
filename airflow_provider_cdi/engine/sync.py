"""The sync itself: slice -> rows -> lanes -> batches -> outcomes -> watermark and report."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, contextmanager
from functools import partial
from random import Random
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.engine.block import Block
from airflow_provider_cdi.engine.checkpoints import Checkpoints, Journal, Progress
from airflow_provider_cdi.engine.clean_up import keeping, note
from airflow_provider_cdi.engine.delivery import Delivery
from airflow_provider_cdi.engine.guards import DeleteCap
from airflow_provider_cdi.engine.jobs import Jobs, SubmittedJob
from airflow_provider_cdi.engine.lanes import Batch, Lanes
from airflow_provider_cdi.engine.late_rows import LateRows
from airflow_provider_cdi.engine.ledger import Ledger
from airflow_provider_cdi.engine.pacing import Pacer
from airflow_provider_cdi.engine.ports import CallAside, Clock, Destination, Source, Transport
from airflow_provider_cdi.engine.reading import LONGEST_GOODBYE, call_in_thread, read_in_thread
from airflow_provider_cdi.engine.records import Record, Rejection
from airflow_provider_cdi.engine.reject_gate import RejectGate
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.sentry import Sentry
from airflow_provider_cdi.engine.settings import FIRST_ROWS, DeliverySettings
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

#: What a task of the run does.
Work = Callable[[], Coroutine[Any, Any, None]]


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
    :param stop_if_all_rejected: after how many first rows, all rejected with one code, the run stops; None for never.
    :param late: counts the rows that came below the watermark; None when nobody wants to know.
    :param prepare: called beside the event loop when something is due, before the first row is read; what it raises
        ends the run.
    :param read_ahead: how a blocking reader is read beside the event loop.
    :param call_aside: how a blocking call is made beside it.
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
        stop_if_all_rejected: int | None = FIRST_ROWS,
        late: LateRows | None = None,
        prepare: Callable[[], None] | None = None,
        read_ahead: ReadAhead = read_in_thread,
        call_aside: CallAside = call_in_thread,
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
        self._gate = RejectGate(stop_if_all_rejected)
        self._late = late
        self._prepare = prepare
        self._read_ahead = read_ahead
        self._call_aside = call_aside
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
        self._flow_task: asyncio.Task[None] | None = None
        self._senders: list[asyncio.Task[None]] = []
        self._canceller: asyncio.Task[None] | None = None
        self._due = 0
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
        self._begin(part, progress, jobs)
        with self._loose_errors_taken():
            await self._read_and_deliver()
            await self._save_last()
        if self._failure is not None:
            raise self._failure
        return self.report()

    def _begin(self, part: Slice, progress: Progress | None, jobs: Sequence[SubmittedJob]) -> None:
        self._described, self._shown = part.describe(), part.shown
        self._started = self._moved_at = self._clock.monotonic()
        self._delivery.jobs = Jobs(jobs)
        totals = progress.totals if progress else None
        if totals is not None and totals.rows_read > totals.skipped:
            self._gate.open()
            self._delivery.note_accepted_before(totals.accepted)
        self._ledger = Ledger(self._destination.contract, part.after, totals, up_to=part.up_to, gate=self._gate)
        self._checkpoints = Checkpoints(
            self._journal, self._ledger, self._delivery.jobs, self._settings, self._clock, late=self._late
        )
        self._slice_reader = SliceReader(
            self._source,
            part,
            is_resumed=progress is not None,
            read_ahead=self._read_ahead,
            call_aside=self._call_aside,
            with_total=self._delete_cap is not None,
            late=self._late,
        )

    async def _save_last(self) -> None:
        failure = self._failure
        if failure is None:
            await self._checkpoints.save(slice_is_done=True)
        elif not isinstance(failure, Superseded):  # what that knows is old: saved, it would take the place of the new
            with keeping(failure, "what was delivered last could not be saved, and is sent again"):
                await self._checkpoints.save()

    def report(self) -> Report:
        """Return the numbers so far."""
        watermark = self._checkpoints.watermark
        return Report(
            slice=self._described,
            totals=self._ledger.settled_totals() + Totals(unknown=self._delivery.rows_in_doubt),
            traffic=self._delivery.traffic,
            seconds=self._clock.monotonic() - self._started,
            seconds_without_rows=self._seconds_without_rows,
            watermark=self._shown(watermark.position) if watermark else None,
            late=self._late.number if self._late else None,
        )

    def _note_rows_not_due(self) -> None:
        for reason, number in self._slice_reader.not_due().items():
            self._ledger.totals.skipped_because[reason] = number
            level = logging.INFO if reason == "settling" else logging.WARNING
            log.log(level, "%s", _NOT_DUE[reason].format(number=number))
        if self._slice_reader.stamped:
            log.warning("%s", _STAMPED.format(number=self._slice_reader.stamped.found))

    # --- the flow -------------------------------------------------------------------------------------

    async def _read_and_deliver(self) -> None:
        saver = self._spawn(partial(self._checkpoints.save_when_due, self._note_saved))
        ticker = self._spawn(self._tick)
        self._flow_task = self._spawn(self._flow)
        try:
            await self._flow_task
        except asyncio.CancelledError:  # whoever runs us wants the end, or the flow was ended because something failed
            self._fail(Interrupted(_TOLD_TO_END))
        except BaseException as error:  # a signal raised it just here
            self._fail(error)
        ticker.cancel()
        await self._end(saver)

    def _spawn(self, work: Work) -> asyncio.Task[None]:
        """Start a task of the run. Whatever goes wrong in any of them becomes the run's failure here, and only here."""
        return asyncio.create_task(self._supervised(work))

    async def _supervised(self, work: Work) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise  # asked for
            self._fail(
                RetryLater("A part of the run was cancelled by nobody; a new try goes on at the last checkpoint.")
            )
        except BaseException as error:  # Airflow's time-out of a task too: a signal raises it wherever we are
            self._fail(error)

    @contextmanager
    def _loose_errors_taken(self) -> Iterator[None]:
        """Let what a signal raises inside the event loop itself, between two tasks, end the run too."""
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()

        def take(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            if isinstance(error, BaseException) and not isinstance(error, Exception):
                self._fail(error)
            (before or _tell)(loop, context)

        loop.set_exception_handler(take)
        try:
            yield
        finally:
            loop.set_exception_handler(before)

    async def _flow(self) -> None:
        await self._slice_reader.count()
        await self._slice_reader.look_for_stamped_rows(self._clock.sleep)
        self._note_rows_not_due()
        self._due = self._slice_reader.due
        if not self._due:
            return
        if self._delete_cap is not None:
            self._slice_reader.check(self._delete_cap)
        if self._prepare is not None:
            await self._call_aside(self._prepare)
        self._senders = [self._spawn(self._send_batches) for _ in range(self._settings.max_in_flight)]
        await self._read_slice()
        await self._wait_until(lambda: self._lanes.is_idle, no_more_rows=True)
        self._ledger.advance(to_the_row=True)
        self._gate.decide()
        self._gate.check()
        if not self._ledger.is_settled and self._failure is None:
            raise CdiError(_ROWS_LEFT)

    async def _read_slice(self) -> None:
        reopened, rows = 0, 0
        while True:
            try:
                if reopened:
                    await self._slice_reader.go_on_behind(self._ledger.go_on_behind_prefix())
                await self._read()
            except Interrupted:
                raise
            except RetryLater as error:
                await self._wait_until(lambda: self._lanes.is_idle, no_more_rows=True)
                # Rows that the query stamps come from the first one again: they bring a read no further.
                came = 0 if self._slice_reader.stamped else self._rows_started - rows
                if came >= self._settings.window_rows / 2:
                    reopened, rows = 0, self._rows_started  # it came a good way: this is no standstill
                self._ledger.advance(to_the_row=True)
                if reopened == self._settings.reopen_reads or not self._ledger.is_settled:
                    raise
                log.warning("%s The read is opened again behind the rows that came.", error)
                await self._clock.sleep(min(2.0**reopened, LONGEST_REOPEN_WAIT))
                reopened += 1
            else:
                return

    async def _read(self) -> None:
        async with aclosing(await self._slice_reader.read(self._ledger.reread_ties_with)) as batches:
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
                if entry.adjusted:
                    block.adjusted[row] = entry.adjusted
                add(entry)

    async def _send_batches(self) -> None:
        while await self._send_next_batch():
            pass

    async def _send_next_batch(self) -> bool:
        """Send one batch; say whether to go on. A sender that waits for the next one holds none any more."""
        batch = await self._ready.get()
        if batch is None or self._is_ending():
            return False
        await self._delivery.deliver(batch.records)
        self._lanes.finish(batch)
        self._note_movement()
        return True

    def _note_movement(self) -> None:
        self._moved_at = self._clock.monotonic()
        self._ledger.advance()
        self._gate.check()
        self._checkpoints.call_if_due()
        self._moved.set()

    def _note_saved(self) -> None:
        self._gate.check()
        self._moved.set()

    async def _wait_until(self, condition: Callable[[], bool], *, no_more_rows: bool = False) -> None:
        """Wait for the senders. A batch that is not full goes out when no other is, or it would wait for ever.

        So batches are full, and a later try that reads the same rows makes the same ones.

        :param no_more_rows: nothing will fill the open batches any more.
        """
        while not condition() and self._failure is None:
            if no_more_rows or not self._lanes.has_batches_out:
                self._lanes.flush()
            if self._lanes.is_idle:  # only a checkpoint can make room, which the gate may hold up
                self._gate.decide()
                self._gate.check()
                self._checkpoints.call()
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
            if now - self._moved_at >= self._patience and self._only_waits_for_jobs():
                self._fail(JobsRunning(self._delivery.jobs.running))

    def _only_waits_for_jobs(self) -> bool:
        """Whether jobs are at work and nothing else: what is on its way may become one, which must not be lost."""
        return bool(self._delivery.jobs.running) and not self._delivery.may_be_changing

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
        if self._failure is not None:
            if not isinstance(error, CdiError):  # ours tell the same once more, each of those who were sending
                note(self._failure, "another part of the run failed", error)
            return
        self._failure = error
        if self._flow_task is not None:
            self._flow_task.cancel()
        self._moved.set()
        self._canceller = asyncio.create_task(self._cancel_reading(error))

    async def _cancel_reading(self, failure: BaseException) -> None:
        with keeping(failure, "the running query could not be stopped"):
            await self._slice_reader.cancel()

    async def _end(self, saver: asyncio.Task[None]) -> None:
        """End all tasks; requests on their way get a moment to come back, so that few outcomes stay unknown."""
        if self._failure is not None and not isinstance(self._failure, Superseded):
            self._checkpoints.call()  # what is known now is saved now, whatever the grace brings
        for _ in self._senders:
            self._ready.put_nowait(None)
        # Who only waits for jobs has no request on its way.
        grace = 0 if isinstance(self._failure, JobsRunning) else GRACE
        late = await _still_running(self._senders, grace)
        for sender in late:
            sender.cancel()
        self._checkpoints.close()
        await asyncio.wait([saver, *late])
        if self._canceller is not None:
            await _still_running([self._canceller], LONGEST_GOODBYE)


async def _still_running(tasks: Sequence[asyncio.Task[None]], seconds: float) -> set[asyncio.Task[None]]:
    """Wait for tasks for a while, and return those that have not ended."""
    if not tasks:
        return set()
    _, late = await asyncio.wait(tasks, timeout=seconds)
    return late


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)


_ROWS_LEFT = (
    "Rows were read that have no outcome, which must not be. They are not saved as passed: the next run reads them "
    "again. Please report this with the task's log."
)
_TOLD_TO_END = "The task was told to end. What was acknowledged is saved; a new try goes on from there."

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
