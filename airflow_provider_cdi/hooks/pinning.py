"""Airflow's hooks, bound to a connection that was fetched already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from airflow.sdk import Connection

_Hook = TypeVar("_Hook")


def pinned(hook: _Hook, connection: Connection) -> _Hook:
    """Bind a hook to a connection, and return it.

    Hooks ask Airflow for their connection when they like, some each time they connect. The thread that reads has no
    task around it and must not ask, so every way to Airflow ends at this one object.

    :param hook: the hook; or its class, where it asks as soon as it is made: a subclass that nobody else uses.
    :param connection: what it is to work with.
    """
    pinned_hook: Any = hook
    pinned_hook.get_connection = staticmethod(lambda _conn_id: connection)
    return hook
