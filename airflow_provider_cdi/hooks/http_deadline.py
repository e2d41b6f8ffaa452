"""A hard deadline for calls with ``requests``.

The library's own time-outs bound one step each: the connection to one address, the silence between two packets. A
server that sends a byte a second holds such a call for ever. Here the caller waits no longer than it said, and the
connection is cut under the call, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_T = TypeVar("_T")


class DeadlinePassed(Exception):
    """The call was cut.

    :param was_connected: whether a connection was there, so that the request may have left.
    """

    def __init__(self, was_connected: bool) -> None:
        super().__init__("the call was cut at its deadline")
        self.was_connected = was_connected


class DeadlineAdapter(HTTPAdapter):
    """What carries the requests of one session, one at a time, with a deadline for each."""

    def __init__(self) -> None:
        self._wires = _Wires()
        self._pools = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self._wires),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self._wires),
        }
        super().__init__()

    def within(self, seconds: float, call: Callable[[], _T]) -> _T:
        """Run a call of this session, and return or raise what it does.

        It runs in a thread of its own: nothing can end a name look-up, only stop waiting for it.

        :param seconds: how long to wait.
        :raises DeadlinePassed: when the call took longer. Its connections are closed.
        """
        outcome: Future[_T] = Future()
        threading.Thread(target=_settle, args=(outcome, call), name="cdi-call", daemon=True).start()
        try:
            return outcome.result(seconds)
        except TimeoutError:
            if outcome.done():  # the call's own
                raise
            raise DeadlinePassed(self._wires.cut()) from None

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._wires.cut()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the connections of direct calls ones that can be cut."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """Make the connections through a proxy ones that can be cut."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


class _Wires:
    """The connections of one session, each by a second handle: TLS takes the first one away."""

    def __init__(self) -> None:
        self._handles: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_cut = False
        #: Whether a connection is complete, TLS included.
        self.is_connected = False

    def add(self, wire: socket.socket) -> None:
        with self._lock:
            self._handles.append(wire.dup())
            if self._is_cut:
                self._shut_down()

    def cut(self) -> bool:
        """Close all; return whether one of them was complete."""
        with self._lock:
            self._is_cut = True
            self._shut_down()
            return self.is_connected

    def _shut_down(self) -> None:
        for handle in self._handles:
            with handle, contextlib.suppress(OSError):  # the other side may have closed it meanwhile
                handle.shutdown(socket.SHUT_RDWR)
        self._handles.clear()


def _settle(outcome: Future[_T], call: Callable[[], _T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:  # raised again where the caller waits
        outcome.set_exception(error)


def _pool(pool: type[HTTPConnectionPool], connection: type[HTTPConnection], wires: _Wires) -> type[HTTPConnectionPool]:
    class Connection(connection):  # type: ignore[misc, valid-type]  # one of two, both of one kind
        def _new_conn(self) -> Any:
            wire = super()._new_conn()
            wires.add(wire)
            return wire

        def connect(self) -> None:
            super().connect()
            wires.is_connected = True

    return type("Pool", (pool,), {"ConnectionCls": Connection})
