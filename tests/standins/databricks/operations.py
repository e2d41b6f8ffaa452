"""One statement of a client: started in a thread, asked for its state, cancelled, read."""

from __future__ import annotations

import ctypes
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes

from standins.control import Asked
from standins.databricks.columns import arrow_schema
from standins.databricks.engine import Column, Result, SessionSettings, Statement, StatementRefused, Stopped
from standins.databricks.pieces import Pieces

_POOL = ThreadPoolExecutor(16, thread_name_prefix="statement")
_STATES = ttypes.TOperationState


@dataclass
class Operation:
    """A statement on its way.

    :param statement: the engine's.
    :param asked: its entry in the log.
    :param cut: makes pieces of a result.
    :param session: whose it is.
    :param waits: states that the next polls are told, whatever is true.
    :param stalled: seconds that it does nothing, unless it is cancelled.
    """

    statement: Statement
    asked: Asked
    cut: Callable[[Result, pa.Schema], Pieces]
    session: SessionSettings
    waits: list[int] = field(default_factory=list)
    stalled: float = 0.0
    id: bytes = field(default_factory=lambda: uuid.uuid4().bytes)
    columns: list[Column] = field(default_factory=list)
    schema: pa.Schema = field(default_factory=lambda: pa.schema([]))
    pieces: Pieces | None = None
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._future: Future[None] | None = None
        self._cancelled = threading.Event()
        # Rows are read by one request at a time, and not after the operation was closed.
        self.lock = threading.Lock()

    def start(self, text: str, parameters: list[Any], *, patience: float) -> None:
        """Start it, and wait for its end no longer than these seconds."""
        self._future = _POOL.submit(self._run, text, parameters)
        if not self.waits:
            wait([self._future], timeout=patience)

    def poll(self, patience: float) -> int:
        """Return the state, waiting a little for a better one."""
        if self.waits:
            return self.waits.pop(0)
        assert self._future is not None
        wait([self._future], timeout=patience)
        return self.state

    @property
    def state(self) -> int:
        """The state of the protocol."""
        if self._cancelled.is_set():
            return _STATES.CANCELED_STATE
        if self.waits or self._future is None or not self._future.done():
            return self.waits[0] if self.waits else _STATES.RUNNING_STATE
        return _STATES.FINISHED_STATE if self.error is None else _STATES.ERROR_STATE

    def cancel(self) -> None:
        """End it, if it has not ended."""
        if self.asked.state == "running":
            self.asked.state = "cancelled"
            self._cancelled.set()
            self.statement.stop()

    def close(self) -> None:
        """Free what it holds, and end it if it still runs."""
        if self._future is not None and not self._future.done():
            self.cancel()
        self.finish("finished")
        with self.lock:
            if self.pieces is not None:
                self.pieces.forget()
            self.pieces = None
        self.statement.close()
        _give_memory_back()

    def finish(self, state: Any) -> None:
        """Note how it ended, unless that is known."""
        if self.asked.state == "running":
            self.asked.state = state

    def _run(self, text: str, parameters: list[Any]) -> None:
        try:
            if self.stalled and self._cancelled.wait(self.stalled):
                raise Stopped
            result = self.statement.run(text, parameters)
            self.columns = list(result.columns)
            self.schema = arrow_schema(result.columns, result.schema)
            self.pieces = self.cut(result, self.schema)
        except Stopped as error:
            self.error = error
        except Exception as error:  # the client is told
            self.error = (
                error
                if isinstance(error, StatementRefused)
                else StatementRefused.of("INTERNAL_ERROR", repr(error), "XX000")
            )
            self.finish("failed")


def _give_memory_back() -> None:
    """Return what a large result took, or the process would seem to grow with each."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
