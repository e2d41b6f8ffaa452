"""A port before another port, whose connections can be cut as a network cuts them."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

#: Close with a reset: whoever reads on the other side gets an error, not an end.
_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Hands bytes on in both directions."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()

    def start(self, target: int) -> None:
        """Lead every connection to a port of this machine."""
        threading.Thread(target=self._accept, args=(target,), name="relay", daemon=True).start()

    def cut(self) -> None:
        """Break all connections; new ones are welcome."""
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self, target: int) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", target))
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(1 << 18):
                sink.sendall(chunk)
        for sock in (source, sink):
            self._open.discard(sock)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
