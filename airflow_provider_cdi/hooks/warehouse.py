"""Which class reads the warehouse of which connection type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.connection_types import DESTINATIONS, connection_type

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook


def get_warehouse_hook(conn_id: str, tag: str = "", ssh_conn_id: str | None = None) -> SqlWarehouseHook:
    """Return the warehouse of an Airflow connection.

    The connection is fetched from Airflow once, here.

    :param conn_id: the Airflow connection's id.
    :param tag: the name under which the warehouse's own history shows what is asked: the sync's id.
    :param ssh_conn_id: the connection of an SSH server that leads to it, in place of the one that its extra names.
    :raises ConfigurationError: when there is no such connection, or it does not lead to a SQL database.
    """
    from importlib import import_module

    from airflow_provider_cdi.hooks.connections import find_connection

    connection = find_connection(conn_id)
    if connection.conn_type in DESTINATIONS:
        raise ConfigurationError(
            f"Connection {conn_id!r} has the type {connection.conn_type!r}, where rows are sent to; warehouse_conn_id "
            "needs the connection of the database that they are read from."
        )
    module, _, name = connection_type(connection.conn_type).hook.partition(":")
    warehouse: SqlWarehouseHook = getattr(import_module(module), name)(connection, tag, ssh_conn_id)
    return warehouse
