"""What the stand-ins have in common: a process, a line that says it is ready, and a way to give it orders."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from standins.tls import Tls

TESTS = Path(__file__).parent.parent
#: Seconds; Spark takes 15 of them on an idle machine, and several start at once on a busy one.
READY_WITHIN = 180.0


class StandIn:
    """A local server that a warehouse's real client takes for the warehouse. Use as a context manager.

    A subclass names its package and says how an Airflow connection leads to it. The server process is
    ``python -m standins.<name>.serve``; it gets its settings as JSON in its first argument and prints one JSON line
    with at least ``port`` and ``control_port`` when it is ready.

    :param settings: handed to the server.
    """

    #: Name of the package in ``standins``.
    name: str
    #: Airflow connection type.
    conn_type: str

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix=f"cdi-{self.name}-")))
        self.tls = Tls.create(self.folder)
        try:
            self.prepare()
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def prepare(self) -> None:
        """Start what the server needs, or write files for it, before it starts."""

    def settings(self) -> dict[str, Any]:
        """Return what the server is told: where its TLS files are, and what the constructor got."""
        tls = {"authority": str(self.tls.authority), "chain": str(self.tls.chain), "key": str(self.tls.key)}
        return {"tls": tls, "folder": str(self.folder), **self._settings}

    def connection(self, **fields: Any) -> dict[str, Any]:
        """Return an Airflow connection as JSON fields.

        :param fields: other fields than usual; ``extra`` is merged, key by key, and a key with None is left out.
        """
        usual = {"conn_type": self.conn_type, **self.usual_connection()}
        extra = {**usual.get("extra", {}), **fields.pop("extra", {})}
        return {**usual, **fields, "extra": {key: value for key, value in extra.items() if value is not None}}

    def usual_connection(self) -> dict[str, Any]:
        """Return the fields of a connection that works."""
        raise NotImplementedError

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that the client needs to find and to believe the server."""
        return {}

    # --- orders -----------------------------------------------------------------------------------

    def control(self, action: str, **arguments: Any) -> Any:
        """Give the server an order and return its answer.

        :raises RuntimeError: with the server's own words when it failed.
        """
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control_port}/{action}", json.dumps(arguments).encode(), method="POST"
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=600) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{self.name}: {action} failed: {error.read().decode()}") from None

    def sql(self, *statements: str) -> list[list[Any]]:
        """Run statements in the warehouse's own SQL, as an administrator; the rows of the last one come back."""
        rows: list[list[Any]] = []
        for statement in statements:
            rows = self.control("sql", text=statement)
        return rows

    def load(self, name: str, table: pa.Table) -> None:
        """Create a table of this name from an Arrow table, replacing one that is there."""
        path = self.folder / f"load-{os.urandom(4).hex()}.parquet"
        pq.write_table(table, path)
        try:
            self.control("load", name=name, path=str(path))
        finally:
            path.unlink()

    def fault(self, kind: str, *, times: int = 1, after: int = 0, **details: Any) -> None:
        """Let something go wrong.

        :param kind: ``chunk_503``, ``chunk_slow``, ``drop``, ``expired``, ``unauthorized``, and what a server adds.
        :param times: how often.
        :param after: how many occasions pass well before that.
        :param details: more that the kind wants to know (``seconds``).
        """
        self.control("fault", kind=kind, times=times, after=after, details=details)

    def heal(self) -> None:
        """Take all faults back."""
        self.control("heal")

    def statements(self) -> list[dict[str, Any]]:
        """Return what was asked so far: ``text``, ``tag``, ``state`` (running, finished, failed, cancelled)."""
        found: list[dict[str, Any]] = self.control("statements")
        return found

    def forget(self) -> None:
        """Empty the list of statements."""
        self.control("forget")

    def rss(self) -> int:
        """Return the resident memory of the server, in bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    # --- the process ------------------------------------------------------------------------------

    def _start(self) -> None:
        log = self._stack.enter_context((self.folder / "server.log").open("w"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"standins.{self.name}.serve", json.dumps(self.settings())],
            cwd=TESTS,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self._stack.callback(self._stop)
        self.ready: dict[str, Any] = self._read_ready_line()
        self.port: int = self.ready["port"]
        self.control_port: int = self.ready["control_port"]

    def _read_ready_line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], READY_WITHIN)
        line = self.process.stdout.readline() if readable else ""
        if not line:
            said = (self.folder / "server.log").read_text()[-4000:]
            raise RuntimeError(f"The {self.name} stand-in did not start:\n{said}")
        found: dict[str, Any] = json.loads(line)
        return found

    def _stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
