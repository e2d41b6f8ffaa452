"""Whether a host can be reached, and whether what it shows is to be believed: told apart, which no client does."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from airflow_provider_cdi.checks.findings import Doubt, Problem
from airflow_provider_cdi.hooks.addresses import is_loopback

#: Seconds for the name and TCP, and again for TLS.
SECONDS = 10.0
#: A certificate that ends sooner is told.
_DAYS_LEFT = 14
#: PostgreSQL, "Message formats", SSLRequest.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)

_REFUSED = (
    "Nothing listens there, or a firewall turns the worker away: check host and port of the connection, and let the "
    "worker's egress address in."
)
_SILENT = (
    "A firewall or an allowlist swallows it: let the worker's egress address in where the host is guarded, or name the "
    "proxy that the worker must use."
)
_NO_NAME = (
    "Check the host for a typing error, and the worker's name service: a private name is known inside of its network "
    "alone."
)
_ROUTE = "Check the worker's network: it has no way to that address."
_NOT_TLS = "Check the port: it may be one without TLS, or a proxy answers in the host's place."
_PROXY_CURE = "If a proxy looks into the traffic, name its authority by the variable REQUESTS_CA_BUNDLE."


class Tls(Enum):
    """How TLS begins at an endpoint."""

    AT_ONCE = "at once"
    #: PostgreSQL's way: it is asked for in the clear first.
    ASKED_FOR = "asked for"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a client connects to.

    :param host: a name or an address.
    :param port: of TCP.
    :param tls: how TLS begins.
    :param context: makes what the client believes; called when the handshake is tried.
    :param is_wanted: whether the client gives up without TLS.
    :param cure: what to do when the certificate is not believed.
    """

    host: str
    port: int
    tls: Tls = Tls.AT_ONCE
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    is_wanted: bool = True
    cure: str = _PROXY_CURE

    @property
    def name(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"


def reach(endpoint: Endpoint, seconds: float = SECONDS) -> str:
    """Look the name up and open a connection. Nothing is sent.

    :raises Problem: when there is no such name, or nothing answers.
    """
    started = time.monotonic()
    with _connected(endpoint, seconds) as sock:
        address = sock.getpeername()[0]
    shown = "" if address == endpoint.host else f" ({address})"
    return f"{endpoint.name}{shown} answers in {(time.monotonic() - started) * 1000:.0f} ms."


def shake_hands(endpoint: Endpoint, seconds: float = SECONDS) -> str:
    """Begin TLS and look at the certificate as the client would. Nothing else is sent.

    :raises Problem: when it is not believed, or the other side speaks no TLS.
    :raises Doubt: when nothing is encrypted, or the certificate ends soon.
    """
    if endpoint.tls is Tls.NONE:
        return _unencrypted(endpoint)
    with _connected(endpoint, seconds) as sock:
        if endpoint.tls is Tls.ASKED_FOR and not _offers_tls(sock):
            return _unencrypted(endpoint)
        with _wrapped(endpoint, sock) as encrypted:
            version, certificate = encrypted.version(), encrypted.getpeercert()
    if certificate:
        return _until(endpoint, str(version), str(certificate["notAfter"]))
    told = f"{endpoint.name} speaks {version}, and the client does not look whose certificate it is shown."
    if is_loopback(endpoint.host):  # nobody on the way can read along
        return told
    raise Doubt(told, "Somebody on the way could stand in for the host: let the client verify the certificate.")


@contextmanager
def _connected(endpoint: Endpoint, seconds: float) -> Iterator[socket.socket]:
    try:
        sock = socket.create_connection((endpoint.host, endpoint.port), timeout=seconds)
    except (socket.gaierror, UnicodeError):
        told = f"No address was found for the name {endpoint.host!r}."
        raise Problem(told, _NO_NAME, passes=True) from None
    except ConnectionRefusedError:
        raise Problem(f"{endpoint.name} refused the connection.", _REFUSED, passes=True) from None
    except TimeoutError:
        raise Problem(f"{endpoint.name} does not answer within {seconds:g} s.", _SILENT, passes=True) from None
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Problem(f"No connection to {endpoint.name} could be made: {words}.", _ROUTE, passes=True) from None
    with sock:
        yield sock


def _offers_tls(sock: socket.socket) -> bool:
    sock.sendall(_SSL_REQUEST)
    return sock.recv(1) == b"S"


@contextmanager
def _wrapped(endpoint: Endpoint, sock: socket.socket) -> Iterator[ssl.SSLSocket]:
    try:
        with endpoint.context().wrap_socket(sock, server_hostname=endpoint.host) as encrypted:
            yield encrypted
    except ssl.SSLCertVerificationError as error:
        told = f"The certificate that {endpoint.name} shows is not believed: {error.verify_message}."
        raise Problem(told, endpoint.cure) from None
    except TimeoutError:
        raise Problem(f"{endpoint.name} does not answer when TLS begins.", _SILENT, passes=True) from None
    except (ssl.SSLError, ConnectionError) as error:
        words = (getattr(error, "reason", None) or type(error).__name__).replace("_", " ").lower()
        raise Problem(f"{endpoint.name} does not speak TLS as expected: {words}.", _NOT_TLS) from None


def _unencrypted(endpoint: Endpoint) -> str:
    if endpoint.tls is not Tls.NONE and endpoint.is_wanted:
        raise Problem(f"{endpoint.name} offers no TLS, and the client wants it.", _NOT_TLS)
    told = f"{endpoint.name} is spoken to without encryption."
    if is_loopback(endpoint.host):  # nobody on the way can read along
        return f"{told} It is this machine."
    raise Doubt(told, "Password and rows can be read on the way: let the server offer TLS and the client ask for it.")


def _until(endpoint: Endpoint, version: str, end: str) -> str:
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC)
    told = f"{endpoint.name} speaks {version}; its certificate is believed, until {until:%Y-%m-%d}."
    if (until - datetime.now(UTC)).days < _DAYS_LEFT:
        raise Doubt(told, "Whoever runs the host must renew it before that day, or the sync stops.")
    return told
