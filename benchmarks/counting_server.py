"""A server that costs next to nothing: it counts what arrives, waits, and says success in Braze's words.

``python benchmarks/counting_server.py <port>``; ``POST /_reset {"delay": 0.05, "requests": 3000, "seconds": 3}`` sets
delay and limit, ``GET /_counts`` tells. Every other path is taken for one of Braze's. It decodes no body: the sandbox
is for what is right, this is for what is fast.
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
EXTERNAL_ID = '"external_id"'
#: So much of a body tells it from every other one: no row is in two requests unless one is sent again.
_DISTINCT_BYTES = 160
_LENGTH = b"\ncontent-length:"


class Counts:
    """What arrived since the last reset, and what is to be answered.

    :param delay: seconds between a request and its answer.
    :param requests: how many a window takes; 0 for any number.
    :param seconds: length of a window; windows are fixed on the clock, as Braze's are.
    :param row: the text that stands once in a body for each of its rows.
    """

    def __init__(self, delay: float = 0.0, requests: int = 0, seconds: int = 3, row: str = EXTERNAL_ID) -> None:
        self.delay = delay
        self.limit, self.window_seconds = requests, seconds
        self.requests = self.rows = self.refused = self.in_flight = self.most_in_flight = 0
        self.first = self.last = self.answered = 0.0
        self.a_second: dict[int, int] = {}
        self._row = row.encode()
        self._seen: set[int] = set()
        self._window, self._used = 0, 0
        self._cpu = _cpu_seconds()

    def enter(self, body: bytes) -> bytes:
        """Count one request and return its answer."""
        now = time.time()
        self.first = self.first or now
        self.last = now
        if not self.limit:
            self._accept(now, body)
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
        self._accept(now, body)
        return _answer(201, headers, _DONE)

    def _accept(self, now: float, body: bytes) -> None:
        self.requests += 1
        self.rows += body.count(self._row)
        self._seen.add(hash(body[:_DISTINCT_BYTES]))
        second = int(now - self.first)
        self.a_second[second] = self.a_second.get(second, 0) + 1

    def to_json(self) -> bytes:
        """Return the figures.

        ``first`` and ``last`` are when the first and the last request arrived, ``answered`` when the last answer left,
        in seconds since the epoch; ``cpu`` is what the server itself has used; ``a_second`` counts the accepted
        requests of each second since the first.
        """
        names = ("requests", "rows", "refused", "most_in_flight", "first", "last", "answered")
        found = {name: getattr(self, name) for name in names}
        seconds = [self.a_second.get(second, 0) for second in range(max(self.a_second, default=-1) + 1)]
        more = {"distinct": len(self._seen), "cpu": _cpu_seconds() - self._cpu, "a_second": seconds}
        return json.dumps({**found, **more}).encode()


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
            self._transport.write(_answer(200, b"", self._control(head, body)))
            return
        counts = self.counts
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        answer = counts.enter(body)
        if counts.delay:
            asyncio.get_running_loop().call_later(counts.delay, self._write, counts, answer)
        else:
            self._write(counts, answer)

    def _control(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"POST"):
            Connection.counts = Counts(**json.loads(body))
        return self.counts.to_json()

    def _write(self, counts: Counts, answer: bytes) -> None:
        counts.in_flight -= 1
        counts.answered = time.time()
        if not self._transport.is_closing():
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
