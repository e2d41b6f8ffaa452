"""Addresses of host names, looked up in threads that nobody has to wait for.

Nothing can end a lookup of the system. In the threads of an executor, where aiohttp does it, one that hangs holds the
end of the event loop and of the process, long after the deadline of the call that wanted it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

_T = TypeVar("_T")
_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class DaemonResolver(AbstractResolver):
    """Looks names up as aiohttp's usual resolver does, each in a daemon thread."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        :raises OSError: when it has none.
        """
        lookup = partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        return [_result(host, *found) for found in await _in_daemon_thread(lookup)]

    async def close(self) -> None:
        """Leave the threads to themselves."""


def _result(name: str, family: int, _kind: int, protocol: int, _canonical: str, address: Any) -> ResolveResult:
    host, port = address[0], address[1]
    if family == socket.AF_INET6 and address[3]:  # of this link alone: the link is a part of the address
        host = socket.getnameinfo(address, _NUMERIC)[0]
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=name, host=host, port=port, family=family, proto=protocol, flags=flags)


async def _in_daemon_thread(call: Callable[[], _T]) -> _T:
    outcome: Future[_T] = Future()
    outcome.set_running_or_notify_cancel()  # from here on only the thread settles it
    threading.Thread(target=_settle, args=(outcome, call), name="cdi-name-lookup", daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _settle(outcome: Future[_T], call: Callable[[], _T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:  # raised again where it is waited for
        outcome.set_exception(error)
