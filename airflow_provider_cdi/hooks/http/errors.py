"""What can go wrong between here and an answer, in sentences that name the step and what to do next.

The exceptions of the HTTP library end here, so that a refused connection reads the same wherever it happens.
The library's own texts are not used: they quote URLs and headers.
"""

from __future__ import annotations

import os
import socket
import ssl
from enum import Enum

from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.http.settings import MAX_ANSWER_BYTES, MAX_HEADER_BYTES, HttpSettings


class Fault(Enum):
    """The step that failed. The value is the sentence about it."""

    NAME = "no address was found for the host name of {host}: check the connection's host and the worker's DNS"
    REFUSED = "{host} refused the connection: nothing listens there, or a firewall turns this worker away"
    CONNECT = "no connection to {host} could be made{detail}: check the worker's network, or name a proxy"
    CONNECT_TIMEOUT = (
        "no connection to {host}{via} was made within {connect_timeout:g} s: "
        "a firewall may swallow it, or a proxy is needed (HTTPS_PROXY)"
    )
    PROXY = (
        "the proxy {proxy} gave no way to {host}{detail}: "
        "check HTTPS_PROXY and NO_PROXY on the worker, or the connection's field 'proxy'"
    )
    CERTIFICATE = (
        "the certificate that {host} shows{via} is not believed{detail}: when a company proxy opens TLS, "
        "give its authority in the connection's field 'ca_bundle' or in REQUESTS_CA_BUNDLE"
    )
    TLS = "{host} does not speak TLS as expected{via}{detail}: check host, port and proxy"
    ANSWER_TIMEOUT = (
        "no complete answer came from {host}{via} in time "
        "(connect_timeout {connect_timeout:g} s, timeout {timeout:g} s)"
    )
    BROKEN = "the connection to {host}{via} broke before its answer was complete{detail}"
    NOT_HTTP = "{host} answered with something that is not HTTP"
    TOO_LARGE = "the answer of {host} is longer than {max_bytes} bytes and was not read"
    HEADERS = (
        "the answer of {host} has a header of more than {max_header_bytes} bytes, or too many of them, and was not "
        "read: check what stands between the worker and {host}"
    )
    PACKED = "the answer of {host} is packed in a way that was not asked for, or damaged, and cannot be read"


#: Behind a proxy these are about the proxy: it is the only address that this side looks up and dials.
_DIALLING = frozenset({Fault.NAME, Fault.REFUSED, Fault.CONNECT})

#: OpenSSL's words for a handshake that ends the same way each time: the other side speaks no TLS, another version of
#: it, or wants a certificate of the client. All others, such as an end in the middle, may be the network's.
_NO_COMMON_TLS = frozenset(
    {
        "wrong version number",
        "http request",
        "record layer failure",  # OpenSSL 3.2 and later, for an answer that is no TLS
        "packet length too long",
        "unsupported protocol",
        "tlsv1 alert protocol version",
        "sslv3 alert handshake failure",
        "tlsv13 alert certificate required",
    }
)


def no_answer(fault: Fault, settings: HttpSettings, *, detail: str = "", may_have_arrived: bool) -> NoAnswer:
    """Make the exception for a fault.

    :param detail: a few words of the operating system or of OpenSSL; never any part of a request.
    :param may_have_arrived: whether a part of the request was written.
    """
    words = detail
    if settings.proxy and fault in _DIALLING:
        detail = detail or {Fault.NAME: "its name has no address", Fault.REFUSED: "it refused"}.get(fault, "")
        fault = Fault.PROXY
    reason = fault.value.format(
        host=settings.host,
        proxy=settings.proxy_host,
        via=f" through the proxy {settings.proxy_host}" if settings.proxy else "",
        detail=f" ({detail})" if detail else "",
        connect_timeout=settings.connect_timeout,
        timeout=settings.timeout,
        max_bytes=MAX_ANSWER_BYTES,
        max_header_bytes=MAX_HEADER_BYTES,
    )
    return NoAnswer(reason, may_have_arrived=may_have_arrived, passes=not _stays(fault, words, may_have_arrived))


def _stays(fault: Fault, words: str, may_have_arrived: bool) -> bool:
    """Tell whether each further try would end like this one; in the middle of an exchange nothing is certain."""
    if fault is Fault.TLS:
        return words in _NO_COMMON_TLS and not may_have_arrived
    return fault is Fault.CERTIFICATE


def name_os_error(error: BaseException | None) -> tuple[Fault, str]:
    """Tell which step an error of the operating system or of OpenSSL belongs to, and its few words."""
    if isinstance(error, socket.gaierror):
        return Fault.NAME, ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Fault.CERTIFICATE, error.verify_message
    if isinstance(error, ssl.SSLError):
        return Fault.TLS, (error.reason or "").replace("_", " ").lower()
    if isinstance(error, ConnectionRefusedError):
        return Fault.REFUSED, ""
    if isinstance(error, TimeoutError):
        return Fault.CONNECT_TIMEOUT, ""
    return Fault.CONNECT, os_words(error)


def os_words(error: BaseException | None) -> str:
    """The operating system's words for an error number, such as "Network is unreachable"."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number and number > 0 else ""


def refused_tunnel(status: int) -> str:
    """Say in a few words how a proxy answered ``CONNECT``."""
    wants_login = ", it asks for a login" if status == 407 else ""
    return f"it answered CONNECT with {status}{wants_login}"
