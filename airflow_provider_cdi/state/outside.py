"""The state of a sync as somebody sees it who is no run of it, such as a command: read from the metadata database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.record import StateRecord
from airflow_provider_cdi.state.stores.choice import stores_in_database
from airflow_provider_cdi.state.sync_state import SyncState


@dataclass(frozen=True, slots=True)
class StatedTask:
    """The task of a sync, where the state wants a task instance.

    :param dag_id: its DAG.
    :param task_id: its id.
    :param map_index: which instance of a mapped task, -1 for none.
    """

    dag_id: str
    task_id: str
    map_index: int = -1
    run_id: str = ""
    try_number: int = 0

    def get_ti_count(self, *, states: list[str], **_: Any) -> int:
        """Count the instances of the task in some states, over all runs."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import func, select

        counted = select(func.count()).where(
            TaskInstance.dag_id == self.dag_id,
            TaskInstance.task_id == self.task_id,
            TaskInstance.map_index == self.map_index,
            TaskInstance.state.in_(states),
        )
        with create_session() as session:
            return int(session.scalar(counted) or 0)


def stored_record(
    task: StatedTask,
    identity: Identity,
    *,
    in_variables: bool,
    starting_over: bool = False,
    needs_watermark: bool = True,
) -> StateRecord | None:
    """Return the record that the next run of a sync would find; None when it has never run.

    :param task: of the sync.
    :param identity: of the sync.
    :param in_variables: whether the task has ``checkpoint="variable"``.
    :param starting_over: whether that run replaces the state, whatever it is.
    :param needs_watermark: whether a state that is lost matters; False for a window.
    :raises GuardTripped: when the task succeeded before and yet no record is found, as its next run would.
    :raises ConfigurationError: when the record belongs to another source, data type or destination.
    :raises sqlalchemy.exc.SQLAlchemyError: when there is no such database, or it cannot be read.
    """
    stores = stores_in_database(identity, task.dag_id, task.task_id, in_variables=in_variables)
    return SyncState(task, identity, "", stores).load(starting_over=starting_over, needs_watermark=needs_watermark)
