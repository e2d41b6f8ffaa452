"""Who else uses a connection that is not there: what a task can know of it, and where to ask for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import MissingConnection, raise_alone
from airflow_provider_cdi.transfers.sync_tasks import rendered, sync_tasks

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context


@contextmanager
def naming_its_users(context: Context) -> Iterator[None]:
    """Add to the error of a missing connection which syncs use it.

    :param context: of the running task. It knows the tasks of its own DAG, from the DAG's file; Airflow gives a task no
        way to other DAGs.
    :raises MissingConnection: with the users.
    """
    try:
        yield
    except MissingConnection as error:
        raise_alone(MissingConnection(error.conn_id, _used_by(error.conn_id, context)))


def _used_by(conn_id: str, context: Context) -> str:
    dag = context.get("dag")
    users = ", ".join(_users(dag, conn_id, context)) if dag else ""
    here = f"In this DAG it is used by {users}. " if users else ""
    return (
        f"{here}A task cannot see other DAGs: `airflow cdi connections --conn-id {conn_id}`, where the DAG files are, "
        "lists all syncs that use it (before Airflow 3.2 `python -m airflow_provider_cdi connections`)."
    )


def _users(dag: DAG, conn_id: str, context: Context) -> list[str]:
    roles: dict[str, dict[str, None]] = {}
    for sync in sync_tasks([dag]):
        for role, used in sync.connections():
            if conn_id in {used, _filled_in(sync.task, used, context)}:
                roles.setdefault(sync.task_id, {})[role] = None
    return [f"{task_id} ({', '.join(named)})" for task_id, named in roles.items()]


def _filled_in(task: Any, used: str, context: Context) -> Any:
    try:
        return rendered(task, used, context)
    except Exception:  # the template of another task, which may want what this run has not
        return used
