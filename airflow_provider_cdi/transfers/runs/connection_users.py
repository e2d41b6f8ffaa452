"""Who else uses a connection that is not there: what a task can know of it, and where to ask for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import MissingConnection, raise_alone
from airflow_provider_cdi.hooks.connections import find_connection
from airflow_provider_cdi.transfers.sync_tasks import SyncTask, rendered, sync_tasks
from airflow_provider_cdi.version_compat import cdi_command

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
        f"{here}A task cannot see other DAGs: `{cdi_command('connections')} --conn-id {conn_id}`, where the DAG files "
        "are, lists all syncs that use it."
    )


def _users(dag: DAG, conn_id: str, context: Context) -> list[str]:
    roles: dict[str, dict[str, None]] = {}
    for sync in sync_tasks([dag]):
        for role, used in _connections(sync, context):
            if used == conn_id:
                roles.setdefault(sync.task_id, {})[role] = None
    return [f"{task_id} ({', '.join(named)})" for task_id, named in roles.items()]


def _connections(sync: SyncTask, context: Context) -> Iterator[tuple[str, str]]:
    for role, written in sync.connections():
        conn_id = _filled_in(sync.task, written, context)
        yield role, conn_id
        if role == "warehouse":
            with suppress(MissingConnection):
                if tunnel := sync.tunnel_of(find_connection(conn_id)):
                    yield "ssh tunnel", tunnel


def _filled_in(task: Any, written: str, context: Context) -> str:
    try:
        return str(rendered(task, written, context))
    except Exception:  # the template of another task, which may want what this run has not
        return written
