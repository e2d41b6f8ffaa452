"""The flow of a run: slice -> rows -> lanes -> batches -> outcomes -> watermark and report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

import pyarrow as pa

from airflow_provider_cdi.engine.assembly import ledger_of, reader_of
from airflow_provider_cdi.engine.clean_up import keeping
from airflow_provider_cdi.engine.delivery.conversation import Conversations
from airflow_provider_cdi.engine.delivery.delivery import Delivery
from airflow_provider_cdi.engine.delivery.lanes import Batch, Lanes
from airflow_provider_cdi.engine.delivery.senders import Senders
from airflow_provider_cdi.engine.ending import end_tasks, save_after
from airflow_provider_cdi.engine.outcome.checkpoints import Checkpoints
from airflow_provider_cdi.engine.outcome.row_block import RowBlock
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.retrying_reader import RetryingReader
from airflow_provider_cdi.engine.rows.jobs import Jobs
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.supervisor import Supervisor
from airflow_provider_cdi.engine.watch import Watch
from airflow_provider_cdi.exceptions import SourceError

#: Batches that may wait to be sent: what was just encoded is still in the processor's cache when it is.
BATCHES_AHEAD = 16


class Run:
    """One try of one run.

    :param inputs: what it needs.
    """

    def __init__(self, inputs: RunInputs) -> None:
        self._inputs, self._clock, self._settings = inputs, inputs.clock, inputs.settings
        self._moved, self._rows_started = asyncio.Event(), 0
        jobs, self._supervisor = Jobs(inputs.jobs), Supervisor(self._wind_down)
        self._reader, self._ledger = reader_of(inputs), ledger_of(inputs)
        self._gate = self._ledger.gate
        self._checkpoints = Checkpoints(
            inputs.journal, self._ledger, jobs, inputs.settings, inputs.clock,
            start=self._supervisor.start, on_saved=self._note_saved, late=inputs.late,
        )  # fmt: skip
        self._rows = RetryingReader(self._reader, self._ledger, inputs.clock, inputs.settings, self._until_delivered)
        self._conversations = Conversations(
            inputs, jobs, is_ending=self._is_ending, rows_started=lambda: self._rows_started, on_job=self._note_job
        )
        self._watch = Watch(inputs, self._ledger, self._checkpoints, self._conversations, self._supervisor.fail)
        was_accepted = inputs.totals_before.accepted > 0
        self._delivery = Delivery(inputs.destination, self._conversations, accepted_before=was_accepted)
        self._senders = Senders(self._deliver, self._supervisor.start, self._is_ending, inputs.settings.batches_at_once)
        self._lanes = Lanes(inputs.destination.limits, self._senders.put, inputs.destination.merge)

    async def run(self) -> Report:
        """Read the slice and deliver it.

        :return: the report; it is also available from :meth:`report` when the run fails.
        :raises StopSync: when only a person can help.
        :raises RetryLater: when a new try may succeed. In both cases what was acknowledged is saved.
        """
        with self._supervisor.loose_errors_taken():
            await self._supervisor.run_main(self._flow, beside=self._watch.look)
            await end_tasks(self._supervisor.failure, self._senders, self._checkpoints)
            if self._supervisor.failure is None:
                await self._checkpoints.save(slice_is_done=True)
            else:
                await save_after(self._supervisor.failure, self._supervisor, self._checkpoints)
        if self._supervisor.failure is not None:
            raise self._supervisor.failure
        return self.report()

    async def _flow(self) -> None:
        await self._reader.count()
        await self._reader.look_for_stamped_rows(self._clock.sleep)
        not_due = self._reader.tell_not_due()
        self._watch.due = due = self._reader.due
        if not_due:
            self._ledger.note_not_due(not_due)
        if not due:
            return
        if self._inputs.delete_cap is not None:
            self._reader.check(self._inputs.delete_cap)
        if self._inputs.prepare is not None:
            await self._inputs.call_aside(self._inputs.prepare)
        async with aclosing(self._rows.batches()) as batches:
            async for rows in batches:
                await self._wait_until(lambda: self._ledger.bytes_held <= self._settings.window_bytes)
                await self._enter(rows)
        await self._until_delivered()
        self._ledger.advance(to_the_row=True)
        if not self._gate.is_open:
            self._gate.decide()
        if self._supervisor.failure is None:
            self._ledger.check_that_all_have_an_outcome()

    async def _enter(self, rows: pa.RecordBatch) -> None:
        entries = self._inputs.destination.encode(rows)
        try:
            blocks = self._ledger.enter(rows)
        except ValueError as error:
            raise SourceError(f"The source cannot be synced safely: {error}.") from error
        handled = self._reader.handled_before(rows, blocks[0].stamps) if self._reader.tie_filter else ()
        for block in blocks:
            self._rows_started += block.stop - block.start
            self._distribute(block, entries, handled)
            self._watch.moved_at = self._clock.monotonic()
            if block.pending < block.stop - block.start:  # some of its rows need no request
                self._note_movement()
            await self._wait_until(self._is_room_for_more)

    def _distribute(self, block: RowBlock, entries: list[Record | Rejection], handled: Sequence[bool]) -> None:
        is_handled, add = len(handled) > block.start, self._lanes.add
        for row, entry in enumerate(entries[block.start : block.stop], block.start):
            if is_handled and row < len(handled) and handled[row]:
                block.note_handled(row, by_this_run=self._reader.is_resumed)
            elif isinstance(entry, Rejection):
                block.reject(row, entry)
            else:
                entry.row = block.before + row
                add(entry)

    async def _deliver(self, batch: Batch) -> None:
        async with aclosing(self._delivery.deliver(batch.records)) as parts:
            async for outcomes in parts:
                self._ledger.apply(outcomes)
        self._lanes.finish(batch)
        self._note_movement()

    def _is_room_for_more(self) -> bool:
        is_ahead = self._lanes.batches_out >= BATCHES_AHEAD and (  # no more can wait than are out
            self._senders.waiting + self._conversations.waiting >= BATCHES_AHEAD
        )
        return not is_ahead and self._checkpoints.have_room(self._rows_started)

    def _note_movement(self) -> None:
        self._watch.moved_at = self._clock.monotonic()
        self._ledger.advance()
        if self._gate.is_shut:
            self._gate.check()
        self._checkpoints.call_if_due()
        self._moved.set()

    def _note_saved(self) -> None:
        self._gate.check()
        self._moved.set()

    def _note_job(self) -> None:
        self._watch.moved_at = self._clock.monotonic()
        self._checkpoints.call()

    async def _until_delivered(self) -> None:
        await self._wait_until(lambda: self._lanes.is_idle, no_more_rows=True)

    async def _wait_until(self, condition: Callable[[], bool], *, no_more_rows: bool = False) -> None:
        """Wait for the senders. A batch that is not full goes out when no other is, or it would wait for ever.

        So batches are full, and a later try that reads the same rows makes the same ones.

        :param no_more_rows: nothing will fill the open batches any more.
        """
        while not condition() and self._supervisor.failure is None:
            if self._lanes.is_idle:  # only a checkpoint can make room, which the gate may hold up
                self._gate.decide()
                self._checkpoints.call()
            elif no_more_rows or not self._lanes.batches_out:
                self._lanes.flush()
            self._moved.clear()
            await self._moved.wait()

    def _is_ending(self) -> bool:
        stop_requested = self._inputs.stop_requested
        return self._supervisor.failure is not None or (stop_requested is not None and stop_requested())

    async def _wind_down(self, failure: BaseException) -> None:
        self._moved.set()
        with keeping(failure, "the running query could not be stopped"):
            await self._reader.cancel()

    def report(self) -> Report:
        """Return the numbers so far."""
        totals = self._ledger.settled_totals()
        if self._conversations.in_doubt:
            totals += Totals(unknown=self._conversations.rows_in_doubt)
        watermark, part, late = self._checkpoints.watermark, self._inputs.part, self._inputs.late
        return Report(
            slice=part.describe(),
            watermark=part.shown(watermark.position) if watermark else None,
            totals=totals,
            traffic=self._conversations.traffic,
            seconds=self._clock.monotonic() - self._watch.started,
            seconds_without_rows=self._rows.seconds_without_rows,
            late=late.number if late else None,
        )
