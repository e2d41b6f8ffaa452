"""How rows leave Databricks: Arrow tables of the SQL connector, inline or by Cloud Fetch."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread, get_ident
from time import sleep
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import pyarrow as pa

from airflow_provider_cdi.hooks.databricks.errors import BrokenResult, is_broken_result
from airflow_provider_cdi.hooks.sql.reader import FETCH_BYTES, execute, slices

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.arrow.rows import RowShape
    from airflow_provider_cdi.hooks.sql.reader import Statement

log = logging.getLogger(__name__)

#: Rows that are taken from the connector at once: a slice of what it holds.
FETCH_ROWS = 8192
#: Rows (the connector's default) and bytes of one answer that has its rows in it; the default is 100 MB.
#: Files of Cloud Fetch are larger or smaller as the service likes.
ANSWER_ROWS = 100_000
ANSWER_BYTES = 8 * 1024 * 1024
#: Seconds that a cancellation may take: a statement that was just sent has no id yet to cancel it by.
STOP_SECONDS = 10.0

#: Databricks' name of a type -> a name that :func:`.hooks.arrow.column_types.column_type_of` knows.
_KNOWN_AS = {
    "timestamp": "timestamp with time zone",
    "timestamp_ntz": "timestamp",
    "string": "varchar",
    "variant": "json",
}


class DatabricksReader:
    """Streams a result; Databricks itself puts the rows in order."""

    sorts = False

    def __init__(self) -> None:
        #: What runs on each connection and in which thread, so that another may end it.
        self._running: WeakKeyDictionary[Any, tuple[Any, int]] = WeakKeyDictionary()
        self._stopped: WeakSet[Any] = WeakSet()

    def execute(self, connection: Any, text: str) -> None:
        """Run a statement without a result."""
        with self._cursor(connection) as cursor:
            cursor.execute(text)

    def describe(self, connection: Any, relation: str) -> list[tuple[str, object]]:
        """Ask for the query's columns: it is analysed and not run.

        The connector's own description has one type for timestamps with and without zone.
        """
        with self._cursor(connection) as cursor:
            cursor.execute(f"DESCRIBE QUERY select * from {relation}")  # noqa: S608 - names are quoted
            described = cursor.fetchall_arrow()
        names, types = (described.column(place).to_pylist() for place in range(2))
        return [(name, _known_type(type_text)) for name, type_text in zip(names, types, strict=True)]

    def fetch(self, connection: Any, statement: Statement, limit: int | None = None) -> list[Sequence[Any]]:
        """Fetch a small result."""
        with self._cursor(connection) as cursor:
            execute(cursor, statement)
            table = cursor.fetchall_arrow() if limit is None else cursor.fetchmany_arrow(limit)
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def read(
        self, connection: Any, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Stream the result, in slices of what the connector holds."""
        with self._cursor(connection) as cursor:
            execute(cursor, statement)
            while (table := _fetched(cursor)).num_rows:
                # The connector puts an empty piece in front of each file.
                for batch in filter(len, table.to_batches()):
                    parts = slices(batch) if batch.nbytes > FETCH_BYTES else (batch,)
                    yield from map(shape.from_arrow, parts)

    def stop(self, connection: Any) -> None:
        """Cancel the statement that runs there.

        The connector sends one request at a time. A thread of its own waits for its turn, because the caller
        may be a signal handler that interrupted the very thread whose turn it is; then nobody waits for it.
        """
        self._stopped.add(connection)
        cursor, user = self._running.get(connection, (None, None))
        if cursor is None:
            return
        errors: list[Exception] = []
        stopper = Thread(target=_cancel, args=(cursor, errors), name="cdi-databricks-cancel", daemon=True)
        stopper.start()
        if user != get_ident():
            stopper.join(STOP_SECONDS)
        if errors:
            raise errors[0]

    @contextmanager
    def _cursor(self, connection: Any) -> Iterator[Any]:
        cursor = connection.cursor(arraysize=ANSWER_ROWS, buffer_size_bytes=ANSWER_BYTES)
        self._running[connection] = (cursor, get_ident())
        try:
            if connection in self._stopped:
                raise BrokenResult("the connection was stopped")
            yield cursor
        finally:
            self._running.pop(connection, None)
            _close(cursor)


def _fetched(cursor: Any) -> pa.Table:
    try:
        return cursor.fetchmany_arrow(FETCH_ROWS)
    except Exception as error:
        if is_broken_result(error):
            raise BrokenResult(f"the result broke off ({type(error).__name__})") from error
        raise


def _close(cursor: Any) -> None:
    try:
        cursor.close()
    except Exception as error:
        # The rows are here, or it is known why not; and the end of the session frees the same.
        log.info("A result could not be closed (%s).", type(error).__name__)


def _cancel(cursor: Any, errors: list[Exception]) -> None:
    waited = 0.0
    while cursor.open and cursor.active_command_id is None and waited < STOP_SECONDS:
        sleep(0.05)
        waited += 0.05
    try:
        if cursor.open:
            cursor.cancel()
    except Exception as error:
        errors.append(error)


def _known_type(type_text: str) -> str:
    """Return the type's name; what has a variant in it goes through JSON as a whole, for Arrow has no variant."""
    name = type_text.strip().lower()
    if "<" in name and "variant" in name:
        return "json"
    return _KNOWN_AS.get(name, name)
