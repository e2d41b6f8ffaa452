"""Checkpoints: what is saved while a run goes on, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from airflow_provider_cdi.engine.clean_up import keeping
from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.ports import Clock
from airflow_provider_cdi.engine.reading.late_rows import LateRows
from airflow_provider_cdi.engine.rows.jobs import Jobs, SubmittedJob
from airflow_provider_cdi.engine.rows.progress import Journal, Progress, Reached
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.engine.supervisor import Work
from airflow_provider_cdi.exceptions import Superseded


class Checkpoints:
    """Saves what the ledger knows.

    :param journal: where it is saved.
    :param ledger: knows the outcomes. Until its gate is open, nothing is saved from the first reject on.
    :param jobs: knows what the destination is at work on.
    :param settings: for how long progress may be unsaved.
    :param clock: where time comes from.
    :param start: starts a task of the run.
    :param on_saved: called when there may be room again.
    :param late: counts the rows below the watermark; None when nobody wants to know.
    """

    def __init__(
        self,
        journal: Journal,
        ledger: Ledger,
        jobs: Jobs,
        settings: DeliverySettings,
        clock: Clock,
        *,
        start: Callable[[Work], asyncio.Task[None]],
        on_saved: Callable[[], None],
        late: LateRows | None = None,
    ) -> None:
        self._start, self._on_saved = start, on_saved
        self._saver: asyncio.Task[None] | None = None
        self._late = late
        self._journal = journal
        self._ledger = ledger
        self._gate = ledger.gate
        self._jobs = jobs
        self._checkpoint_seconds = settings.checkpoint_seconds
        self._clock = clock
        self._due = asyncio.Event()
        self._is_closing = False
        #: Rows of the prefix that were saved last.
        self.rows_saved = 0
        self._jobs_saved: tuple[SubmittedJob, ...] = ()
        self._saved_at = clock.monotonic()
        #: The one that was saved last.
        self.watermark = ledger.watermark()

    def call(self) -> None:
        """Have one saved soon. The first call starts the task that saves; none starts it when the run ends."""
        self._due.set()
        if self._saver is None and not self._is_closing:
            self._saver = self._start(self._save_when_due)

    def call_after(self, failure: BaseException) -> None:
        """Have what is known when a run fails saved soon, whatever comes back after that."""
        if not isinstance(failure, Superseded):
            self.call()

    def call_if_old(self) -> None:
        """Have one saved soon when the last one is too long ago."""
        if self._clock.monotonic() - self._saved_at >= self._checkpoint_seconds:
            self.call()

    async def close(self) -> None:
        """Save no more by itself, and wait for what is being saved: what came last is saved at the end of the run."""
        self._is_closing = True
        if self._saver is not None:
            self._due.set()
            await asyncio.wait([self._saver])

    async def save(self, *, slice_is_done: bool = False) -> None:
        """Save what is new. Where rejects cannot be written down, what comes before the first of them is saved.

        :param slice_is_done: whether all rows of the slice were entered and have their outcome.
        """
        self._ledger.advance(to_the_row=True)
        before = self._ledger.rejects.before
        if before is not None and not self._gate.is_open:
            await self._save(before, ())
            return
        reached, rejects = self._ledger.reached(slice_is_done=slice_is_done), list(self._ledger.rejects.waiting)
        try:
            await self._save(reached, rejects, slice_is_done=slice_is_done)
        except Exception as error:
            if before is not None and not isinstance(error, Superseded):
                with keeping(error, "what was delivered before the first unwritten reject could not be saved"):
                    await self._save(before, ())
            raise
        if rejects:
            self._ledger.rejects.forget(len(rejects), reached)

    async def save_after(self, failure: BaseException) -> None:
        """Save what was delivered before a run failed, and what came back after that."""
        if not isinstance(failure, Superseded):  # what that knows is old: saved, it would take the place of the new
            with keeping(failure, "what was delivered last could not be saved, and is sent again"):
                await self.save()

    async def _save_when_due(self) -> None:
        """Save whenever one was called for, until :meth:`close`; nothing is saved any more when one fails."""
        while True:
            await self._due.wait()
            self._due.clear()
            if self._is_closing:
                return
            await self.save()
            self._on_saved()

    async def _save(self, reached: Reached, rejects: Sequence[RejectedRow], *, slice_is_done: bool = False) -> None:
        jobs = () if slice_is_done else self._jobs.to_save(reached.covered)
        if reached.rows == self.rows_saved and jobs == self._jobs_saved and not slice_is_done:
            return
        below = self._late.below(reached) if self._late else None
        await self._journal.commit(Progress(reached.watermark, reached.totals, jobs, below), rejects)
        self.rows_saved, self._jobs_saved = reached.rows, jobs
        self.watermark = reached.watermark
        self._saved_at = self._clock.monotonic()
