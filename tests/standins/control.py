"""The server's side: orders over HTTP, faults on demand, and a log of what was asked."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

State = Literal["running", "finished", "failed", "cancelled"]


def read_settings() -> dict[str, Any]:
    """Return what the test process told this one."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    return settings


def say_ready(**facts: Any) -> None:
    """Tell the test process that the server listens; ``port`` and ``control_port`` are among the facts."""
    print(json.dumps(facts), flush=True)


def serve_control(actions: Mapping[str, Callable[..., Any]]) -> int:
    """Serve orders in threads of their own and return the port.

    :param actions: name -> what is called with the order's arguments; it returns JSON or None.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, body = 200, json.dumps(actions[self.path.strip("/")](**arguments), default=str)
            except Exception as error:  # the test process raises it again
                status, body = 500, f"{type(error).__name__}: {error}"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Keep the server's log for what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, name="control", daemon=True).start()
    return server.server_port


@dataclass
class _Fault:
    times: int
    after: int
    details: dict[str, Any]


class Faults:
    """What is to go wrong, and how often."""

    def __init__(self) -> None:
        self._faults: dict[str, _Fault] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, times: int = 1, after: int = 0, details: dict[str, Any] | None = None) -> None:
        """Plan a fault."""
        with self._lock:
            self._faults[kind] = _Fault(times, after, details or {})

    def heal(self) -> None:
        """Plan nothing any more."""
        with self._lock:
            self._faults.clear()

    def take(self, kind: str) -> dict[str, Any] | None:
        """Say whether this occasion goes wrong: the fault's details, or None."""
        with self._lock:
            fault = self._faults.get(kind)
            if fault is None:
                return None
            if fault.after > 0:
                fault.after -= 1
                return None
            if fault.times <= 0:
                return None
            fault.times -= 1
            return fault.details

    @property
    def actions(self) -> dict[str, Callable[..., Any]]:
        """The orders that belong to faults."""
        return {"fault": self.add, "heal": self.heal}


@dataclass
class Asked:
    """One statement of a client."""

    text: str
    tag: str = ""
    state: State = "running"
    details: dict[str, Any] = field(default_factory=dict)


class StatementLog:
    """What the server was asked, in the order in which it came."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []

    def add(self, text: str, tag: str = "", **details: Any) -> Asked:
        """Note a statement; the caller sets its state when it ends."""
        asked = Asked(text, tag, details=details)
        self._asked.append(asked)
        return asked

    def forget(self) -> None:
        """Empty the log."""
        self._asked.clear()

    def list(self) -> list[dict[str, Any]]:
        """Return all of it as JSON."""
        return [asdict(asked) for asked in self._asked]

    @property
    def actions(self) -> dict[str, Callable[..., Any]]:
        """The orders that belong to the log."""
        return {"statements": self.list, "forget": self.forget}
