"""Single calls with ``requests``: the connection test and the look-ups before a sync."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import cast

import requests
import tenacity
import urllib3.exceptions

from airflow_provider_cdi.engine.ports import Answer, Request
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.http_deadline import DeadlineAdapter, DeadlinePassed
from airflow_provider_cdi.hooks.http_faults import (
    Fault,
    name_os_error,
    no_answer,
    os_words,
    refused_tunnel,
)
from airflow_provider_cdi.hooks.http_settings import MAX_ANSWER_BYTES, HttpSettings

#: Braze's small pools (``/catalogs``: 50 a minute) refill within a minute; seven tries span 51 seconds.
CALL_ATTEMPTS = 7
LONGEST_PAUSE = 20
#: Transient by Braze's table of statuses; 408 is undocumented and treated like a 5xx.
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})

_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: (\d{3})")
#: Bytes of an answer that are looked at together.
_CHUNK = 64 * 1024


class _SessionWithoutRedirects(requests.Session):
    """A redirect is an answer: following it could carry the key to another host."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that there is nowhere to go."""


def open_session(settings: HttpSettings) -> requests.Session:
    """Make a session that carries the credentials and takes proxy and certificates from the settings alone.

    The environment is not consulted again: a ``.netrc`` entry would otherwise replace the key.

    :raises ConfigurationError: when the CA bundle cannot be read.
    """
    settings.tls_context()  # tried here, because ``requests`` would report a bad bundle as a bare OSError
    session = _SessionWithoutRedirects()
    session.mount(settings.base_url, DeadlineAdapter())
    session.trust_env = False
    session.headers.update(settings.headers)
    session.proxies = {"https": settings.proxy} if settings.proxy else {}
    session.verify = settings.ca_bundle or True
    return session


def call(session: requests.Session, settings: HttpSettings, request: Request) -> Answer:
    """Send one request once and read its answer, of any status.

    :param session: from :func:`open_session` with the same settings.
    :raises NoAnswer: when no complete answer came within ``connect_timeout`` and ``timeout`` together.
    """
    adapter = cast(DeadlineAdapter, session.get_adapter(settings.base_url))
    try:
        return adapter.within(
            settings.connect_timeout + settings.timeout, lambda: _exchange(session, settings, request)
        )
    except DeadlinePassed as late:
        raise no_answer(Fault.ANSWER_TIMEOUT if late.was_connected else Fault.CONNECT_TIMEOUT, settings) from None


def _exchange(session: requests.Session, settings: HttpSettings, request: Request) -> Answer:
    try:
        with session.request(
            request.method,
            settings.url(request.path),
            data=request.body or None,
            timeout=(settings.connect_timeout, settings.timeout),
            allow_redirects=False,
            stream=True,
        ) as response:
            body = _read_body(response, settings)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _explain(error, settings) from None
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, settings.without_secret(response.status_code, body))


def call_until_settled(
    settings: HttpSettings, request: Request, *, sleep: Callable[[float], None] = time.sleep
) -> Answer:
    """Send a request that may be repeated, again after connection faults, 429 and 5xx, with growing pauses.

    :param sleep: waits that many seconds; given by tests.
    :return: the last answer, which may still be a transient one after the last try.
    :raises NoAnswer: when the last try brought no answer.
    """
    retrying: tenacity.Retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NoAnswer) | tenacity.retry_if_result(_is_transient),
        stop=tenacity.stop_after_attempt(CALL_ATTEMPTS),
        wait=tenacity.wait_exponential(max=LONGEST_PAUSE),
        sleep=sleep,
        # The last outcome as it is, be it an answer or the exception.
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    with open_session(settings) as session:
        answer: Answer = retrying(call, session, settings, request)
    return answer


def _read_body(response: requests.Response, settings: HttpSettings) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise no_answer(Fault.TOO_LARGE, settings)
    return bytes(body)


def _explain(error: Exception, settings: HttpSettings) -> NoAnswer:
    fault, detail = _name_fault(error)
    return no_answer(fault, settings, detail=detail)


def _name_fault(error: Exception) -> tuple[Fault, str]:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Fault.CONNECT_TIMEOUT, ""
    chain = list(_causes(error))
    if any(isinstance(cause, urllib3.exceptions.ReadTimeoutError) for cause in chain):
        # urllib3 gives a TLS handshake that takes too long the same class.
        in_handshake = any("handshake" in str(cause) for cause in chain)
        return (Fault.CONNECT_TIMEOUT if in_handshake else Fault.ANSWER_TIMEOUT), ""
    for cause in chain:
        if tunnel := _TUNNEL_REFUSED.search(str(cause)):
            return Fault.PROXY, refused_tunnel(int(tunnel[1]))
        if isinstance(cause, (socket.gaierror, ssl.SSLError, ConnectionRefusedError)):
            return name_os_error(cause)
    return _name_wrapper(error, chain), next(filter(None, map(os_words, chain)), "")


def _name_wrapper(error: Exception, chain: list[BaseException]) -> Fault:
    if isinstance(error, requests.exceptions.ProxyError):
        return Fault.PROXY
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in chain):
        return Fault.CONNECT
    return Fault.BROKEN


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk an exception, what it wraps and what it came from: both libraries wrap several times over."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__]


def _is_transient(answer: Answer) -> bool:
    return answer.status in TRANSIENT_STATUSES
