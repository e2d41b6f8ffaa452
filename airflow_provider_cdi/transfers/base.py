"""What all syncs share: arguments, context, state, report. One subclass per destination says the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_cdi.engine.settings import FIRST_ROWS
from airflow_provider_cdi.exceptions import ConfigurationError, StopSync
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
from airflow_provider_cdi.transfers.runs.connection_users import naming_its_users
from airflow_provider_cdi.transfers.runs.repeats import look_for_repeats
from airflow_provider_cdi.transfers.runs.reporting import RunTold, refuse_too_many_rejects, without_values
from airflow_provider_cdi.version_compat import AirflowFailException, TaskDeferred

# A DAG file imports this module: what needs pyarrow, a driver or an HTTP library is imported when a task runs.
if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_cdi.engine.ports import Destination, Source
    from airflow_provider_cdi.engine.report import Report
    from airflow_provider_cdi.rejects.file import RejectFile
    from airflow_provider_cdi.state.sync_state import SyncState
    from airflow_provider_cdi.transfers.runs.attempt import Attempt
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
        self.dry_run_sample = arguments.get("dry_run_sample")
        self.dry_run_mask = arguments.get("dry_run_mask", ("all",))
        self.lock_run_choices = arguments.get("lock_run_choices")
        self.rejects_path = arguments.get("rejects_path")
        self._rejects_path_as_written = self.rejects_path
        self.allow_rejects_anywhere = arguments.get("allow_rejects_anywhere", False)
        self.max_reject_percent = arguments.get("max_reject_percent")
        self.stop_if_all_rejected = arguments.get("stop_if_all_rejected", FIRST_ROWS)
        delivery = arguments.get("delivery")
        self.delivery = self.default_delivery if delivery is None else delivery
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
            with naming_its_users(context), without_values("The sync"), calling():
                report = self._run(context, waited)
            for line in report.lines():
                self.log.info("%s", line)
            refuse_too_many_rejects(report, self.max_reject_percent)
        except TaskDeferred:
            self._told.leave_deferred(context["ti"])
            raise
        except StopSync as error:
            self._told.leave(context["ti"], error)
            raise AirflowFailException(str(error)) from error
        except Exception as error:
            self._told.leave(context["ti"], error)
            raise
        if waited is not None:
            self._told.replace(context["ti"], report)
        return report.to_json()

    def on_kill(self) -> None:
        """Stop sending, save what was acknowledged, and end the query in the warehouse."""
        self._is_told_to_end = True
        if self._cancel_reading:
            self._cancel_reading()

    def _run(self, context: Context, waited: Waiting | None) -> Report:
        self.check_rendered()
        self._told.about = self._about(context)
        request = self._request(context)
        look_for_repeats(self, context)
        state = self._open_state(context)
        with state.at_work(sends=not request.dry_run, goes_on=waited is not None):
            return self._run_plan(request, context, waited, state)

    def _run_plan(self, request: RunRequest, context: Context, waited: Waiting | None, state: SyncState) -> Report:
        from airflow_provider_cdi.transfers.runs.plan import loads_history, resolve_mode
        from airflow_provider_cdi.transfers.runs.state import RunState

        # Before the source is opened: another one than the record's is not even looked at.
        mode = resolve_mode(request, context)
        state.load(starting_over=mode == "full", needs_watermark=mode == "incremental" and waited is None)
        # The columns that it wants are the same for every kind of run; which kind this is, the source's clock tells.
        source = self.open_source(self.make_destination(loads_history=False))
        run = RunState.planned(request, context, waited, state, source)
        destination = self.make_destination(loads_history=loads_history(run.plan.slice, request))
        self._told.about |= _about_run(run)
        name, place = self._name_of(context["ti"]), self.destination_name()
        self.log.info("Sync %s to %s: %s", name, place, run.plan.slice.describe())
        if run.plan.is_replay:
            self.log.info("The run had finished and was cleared: it sends its rows again, and the watermark stays")
        if request.dry_run and self.dry_run_sample is not None:
            self._show_sample(source, destination, run)
        attempt = self._attempt(context, source, destination, run)
        report = attempt.dry_run() if request.dry_run else attempt.deliver(waited)
        if report.dry_run or not run.plan.slice.moves_watermark:
            saved = run.state.watermark
            report.watermark = run.plan.slice.shown(saved.position) if saved else None
        report.about = self._told.about
        if run.plan.is_replay:
            report.slice = f"replay of {report.slice}"
        self._told.numbers = lambda: report
        self._announce(context, report)
        return report

    def _show_sample(self, source: Source, destination: Destination, run: RunState) -> None:
        """Show in the log what the first rows become: the author of the DAG has asked for it."""
        from airflow_provider_cdi.preview.masks import Mask
        from airflow_provider_cdi.transfers.preview import sample_of, shown

        part, mask = run.plan.slice, Mask.of(self.dry_run_mask)
        sample = sample_of(self, source, destination, part, rows=self.dry_run_sample or 1)
        for line in shown(self, part, sample, mask=mask).lines():
            self.log.info("%s", line)

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

    def open_source(self, destination: Destination) -> Source:
        """Look at the source and match its columns with what the destination wants. Reads no row of it, or a few."""
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

        steadied, identity = steady(context), self.identity(context["ti"])
        stores = choose_stores(steadied, identity, in_variables=self.checkpoint == "variable")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return SyncState(steadied["ti"], identity, at, stores, log=self.log)

    def identity(self, ti: Any) -> Identity:
        """Return what is fixed for the life of the sync.

        :param ti: the task instance, or what has its ``dag_id``, ``task_id`` and ``map_index``.
        """
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

    def _attempt(self, context: Context, source: Source, destination: Destination, run: RunState) -> Attempt:
        from airflow_provider_cdi.transfers.runs.attempt import Attempt

        return Attempt(
            task=self,
            source=source,
            destination=destination,
            run=run,
            rejects=self._rejects(context, run),
            told=self._told,
            check_late=self.check_late,
            stop_if_all_rejected=self.stop_if_all_rejected,
            stop_requested=lambda: self._is_told_to_end,
        )

    def _rejects(self, context: Context, run: RunState) -> RejectFile:
        from airflow_provider_cdi.transfers.runs.reject_places import reject_file

        return reject_file(
            context["ti"],
            given=self.rejects_path,
            written=self._rejects_path_as_written,
            anywhere=self.allow_rejects_anywhere,
            earlier=run.checkpoint.rejects if run.checkpoint else (),
        )

    def _about(self, context: Context) -> dict[str, Any]:
        return {
            "sync_id": self._name_of(context["ti"]),
            "data_type": self.data_type,
            "destination": self.destination_name(),
            "run_id": context["ti"].run_id,
        }


def _about_run(run: RunState) -> dict[str, Any]:
    part = run.plan.slice
    return {"mode": part.mode, "moves_watermark": part.moves_watermark, "replay": run.plan.is_replay}
