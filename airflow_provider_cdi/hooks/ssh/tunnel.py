"""One tunnel: an SSH connection, and a socket of this machine whose connections go through it."""

from __future__ import annotations

import socket

from airflow_provider_cdi.engine.clean_up import closing
from airflow_provider_cdi.exceptions import CdiError, RetryLater
from airflow_provider_cdi.hooks.ssh.errors import of_channel
from airflow_provider_cdi.hooks.ssh.forwarding import Forwarder
from airflow_provider_cdi.hooks.ssh.server import SshServer

#: Seconds for an SSH connection to end behind a channel that ended without a word, on a busy machine.
_ENDS_WITHIN = 5.0


class Tunnel:
    """Leads from a listening socket to an address as the SSH server sees it.

    :param server: where it starts from; connected at once.
    :param host: of the database.
    :param listener: the local end; closed with the tunnel.
    :raises ConfigurationError: when the server cannot be logged in to.
    :raises RetryLater: when it cannot be reached now.
    """

    def __init__(self, server: SshServer, host: str, port: int, listener: socket.socket) -> None:
        self._conn_id = server.conn_id
        self._host, self._port = host, port
        #: Where it begins: ``(host, port)``, or the name of a Unix socket.
        self.address = listener.getsockname()
        #: Why the last connection through it failed, where the way itself did.
        self.trouble: CdiError | None = None
        try:
            self._client = server.connect()
        except BaseException:
            listener.close()
            raise
        self._forwarder = Forwarder(listener, self._open_channel, failed=self._failed, ended=self._ended)

    @property
    def is_alive(self) -> bool:
        """Whether new connections can go through it, as far as it is known."""
        return self._client.is_alive

    def close(self) -> None:
        """End every connection, the socket and the SSH connection."""
        with closing(self._client):
            self._forwarder.close()

    def _open_channel(self) -> object:
        channel = self._client.open_channel(self._host, self._port)
        self.trouble = None
        return channel

    def _failed(self, error: Exception) -> None:
        self.trouble = self._broken() if self._client.has_ended() else self._refused(error)

    def _ended(self) -> None:
        if self._client.has_ended(within=_ENDS_WITHIN):
            self.trouble = self._broken()

    def _refused(self, error: Exception) -> CdiError:
        return of_channel(error, self._conn_id, self._host, self._port)

    def _broken(self) -> CdiError:
        return RetryLater(
            f"The connection to the SSH server of {self._conn_id!r} broke off, and with it all that went through it. A "
            "new try makes another; if it happens again and again, look into the server's log, and for a firewall that "
            "ends connections after a while."
        ).of_kind("connection")
