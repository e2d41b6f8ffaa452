"""What all syncs share: how one try runs, and what it leaves behind. One subclass per destination says the rest."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import StopSync
from airflow_provider_cdi.state.airflow_calls import calling
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.transfers.declared_sync import DeclaredSync
from airflow_provider_cdi.transfers.runs.connection_users import naming_its_users
from airflow_provider_cdi.transfers.runs.repeats import look_for_repeats
from airflow_provider_cdi.transfers.runs.reporting import (
    RunTold,
    SyncStopped,
    refuse_too_many_rejects,
    tell_timeout,
    without_values,
)
from airflow_provider_cdi.version_compat import AirflowTaskTimeout, TaskDeferred

# A DAG file imports this module: what needs pyarrow, a driver or an HTTP library is imported when a task runs.
if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_cdi.engine.guards.gates import Gates
    from airflow_provider_cdi.engine.ports import Destination, Source
    from airflow_provider_cdi.engine.report import Report
    from airflow_provider_cdi.rejects.file import RejectFile
    from airflow_provider_cdi.rejects.index import RejectIndex
    from airflow_provider_cdi.state.sync_state import SyncState
    from airflow_provider_cdi.transfers.redrive.choice import RejectChoice
    from airflow_provider_cdi.transfers.redrive.redrive import Redrive
    from airflow_provider_cdi.transfers.redrive.sent_by_itself import SentByItself
    from airflow_provider_cdi.transfers.runs.attempt import Attempt
    from airflow_provider_cdi.transfers.runs.plan import RunRequest
    from airflow_provider_cdi.transfers.runs.state import RunState
    from airflow_provider_cdi.transfers.runs.waiting import Waiting


class WarehouseSyncOperator(DeclaredSync):
    """Sends the rows of a warehouse table that changed since the last run to a destination.

    Not used directly: see :class:`~airflow_provider_cdi.transfers.warehouse_to_braze.WarehouseToBrazeOperator`
    for the arguments.
    """

    _rejects_again: RejectChoice | None = None
    _is_told_to_end = False
    _told: RunTold

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the sync and return its report."""
        return self._try(context)

    def redrive(self, context: Context, chosen: RejectChoice) -> dict[str, Any]:
        """Send rejected rows again for another task, whatever the run was asked for, and return the report.

        :param context: of that task; its task instance has the names of this sync.
        :param chosen: which rejects.
        """
        self._rejects_again = chosen
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
            # Cause and cure stand in the message; a second traceback would only push it out of sight.
            raise SyncStopped(error) from None
        except AirflowTaskTimeout as error:
            tell_timeout(error)
            self._told.leave(context["ti"], error)
            raise
        except Exception as error:
            self._told.leave(context["ti"], error)
            raise
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
        self._told.begin(context["ti"])
        request = self._request(context)
        self._told.is_dry_run = request.dry_run
        look_for_repeats(self, context)
        state = self.open_state(context)
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
        self._tell_plan(context, run)
        redrive = self._redrive(request, context, run, source, destination) if mode == "rejects" else None
        if request.dry_run and self.dry_run_sample is not None and redrive is None:
            self._show_sample(source, destination, run)
        gates = None if request.pass_gates else self.gates()
        attempt = self._attempt(context, source, destination, run, gates=gates, redrive=redrive)
        report = attempt.dry_run() if request.dry_run else attempt.deliver(waited)
        self._remove_old_rejects(context, attempt.rejects)
        self._complete(report, run)
        self._announce(context, report)
        return report

    def _tell_plan(self, context: Context, run: RunState) -> None:
        self._told.about |= _about_run(run)
        name, place = self.name_of(context["ti"]), self.destination_name()
        self.log.info("Sync %s to %s: %s", name, place, run.plan.slice.describe())
        if run.plan.is_replay:
            self.log.info("The run had finished and was cleared: it sends its rows again, and the watermark stays")

    def _complete(self, report: Report, run: RunState) -> None:
        """Put into the report what only the plan and the state of the run know."""
        if report.dry_run or not run.plan.slice.moves_watermark:
            saved = run.state.watermark
            report.watermark = run.plan.slice.shown(saved.position) if saved else None
        report.about = self._told.end_of_run()
        if run.plan.is_replay:
            report.slice = f"replay of {report.slice}"
        self._told.numbers = lambda: report

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
        if self._rejects_again is not None:  # of what the run was asked for, only a dry run means this task
            said = {"dry_run": self.is_dry_run}
        choices = choose(said, context, declared_params(context, self), is_locked=self.is_locked)
        clock = SourceClock.of(self.watermark_timezone)
        initial = self.initial.isoformat() if isinstance(self.initial, date) else self.initial
        return RunRequest(
            "rejects" if self._rejects_again is not None else choices.sync_mode,
            choices.since,
            choices.until,
            initial,
            clock,
            choices.dry_run,
            settle=self.settle,
            pass_gates=choices.pass_gates,
            rejects=self._rejects_again or choices.rejects,
        )

    def _redrive(
        self, request: RunRequest, context: Context, run: RunState, source: Source, destination: Destination
    ) -> Redrive:
        """Take the rejects that the run sends again."""
        from airflow_provider_cdi.transfers.redrive.choice import RejectChoice
        from airflow_provider_cdi.transfers.redrive.redrive import Redrive

        ti, kept = context["ti"], run.plan.slice.rejects or {}
        redrive = Redrive.opened(
            self._reject_index(context, run),
            RejectChoice.from_json(kept),
            source,  # type: ignore[arg-type]  # every source of this package finds rows by their keys
            destination.contract,
            name=self.name_of(ti),
            every_row=self.counts_every_row(),
            watermark=run.state.watermark,
            save_watermark=run.state.note_known_rows,
            run_id=None if request.dry_run else ti.run_id,
            rows_before=run.checkpoint.totals.rows_read if run.checkpoint else 0,
        )
        redrive.tell(self.log)
        return redrive

    def _attempt(
        self,
        context: Context,
        source: Source,
        destination: Destination,
        run: RunState,
        *,
        gates: Gates | None,
        redrive: Redrive | None,
    ) -> Attempt:
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
            gates=gates,
            redrive=redrive,
            sent_by_itself=self._sent_by_itself(context, run, source, destination),
        )

    def _sent_by_itself(
        self, context: Context, run: RunState, source: Source, destination: Destination
    ) -> SentByItself | None:
        part = run.plan.slice
        if part.mode != "incremental" or not part.moves_watermark or not self.counts_every_row():
            return None
        from airflow_provider_cdi.transfers.redrive.sent_by_itself import SentByItself

        return SentByItself(
            open_index=partial(self._reject_index, context, run),
            source=source,  # type: ignore[arg-type]  # every source of this package finds rows by their keys
            contract=destination.contract,
            name=self.name_of(context["ti"]),
            run_id=context["ti"].run_id,
            log=self.log,
        )

    def _reject_index(self, context: Context, run: RunState) -> RejectIndex:
        from airflow_provider_cdi.transfers.rejects.places import host_of
        from airflow_provider_cdi.transfers.rejects.stored import reject_index

        return reject_index(self, host=host_of(context["ti"]), known=run.state.reject_parts())

    def _rejects(self, context: Context, run: RunState) -> RejectFile:
        from airflow_provider_cdi.transfers.rejects.kept import kept_for
        from airflow_provider_cdi.transfers.rejects.places import reject_file

        kept_for(self.rejects_keep)  # a wrong option is told before anything is sent
        return reject_file(
            context["ti"],
            self.name_of(context["ti"]),
            given=self.rejects_path,
            written=self.rejects_path_as_written,
            anywhere=self.allow_rejects_anywhere,
            earlier=run.checkpoint.rejects if run.checkpoint else (),
        )

    def _remove_old_rejects(self, context: Context, written: RejectFile) -> None:
        """Delete what is older than ``rejects_keep``, when this run has rejects itself; others cost nothing."""
        from airflow_provider_cdi.transfers.rejects.kept import remove_old_rejects
        from airflow_provider_cdi.transfers.rejects.places import host_of

        if written.parts:
            remove_old_rejects(self, host=host_of(context["ti"]), needed=written.parts)

    def _about(self, context: Context) -> dict[str, Any]:
        return {
            "sync_id": self.name_of(context["ti"]),
            "data_type": self.data_type,
            "destination": self.destination_name(),
            "run_id": context["ti"].run_id,
        }


def _about_run(run: RunState) -> dict[str, Any]:
    part = run.plan.slice
    return {
        "mode": part.mode,
        "moves_watermark": part.moves_watermark,
        "read_up_to": part.read_up_to(),
        "replay": run.plan.is_replay,
    }
