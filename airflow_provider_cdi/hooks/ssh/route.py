"""The way from a worker to a database: straight, or through an SSH tunnel that is open only while it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError
from airflow_provider_cdi.hooks.ssh.endpoints import endpoint, remote_address
from airflow_provider_cdi.hooks.ssh.server import SshServer
from airflow_provider_cdi.hooks.typed_extra import with_fields

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_cdi.hooks.ssh.tunnel import Tunnel

#: Field of a warehouse's extra: the connection of the SSH server.
SSH_CONN_ID = "ssh_conn_id"


class Route:
    """The straight way.

    :param connection: of the database, as its hook is to see it.
    """

    #: The connection of the SSH server; None where the way is straight.
    ssh_conn_id: str | None = None
    #: Why the last connection failed, where the way and not the database was the reason.
    trouble: CdiError | None = None

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def opened(self) -> AbstractContextManager[None]:
        """Keep the way open while the body runs.

        :raises ConfigurationError: when it cannot be opened and a person must mend it.
        :raises RetryLater: when it cannot be opened now.
        """
        return nullcontext()


class SshRoute(Route):
    """The way through an SSH server.

    Connections that are open at the same time share one tunnel, and the last one closes it. A tunnel that broke is not
    used for new ones. The hook's connection is led into the tunnel that is open: hooks read it whenever they connect.

    :param server: the SSH server.
    :param connection: of the database. A copy is made; host and port count as the SSH server sees them.
    :raises ConfigurationError: when a database of its type, or this connection, cannot be reached so.
    """

    def __init__(self, server: SshServer, connection: Connection) -> None:
        kind = endpoint(connection)
        kind.check(connection)
        super().__init__(with_fields(connection, extra=connection.extra_dejson))
        self.ssh_conn_id = server.conn_id
        self._server = server
        self._listen, self._lead = kind.listen, kind.lead
        self._remote = remote_address(connection, kind.port)
        self._lock = Lock()
        self._users: dict[Tunnel, int] = {}
        self._newest: Tunnel | None = None

    @property
    def trouble(self) -> CdiError | None:  # type: ignore[override]
        """Why the last connection failed, where the tunnel was the reason."""
        return self._newest.trouble if self._newest else None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Keep a tunnel open while the body runs: the one that is open already, or a new one."""
        tunnel = self._entered()
        try:
            yield
        finally:
            self._left(tunnel)

    def _entered(self) -> Tunnel:
        with self._lock:
            tunnel = self._newest
            if tunnel is None or tunnel not in self._users or not tunnel.is_alive:
                tunnel = self._newest = self._dug()
            self._users[tunnel] = self._users.get(tunnel, 0) + 1
            return tunnel

    def _left(self, tunnel: Tunnel) -> None:
        with self._lock:
            self._users[tunnel] -= 1
            if self._users[tunnel]:
                return
            del self._users[tunnel]
        tunnel.close()

    def _dug(self) -> Tunnel:
        from airflow_provider_cdi.hooks.ssh.tunnel import Tunnel

        tunnel = Tunnel(self._server, *self._remote, self._listen())
        self._lead(self.connection, tunnel.address)
        return tunnel


def find_route(connection: Connection, ssh_conn_id: str | None = None) -> Route:
    """Return the way to a connection's database.

    :param connection: of the database; its extra may name ``ssh_conn_id``.
    :param ssh_conn_id: the SSH server's connection, in place of the extra's.
    :raises ConfigurationError: when there is no such connection, or no tunnel can start or end there.
    """
    extra = connection.extra_dejson
    named = extra.pop(SSH_CONN_ID, None)
    chosen = named if ssh_conn_id is None else ssh_conn_id
    if chosen is not None and not isinstance(chosen, str):
        raise ConfigurationError(
            f"Connection {connection.conn_id!r}: field 'ssh_conn_id' in extra must be the id of a connection, a text."
        )
    plain = with_fields(connection, extra=extra) if named is not None else connection
    if not (chosen or "").strip():
        return Route(plain)
    from airflow_provider_cdi.hooks.connections import find_connection  # brings Airflow along

    return SshRoute(SshServer(find_connection(str(chosen).strip())), plain)
