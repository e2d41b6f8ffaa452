"""Watches syncs as a task: silence, lateness, and failures of which no callback told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import BaseOperator

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError
from airflow_provider_cdi.notifications.base import SyncNotifier
from airflow_provider_cdi.state.identity import default_sync_id
from airflow_provider_cdi.version_compat import AirflowFailException

# A DAG file imports this module: what looks and tells is imported when a task runs.
if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_cdi.watching.history import PastRun


class WatchedSync(NamedTuple):
    """A sync that is watched.

    :param dag_id: of its DAG.
    :param task_id: of its task, task groups included.
    :param sync_id: its own, where it was given one.
    """

    dag_id: str
    task_id: str
    sync_id: str | None = None


class WatchSyncsOperator(BaseOperator):
    """Tells of syncs that are silent or late, and of failures that nobody was told of; each once, and its end.

    It opens neither warehouse nor destination: it asks Airflow for the states of the syncs' tasks and the reports that
    their runs left, also those of another DAG. What it returns is ``{sync_id: [what is wrong, …]}``.

    .. seealso::
        :ref:`howto/operator:WatchSyncsOperator`

    :param syncs: the syncs: operators, task ids of the same DAG, or ``(dag_id, task_id)`` and
        ``(dag_id, task_id, sync_id)``; None for all syncs of the DAG.
    :param no_success_for: tell when no run ended well for so long; one with rejects did.
    :param no_rows_for: tell when no row was accepted for so long.
    :param lag_over: tell when what changed in the source longer ago than this was not read by a good run yet. It
        counts from the moment up to which the last good run read, so a source in which nothing changes does not lag.
    :param notify: one of Airflow's notifiers, or several. What they leave open of subject and text is filled.
    :param tell_failures: whether to tell also of a sync whose last run failed while no callback told of it: its worker
        was killed, or somebody marked it as failed.
    """

    ui_color = "#e6ffe6"

    def __init__(
        self,
        *,
        syncs: Sequence[Any] | None = None,
        no_success_for: timedelta | None = None,
        no_rows_for: timedelta | None = None,
        lag_over: timedelta | None = None,
        notify: Any = (),
        tell_failures: bool = True,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.watched = None if syncs is None else [_named(sync) for sync in syncs]
        self.no_success_for, self.no_rows_for, self.lag_over = no_success_for, no_rows_for, lag_over
        self.notify = list(notify) if isinstance(notify, list | tuple) else [notify]
        self.tell_failures = tell_failures
        self._contacts()  # what is no notifier is refused now
        for name in ("no_success_for", "no_rows_for", "lag_over"):
            bound = getattr(self, name)
            if bound is not None and not (isinstance(bound, timedelta) and bound > timedelta(0)):
                raise ConfigurationError(f"Task {self.task_id!r}: {name}={bound!r} makes no sense: give a timedelta.")

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Look at each sync once, and tell what changed."""
        contacts = self._contacts()
        found: dict[str, list[str]] = {}
        failed: list[CdiError] = []
        for sync in self._syncs():
            try:
                for sync_id, wrong in self._look(sync, contacts, context):
                    found[sync_id] = wrong
            except CdiError as error:  # the others are looked at all the same
                self.log.warning("%s of %s cannot be watched. %s", sync.task_id, sync.dag_id or self.dag_id, error)
                failed.append(error)
        if failed:
            raise failed[0]
        return found

    def _contacts(self) -> SyncNotifier:
        return SyncNotifier([one for given in self.notify for one in getattr(given, "notifiers", [given])])

    def _syncs(self) -> list[WatchedSync]:
        from airflow_provider_cdi.transfers.sync_tasks import SyncTask, is_sync

        dag = self.get_dag()
        if self.watched is None:
            tasks = [task for task in dag.tasks if is_sync(task)] if dag is not None else []
            return [WatchedSync(self.dag_id, task.task_id, SyncTask(dag, task).sync_id) for task in tasks if dag]
        return [self._known(sync) for sync in self.watched]

    def _known(self, sync: WatchedSync) -> WatchedSync:
        from airflow_provider_cdi.transfers.sync_tasks import SyncTask, is_sync, syncs_of

        if sync.dag_id:
            return sync
        dag = self.get_dag()
        task = dag.task_dict.get(sync.task_id) if dag is not None else None
        if dag is None or not is_sync(task):
            raise AirflowFailException(
                f"Task {self.task_id!r}: syncs= names {sync.task_id!r}, which is no sync of this DAG{syncs_of(dag)}. "
                "For a sync of another DAG give (dag_id, task_id)."
            )
        return WatchedSync(self.dag_id, sync.task_id, SyncTask(dag, task).sync_id)

    def _look(self, sync: WatchedSync, contacts: SyncNotifier, context: Context) -> Iterator[tuple[str, list[str]]]:
        from airflow_provider_cdi.watching.history import instances, past_runs
        from airflow_provider_cdi.watching.judgement import Bounds, Seen, alarms
        from airflow_provider_cdi.watching.memory import WatchMemory
        from airflow_provider_cdi.watching.telling import tell_alarms, tell_failure

        now, bounds = datetime.now(UTC), Bounds(self.no_success_for, self.no_rows_for, self.lag_over)
        states = context["ti"].get_task_states(dag_id=sync.dag_id, task_ids=[sync.task_id])
        for map_index in instances(states, sync.task_id) or [-1]:
            runs = past_runs(states, sync.task_id, map_index, lambda run, index: _report(sync, run, index))
            seen = Seen.of(runs, bounds, now)
            sync_id = _name(sync, map_index, seen.newest)
            memory = WatchMemory.of(sync_id, f"{self.dag_id}.{self.task_id}", now)
            wrong = alarms(seen, bounds, now, memory.since)
            tell_alarms(sync_id, wrong, memory, contacts, context)
            failed = tell_failure(sync_id, seen.newest, contacts, context) if self.tell_failures else []
            told = [alarm.headline for alarm in wrong] + failed
            well = (
                "all is well"
                if seen.newest
                else f"no run has ended: is task {sync.task_id!r} of {sync.dag_id!r} meant?"
            )
            self.log.info("%s: %s", sync_id, "; ".join(told) or well)
            yield sync_id, told


def _named(sync: Any) -> WatchedSync:
    if isinstance(sync, str):
        return WatchedSync("", sync)
    if isinstance(sync, tuple) and len(sync) in (2, 3) and all(isinstance(part, str) for part in sync):
        return WatchedSync(*sync)
    if hasattr(sync, "task_id") and sync.has_dag():
        return WatchedSync("" if not sync.dag_id else sync.dag_id, sync.task_id, getattr(sync, "sync_id", None))
    raise ConfigurationError(f"syncs= has {sync!r}: give an operator of a DAG, a task_id, or (dag_id, task_id).")


def _report(sync: WatchedSync, run_id: str, map_index: int) -> Mapping[str, Any]:
    from airflow.sdk.execution_time.xcom import XCom

    from airflow_provider_cdi.transfers.runs.reporting import REPORT_KEY

    found = XCom.get_one(
        key=REPORT_KEY, dag_id=sync.dag_id, task_id=sync.task_id, run_id=run_id, map_index=map_index
    )  # fmt: skip
    return found if isinstance(found, Mapping) else {}


def _name(sync: WatchedSync, map_index: int, newest: PastRun | None) -> str:
    if newest is not None and newest.report.get("sync_id"):
        return str(newest.report["sync_id"])
    name = sync.sync_id or default_sync_id(sync.dag_id, sync.task_id)
    return name if map_index < 0 else f"{name}[{map_index}]"
