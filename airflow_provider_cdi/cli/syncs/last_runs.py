"""What Airflow's metadata database knows of the last runs of tasks: one query a question, whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_cdi.state.store import decoded, json_object


class TaskKey(NamedTuple):
    """A task, or one instance of a mapped one.

    :param dag_id: its DAG.
    :param task_id: its id.
    :param map_index: which instance, -1 for none.
    """

    dag_id: str
    task_id: str
    map_index: int = -1


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest instance of a task that was scheduled.

    :param run_id: of its run.
    :param state: what Airflow says of it.
    :param began: when it began to run, aware.
    :param ended: when it ended.
    :param report: what the sync left of it: the report, or what there was of it.
    """

    run_id: str
    state: str
    began: datetime | None
    ended: datetime | None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class LastRuns:
    """Of all tasks that were asked about.

    :param newest: the newest instance.
    :param successes: when the last one ended that ended well.
    :param paused: the DAGs that are paused.
    """

    newest: dict[TaskKey, LastRun] = field(default_factory=dict)
    successes: dict[TaskKey, datetime] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)


def last_runs(dag_ids: Collection[str]) -> LastRuns:
    """Look up the last runs of the tasks of some DAGs.

    :param dag_ids: which.
    :raises sqlalchemy.exc.SQLAlchemyError: when there is no such database, or it cannot be read.
    """
    from airflow.models.dag import DagModel
    from airflow.models.taskinstance import TaskInstance as Task
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    of_a_task, mine = (Task.dag_id, Task.task_id, Task.map_index), Task.dag_id.in_(list(dag_ids))
    with create_session() as session:
        succeeded = select(*of_a_task, func.max(Task.end_date)).where(mine, Task.state == "success")
        ends = session.execute(succeeded.group_by(*of_a_task))
        paused = select(DagModel.dag_id).where(DagModel.dag_id.in_(list(dag_ids)), DagModel.is_paused.is_(True))
        return LastRuns(
            _newest(session, mine),
            {TaskKey(*key): end for *key, end in ends if end is not None},
            set(session.scalars(paused)),
        )


def _newest(session: Any, mine: Any) -> dict[TaskKey, LastRun]:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance as Task
    from airflow.models.xcom import XComModel as Kept
    from sqlalchemy import and_, func, select

    of_a_task = (Task.dag_id, Task.task_id, Task.map_index)
    is_its_run = and_(DagRun.dag_id == Task.dag_id, DagRun.run_id == Task.run_id)
    number = func.max(DagRun.id).label("number")
    has_begun = Task.state.is_not(None)  # what waits for other tasks of its run has not, and says nothing
    latest = select(*of_a_task, number).join(DagRun, is_its_run).where(mine, has_begun).group_by(*of_a_task).subquery()
    is_latest = and_(
        *(getattr(latest.c, name) == getattr(Task, name) for name in ("dag_id", "task_id", "map_index")),
        latest.c.number == DagRun.id,
    )
    told = and_(
        *(getattr(latest.c, name) == getattr(Kept, name) for name in ("task_id", "map_index")),
        latest.c.number == Kept.dag_run_id,
    )
    keys = (latest.c.dag_id, latest.c.task_id, latest.c.map_index)
    left = select(*keys, Kept.key, Kept.value).join(Kept, told).where(Kept.key.in_(("report", "return_value")))
    reports: dict[TaskKey, dict[str, Any]] = {}
    for *key, name, value in session.execute(left):
        reports.setdefault(TaskKey(*key), {})[name] = _object(value)
    columns = (*of_a_task, Task.run_id, Task.state, Task.start_date, Task.end_date)
    found = session.execute(select(*columns).join(DagRun, is_its_run).join(latest, is_latest))
    return {
        TaskKey(*row[:3]): LastRun(row[3], str(row[4]), row[5], row[6], _told(reports.get(TaskKey(*row[:3]), {})))
        for row in found
    }


def _told(left: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the report of a run: what it returned in the end, else what it had left by then."""
    return left.get("return_value") or left.get("report") or {}


def _object(value: Any) -> dict[str, Any]:
    return json_object(decoded(value)) or {}
