"""The flow of a run: slice -> rows -> lanes -> batches -> outcomes -> watermark and report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pyarrow as pa

from airflow_provider_cdi.engine.delivery.conversation import Conversations
from airflow_provider_cdi.engine.delivery.delivery import Delivery
from airflow_provider_cdi.engine.delivery.lanes import Batch, Lanes
from airflow_provider_cdi.engine.delivery.senders import Senders
from airflow_provider_cdi.engine.guards.gate_check import GateCheck
from airflow_provider_cdi.engine.outcome.checkpoints import Checkpoints
from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.reading.slice_reader import SliceReader
from airflow_provider_cdi.engine.report import Report, report_of
from airflow_provider_cdi.engine.rows.jobs import Jobs
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.supervisor import Supervisor
from airflow_provider_cdi.engine.watch import Watch
from airflow_provider_cdi.exceptions import JobsRunning, RetryLater, SourceError

#: Batches that may wait to be sent: what was just encoded is still in the processor's cache when it is.
BATCHES_AHEAD = 16


class Run:
    """One try of one run.

    :param inputs: what it needs.
    """

    def __init__(self, inputs: RunInputs) -> None:
        self._inputs, self._clock, self._settings = inputs, inputs.clock, inputs.settings
        self._moved, self._rows_started, self._seconds_without_rows = asyncio.Event(), 0, 0.0
        jobs, self._tasks = Jobs(inputs.jobs), Supervisor(self._wind_down)
        self._reader, self._ledger = SliceReader.of(inputs), Ledger.of(inputs)
        self._gate, self._rejects = self._ledger.gate, self._ledger.rejects
        self._checkpoints = Checkpoints(
            inputs.journal, self._ledger, jobs, inputs.settings, inputs.clock,
            start=self._tasks.start, on_saved=self._note_saved, late=inputs.late,
        )  # fmt: skip
        self._conversations = Conversations(
            inputs, jobs, self._tasks, rows_started=lambda: self._rows_started, on_job=self._note_job
        )
        self._watch = Watch(inputs, self._ledger, self._checkpoints, self._conversations, self._tasks.fail)
        self._delivery = Delivery(inputs, self._conversations)
        self._senders = Senders(self._deliver, self._tasks, inputs.settings.batches_at_once)
        self._lanes = Lanes(inputs.destination.limits, self._senders.put, inputs.destination.merge)

    async def run(self) -> Report:
        """Read the slice and deliver it.

        :return: the report; it is also available from :meth:`report` when the run fails.
        :raises StopSync: when only a person can help.
        :raises RetryLater: when a new try may succeed. In both cases what was acknowledged is saved.
        """
        tasks = self._tasks
        with tasks.loose_errors_taken():
            with tasks.main(beside=self._watch.look):
                await self._flow()
            # Requests on their way get a moment to come back. Who only waits for jobs has none.
            late = await self._senders.end(at_once=isinstance(tasks.failure, JobsRunning))
            await self._checkpoints.close()
            if late:
                await asyncio.wait(late)
            if tasks.failure is None:
                await self._checkpoints.save(slice_is_done=True)
            else:
                await tasks.until_wound_down()
                await self._checkpoints.save_after(tasks.failure)
        if tasks.failure is not None:
            raise tasks.failure
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
        await self._prepare()
        await self._read()
        await self._wait_until(lambda: self._lanes.is_idle, no_more_rows=True)
        self._ledger.advance(to_the_row=True)
        if not self._gate.is_open:
            self._gate.decide()
        if self._tasks.failure is None:
            self._ledger.check_that_all_have_an_outcome()

    async def _prepare(self) -> None:
        """Look at the gates and get ready. A later try has only the rest before it: the first one was let through."""
        inputs, gates = self._inputs, None if self._reader.is_resumed else self._inputs.gates
        ask, sleep = self._conversations.ask, self._clock.sleep
        check = gates and GateCheck(gates, self._reader, inputs.destination, ask, sleep)
        if check and (found := check.numbers()):
            inputs.on_gates(found)
        if inputs.prepare is not None:
            await inputs.call_aside(inputs.prepare)
        if check:
            found = await check.rows()
            await inputs.call_aside(lambda: inputs.on_gates(found))

    async def _read(self) -> None:
        """Read to the end of the slice. A read that breaks off is opened again behind what was delivered."""
        while True:
            try:
                async with aclosing(await self._reader.read(self._ledger.reread_ties_with)) as batches:
                    while (rows := await self._next(batches)) is not None:
                        await self._enter(rows)
            except RetryLater as error:
                await self._wait_until(lambda: self._lanes.is_idle, no_more_rows=True)
                self._ledger.advance(to_the_row=True)
                if not self._ledger.is_settled:
                    raise
                behind, came = self._ledger.restart_behind_prefix, self._ledger.rows_entered
                await self._reader.reopen(error, came, behind, self._clock.sleep)
            else:
                return

    async def _next(self, batches: AsyncGenerator[pa.RecordBatch, None]) -> pa.RecordBatch | None:
        began = self._clock.monotonic()
        rows = await anext(batches, None)
        self._seconds_without_rows += self._clock.monotonic() - began
        return rows

    async def _enter(self, rows: pa.RecordBatch) -> None:
        await self._wait_until(lambda: self._ledger.bytes_held <= self._settings.window_bytes)
        entries = self._inputs.destination.encode(rows)
        try:
            blocks = self._ledger.enter(rows)
        except ValueError as error:
            raise SourceError(f"The source cannot be synced safely: {error}.") from error
        handled = self._reader.handled_before(rows, blocks[0].stamps) if self._reader.tie_filter else ()
        for block in blocks:
            self._rows_started += block.stop - block.start
            due = block.take_in(entries, handled, by_this_run=self._reader.is_resumed)
            for record in due:
                self._lanes.add(record)
            self._watch.moved_at = self._clock.monotonic()
            if len(due) < block.stop - block.start:  # some of its rows need no request
                self._ledger.advance()
                self._note_advance()
            await self._wait_until(self._is_room_for_more)

    async def _deliver(self, batch: Batch) -> None:
        async with aclosing(self._delivery.deliver(batch.records)) as parts:
            async for outcomes in parts:
                self._ledger.apply(outcomes)
        self._lanes.finish(batch)
        self._ledger.advance()
        self._note_advance()

    def _is_room_for_more(self) -> bool:
        is_ahead = self._lanes.batches_out >= BATCHES_AHEAD and (  # no more can wait than are out
            self._senders.waiting + self._conversations.waiting >= BATCHES_AHEAD
        )
        unsaved = self._rows_started - self._checkpoints.rows_saved
        return not is_ahead and unsaved < self._settings.window_rows and not self._rejects.are_many

    def _note_advance(self) -> None:
        self._watch.moved_at = self._clock.monotonic()
        if self._gate.is_shut:
            self._gate.check()
        unsaved = self._ledger.rows_in_prefix - self._checkpoints.rows_saved
        if unsaved >= self._settings.window_rows / 2 or self._rejects.are_many:
            self._checkpoints.call()
        self._moved.set()

    def _note_saved(self) -> None:
        self._gate.check()
        self._moved.set()

    def _note_job(self) -> None:
        self._watch.moved_at = self._clock.monotonic()
        self._checkpoints.call()

    async def _wait_until(self, condition: Callable[[], bool], *, no_more_rows: bool = False) -> None:
        """Wait for the senders. A batch that is not full goes out when no other is, or it would wait for ever.

        So batches are full, and a later try that reads the same rows makes the same ones.

        :param no_more_rows: nothing will fill the open batches any more.
        """
        while not condition() and self._tasks.failure is None:
            if self._lanes.is_idle:  # only a checkpoint can make room, which the gate may hold up
                self._gate.decide()
                self._checkpoints.call()
            elif no_more_rows or not self._lanes.batches_out:
                self._lanes.flush()
            self._moved.clear()
            await self._moved.wait()

    async def _wind_down(self, failure: BaseException) -> None:
        self._moved.set()
        self._checkpoints.call_after(failure)
        await self._reader.cancel_after(failure)

    def report(self) -> Report:
        """Return the numbers so far."""
        return report_of(
            self._inputs, self._ledger, self._checkpoints, self._conversations,
            seconds=self._clock.monotonic() - self._watch.started, seconds_without_rows=self._seconds_without_rows,
        )  # fmt: skip
