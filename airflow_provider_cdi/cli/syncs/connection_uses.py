"""The connections of syncs: what each is used for, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.syncs.templates import without_a_run
from airflow_provider_cdi.exceptions import MissingConnection, UsageError
from airflow_provider_cdi.hooks.connections import find_connection
from airflow_provider_cdi.transfers.arguments.checks import is_template

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_cdi.transfers.sync_tasks import SyncTask


@dataclass(frozen=True)
class ConnectionUse:
    """One connection of one sync.

    :param conn_id: its id; a template as it is written where only a run knows it.
    :param role: ``warehouse``, ``destination``, ``reject storage`` or ``ssh tunnel``.
    :param dag_id: of the sync.
    :param task_id: of the sync.
    :param sync_id: of the sync.
    :param exists: whether it is there; None where only a run knows its id.
    :param conn_type: its type; None when it is not there.
    """

    conn_id: str
    role: str
    dag_id: str
    task_id: str
    sync_id: str
    exists: bool | None
    conn_type: str | None

    def row(self) -> dict[str, Any]:
        """Return what a table shows."""
        return {
            "conn_id": self.conn_id,
            "conn_type": self.conn_type,
            "exists": self.exists,
            "used_as": self.role,
            "dag_id": self.dag_id,
            "task_id": self.task_id,
            "sync_id": self.sync_id,
        }


def connection_uses(syncs: Iterable[SyncTask]) -> list[ConnectionUse]:
    """Return the connections of syncs, in their order; instances of a mapped task that share one count once.

    :param syncs: of DAGs that were read.
    """
    return sorted(
        {use for sync in syncs for use in _uses(sync)}, key=lambda use: (use.conn_id, use.dag_id, use.task_id)
    )


def where_looked() -> str:
    """Return where connections were looked for, in words; a database that did not answer is one of them."""
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            session.execute(select(Connection.conn_id).limit(1))
    except SQLAlchemyError as error:
        return (
            "environment variables and secrets backends. Airflow's database did not answer "
            f"({type(error).__name__}), so what is kept there is not known"
        )
    return "environment variables, secrets backends and Airflow's database"


def _uses(sync: SyncTask) -> Iterator[ConnectionUse]:
    for role, written in sync.connections():
        conn_id = _filled_in(sync, written)
        connection = None if is_template(conn_id) else find_once(conn_id)
        yield _use(sync, role, conn_id, connection)
        if role == "warehouse" and connection and (tunnel := sync.tunnel_of(connection)):
            yield _use(sync, "ssh tunnel", tunnel, find_once(tunnel))


def _use(sync: SyncTask, role: str, conn_id: str, connection: Connection | None) -> ConnectionUse:
    exists = None if is_template(conn_id) else connection is not None
    kind = connection.conn_type if connection else None
    return ConnectionUse(conn_id, role, sync.dag.dag_id, sync.task_id, sync.sync_id, exists, kind)


def _filled_in(sync: SyncTask, written: str) -> str:
    try:
        return str(without_a_run(sync.task, written)) if is_template(written) else written
    except UsageError:
        return written


@cache
def find_once(conn_id: str) -> Connection | None:
    """Return a connection, None when there is none; asked once, because a secrets backend may be slow.

    :param conn_id: its id.
    """
    try:
        return find_connection(conn_id)
    except MissingConnection:
        return None
