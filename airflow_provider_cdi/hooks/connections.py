"""Airflow connections, found once and with a clear word when they are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.exceptions import MissingConnection
from airflow_provider_cdi.version_compat import BaseHook, get_connection_async

if TYPE_CHECKING:
    from airflow.sdk import Connection


def find_connection(conn_id: str) -> Connection:
    """Return an Airflow connection.

    :param conn_id: its id.
    :raises MissingConnection: when there is no such connection.
    """
    from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]  # in 3.0 and 3.3 alike

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise MissingConnection(conn_id) from error


async def find_connection_async(conn_id: str) -> Connection:
    """Return an Airflow connection from within an event loop, such as the triggerer's.

    :param conn_id: its id.
    :raises MissingConnection: when there is no such connection.
    """
    from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]  # in 3.0 and 3.3 alike

    try:
        return await get_connection_async(conn_id)
    except AirflowNotFoundException as error:
        raise MissingConnection(conn_id) from error
