"""Whether a warehouse's host can be reached at all, told in seconds.

The warehouses' own clients try a host that does not exist again for minutes, as if it were a cluster that starts.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater
from airflow_provider_cdi.hooks.addresses import has_more_than_host, split_address

#: Seconds for the name, TCP and TLS together; also how long a client may take for its log-in where it can be told.
CONNECT_SECONDS = 15.0


def check_host(conn_id: str, host: str | None, example: str) -> None:
    """Make sure that a connection's host field can be a host.

    :param host: of the connection; an empty one is for others to judge.
    :param example: what a right one looks like.
    :raises ConfigurationError: when it is none, or carries a login or a path; it is not shown.
    """
    if not host:
        return
    named = f"Connection {conn_id!r}: field 'host'"
    address = split_address(host.strip(), named, example)
    if address.username or address.password:
        raise ConfigurationError(f"{named} carries a login: put it into the fields for login and password.")
    if has_more_than_host(address):
        raise ConfigurationError(f"{named}: give the host alone, like {example}, without a path.")


def check_reachable(conn_id: str, host: str, port: int, *, seconds: float = CONNECT_SECONDS) -> None:
    """Open a connection with TLS to a host and close it. Nothing is sent.

    A host that is reached through a proxy of the environment is left alone: only the proxy can tell.

    :param host: a name, or a URL without a path.
    :raises RetryLater: when the name is unknown, or nothing answers in time.
    """
    name, chosen = _name_and_port(host, port)
    if has_proxy(name):
        return
    try:
        with socket.create_connection((name, chosen), timeout=seconds) as plain:
            _shake_hands(plain, name)
    except socket.gaierror:
        raise _unreachable(conn_id, "there is no host of that name, or the name service does not answer") from None
    except TimeoutError:
        raise _unreachable(conn_id, f"nothing answers within {seconds:g} s") from None
    except OSError as error:
        raise _unreachable(conn_id, error.strerror or type(error).__name__) from None


def has_proxy(name: str) -> bool:
    """Whether the environment names a proxy for a host."""
    from requests.utils import get_environ_proxies, select_proxy

    url = f"https://{name}"
    return select_proxy(url, get_environ_proxies(url)) is not None


def _shake_hands(plain: socket.socket, name: str) -> None:
    # Whether the certificate is believed is for the client to say.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(plain, server_hostname=name).close()
    except TimeoutError:
        raise
    except (ssl.SSLError, ValueError):
        return  # it answers: what it wants is for the client to find out


def _name_and_port(host: str, port: int) -> tuple[str, int]:
    address = urlsplit(host if "://" in host else f"//{host}")
    return address.hostname or host, address.port or port


def _unreachable(conn_id: str, reason: str) -> RetryLater:
    return RetryLater(
        f"The host of the connection {conn_id!r} cannot be reached: {reason}. Check the field host, and on the worker "
        "the name service, the firewall and the proxy (HTTPS_PROXY, NO_PROXY). A new try may succeed."
    ).of_kind("connection")
