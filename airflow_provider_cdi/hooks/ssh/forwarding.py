"""Connections to a local socket, each carried on through a channel of one SSH connection.

The SSH provider's own tunnel moves all of its connections in one thread: one whose rows wait for us would hold up the
one that is to cancel its query. Here each direction has a thread of its own, which waits and never polls.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

#: Bytes of one read.
_PIECE = 128 * 1024
#: Seconds for the threads to notice that their sockets are closed.
_ENDS_WITHIN = 2.0
_BACKLOG = 16


def listen_on_loopback() -> socket.socket:
    """Listen on a free port of 127.0.0.1. Whoever works on this machine may connect, as with ``ssh -L``."""
    return socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)


def listen_without_a_file() -> socket.socket:
    """Listen on a Unix socket whose name is no file (Linux alone has them), so that nothing remains after a SIGKILL."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"\0cdi-ssh-tunnel-{os.urandom(16).hex()}")
    listener.listen(_BACKLOG)
    return listener


class Forwarder:
    """Carries every connection to a listening socket on through a channel of its own.

    :param listener: closed by :meth:`close`.
    :param open_channel: opens a channel to the database; may take a while.
    :param failed: is told what that raised.
    :param ended: is told that a channel ended without the other side's word for it, before our side hears of it.
    """

    def __init__(
        self,
        listener: socket.socket,
        open_channel: Callable[[], Any],
        *,
        failed: Callable[[Exception], None],
        ended: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._open_channel = open_channel
        self._failed = failed
        self._ended = ended
        self._links: set[_Link] = set()
        self._lock = Lock()
        self._is_closed = False
        self._wakes, self._is_woken = socket.socketpair()
        self._thread = Thread(target=self._accept, name="cdi-ssh-tunnel", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the socket and all connections, and wait for the threads."""
        with self._lock:
            self._is_closed = True
            links = list(self._links)
        self._wakes.send(b"\0")
        for link in links:
            link.cut()
        for thread in (self._thread, *(link.thread for link in links)):
            thread.join(_ENDS_WITHIN)
        for one in (self._listener, self._wakes, self._is_woken):
            one.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            for one in (self._listener, self._is_woken):
                selector.register(one, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._is_woken in ready:
                    return
                with suppress(OSError):  # who knocked is gone again
                    self._begin(self._listener.accept()[0])

    def _begin(self, local: socket.socket) -> None:
        link = _Link(local, self._carry, self._ended)
        with self._lock:
            if self._is_closed or not _is_ours(local):
                local.close()
                return
            self._links.add(link)
            link.thread.start()

    def _carry(self, link: _Link) -> None:
        try:
            link.carry(self._open_channel())
        except Exception as error:  # of whatever the SSH library raises for a channel
            self._failed(error)
        finally:
            link.local.close()
            with self._lock:
                self._links.discard(link)


class _Link:
    """A local connection and, once it is open, its channel."""

    def __init__(self, local: socket.socket, carry: Callable[[_Link], None], ended: Callable[[], None]) -> None:
        self.local = local
        self._ended = ended
        self.thread = Thread(target=carry, args=(self,), name="cdi-ssh-tunnel-down", daemon=True)
        self._channel: Any = None
        self._is_cut = False

    def carry(self, channel: Any) -> None:
        """Move bytes both ways until both ends are done."""
        self._channel = channel
        up = Thread(target=self._move_up, name="cdi-ssh-tunnel-up", daemon=True)
        up.start()
        try:
            self._move_down()
            up.join()
        finally:
            channel.close()

    def cut(self) -> None:
        """Wake the threads that wait for either end."""
        self._is_cut = True
        with suppress(OSError):
            self.local.shutdown(socket.SHUT_RDWR)
        if self._channel is not None:
            self._channel.close()

    def _move_up(self) -> None:
        try:
            while piece := self.local.recv(_PIECE):
                self._channel.sendall(piece)
            self._channel.shutdown_write()
        except (OSError, EOFError):
            self._break_off()

    def _move_down(self) -> None:
        try:
            while piece := self._channel.recv(_PIECE):
                self.local.sendall(piece)
            if self._channel.eof_received:
                self.local.shutdown(socket.SHUT_WR)
                return
        except OSError:
            pass
        self._break_off()

    def _break_off(self) -> None:
        """Cut, and say before our side hears of it that the channel ended; whichever direction notices it first."""
        if self._channel.closed and not self._is_cut:
            self._ended()
        self.cut()


def _is_ours(local: socket.socket) -> bool:
    """Whether a connection to a Unix socket comes from this process's own user; elsewhere nobody can tell."""
    if local.family != socket.AF_UNIX:
        return True
    _, user, _ = struct.unpack("3i", local.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return bool(user == os.geteuid())
