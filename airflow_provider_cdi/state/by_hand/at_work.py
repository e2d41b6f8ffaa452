"""Which task instances are at work on a sync: those of its own task, and whichever holds its lease."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.state.identity import default_sync_id, former_sync_id
from airflow_provider_cdi.state.lease import HOLDING, Lease

#: States of a task instance that may still read or write the state: one that waits for its retry goes on by its plan.
AT_WORK = ("running", "queued", "scheduled", "deferred", "restarting", "up_for_retry", "up_for_reschedule")


@dataclass(frozen=True, slots=True)
class TaskAtWork:
    """A task instance that has no end yet.

    :param dag_id: its DAG.
    :param task_id: its task.
    :param run_id: its run.
    :param map_index: which mapped instance, -1 for none.
    :param try_number: which try.
    :param state: what Airflow says of it.
    :param host: where it runs; empty for nowhere yet.
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    try_number: int
    state: str
    host: str

    def is_of(self, owners: Collection[str]) -> bool:
        """Whether its task is one of some, named as records name the owner.

        :param owners: the names.
        """
        ids = self.dag_id, self.task_id
        return default_sync_id(*ids) in owners or former_sync_id(*ids) in owners

    def holds(self, lease: Lease, owner: str) -> bool:
        """Whether a lease is held by this instance, and not only left behind by an earlier try or run.

        :param lease: of a sync.
        :param owner: the sync's own task, which holds leases of earlier versions: they name no task.
        """
        if self.state not in HOLDING or (self.run_id, self.map_index) != (lease.run_id, lease.map_index):
            return False
        is_its = (self.dag_id, self.task_id) == (lease.dag_id, lease.task_id) if lease.task_id else self.is_of({owner})
        return is_its and lease.try_number >= self.try_number

    def describe(self) -> str:
        """Name task, run, state and machine."""
        which = f"[{self.map_index}]" if self.map_index >= 0 else ""
        where = f" on {self.host}" if self.host else ""
        return f"Task {self.task_id}{which} of DAG {self.dag_id!r} is {self.state} in run {self.run_id!r}{where}"


def tasks_at_work(session: Any) -> list[TaskAtWork]:
    """Return all task instances that have no end yet.

    :param session: of the database.
    """
    from airflow.models.taskinstance import TaskInstance as Task
    from sqlalchemy import select

    columns = (Task.dag_id, Task.task_id, Task.run_id, Task.map_index, Task.try_number, Task.state, Task.hostname)
    found = session.execute(select(*columns).where(Task.state.in_(AT_WORK)))
    return [
        TaskAtWork(dag_id, task_id, run_id, map_index, try_number, str(state), host or "")
        for dag_id, task_id, run_id, map_index, try_number, state, host in found
    ]


def holder(leases: Sequence[Lease], owner: str, at_work: Sequence[TaskAtWork]) -> str | None:
    """Say who holds the lease of a sync, or has left it behind; None when there is none.

    :param leases: of the sync; where each run has a place of its own, killed runs have left several.
    :param owner: the sync's own task, as records name it.
    :param at_work: all task instances that have no end yet.
    """
    if not leases:
        return None
    for lease in leases:
        if any(task.holds(lease, owner) for task in at_work):
            return lease.describe()
    return f"left behind by {leases[-1].describe()}"
