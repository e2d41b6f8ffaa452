"""Statements that run, have run, or were cancelled; each in a thread of its own."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from standins.control import Asked, Faults, StatementLog
from standins.snowflake import faults as words
from standins.snowflake.about import about_session
from standins.snowflake.engine import Engine
from standins.snowflake.faults import SnowflakeError
from standins.snowflake.results import Stored, store
from standins.snowflake.sessions import Session

_EXPLAIN = re.compile(r"\s*explain\s+using\s+json\s+", re.IGNORECASE)
#: What a plan says that each table takes.
TABLE_BYTES = 16_384
_RESULT_SCAN = re.compile(r"table\(result_scan\('([0-9a-f-]+)'\)\)", re.IGNORECASE)
_MEGABYTE = 1024 * 1024


class Query:
    """One statement and what became of it."""

    def __init__(self, request_id: str, session: Session, asked: Asked) -> None:
        self.id = str(uuid.uuid4())
        self.request_id = request_id
        self.session = session
        self.asked = asked
        self.stored: Stored | None = None
        self.error: SnowflakeError | None = None
        self.is_query = True
        self._done = threading.Event()
        self._cancelled = threading.Event()
        self._connection: duckdb.DuckDBPyConnection | None = None

    @property
    def status(self) -> str:
        """What the service's monitoring says."""
        if not self._done.is_set():
            return "RUNNING"
        if self.error is None:
            return "SUCCESS"
        return "ABORTED" if self.asked.state == "cancelled" else "FAILED_WITH_ERROR"

    def wait(self, seconds: float) -> bool:
        """Wait until it is done; False when it is not."""
        return self._done.wait(seconds)

    def dawdle(self, seconds: float) -> None:
        """Take its time, until it is cancelled."""
        self._cancelled.wait(seconds)

    def goes_on(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Note what to interrupt.

        :raises SnowflakeError: when it is cancelled.
        """
        self._connection = connection
        if self._cancelled.is_set():
            raise words.cancelled()

    def cancel(self) -> None:
        """End it."""
        self._cancelled.set()
        if self._connection is not None and not self._done.is_set():
            self._connection.interrupt()

    def finish(self, stored: Stored | None, error: SnowflakeError | None) -> None:
        """Note how it ended."""
        self.stored, self.error = stored, error
        if error is None:
            self.asked.state = "finished"
        else:
            self.asked.state = "cancelled" if error.code == words.cancelled().code else "failed"
        self._done.set()


class Queries:
    """Runs statements and keeps their results until their session ends.

    :param folder: where chunks are kept.
    :param described: says what ``DESC USER`` is as a query.
    :param chunk_rows: rows of each chunk; chunks grow as those of the service when it is None.
    """

    def __init__(
        self,
        engine: Engine,
        log: StatementLog,
        faults: Faults,
        folder: Path,
        described: Callable[[str], str],
        chunk_rows: int | None,
    ) -> None:
        self._engine = engine
        self._described = described
        self._log = log
        self._faults = faults
        self._folder = folder
        self._folder.mkdir(exist_ok=True)
        self._chunk_rows = chunk_rows
        self._queries: dict[str, Query] = {}

    def start(self, session: Session, text: str, bindings: Any, request_id: str) -> Query:
        """Run a statement in the background."""
        query = Query(request_id, session, self._log.add(text, session.tag))
        self._queries[query.id] = query
        session.results.append(query.id)
        threading.Thread(target=self._run, args=(query, text, bindings), daemon=True).start()
        return query

    def describe(self, session: Session, text: str, bindings: Any) -> Stored:
        """Say what a query's columns are, without running it.

        :raises SnowflakeError: when it cannot be compiled.
        """
        asked = self._log.add(text, session.tag, described=True)
        asked.state = "failed"
        statement = self._engine.translated(text, session.context, bindings)
        self._check_seen(session, statement.reads)
        asked.state = "finished"
        return Stored([column.as_rowtype() for column in self._engine.describe(statement)])

    def get(self, query_id: str) -> Query | None:
        """Find a statement by its id."""
        return self._queries.get(query_id)

    def cancel(self, *, query_id: str | None = None, request_id: str | None = None) -> bool:
        """Cancel a statement by its id or by that of the request which brought it; False when there is none."""
        for query in list(self._queries.values()):
            if query.id == query_id or (request_id is not None and query.request_id == request_id):
                query.cancel()
                return True
        return False

    def forget(self, session: Session) -> None:
        """Drop what a session leaves behind."""
        for query_id in session.results:
            query = self._queries.pop(query_id, None)
            if query is not None and query.stored is not None:
                query.stored.forget()

    def cancel_all(self) -> None:
        """End all that runs, as an administrator may."""
        for query in list(self._queries.values()):
            query.cancel()

    def kept(self) -> int:
        """Return how many chunks there are."""
        return sum(1 for _ in self._folder.iterdir())

    def _run(self, query: Query, text: str, bindings: Any) -> None:
        try:
            query.finish(self._result(query, text, bindings), None)
        except SnowflakeError as error:
            query.finish(None, error)
        except Exception as error:  # a bug here must not hang the client
            query.finish(
                None, SnowflakeError("300002", f"The stand-in failed: {type(error).__name__}: {error}", "XX000")
            )
            raise

    def _result(self, query: Query, text: str, bindings: Any) -> Stored:
        session = query.session
        if session.alter(text):
            text, bindings = "select 'Statement executed successfully.' as \"status\"", None
        text = self._described(text)
        # The service reads the result that it keeps; this one runs the query again.
        text = _RESULT_SCAN.sub(lambda found: f"({self._queries[found[1]].asked.text})", text)
        text = about_session(text, session, self._engine.paths)
        if self._faults.take("quota") is not None:
            raise words.quota_used_up(str(session.current.get("WAREHOUSE")))
        slow = self._faults.take("statement_slow")
        if slow is not None:
            query.dawdle(slow.get("seconds", 1.0))
        explained = _EXPLAIN.match(text)
        if explained:
            text, bindings = self._explained(session, text[explained.end() :], bindings), None
        statement = self._engine.translated(text, session.context, bindings)
        query.is_query = isinstance(statement.tree, exp.Query)
        self._check_seen(session, statement.reads)
        if statement.reads and query.is_query and not session.current.get("WAREHOUSE"):
            raise words.no_warehouse()
        result = self._engine.run(statement, session.context, query.goes_on)
        megabytes = int(session.parameters.get("CLIENT_RESULT_CHUNK_SIZE") or 160)
        chunk_bytes = min(160, megabytes) * _MEGABYTE
        is_ancient = self._faults.take("ancient_time") is not None
        return store(
            result, self._folder, query.id, chunk_rows=self._chunk_rows, chunk_bytes=chunk_bytes, is_ancient=is_ancient
        )

    def _explained(self, session: Session, text: str, bindings: Any) -> str:
        """Compile a statement; give the query that answers with its plan, in which every table has the same size."""
        statement = self._engine.translated(text, session.context, bindings)
        self._check_seen(session, statement.reads)
        read = len(statement.reads)
        stats = {"partitionsTotal": read, "partitionsAssigned": read, "bytesAssigned": read * TABLE_BYTES}
        return f"""select '{json.dumps({"GlobalStats": stats, "Operations": [[]]})}' as "content" """

    @staticmethod
    def _check_seen(session: Session, paths: list[tuple[str, str, str]]) -> None:
        for path in paths:
            if path in session.user.hidden:
                raise words.unknown_object(".".join(path))
