"""A service of one's own, as its owner would write it from the page of the operator: it shares no code with it."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

SECRET = "the-secret-of-both-sides"
TOKEN = "token-of-the-receiver"
#: Seconds after which a signature is too old.
TOLERANCE = 300


class Reply(NamedTuple):
    """An answer.

    :param applies: whether the rows are kept before it is given.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    applies: bool = False

    @classmethod
    def of(cls, status: int, document: Any, **more: Any) -> Reply:
        """Return an answer with a JSON document."""
        return cls(status, json.dumps(document).encode(), **more)


class Receiver:
    """Keeps rows by their id, refuses those whose plan it does not know, and answers as it is told to.

    :param most_rows: of one request; more of them are too much.
    """

    def __init__(self, most_rows: int = 1_000) -> None:
        self.most_rows = most_rows
        self.kept: dict[str, dict[str, Any]] = {}
        #: Headers and rows of each request whose signature was right.
        self.requests: list[tuple[Mapping[str, str], list[dict[str, Any]]]] = []
        #: The body of each of them, as it came.
        self.bodies: list[bytes] = []
        #: What to answer to the next requests, instead of what their rows deserve.
        self.next_replies: deque[Reply] = deque()
        self.forged = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    @property
    def connection(self) -> dict[str, Any]:
        """The fields of a connection to it."""
        return {
            "conn_type": "http",
            "schema": "http",
            "host": "127.0.0.1",
            "port": self._server.server_port,
            "password": TOKEN,
            "extra": {"signing_secret": SECRET, "X-Tenant": "shop"},
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Judge one request."""
        if headers.get("authorization") != f"Bearer {TOKEN}" or not is_signed(headers, body):
            self.forged += 1
            return Reply.of(401, {"error": f"not signed with {TOKEN}"})
        rows = json.loads(body)["rows"]
        with self._lock:
            self.requests.append((headers, rows))
            self.bodies.append(body)
            reply = self.next_replies.popleft() if self.next_replies else None
            if reply is None or reply.applies:
                judged = self._apply(rows)
                reply = reply or judged
            return reply

    def _apply(self, rows: list[dict[str, Any]]) -> Reply:
        if len(rows) > self.most_rows:
            return Reply.of(413, {"errors": []})
        errors = []
        for index, row in enumerate(rows):
            if row.get("plan") == "unknown":
                errors.append({"index": index, "code": "unknown_plan", "message": f"{row['id']} has no such plan"})
            else:
                self.kept[row["id"]] = row
        return Reply.of(207, {"errors": errors}) if errors else Reply(204)


def is_signed(headers: Mapping[str, str], body: bytes) -> bool:
    """Check a signature as the page of the operator says."""
    stamp = headers.get("x-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE:
        return False
    expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers.get("x-signature", ""), f"sha256={expected}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        reply = self.receiver.answer({name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
