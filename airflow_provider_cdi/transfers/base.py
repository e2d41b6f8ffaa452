"""What all syncs share: arguments, context, state, report. One subclass per destination says the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_cdi.engine.settings import FIRST_ROWS
from airflow_provider_cdi.exceptions import (
    ConfigurationError,
    JobsRunning,
    StopSync,
)
from airflow_provider_cdi.state.airflow_calls import calling, steady
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.state.identity import (
    Identity,
    Reading,
    default_sync_id,
    former_mapped_name,
    former_sync_id,
    mapped_name,
)
from airflow_provider_cdi.transfers.arguments.arguments import SyncArguments, own_names, shows_arguments
from airflow_provider_cdi.transfers.destination_side import DestinationSide
from airflow_provider_cdi.transfers.runs.repeats import look_for_repeats
from airflow_provider_cdi.transfers.runs.reporting import RunTold, refuse_too_many_rejects, without_values
from airflow_provider_cdi.version_compat import AirflowFailException

# A DAG file imports this module: what needs pyarrow, a driver or an HTTP library is imported when a task runs.
if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_cdi.engine.delivery.sentry import Sentry
    from airflow_provider_cdi.engine.ports import Destination, Source
    from airflow_provider_cdi.engine.reading.late_rows import LateRows
    from airflow_provider_cdi.engine.report import Report
    from airflow_provider_cdi.engine.run_inputs import RunInputs
    from airflow_provider_cdi.rejects.file import RejectFile
    from airflow_provider_cdi.state.sync_state import SyncState
    from airflow_provider_cdi.transfers.runs.plan import RunRequest
    from airflow_provider_cdi.transfers.runs.state import RunState
    from airflow_provider_cdi.transfers.runs.waiting import Waiting

_OWN = frozenset(own_names(SyncArguments))


class WarehouseSyncOperator(DestinationSide):
    """Sends the rows of a warehouse table that changed since the last run to a destination.

    Not used directly: see :class:`~airflow_provider_cdi.transfers.warehouse_to_braze.WarehouseToBrazeOperator`
    for the arguments.
    """

    template_fields: Sequence[str] = (
        "warehouse_conn_id",
        "source",
        "sql",
        "partition",
        "initial",
        "sync_mode",
        "since",
        "until",
        "is_dry_run",
        "rejects_path",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}
    ui_color = "#e6f2ff"

    @shows_arguments(SyncArguments)
    def __init__(self, *, data_type: str, **arguments: Unpack[SyncArguments]) -> None:
        airflows: dict[str, Any] = {name: arguments[name] for name in arguments if name not in _OWN}  # type: ignore[literal-required]
        super().__init__(max_active_tis_per_dag=arguments.get("max_active_tis_per_dag", 1), **airflows)
        self.data_type = data_type
        self.warehouse_conn_id = arguments["warehouse_conn_id"]
        self.source = arguments.get("source")
        self.sql = arguments.get("sql")
        self.columns = arguments.get("columns")
        self.payload_columns = arguments.get("payload_columns", ())
        self.partition = arguments.get("partition")
        self.watermark_timezone = arguments.get("watermark_timezone")
        self.settle = arguments.get("settle", timedelta(0))
        self.check_late = arguments.get("check_late", False)
        self.same_source = arguments.get("same_source")
        self.allow_repeats = arguments.get("allow_repeats", False)
        sync_id = arguments.get("sync_id")
        self.sync_id = default_sync_id(self.dag_id, self.task_id) if sync_id is None else sync_id
        self._has_default_sync_id = sync_id is None
        self.initial = arguments.get("initial", "everything")
        self.sync_mode = arguments.get("sync_mode")
        self.since = arguments.get("since")
        self.until = arguments.get("until")
        self.is_dry_run = arguments.get("dry_run")
        self.lock_run_choices = arguments.get("lock_run_choices")
        self.rejects_path = arguments.get("rejects_path")
        self._rejects_path_as_written = self.rejects_path
        self.allow_rejects_anywhere = arguments.get("allow_rejects_anywhere", False)
        self.max_reject_percent = arguments.get("max_reject_percent")
        self.stop_if_all_rejected = arguments.get("stop_if_all_rejected", FIRST_ROWS)
        delivery = arguments.get("delivery")
        self.delivery = self.usual_delivery if delivery is None else delivery
        self.checkpoint = arguments.get("checkpoint", "auto")
        # Inlet and outlet: an asset that is only an outlet loses its state when the DAG file is gone for a moment.
        asset = sync_asset(str(self.sync_id))  # whether it is a text at all is checked below
        self.inlets = [*(one for one in self.inlets if one != asset), asset]
        self.outlets = [*(one for one in self.outlets if one != asset), asset]
        self._is_told_to_end = False
        self._told = RunTold()
        self._cancel_reading: Callable[[], None] | None = None

    # --- one try --------------------------------------------------------------------------------------

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the sync and return its report."""
        return self._try(context)

    def _try(self, context: Context, waited: Waiting | None = None) -> dict[str, Any]:
        self._told = RunTold()
        try:
            with without_values("The sync"), calling():
                report = self._run(context, waited)
            for line in report.lines():
                self.log.info("%s", line)
            refuse_too_many_rejects(report, self.max_reject_percent)
        except StopSync as error:
            self._told.leave(context["ti"], error)
            raise AirflowFailException(str(error)) from error
        except Exception as error:
            self._told.leave(context["ti"], error)
            raise
        return report.to_json()

    def on_kill(self) -> None:
        """Stop sending, save what was acknowledged, and end the query in the warehouse."""
        self._is_told_to_end = True
        if self._cancel_reading:
            self._cancel_reading()

    def _run(self, context: Context, waited: Waiting | None) -> Report:
        self.check_rendered()
        request = self._request(context)
        look_for_repeats(self, context)
        state = self._open_state(context)
        with state.at_work(sends=not request.dry_run, goes_on=waited is not None):
            return self._run_plan(request, context, waited, state)

    def _run_plan(self, request: RunRequest, context: Context, waited: Waiting | None, state: SyncState) -> Report:
        from airflow_provider_cdi.transfers.runs.plan import loads_history, resolve_mode

        # Before the source is opened: another one than the record's is not even looked at.
        mode = resolve_mode(request, context)
        state.load(starting_over=mode == "full", needs_watermark=mode == "incremental" and waited is None)
        # The columns that it wants are the same for every kind of run; which kind this is, the source's clock tells.
        source = self._open_source(self.make_destination(loads_history=False))
        run = self._plan(request, context, waited, state, now=source.opened_at)
        destination = self.make_destination(loads_history=loads_history(run.plan.slice, request))
        self._told.about = self._about(context, run)
        name, place = self._name_of(context["ti"]), self.destination_name()
        self.log.info("Sync %s to %s: %s", name, place, run.plan.slice.describe())
        if run.plan.is_replay:
            self.log.info("The run had finished and was cleared: it sends its rows again, and the watermark stays")
        if request.dry_run:
            report = self._rehearse(context, source, destination, run)
        else:
            report = self._deliver(context, source, destination, run, waited)
        if report.dry_run or not run.plan.slice.moves_watermark:
            saved = run.state.watermark
            report.watermark = run.plan.slice.shown(saved.position) if saved else None
        report.about = self._told.about
        if run.plan.is_replay:
            report.slice = f"replay of {report.slice}"
        self._told.numbers = lambda: report
        self._announce(context, report)
        return report

    def _announce(self, context: Context, report: Report) -> None:
        """Put the numbers into the event of the sync's asset; a dry run, which sent nothing, makes no event."""
        asset = sync_asset(self.sync_id)
        if report.dry_run:
            self.outlets = [one for one in self.outlets if one != asset]
        else:
            context["outlet_events"][asset].extra = report.to_json()

    def _request(self, context: Context) -> RunRequest:
        from airflow_provider_cdi.engine.reading.source_clock import SourceClock
        from airflow_provider_cdi.transfers.runs.choices import choose, declared_params
        from airflow_provider_cdi.transfers.runs.plan import RunRequest

        said = {"sync_mode": self.sync_mode, "since": self.since, "until": self.until, "dry_run": self.is_dry_run}
        is_locked = (
            self.data_type in self.deleting_data_types if self.lock_run_choices is None else self.lock_run_choices
        )
        choices = choose(said, context, declared_params(context, self), is_locked=is_locked)
        clock = SourceClock.of(self.watermark_timezone)
        initial = self.initial.isoformat() if isinstance(self.initial, date) else self.initial
        return RunRequest(
            choices.sync_mode, choices.since, choices.until, initial, clock, choices.dry_run, settle=self.settle
        )

    def _open_source(self, destination: Destination) -> Source:
        from airflow_provider_cdi.engine.reading.partition import Partition
        from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

        source = get_warehouse_hook(self.warehouse_conn_id, self.sync_id).source(
            self.source,
            sql=self.sql,
            contract=destination.contract,
            columns=self.columns,
            payload_columns=self.payload_columns,
            partition=Partition.parse(self.partition) if self.partition else None,
            watermark_timezone=self.watermark_timezone,
        )
        self._cancel_reading = source.cancel
        return source

    def _open_state(self, context: Context) -> SyncState:
        from airflow_provider_cdi.state.stores.choice import choose_stores
        from airflow_provider_cdi.state.sync_state import SyncState

        steadied, identity = steady(context), self._identity(context["ti"])
        stores = choose_stores(steadied, identity, in_variables=self.checkpoint == "variable")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return SyncState(steadied["ti"], identity, at, stores, log=self.log)

    def _identity(self, ti: Any) -> Identity:
        former = former_sync_id(ti.dag_id, ti.task_id)
        reads = Reading.of(
            source=self.source,
            sql=self.sql,
            connection=self.warehouse_conn_id,
            columns=self.columns or {},
            timezone=self.watermark_timezone,
            partition=self.partition if ti.map_index is None or ti.map_index < 0 else None,
            same_source=self.same_source,
        )
        return Identity(
            self._name_of(ti),
            self.data_type,
            self.destination_name(),
            default_sync_id(ti.dag_id, ti.task_id),
            asset_id=self.sync_id,
            reads=reads,
            former_names=self._former_names(ti),
            former_owner=former,
        )

    def _former_names(self, ti: Any) -> tuple[str, ...]:
        """Return what earlier versions called this sync, where that was something else."""
        sync_id = former_sync_id(ti.dag_id, ti.task_id) if self._has_default_sync_id else self.sync_id
        is_mapped = ti.map_index is not None and ti.map_index >= 0
        name = former_mapped_name(sync_id, self.source, self.partition) if is_mapped else sync_id
        return (name,) if name != self._name_of(ti) else ()

    def _plan(
        self, request: RunRequest, context: Context, waited: Waiting | None, state: SyncState, *, now: datetime
    ) -> RunState:
        from airflow_provider_cdi.state.plan import PlanStore
        from airflow_provider_cdi.transfers.runs.plan import new_plan, resolve_mode, resume_or_replay
        from airflow_provider_cdi.transfers.runs.state import RunState

        mode, record = resolve_mode(request, context), state.record
        plans = PlanStore(state.stores.plan, context["ti"].run_id, state.identity)
        if waited is not None:
            return RunState(state, plans, waited.plan, waited.checkpoint)
        earlier = None if request.dry_run else plans.load()
        left_over = resume_or_replay(earlier, mode, context, record)
        plan, checkpoint = left_over or (new_plan(request, mode, context, record, now), None)
        return RunState(state, plans, plan, checkpoint)

    def _name_of(self, ti: Any) -> str:
        """Return the sync's name; a mapped task's name says which table and which partition it is."""
        if ti.map_index is None or ti.map_index < 0:
            return self.sync_id
        if not (self.source or self.partition):
            raise ConfigurationError(
                f"The mapped task {self.task_id!r} reads a query: give each of its instances a partition= or use "
                "source= with a view, so that its watermark keeps its place when their order changes."
            )
        return mapped_name(self.sync_id, self.source, self.partition)

    def _deliver(
        self, context: Context, source: Source, destination: Destination, run: RunState, waited: Waiting | None
    ) -> Report:
        from airflow_provider_cdi.transfers.runs.gc_tuning import seldom_collected
        from airflow_provider_cdi.transfers.runs.reject_places import warn_of_several_machines

        rejects = self._rejects(context, run)
        warn_of_several_machines(rejects, self.executor, self.log)
        run.plans.save(run.plan)
        self._told.rejects_files = rejects.places
        try:
            with seldom_collected():
                report = asyncio.run(self._send(source, destination, rejects, run))
            self._join(rejects, run)
            run.finish()
        except JobsRunning as running:
            self.wait_for(running.jobs, run, waited)
            raise
        report.rejects_files = rejects.places()
        return report

    async def _send(self, source: Source, destination: Destination, rejects: RejectFile, run: RunState) -> Report:
        from airflow_provider_cdi.engine.clean_up import keeping
        from airflow_provider_cdi.engine.rows.progress import Progress
        from airflow_provider_cdi.engine.run import Run
        from airflow_provider_cdi.transfers.runs.journal import TaskJournal

        part, progress, earlier = run.plan.slice, None, run.checkpoint
        if earlier is not None:
            progress = Progress(earlier.watermark, earlier.totals)
            part = part.resumed_at(earlier.watermark) if earlier.watermark else part
            self.log.info("Going on behind %s rows of an earlier try", f"{earlier.totals.rows_read:,}")
        sentry = self._make_sentry(run.state)
        async with self.make_transport() as transport:
            transport.stand_behind(sentry)
            settings, late = self.delivery_settings(), self._late_rows(source, run)
            journal = TaskJournal(rejects, run.save)
            attempt = Run(
                self._inputs(
                    source=source,
                    destination=destination,
                    transport=transport,
                    journal=journal,
                    part=part,
                    progress=progress,
                    jobs=earlier.jobs if earlier else run.state.jobs,
                    settings=settings,
                    sentry=sentry,
                    late=late,
                    prepare=self._preparation(destination, rejects.prove),
                )
            )
            self._told.numbers = attempt.report
            try:
                return await attempt.run()
            except JobsRunning:
                raise
            except BaseException as error:
                with keeping(error, "the numbers of the run could not be shown"):
                    report = attempt.report()
                    report.rejects_files = rejects.places()
                    self.log.warning("%s", "\n".join(["The run ended early", *report.lines()]))
                raise

    def _rehearse(self, context: Context, source: Source, destination: Destination, run: RunState) -> Report:
        from airflow_provider_cdi.engine.run import Run
        from airflow_provider_cdi.transfers.runs.dry_run import DryJournal, DryRunDestination, NoTransport

        rejects = self._rejects(context, run)
        settings = replace(self.delivery, requests_per_second=None)
        agreeable, late = DryRunDestination(destination), self._late_rows(source, run)
        rehearsal = Run(
            self._inputs(
                source=source,
                destination=agreeable,
                transport=NoTransport(),
                journal=DryJournal(),
                part=run.plan.slice,
                settings=settings,
                late=late,
                prepare=self._preparation(destination, rejects.look),
            )
        )
        self._told.numbers, self._told.is_dry_run = rehearsal.report, True
        report = asyncio.run(rehearsal.run())
        report.dry_run = True
        # A success without any record would look like lost state to the next run.
        run.state.touch()
        return report

    def _preparation(self, destination: Destination, look_at_rejects: Callable[[], None]) -> Callable[[], None]:
        def prepare() -> None:
            look_at_rejects()
            self.prepare_destination(destination)

        return prepare

    def _inputs(self, **inputs: Any) -> RunInputs:
        """Add to the inputs of a run what the task says of every one."""
        from airflow_provider_cdi.engine.clock import SystemClock
        from airflow_provider_cdi.engine.run_inputs import RunInputs

        return RunInputs(
            **inputs,
            clock=SystemClock(),
            stop_requested=lambda: self._is_told_to_end,
            delete_cap=self.delete_cap_or_none(),
            patience=self.patience(),
            stop_if_all_rejected=self.stop_if_all_rejected,
        )

    def _late_rows(self, source: Source, run: RunState) -> LateRows | None:
        """Return what counts the rows that came late, in a run that moves the watermark."""
        from airflow_provider_cdi.engine.reading.late_rows import LateRows

        if not self.check_late or not run.plan.slice.moves_watermark:
            return None
        return LateRows(source, run.checkpoint.below if run.checkpoint else run.state.below)

    def _make_sentry(self, state: SyncState) -> Sentry:
        from airflow_provider_cdi.engine.clock import SystemClock
        from airflow_provider_cdi.engine.delivery.sentry import Sentry
        from airflow_provider_cdi.transfers.runs.fence import TaskFence

        clock = SystemClock()
        return Sentry(TaskFence(state), clock.elapsed, clock.sleep)

    def _rejects(self, context: Context, run: RunState) -> RejectFile:
        from airflow_provider_cdi.rejects.file import RejectFile
        from airflow_provider_cdi.transfers.runs.reject_places import (
            configured_root,
            host_of,
            rejects_path,
            rejects_top,
        )
        from airflow_provider_cdi.transfers.runs.reject_roots import check_below_root

        given, written = self.rejects_path, self._rejects_path_as_written
        if given is not None and not self.allow_rejects_anywhere:
            check_below_root(given, written, configured_root())
        ti, earlier = context["ti"], run.checkpoint.rejects if run.checkpoint else ()
        return RejectFile(
            rejects_path(given, ti),
            earlier=earlier,
            try_number=ti.try_number,
            host=host_of(ti),
            top=rejects_top(given, written),
        )

    def _join(self, rejects: RejectFile, run: RunState) -> None:
        """Make one file of the rejects that lie here; the files that it was made of go when the record names it."""
        superfluous = rejects.join()
        if run.checkpoint is not None and run.checkpoint.rejects != rejects.parts:
            run.save(replace(run.checkpoint, rejects=rejects.parts))
        rejects.remove(superfluous)

    def _about(self, context: Context, run: RunState) -> dict[str, Any]:
        return {
            "sync_id": self._name_of(context["ti"]),
            "data_type": self.data_type,
            "destination": self.destination_name(),
            "run_id": context["ti"].run_id,
            "mode": run.plan.slice.mode,
            "moves_watermark": run.plan.slice.moves_watermark,
            "replay": run.plan.is_replay,
        }
