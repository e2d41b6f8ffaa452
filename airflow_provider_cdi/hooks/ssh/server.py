"""The SSH server of an Airflow connection, reached through the SSH provider's hook, its host key checked.

.. seealso:: https://airflow.apache.org/docs/apache-airflow-providers-ssh/stable/connections/ssh.html
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError, raise_alone
from airflow_provider_cdi.hooks.connection_types import install
from airflow_provider_cdi.hooks.pinning import pinned
from airflow_provider_cdi.hooks.reach import CONNECT_SECONDS
from airflow_provider_cdi.hooks.ssh.errors import as_cdi_error
from airflow_provider_cdi.hooks.ssh.proxy_command import ProxyCommandSocket

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Connection types that ``SSHHook`` reads.
_TYPES = ("ssh", "sftp")
#: Milliseconds without any sign of the other side after which the kernel gives a connection up. The hook sends
#: something every 30 seconds, so that a server that vanished is found out; Linux would wait for a quarter of an hour.
_SILENT_FOR = 60_000
#: Seconds for the library's thread to notice that its socket is closed.
_ENDS_WITHIN = 2.0


class SshServer:
    """What a tunnel starts from.

    :param connection: the Airflow connection, of the type ``ssh``; nothing else is asked of Airflow, now or later.
    :raises ConfigurationError: when it is of another type, a field makes no sense, it takes every host key in silence,
        or the SSH provider is not installed.
    """

    def __init__(self, connection: Connection) -> None:
        self.conn_id: str = connection.conn_id
        self._connection = connection
        if connection.conn_type not in _TYPES:
            raise ConfigurationError(
                f"ssh_conn_id names the connection {self.conn_id!r}, which has the type {connection.conn_type!r}: name "
                "one of the type 'ssh'."
            )
        _check_host_keys(self._hook())

    def connect(self) -> SshClient:
        """Connect and log in.

        :raises ConfigurationError: when the server shows no known host key, refuses the login, or speaks none of the
            algorithms.
        :raises RetryLater: when it cannot be reached now.
        """
        hook = self._hook()
        hook.conn_timeout = hook.conn_timeout or CONNECT_SECONDS
        hook.auth_timeout = hook.auth_timeout or CONNECT_SECONDS
        try:
            wire = _wire(hook)
            with _on_error(wire.close if wire else lambda: None):
                return SshClient(hook.get_conn(), wire)
        except Exception as error:
            raise_alone(as_cdi_error(error, self.conn_id, hook.remote_host, hook.port))

    def _hook(self) -> Any:
        """Make a hook of its own for each connection: it keeps the client and the process of a proxy command.

        :raises ConfigurationError: when it cannot be made of the connection's fields.
        """
        try:
            from airflow.providers.ssh.hooks.ssh import SSHHook
        except ImportError as error:
            raise ConfigurationError(
                f"The connection {self.conn_id!r}, named as ssh_conn_id, needs Airflow's SSH provider. "
                f"{install('ssh')} on the workers. ({error})"
            ) from error
        # The hook asks Airflow as soon as it is made.
        hook = pinned(type("SSHHook", (SSHHook,), {}), self._connection)
        try:
            made = hook(ssh_conn_id=self.conn_id)
        except Exception as error:
            raise_alone(_unusable(self.conn_id, error))
        # Version 4.0 of the provider takes any host key where nothing is said.
        made.no_host_key_check = _takes_any_host_key(self._connection.extra_dejson)
        return made


def _wire(hook: Any) -> ProxyCommandSocket | socket.socket | None:
    """Open what the hook is to connect through; None where it is to open that itself.

    :raises OSError: when the server cannot be reached in time.
    """
    wire: ProxyCommandSocket | socket.socket | None = None
    if hook.host_proxy_cmd:
        wire = ProxyCommandSocket(hook.host_proxy_cmd)
    elif hasattr(hook, "conn_retry_attempts"):
        # Where the log-in fails, the library would leave its own socket to the garbage collector.
        wire = socket.create_connection((hook.remote_host, hook.port), timeout=hook.conn_timeout)
    if wire is not None:
        hook.__dict__["host_proxy"] = wire
    # Airflow tries the task again, and a server bans who knocks three times with a wrong key. Older versions of the
    # provider, 4.0 for one, know no other number than three.
    hook.conn_retry_attempts = 1
    return wire


def _takes_any_host_key(extra: Mapping[str, Any]) -> bool:
    said = extra.get("no_host_key_check", extra.get("ignore_hostkey_verification"))
    return str(said).lower() == "true"


class SshClient:
    """An SSH connection that is logged in.

    :param client: paramiko's.
    :param wire: what it goes through.
    """

    def __init__(self, client: Any, wire: ProxyCommandSocket | socket.socket | None) -> None:
        self._client = client
        self._transport = client.get_transport()
        self._wire = wire or self._transport.sock
        with suppress(OSError):  # a proxy command's socket is not TCP
            # A question and its answer are small packets, which would wait for each other.
            self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_FOR)

    @property
    def is_alive(self) -> bool:
        """Whether the connection still stands, as far as it is known."""
        return bool(self._transport.is_active())

    def has_ended(self, within: float = 0.5) -> bool:
        """Whether the connection is gone: a channel ends a moment before the thread of the connection does.

        :param within: how many seconds that may take.
        """
        self._transport.join(within)
        return not self.is_alive

    def open_channel(self, host: str, port: int) -> Any:
        """Open a channel to an address as the server sees it.

        :raises paramiko.SSHException: when it cannot be opened.
        """
        return self._transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=CONNECT_SECONDS)

    def close(self) -> None:
        """Close the connection, and end the proxy command where there is one."""
        try:
            self._client.close()
        finally:
            self._wire.close()
            self._transport.join(_ENDS_WITHIN)


@contextmanager
def _on_error(call: Callable[[], None]) -> Iterator[None]:
    """Clean up when the body fails, and only then."""
    try:
        yield
    except BaseException:
        call()
        raise


def _check_host_keys(hook: Any) -> None:
    """Let no host key be taken in silence but where ``no_host_key_check`` says so."""
    if hook.allow_host_key_change and not hook.no_host_key_check:
        raise ConfigurationError(
            f"The connection {hook.ssh_conn_id!r}, named as ssh_conn_id, has allow_host_key_change in its extra, which "
            "takes any host key, also that of somebody between. Leave it out and give the server's key as host_key; or "
            "say no_host_key_check: true if nobody can stand between."
        )


def _unusable(conn_id: str, error: Exception) -> ConfigurationError:
    named = f"The connection {conn_id!r}, named as ssh_conn_id, cannot be used"
    text = str(error)
    for phrase, cure in _UNUSABLE:
        if phrase in text:
            return ConfigurationError(f"{named}: {cure}")
    return ConfigurationError(
        f"{named}: check its fields and its extra. SSHHook raised {type(error).__name__}, whose text is not shown: it "
        "may hold a field's value."
    )


#: What a text of the hook holds, and what to do then.
_UNUSABLE = (
    (
        "Must check host key",
        "its extra has host_key and no_host_key_check: true together. Leave no_host_key_check out.",
    ),
    ("check was skipped", "its extra has host_key and no_host_key_check: true together. Leave the latter out."),
    (
        "cannot be read by paramiko",
        "the key in private_key cannot be read. It must be a whole RSA, ECDSA or Ed25519 key in PEM form, its line "
        r"breaks as \n in JSON; where it has a passphrase, give that as private_key_passphrase.",
    ),
    (
        "BEGIN and END",
        r"private_key must hold a whole key, with its BEGIN and END lines; line breaks are \n in JSON.",
    ),
    ("key_file and private_key", "it has key_file and private_key. Leave one of them out."),
    ("remote_host", "it has no host. Name the SSH server (bastion) in the field host."),
    (
        "host key",
        "host_key must be a line as ssh-keyscan prints it, without the host: 'ssh-ed25519 AAAA…' (or ssh-rsa, "
        "ecdsa-sha2-nistp256).",
    ),
    (
        "padding",
        "host_key must be a line as ssh-keyscan prints it, without the host: 'ssh-ed25519 AAAA…'; its base64 is cut.",
    ),
)
