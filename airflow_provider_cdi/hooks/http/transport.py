"""What carries every request: many in flight over few connections, each sent at most once, with ``aiohttp``.

Imported when a task runs, never by a DAG file.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import aiohttp
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError, LineTooLong

from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.hooks.http.errors import (
    Fault,
    name_os_error,
    no_answer,
    os_words,
    refused_tunnel,
)
from airflow_provider_cdi.hooks.http.settings import ENCODINGS, MAX_ANSWER_BYTES, MAX_HEADER_BYTES, HttpSettings
from airflow_provider_cdi.hooks.name_lookup import DaemonResolver

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType
    from typing_extensions import Buffer

#: Seconds an idle connection is kept. Load balancers close theirs after a minute or more; ours go first, so
#: that a request seldom meets a connection that is being closed.
KEEP_ALIVE = 15.0
#: aiohttp has no class of its own for it.
_MANY = "Too many headers"
#: What aiohttp 3.13 raises for an answer that unpacks to too much; later versions hand it out piece by piece.
_UNPACKS_TO_TOO_MUCH = "DecompressSizeError"


class WriteFence(Protocol):
    """Says whether a request may still be written; see :class:`airflow_provider_cdi.engine.sentry.Sentry`."""

    def is_closed(self) -> bool:
        """Whether nothing may be written just now."""
        ...

    async def let_through(self) -> None:
        """Return when a request may be written, raise when it never may."""
        ...


class _Attempt:
    """One call of ``send``: whether its request changes anything, and whether it began to be written."""

    __slots__ = ("began", "changes")

    def __init__(self, *, changes: bool) -> None:
        self.changes = changes
        self.began = False


class AiohttpTransport:
    """Sends requests to one host over a bounded number of kept connections.

    Satisfies :class:`airflow_provider_cdi.engine.ports.Transport`. Belongs to the event loop in which it is
    first used; close it there, or use it as an asynchronous context manager.

    :param settings: where and how.
    :param max_connections: connections that are open at most; further calls of ``send`` wait their turn, and
        their waiting does not count into the time-outs.
    """

    def __init__(self, settings: HttpSettings, max_connections: int) -> None:
        if max_connections < 1:
            raise ValueError(f"max_connections must be at least 1, not {max_connections}")
        self._settings = settings
        self._headers = {"Accept-Encoding": ENCODINGS, **settings.headers}
        self._max_connections = max_connections
        self._turns = asyncio.Semaphore(max_connections)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self._fence: WriteFence | None = None

    def stand_behind(self, fence: WriteFence) -> None:
        """Write nothing while the fence is closed; said before the first request.

        :param fence: asked right before a request is written, and again right before its bytes go to the system.
        """
        self._fence = fence

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def send(self, request: Request) -> Response:
        """Send once and return whatever answer came, of any status; redirects are not followed.

        :raises NoAnswer: when no complete answer came. ``may_have_arrived`` is False only when not one byte
            of the request was written.
        """
        async with self._turns:
            attempt = _Attempt(changes=request.changes)
            try:
                return await self._exchange(request, attempt)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                fault, detail = _name_fault(error, began=attempt.began)
                raise no_answer(fault, self._settings, detail=detail, may_have_arrived=attempt.began) from None

    def headers_of(self, request: Request) -> Mapping[str, str]:
        """Return the headers of one attempt to send a request."""
        return self._headers

    async def close(self) -> None:
        """Close the connections. A closed transport sends nothing any more."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _exchange(self, request: Request, attempt: _Attempt) -> Response:
        async with self._open_session().request(
            request.method,
            self._settings.url(request.path),
            data=request.body or None,
            # Not the session's: aiohttp would send the session's key to the proxy, with CONNECT, in plain text.
            headers=self.headers_of(request),
            proxy=self._settings.proxy,
            allow_redirects=False,
            trace_request_ctx=attempt,
        ) as response:
            body = await self._read_body(response)
        headers = {name.lower(): _readable(value) for name, value in response.headers.items()}
        return Response(response.status, headers, self._settings.without_secret(response.status, body))

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                response.close()
                raise no_answer(Fault.TOO_LARGE, self._settings, may_have_arrived=True)
        return bytes(body)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("This transport is closed: make a new one for further requests.")
        if self._session is None:
            self._session = self._make_session()
        return self._session

    def _make_session(self) -> aiohttp.ClientSession:
        settings = self._settings
        tls = settings.tls_context()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._max_connections,
                keepalive_timeout=KEEP_ALIVE,
                ssl=True if tls is None else tls,
                resolver=DaemonResolver(),
                socket_factory=self._make_socket if self._fence is not None else None,
            ),
            timeout=aiohttp.ClientTimeout(
                total=settings.connect_timeout + settings.timeout,
                connect=settings.connect_timeout,
                sock_connect=settings.connect_timeout,
                sock_read=settings.timeout,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            trust_env=False,
            trace_configs=[self._trace_sending()],
        )

    def _trace_sending(self) -> aiohttp.TraceConfig:
        """Mark the moment before a request is written, and forbid a second writing.

        aiohttp sends PUT and DELETE again by itself when a kept connection breaks (from 3.10 on, no public
        switch). The engine alone decides what is sent twice, so the second writing is stopped here.
        """
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._before_writing)
        return trace

    async def _before_writing(
        self,
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        attempt: _Attempt = context.trace_request_ctx
        if attempt.began:
            raise no_answer(Fault.BROKEN, self._settings, may_have_arrived=True)
        if self._fence is not None and attempt.changes:
            await self._fence.let_through()
        attempt.began = True

    def _make_socket(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, _ = address
        return _FencedSocket(self._fence, family, kind, protocol)


class _FencedSocket(socket.socket):
    """Refuses to send while the fence is closed, however far a request has come on its way to here."""

    def __init__(self, fence: WriteFence | None, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._fence = fence

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        self._refuse_when_closed()
        return super().send(data, flags)

    def sendmsg(self, buffers: Iterable[Buffer], *more: Any) -> int:
        self._refuse_when_closed()
        return super().sendmsg(buffers, *more)

    def _refuse_when_closed(self) -> None:
        if self._fence is not None and self._fence.is_closed():
            raise ConnectionAbortedError(errno.ECONNABORTED, "the process stood still before the request was written")


def _name_fault(error: Exception, *, began: bool) -> tuple[Fault, str]:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Fault.PROXY, refused_tunnel(error.status)
    if isinstance(error, TimeoutError):
        return (Fault.ANSWER_TIMEOUT if began else Fault.CONNECT_TIMEOUT), ""
    if began:
        return _name_broken_exchange(error)
    return _name_failed_connection(error)


def _name_broken_exchange(error: Exception) -> tuple[Fault, str]:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return name_os_error(cause)
        if isinstance(cause, LineTooLong) or (isinstance(cause, BadHttpMessage) and _MANY in cause.message):
            return Fault.HEADERS, ""
        if isinstance(cause, ContentEncodingError):
            return Fault.PACKED, ""
        if type(cause).__name__ == _UNPACKS_TO_TOO_MUCH:
            return Fault.TOO_LARGE, ""
    if isinstance(error, aiohttp.ClientResponseError):
        return Fault.NOT_HTTP, ""
    return Fault.BROKEN, os_words(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Walk an exception and what it came from: the library wraps several times over."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _readable(value: str) -> str:
    """Return a header without the halves of characters that stand for bytes that are no UTF-8: no log takes them."""
    return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="replace")


def _name_failed_connection(error: Exception) -> tuple[Fault, str]:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Fault.NAME, ""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return name_os_error(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return name_os_error(error.os_error)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        # Before the request only a proxy has been spoken to.
        return Fault.PROXY, "it closed the connection"
    return name_os_error(error)
