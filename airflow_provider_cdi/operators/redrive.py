"""Sends rejected rows of a sync again as a task: behind what mends them, or every night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.transfers.arguments.checks import is_template
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.redrive.choice import RejectChoice, check_age, codes_of
from airflow_provider_cdi.transfers.sync_tasks import SyncTask, is_of_same_group, is_sync, sync_tasks, syncs_of
from airflow_provider_cdi.version_compat import AirflowFailException

# A DAG file imports this module: what reads and sends is imported when a task runs.
if TYPE_CHECKING:
    from airflow.sdk import DAG, Asset, Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial


class RedriveRejectsOperator(BaseOperator):
    """Sends the current rows of a sync's rejects again, in a task of its own with the sync's state, lease and gates.

    What is sent, and what is not, is the same as in a run of the trigger form "Rejected rows again". Its report is the
    return value; of a mapped sync each instance's report under its name.

    .. seealso::
        :ref:`howto/operator:RedriveRejectsOperator`

    :param sync: the sync's operator, or its ``task_id`` in the same DAG, where it stands before this task in the file.
        Of a mapped sync all instances are taken, one after the other; in a mapped task group that of the same index.
    :param codes: only rejects with one of these codes; a list, or text with commas; empty for any (templated).
    :param run_id: only rejects of this run; empty for any (templated).
    :param older_than: only rejects written longer ago than this, or before this moment: a ``timedelta``, an aware
        ``datetime``, or text such as ``12h``, ``7d`` or ``2026-01-05T09:00:00Z``; None for all (templated).
    :param unknown: also events and purchases of which nobody knows whether they arrived; they may count twice.
    :param stored_payload: send what the reject file kept, and not the row as it is now.
    """

    template_fields: Sequence[str] = ("codes", "run_id", "older_than")
    ui_color = "#fff3e0"

    def __init__(
        self,
        *,
        sync: WarehouseSyncOperator | Any,
        codes: Sequence[str] | str = (),
        run_id: str = "",
        older_than: timedelta | datetime | str | None = None,
        unknown: bool = False,
        stored_payload: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.sync_task_id = sync if isinstance(sync, str) else sync.task_id
        self.codes = codes
        self.run_id = run_id
        self.older_than = _as_text(older_than)
        self.unknown = unknown
        self.stored_payload = stored_payload
        if self.older_than and not is_template(self.older_than):
            _refuse_no_age(self.task_id, self.older_than)
        asset = _asset_of(sync, self.get_dag(), self.task_id)
        self.inlets, self.outlets = _with_asset(self.inlets, asset), _with_asset(self.outlets, asset)
        self._running: WarehouseSyncOperator | None = None

    @classmethod
    def partial(cls, **given: Any) -> OperatorPartial:
        """Say what all instances have in common that share the rejects of one sync, such as by code.

        They take turns: one run of a sync at a time.

        :raises ConfigurationError: when ``sync`` is not among it.
        """
        sync = given.get("sync")
        if sync is None:
            raise ConfigurationError(
                f"Task {given.get('task_id')!r}: give sync= in .partial(); of several syncs write a task for each."
            )
        task_id = sync if isinstance(sync, str) else sync.task_id
        made: OperatorPartial = super().partial(**{"max_active_tis_per_dagrun": 1, **given, "sync": task_id})
        # Airflow looks for assets where it can see them before the instances exist.
        asset = _asset_of(sync, made.kwargs.get("dag"), made.kwargs["task_id"])
        for name in ("inlets", "outlets"):
            made.kwargs[name] = _with_asset(made.kwargs.get(name), asset)
        return made

    def execute(self, context: Context) -> dict[str, Any]:
        """Send them, and return the report.

        :raises AirflowFailException: when the sync or the choice makes no sense: no new try would help.
        """
        reports = {}
        try:
            chosen = self._choice()
            for one in self._instances(context["ti"].map_index):
                sync: Any = one.operator({}).prepare_for_execution()
                reports[one.name] = self._redrive(sync, one, chosen, context)
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from None
        return next(iter(reports.values())) if len(reports) == 1 else reports

    def on_kill(self) -> None:
        """Stop sending, and save what was acknowledged."""
        if self._running is not None:
            self._running.on_kill()

    def _redrive(self, sync: Any, one: SyncTask, chosen: RejectChoice, context: Context) -> dict[str, Any]:
        if "task_state_store" not in context and sync.checkpoint != "variable":
            raise ConfigurationError(
                f"Task {self.task_id!r}: before Airflow 3.3 the state of {self.sync_task_id!r} lies in XComs of its "
                'own task, and no other task may write it. Choose "Rejected rows again" in the trigger form of the DAG '
                'instead, or give the sync checkpoint="variable".'
            )
        instance = SyncInstance(context["ti"], one.dag.dag_id, one.task_id, one.map_index)
        its_context: Any = {**context, "ti": instance, "task": sync}
        sync.render_template_fields(its_context)
        # It waits for jobs with its worker: which instance of a mapped sync they are of, a deferral would not know.
        sync.deferrable = False
        self._running = sync
        report: dict[str, Any] = sync.redrive(its_context, chosen)
        return report

    def _choice(self) -> RejectChoice:
        older_than = _as_text(self.older_than)
        if older_than:
            _refuse_no_age(self.task_id, older_than)
        return RejectChoice(
            codes=codes_of(self.codes),
            run_id=self.run_id or "",
            older_than=older_than,
            unknown=self.unknown,
            stored_payload=self.stored_payload,
        )

    def _instances(self, map_index: int | None) -> Iterator[SyncTask]:
        dag: Any = self.get_dag()
        task = dag.task_dict[self.sync_task_id]
        if is_of_same_group(task, self):
            yield SyncTask(dag, task, map_index=map_index)
            return
        found = [one for one in sync_tasks([dag]) if one.task_id == self.sync_task_id]
        for one in found:
            if one.missing:
                raise ConfigurationError(
                    f"Task {self.task_id!r}: only a run knows which instances {self.sync_task_id!r} has, because it is "
                    f'mapped over {one.missing} of another task. Choose "Rejected rows again" in the trigger form of '
                    "the DAG: then each instance sends its own."
                )
            yield one


class SyncInstance:
    """The running task instance in the place of the sync's own: what is kept of the sync has the sync's names.

    :param own: that really runs.
    :param dag_id: of the sync's DAG.
    :param task_id: of the sync.
    :param map_index: which instance of a mapped sync; None for none.
    """

    def __init__(self, own: Any, dag_id: str, task_id: str, map_index: int | None) -> None:
        self.own = own
        self.dag_id, self.task_id = dag_id, task_id
        self.map_index = -1 if map_index is None else map_index

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)


def _asset_of(sync: Any, dag: DAG | None, task_id: str) -> Asset:
    """Return the asset of a sync, with which its state is kept: Airflow opens it to tasks that declare it.

    :param sync: the operator, or its id.
    :param dag: of the task that names it.
    :param task_id: of that task.
    """
    name = sync if isinstance(sync, str) else sync.task_id
    task = dag.task_dict.get(name) if dag is not None else None
    if dag is None or not is_sync(task) or (not isinstance(sync, str) and task is not sync):
        raise ConfigurationError(
            f"Task {task_id!r}: sync= names {name!r}, which is no sync of this DAG up to here{syncs_of(dag)}. "
            "Give the operator of a sync in the same DAG, or its task_id, and write this task below it; rejects of "
            'a sync of another DAG are sent by a run of that DAG, by "Rejected rows again" in its trigger form or by a '
            'TriggerDagRunOperator with conf={"sync_mode": "rejects"}.'
        )
    return sync_asset(SyncTask(dag, task).sync_id)


def _with_asset(assets: Sequence[Any] | None, asset: Asset) -> list[Any]:
    return [*(one for one in assets or () if one != asset), asset]


def _refuse_no_age(task_id: str, older_than: str) -> None:
    try:
        check_age(older_than)
    except ConfigurationError as error:
        raise ConfigurationError(f"Task {task_id!r}: {error}") from None


def _as_text(older_than: timedelta | datetime | str | None) -> str:
    if isinstance(older_than, timedelta):
        days, rest = divmod(older_than, timedelta(days=1))
        return f"{days}d" if not rest else f"{older_than // timedelta(minutes=1)}m"
    return older_than.isoformat() if isinstance(older_than, datetime) else older_than or ""
