"""A server that costs next to nothing: it counts what arrives, waits, and says success in Braze's words.

``python benchmarks/counting_server.py <port>``; ``POST /_reset {"delay": 0.05, "requests": 3000, "seconds": 3}`` sets
delay and limit, ``GET /_counts`` tells. It decodes no body: the sandbox is for what is right, this is for what is fast.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
import time
from typing import Any

#: What stands once in every object of a body, with or without a space behind it.
_ROW = b'"external_id"'
_LENGTH = b"\ncontent-length:"


class Counts:
    """What arrived since the last reset, and what is to be answered."""

    def __init__(self, delay: float = 0.0, requests: int = 0, seconds: int = 3) -> None:
        self.delay = delay
        self.limit, self.window_seconds = requests, seconds
        self.requests = self.rows = self.refused = self.in_flight = self.most_in_flight = 0
        self.first = self.last = 0.0
        self._window, self._used = 0, 0
        self._cpu = _cpu_seconds()

    def enter(self, body: bytes) -> bytes:
        """Count one request and return its answer."""
        now = time.time()
        self.first = self.first or now
        self.last = now
        if not self.limit:
            self._accept(body)
            return _answer(201, b"", _DONE)
        end = (int(now) // self.window_seconds + 1) * self.window_seconds
        if end != self._window:
            self._window, self._used = end, 0
        left = self.limit - self._used
        headers = b"x-ratelimit-limit: %d\r\nx-ratelimit-remaining: %d\r\nx-ratelimit-reset: %d\r\n" % (
            self.limit, max(left - 1, 0), end,
        )  # fmt: skip
        if left <= 0:
            self.refused += 1
            return _answer(429, headers, _LIMITED)
        self._used += 1
        self._accept(body)
        return _answer(201, headers, _DONE)

    def _accept(self, body: bytes) -> None:
        self.requests += 1
        self.rows += body.count(_ROW)

    def to_json(self) -> bytes:
        """Return the figures; ``cpu`` is what the server itself has used."""
        names = ("requests", "rows", "refused", "most_in_flight", "first", "last")
        found = {name: getattr(self, name) for name in names}
        return json.dumps({**found, "cpu": _cpu_seconds() - self._cpu}).encode()


class Connection(asyncio.Protocol):
    """One kept connection; a client sends its next request when it has the answer to the last one."""

    counts: Counts

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parts: list[bytes] = []
        self._missing = 0
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        if self._head:
            self._missing -= len(data)
        elif not self._read_head():
            return
        if self._missing <= 0:
            body = b"".join(self._parts)
            head, self._head, self._parts, self._missing = self._head, b"", [], 0
            self._handle(head, body)

    def _read_head(self) -> bool:
        """Cut the head off, once it is there whole."""
        head, found, rest = b"".join(self._parts).partition(b"\r\n\r\n")
        if not found:
            return False
        lowered = head.lower()
        place = lowered.find(_LENGTH)
        length = int(lowered[place + len(_LENGTH) :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if place < 0 and b"\ntransfer-encoding:" in lowered:
            self._transport.close()  # nobody here sends chunks
            return False
        self._head, self._parts, self._missing = head, [rest], length - len(rest)
        return True

    def _handle(self, head: bytes, body: bytes) -> None:
        if head.startswith((b"GET /_counts", b"POST /_reset")):
            if head.startswith(b"POST"):
                Connection.counts = Counts(**json.loads(body))
            self._transport.write(_answer(200, b"", self.counts.to_json()))
            return
        counts = self.counts
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        answer = counts.enter(body)
        if counts.delay:
            asyncio.get_running_loop().call_later(counts.delay, self._write, counts, answer)
        else:
            self._write(counts, answer)

    def _write(self, counts: Counts, answer: bytes) -> None:
        counts.in_flight -= 1
        self._transport.write(answer)


_DONE = b'{"message":"success"}'
_LIMITED = b'{"message":"Rate limited"}'
_REASONS = {200: b"OK", 201: b"Created", 429: b"Too Many Requests"}


def _answer(status: int, headers: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b" % (
        status, _REASONS[status], headers, len(body), body,
    )  # fmt: skip


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    Connection.counts = Counts()
    uvloop.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
