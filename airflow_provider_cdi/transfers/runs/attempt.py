"""One try of a run, put together before it starts: its rows are delivered, or looked at as if they were."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from airflow_provider_cdi.engine.clean_up import keeping
from airflow_provider_cdi.engine.clock import SystemClock
from airflow_provider_cdi.engine.guards.gates import Gates, stop_if_any
from airflow_provider_cdi.engine.ports import Destination, Source, Transport
from airflow_provider_cdi.engine.reading.late_rows import LateRows
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.rows.progress import Journal, Progress
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.sentry import Sentry
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import JobsRunning
from airflow_provider_cdi.forecast.dry_run import DryRun
from airflow_provider_cdi.forecast.scan import scan_of
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.state.sync_state import SyncState
from airflow_provider_cdi.transfers.destination_side import DestinationSide
from airflow_provider_cdi.transfers.redrive.redrive import Redrive
from airflow_provider_cdi.transfers.redrive.sent_by_itself import SentByItself
from airflow_provider_cdi.transfers.rejects.places import warn_of_several_machines
from airflow_provider_cdi.transfers.runs.journal import TaskFence, TaskJournal
from airflow_provider_cdi.transfers.runs.reporting import RunTold, status_of
from airflow_provider_cdi.transfers.runs.state import RunState
from airflow_provider_cdi.transfers.runs.waiting import Waiting

#: A sync makes hundreds of thousands of small objects a second, nearly none of them in cycles. With Python's own
#: thresholds a fifth of its CPU goes into looking for cycles, and every look at all objects walks through Airflow.
GC_THRESHOLDS = (20_000, 20, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one run.

    :param task: says how its destination wants to be talked to.
    :param source: where the rows come from.
    :param destination: what they become.
    :param run: what is to be read, and where progress is kept.
    :param rejects: where the rejects of this try go.
    :param told: gets what is known of the run while it is at work.
    :param check_late: whether a run that moves the watermark counts the rows that came below it.
    :param stop_if_all_rejected: after how many first rows, all rejected with one code, the run stops; None for never.
    :param stop_requested: whether the task was told to end.
    :param gates: how much the run may send; None when it may send everything.
    :param redrive: the rejects that are sent again; None for a run that reads rows by their time.
    :param sent_by_itself: marks rejects whose rows this run sends; None where a row may well come twice.
    """

    task: DestinationSide
    source: Source
    destination: Destination
    run: RunState
    rejects: RejectFile
    told: RunTold
    check_late: bool
    stop_if_all_rejected: int | None
    stop_requested: Callable[[], bool]
    gates: Gates | None
    redrive: Redrive | None = None
    sent_by_itself: SentByItself | None = None

    def deliver(self, waited: Waiting | None) -> Report:
        """Send the rows and save what became of them.

        :param waited: the wait for jobs from which the task came back; None for none.
        :raises JobsRunning: when jobs of the other side take longer than the task waits with its worker.
        """
        run, rejects = self.run, self.rejects
        warn_of_several_machines(rejects, self.task.executor, self.task.log)
        run.plans.save(run.plan)
        self.told.rejects_files = rejects.places
        try:
            with seldom_collected():
                report = asyncio.run(self._send())
            self._join_rejects()
            run.finish()
        except JobsRunning as running:
            self.task.wait_for(running.jobs, run, waited)
            raise
        report.rejects_files = rejects.places()
        return self._with_rejects(report)

    def dry_run(self) -> Report:
        """Read, check and batch the rows, and send nothing but the questions of the gate ``max_new_profiles``."""
        run = DryRun(
            self.destination,
            self.task.delivery_settings(),
            partial(self._inputs, look_at_rejects=self.rejects.look),
            self.task.make_transport,
            vendor=self.task.vendor,
            scan=partial(scan_of, self.redrive.source if self.redrive else self.source, self.run.plan.slice),
        )
        self.told.numbers, self.told.is_dry_run = (lambda: self._with_rejects(run.report())), True
        report = asyncio.run(run.run())
        if self.redrive is not None:
            self.redrive.outcomes.settle(report.totals.rows_read)
        # A success without any record would look like lost state to the next run.
        self.run.state.touch()
        return self._with_rejects(report)

    async def _send(self) -> Report:
        sentry = _make_sentry(self.run.state)
        async with self.task.make_transport() as transport:
            transport.stand_behind(sentry)
            run = Run(self._delivery_inputs(transport, sentry))
            self.told.numbers = self._numbers_of(run)
            try:
                return await run.run()
            except JobsRunning:
                raise
            except BaseException as error:
                with keeping(error, "the numbers of the run could not be shown"):
                    self._tell_the_end(self._numbers_of(run)(), error)
                raise

    def _delivery_inputs(self, transport: Transport, sentry: Sentry) -> RunInputs:
        inputs = self._inputs(
            self.destination,
            transport,
            TaskJournal(
                self.rejects,
                self.run.save,
                self._show_progress,
                self.redrive.outcomes.marking if self.redrive else None,
            ),
            self.task.delivery_settings(),
            look_at_rejects=self._prepare_rejects,
        )
        earlier = self.run.checkpoint
        if earlier is None:
            return replace(inputs, sentry=sentry, jobs=self.run.state.jobs)
        self.task.log.info("Going on behind %s rows of an earlier try", f"{earlier.totals.rows_read:,}")
        part = inputs.part
        if earlier.watermark and self.redrive is None:  # what was sent of rejects is marked, and not taken again
            part = part.resumed_at(earlier.watermark)
        progress = Progress(earlier.watermark, earlier.totals)
        return replace(inputs, sentry=sentry, jobs=earlier.jobs, part=part, progress=progress)

    def _prepare_rejects(self) -> None:
        self.rejects.prove()
        if self.sent_by_itself is not None:
            earlier = self.run.checkpoint.watermark if self.run.checkpoint else None
            self.sent_by_itself.mark(earlier or self.run.plan.slice.after)

    def _inputs(
        self,
        destination: Destination,
        transport: Transport,
        journal: Journal,
        settings: DeliverySettings,
        *,
        look_at_rejects: Callable[[], None],
    ) -> RunInputs:
        """Return what a run is made of, whether or not it sends."""

        def prepare() -> None:
            look_at_rejects()
            self.task.prepare_destination(self.destination)

        redrive = self.redrive
        return RunInputs(
            source=redrive.source if redrive else self.source,
            destination=destination,
            transport=transport,
            journal=journal,
            part=self.run.plan.slice,
            # A read that breaks off ends a try of rejects: the next one takes what is not marked.
            settings=replace(settings, reopen_reads=0) if redrive else settings,
            on_passed=redrive.outcomes.note_passed if redrive else None,
            late=self._late_rows(),
            prepare=prepare,
            clock=SystemClock(),
            stop_requested=self.stop_requested,
            gates=None if self.run.plan.passed_gates else self.gates,
            on_gates=self._stop_at_gates,
            patience=self.task.patience(),
            stop_if_all_rejected=None if redrive else self.stop_if_all_rejected,
            on_look=self.told.live.look if self.told.live is not None else None,
        )

    def _stop_at_gates(self, found: Sequence[str]) -> None:
        if self.gates is not None:
            stop_if_any(found, self.gates.way_on)
            self.run.note_passed_gates()

    def _with_rejects(self, report: Report) -> Report:
        if self.redrive is not None:
            report.redrive = self.redrive.numbers().to_json()
        return report

    def _numbers_of(self, run: Run) -> Callable[[], Report]:
        return lambda: self._with_rejects(run.report())

    def _late_rows(self) -> LateRows | None:
        run = self.run
        if not self.check_late or not run.plan.slice.moves_watermark:
            return None
        return LateRows(self.source, run.checkpoint.below if run.checkpoint else run.state.below)

    def _show_progress(self) -> None:
        live = self.told.live
        if live is not None and not live.in_thread:
            live.save()

    def _tell_the_end(self, report: Report, error: BaseException) -> None:
        report.rejects_files, report.failed_as = self.rejects.places(), status_of(error)
        self.task.log.warning("%s", "\n".join(["The run ended early", *report.lines()]))
        self.rejects.finish(())  # nothing is superfluous yet

    def _join_rejects(self) -> None:
        """Make one file of the rejects that lie here; the files that it was made of go when the record names it."""
        run, rejects = self.run, self.rejects
        superfluous = rejects.join()
        if run.checkpoint is not None and run.checkpoint.rejects != rejects.parts:
            run.save(replace(run.checkpoint, rejects=rejects.parts))
        rejects.finish(superfluous)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for cycles seldom, and not among what was imported before; leave everything as it was."""
    before, was_frozen = gc.get_threshold(), gc.get_freeze_count() > 0
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not was_frozen:
            gc.unfreeze()


def _make_sentry(state: SyncState) -> Sentry:
    clock = SystemClock()
    return Sentry(TaskFence(state), clock.elapsed, clock.sleep)
