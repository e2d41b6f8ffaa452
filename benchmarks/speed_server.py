"""The other side of the runs: the counting server in the place of Braze, the sandbox in the place of Klaviyo."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from counting_server import EXTERNAL_ID

_HERE = Path(__file__).parent
#: The text that stands once in a body for each row, where it is not the identifier.
_ROW_TEXTS = {"user_deletes": '"c-', "catalog_items": '"id":'}


class CountingServer:
    """A counting server in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self, *, delay: float = 0.0, limit: int = 0, data_type: str = "attributes") -> None:
        """Count from zero.

        :param delay: seconds until an answer.
        :param limit: requests in three seconds, as Braze counts them; 0 for any number.
        """
        wanted = {"delay": delay, "requests": limit, "row": _ROW_TEXTS.get(data_type, EXTERNAL_ID)}
        _called(f"{self.url}/_reset", wanted)

    def counts(self) -> dict[str, Any]:
        return _called(f"{self.url}/_counts")


class KlaviyoServer:
    """The sandbox's Klaviyo, with Klaviyo's documented limits; it decodes and checks every body."""

    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self, **_: Any) -> None:
        _called(f"{self.url}/_sandbox/reset", {})

    def counts(self) -> dict[str, Any]:
        """Return what the counting server returns, without times: only the client can tell them here."""
        paths = _called(f"{self.url}/_sandbox/state")["requests"].values()
        requests = sum(path["requests"] for path in paths)
        refused = sum(path["statuses"].get("429", 0) for path in paths)
        return {
            "rows": sum(path["accepted"] for path in paths),
            "requests": requests - refused,
            "distinct": requests - refused,
            "refused": refused,
            **dict.fromkeys(("first", "last", "answered", "cpu"), 0.0),
            "most_in_flight": 0,
            "a_second": [],
        }


@contextmanager
def counting_server() -> Iterator[CountingServer]:
    with _process([str(_HERE / "counting_server.py"), "0"]) as line:
        yield CountingServer(f"http://127.0.0.1:{int(line)}")


@contextmanager
def klaviyo_server() -> Iterator[KlaviyoServer]:
    arguments = ["-m", "cdi_sandbox", "--port", "0", "--keep", "counts"]
    with _process(arguments) as line:
        url = line.split()[2].rstrip("/")
        _wait_for(f"{url}/_sandbox/state")  # it says its address before it listens
        yield KlaviyoServer(url)


@contextmanager
def _process(arguments: list[str]) -> Iterator[str]:
    """Start a server and yield the first line that it prints; what it says of errors is shown."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise SystemExit(f"{arguments[0]} did not start: run it by hand to see why")
            yield line
        finally:
            process.terminate()


def _wait_for(url: str, tries: int = 100) -> None:
    for left in reversed(range(tries)):
        try:
            _called(url)
        except urllib.error.URLError:
            if not left:
                raise
            time.sleep(0.1)
        else:
            return


def _called(url: str, body: Any = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
