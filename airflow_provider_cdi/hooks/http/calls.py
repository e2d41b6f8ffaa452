"""Single calls, for code without an event loop: the connection test and the lookups before a sync.

They go over the transport that also delivers, so that proxy, certificates, time-outs, bounds and the names of faults
are the same by construction.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self, TypeVar

import requests
import tenacity

from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.http.transport import AiohttpTransport

#: Braze's small pools (``/catalogs``: 50 a minute) refill within a minute; seven tries span 51 seconds.
CALL_ATTEMPTS = 7
LONGEST_PAUSE = 20
#: Transient by Braze's table of statuses; 408 is undocumented and treated like a 5xx.
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})

_T = TypeVar("_T")


class Calls:
    """Sends one request after the other over a kept connection. Use it as a context manager.

    :param settings: where and how.
    """

    def __init__(self, settings: HttpSettings) -> None:
        self._transport = AiohttpTransport(settings, 1)
        self._loop = asyncio.new_event_loop()
        # Of its own, for the caller may have a loop that is running.
        self._thread = threading.Thread(target=self._loop.run_forever, name="cdi-calls", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._run(self._transport.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def call(self, request: Request) -> Response:
        """Send a request once and return its answer, of any status.

        :raises NoAnswer: when no complete answer came within ``connect_timeout`` and ``timeout`` together.
        :raises ConfigurationError: when the CA bundle cannot be read.
        """
        return self._run(self._transport.send(request))

    def _run(self, what: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()


def call_until_settled(
    settings: HttpSettings, request: Request, *, sleep: Callable[[float], None] = time.sleep
) -> Response:
    """Send a request that may be repeated, again after connection faults, 429 and 5xx, with growing pauses.

    :param sleep: waits that many seconds; given by tests.
    :return: the last answer, which may still be a transient one after the last try.
    :raises NoAnswer: when the last try brought no answer, or the first one shows that none will.
    """
    retrying: tenacity.Retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_passes) | tenacity.retry_if_result(_is_transient),
        stop=tenacity.stop_after_attempt(CALL_ATTEMPTS),
        wait=tenacity.wait_exponential(max=LONGEST_PAUSE),
        sleep=sleep,
        # The last outcome as it is, be it an answer or the exception.
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    with Calls(settings) as calls:
        answer: Response = retrying(calls.call, request)
    return answer


def _passes(error: BaseException) -> bool:
    return isinstance(error, NoAnswer) and error.passes


def _is_transient(answer: Response) -> bool:
    return answer.status in TRANSIENT_STATUSES


class _SessionWithoutRedirects(requests.Session):
    """A redirect is an answer: following it could carry the key to another host."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that there is nowhere to go."""


def open_session(settings: HttpSettings) -> requests.Session:
    """Make a session for calls of one's own, which takes credentials, proxy and certificates from the settings alone.

    The environment is not consulted again: a ``.netrc`` entry would otherwise replace the key.

    :raises ConfigurationError: when the CA bundle cannot be read.
    """
    settings.tls_context()  # tried here, because ``requests`` would report a bad bundle as a bare OSError
    session = _SessionWithoutRedirects()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(settings.headers)
    session.proxies = {"https": settings.proxy} if settings.proxy else {}
    session.verify = settings.ca_bundle or True
    return session
