"""How each kind of database is reached through a tunnel, while TLS still checks the database's own name."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.ssh.forwarding import listen_on_loopback, listen_without_a_file

if TYPE_CHECKING:
    from airflow.sdk import Connection


def _replace(connection: Connection, address: Any) -> None:
    """Put the local end in the place of host and port. A driver that checks the host's name in TLS will refuse it."""
    connection.host, connection.port = address


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How databases of one connection type are reached.

    :param port: which counts where the connection names none; None when there is no usual one.
    :param lead: writes the local end into a connection that a hook is about to read: connection, address.
    :param listen: makes the local end.
    :param check: raises ConfigurationError for what cannot go through a tunnel.
    """

    port: int | None = None
    lead: Callable[[Connection, Any], None] = _replace
    listen: Callable[[], socket.socket] = listen_on_loopback
    check: Callable[[Connection], None] = lambda _: None


def endpoint(connection: Connection) -> Endpoint:
    """Return how a connection is led.

    :raises ConfigurationError: when nothing of its type can be.
    """
    named = f"The connection {connection.conn_id!r} has the type {connection.conn_type!r}"
    if connection.conn_type in _BY_HTTPS:
        raise ConfigurationError(
            f"{named}, which is reached by HTTPS under several names, and so not through ssh_conn_id. Use a proxy "
            "(HTTPS_PROXY on the worker), or the vendor's private link."
        )
    if connection.conn_type in _FILES:
        raise ConfigurationError(f"{named}: a file of the worker, to which no SSH tunnel leads. Leave ssh_conn_id out.")
    return _ENDPOINTS.get(connection.conn_type or "", Endpoint())


def remote_address(connection: Connection, port: int | None) -> tuple[str, int]:
    """Return where the database is, as the SSH server sees it.

    :param port: where the connection names none.
    :raises ConfigurationError: when host or port is missing, or the host is several or a path.
    """
    named = f"The connection {connection.conn_id!r} goes through an SSH tunnel"
    host = (connection.extra_dejson.get("hostaddr") or connection.host or "").strip().strip("[]")
    if not host:
        raise ConfigurationError(f"{named}: name the database's host, as the SSH server sees it, in the field host.")
    if "," in host or "/" in host:
        raise ConfigurationError(f"{named}, which leads to one host: its field host must be one name or address.")
    chosen = connection.port or port
    if not chosen:
        raise ConfigurationError(f"{named}: name the database's port in the field port.")
    return host, int(chosen)


def _lead_libpq(connection: Connection, address: Any) -> None:
    """Name the local end as ``hostaddr``: libpq connects there, and checks certificates against ``host``.

    The port goes into the extra, which the hook lets win: an IAM password is signed for the database's own port.
    """
    _add(connection, {"hostaddr": address[0], "port": address[1]})


def _lead_redshift(connection: Connection, address: Any) -> None:
    """Name the local end as ``unix_sock``: the driver connects there, and checks certificates against ``host``.

    Where the connection does not say how, the driver would check the name and let another one pass with a warning
    (``sslmode_defaulted`` of redshift_connector 2.2.0).
    """
    _add(connection, {"sslmode": "verify-full", **connection.extra_dejson, "unix_sock": address.decode()})


def _add(connection: Connection, fields: Mapping[str, Any]) -> None:
    connection.extra = json.dumps({**connection.extra_dejson, **fields})


def _check_redshift(connection: Connection) -> None:
    if sys.platform != "linux":
        raise ConfigurationError(
            f"The connection {connection.conn_id!r} cannot go through ssh_conn_id here: for Redshift that needs Linux. "
            "Open the tunnel yourself (ssh -L 5439:cluster:5439 bastion) and name localhost as host."
        )


def _check_mysql(connection: Connection) -> None:
    if connection.extra_dejson.get("iam"):
        raise ConfigurationError(
            f"The connection {connection.conn_id!r} has iam in its extra, and its password would be signed for the "
            "tunnel's own end: with ssh_conn_id MySQL needs a password."
        )


_BY_HTTPS = frozenset({"snowflake", "gcpbigquery", "google_cloud_platform", "databricks"})
_FILES = frozenset({"duckdb", "sqlite"})
#: Ports as the databases' own manuals have them.
_ENDPOINTS: Mapping[str, Endpoint] = {
    "postgres": Endpoint(5432, _lead_libpq),
    "redshift": Endpoint(5439, _lead_redshift, listen_without_a_file, _check_redshift),
    "mysql": Endpoint(3306, check=_check_mysql),
    "mssql": Endpoint(1433),
    "odbc": Endpoint(1433),
    "oracle": Endpoint(1521),
    "trino": Endpoint(8080),
    "presto": Endpoint(8080),
    "vertica": Endpoint(5433),
}
