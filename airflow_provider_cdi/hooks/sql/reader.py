"""How rows leave a database in a stream: a plain cursor, a server-side cursor, or Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import afterwards, closing
from airflow_provider_cdi.hooks.arrow.cursor_values import plain_row
from airflow_provider_cdi.hooks.arrow.external_sort import external_sort

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.arrow.rows import RowShape

#: Rows of the first fetch, and of any.
FIRST_ROWS = 500
MAX_ROWS = 2000
#: Arrow bytes that a fetch aims at, so that rows of a megabyte do not come 2,000 at a time.
FETCH_BYTES = 4 * 1024 * 1024
#: How drivers call "stop what that connection is doing", the best first (psycopg 3, psycopg 2, the embedded).
_STOPS = ("cancel_safe", "cancel", "interrupt")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with its bound values, in the driver's own placeholder style.

    :param text: of the statement.
    :param values: points in time, and behind them texts of rows.
    :param texts: how many of the values are texts of rows.
    """

    text: str
    values: tuple[str, ...] = ()
    texts: int = 0

    @property
    def times(self) -> int:
        """How many of the values are points in time: the first ones."""
        return len(self.values) - self.texts


class Reader(Protocol):
    """Streams the rows of one statement."""

    @property
    def sorts(self) -> bool:
        """Whether the reader puts the rows in order, so that the statement need not."""
        ...

    def execute(self, connection: Any, text: str) -> None:
        """Run a statement without a result: what sets a session up."""
        ...

    def describe(self, connection: Any, relation: str) -> list[tuple[str, object]]:
        """Return the names and the type codes of the columns; no row is read.

        :param relation: a table or derived table, as SQL.
        """
        ...

    def fetch(self, connection: Any, statement: Statement, limit: int | None = None) -> list[Sequence[Any]]:
        """Return a small result.

        :param limit: no more rows than these are read.
        """
        ...

    def read(
        self, connection: Any, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Stream canonical batches in order.

        :param connection: an open connection, used for nothing else meanwhile.
        :param settings: what the Airflow connection sets itself, which the reader then leaves alone.
        """
        ...

    def stop(self, connection: Any) -> None:
        """End what the connection is doing, as far as its driver can.

        Called by another thread, or by a signal handler of the thread that uses the connection.
        """
        ...


class CursorCalls:
    """The small calls, the way of PEP 249."""

    def cursor(self, connection: Any) -> Any:
        """Return a cursor for a statement with a small result."""
        return connection.cursor()

    def execute(self, connection: Any, text: str) -> None:
        """Run a statement without a result."""
        self.cursor(connection).execute(text)

    def describe(self, connection: Any, relation: str) -> list[tuple[str, object]]:
        """Ask for none of the rows: a planner sees that there is nothing to scan."""
        cursor = self.cursor(connection)
        cursor.execute(f"select * from {relation} where 1 = 0")  # noqa: S608 - names are quoted
        return [(str(column[0]), column[1]) for column in cursor.description]

    def fetch(self, connection: Any, statement: Statement, limit: int | None = None) -> list[Sequence[Any]]:
        """Fetch a small result."""
        cursor = self.cursor(connection)
        execute(cursor, statement)
        rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
        return [plain_row(row) for row in rows]

    def stop(self, connection: Any) -> None:
        """Call what the driver has for it."""
        stop = next((found for name in _STOPS if callable(found := getattr(connection, name, None))), None)
        if stop is not None:
            stop()


class FetchManyReader(CursorCalls):
    """A DB-API cursor and ``fetchmany``: what every driver has."""

    sorts = False

    def read(
        self, connection: Any, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Fetch rows in groups whose size follows the rows' own."""
        with closing(self._streaming_cursor(connection)) as cursor:
            execute(cursor, statement)
            wanted = FIRST_ROWS
            while rows := cursor.fetchmany(wanted):
                batch = shape.from_rows(rows)
                wanted = max(1, min(MAX_ROWS, FETCH_BYTES * len(rows) // max(1, batch.nbytes)))
                yield batch

    def _streaming_cursor(self, connection: Any) -> Any:
        return self.cursor(connection)


class NamedCursorReader(FetchManyReader):
    """A server-side cursor (psycopg 2 and 3): a plain one would hold the whole result in the client."""

    def _streaming_cursor(self, connection: Any) -> Any:
        # A server-side cursor lives in a transaction, which a connection with autocommit never opens.
        if connection.autocommit:
            connection.autocommit = False
        return connection.cursor(f"cdi_{uuid4().hex}")


class SqliteReader(FetchManyReader):
    """SQLite keeps whatever bytes it was given as text, and its driver fails at the first that are not UTF-8."""

    def read(
        self, connection: Any, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Fetch rows; where a text cannot be read, go on there in the same snapshot in a slower way that reads all."""
        connection.execute("begin")
        done = 0
        try:
            for batch in super().read(connection, statement, shape, settings):
                yield batch
                done += batch.num_rows
        except Exception as error:
            if "Could not decode to UTF-8" not in str(error):
                raise
        else:
            return
        # Half of a surrogate pair stands for a byte that is no text: half the speed, so not for all.
        connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        for batch in super().read(connection, statement, shape, settings):
            if batch.num_rows > done:
                yield batch.slice(done)
            done = max(0, done - batch.num_rows)


class DuckDbReader(CursorCalls):
    """DuckDB works inside our process: its scan is bounded, its result is Arrow, and the sort is ours.

    The bounds hold for the database instance, that is for all its connections in this process, until the
    rows are scanned. A view that needs more room than the first step gives is tried again with the next.
    """

    sorts = True

    #: (memory_limit, threads) to try in turn; None leaves what was set before. The limit is filled with blocks of the
    #: table, whatever its length: a scan of 1,000,000 rows took 22 MB with 16 MB, 30 MB with 24 MB (DuckDB 2.0.0).
    STEPS: Sequence[tuple[str, int] | None] = (("16MB", 1), ("256MB", 1), None)

    def cursor(self, connection: Any) -> Any:
        """Return the connection itself: its duplicate would not keep the session's settings."""
        return connection

    def read(
        self, connection: Any, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Scan and sort, then stream."""
        connection.execute("SET streaming_buffer_size = '1MB'")
        for step in [None] if settings & {"memory_limit", "max_memory"} else self.STEPS:
            try:
                with (
                    _bounded(connection, step, keep_threads="threads" in settings),
                    # DuckDB refuses every further statement while a result is open.
                    closing(_scan(connection, statement, shape)) as rows,
                ):
                    batches = external_sort(rows, shape.keys)
            except Exception as error:
                if step is None or not is_out_of_memory(error):
                    raise
            else:
                yield from batches
                return


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a large batch of the driver into such as the engine takes, without copying."""
    rows = max(1, min(MAX_ROWS, FETCH_BYTES * batch.num_rows // max(1, batch.nbytes)))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def execute(cursor: Any, statement: Statement) -> None:
    """Run a statement; without values the text is left alone by drivers that look for ``%``."""
    if statement.values:
        cursor.execute(statement.text, statement.values)
    else:
        cursor.execute(statement.text)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether DuckDB ran into its memory limit; inside an Arrow stream only the text says so."""
    return type(error).__name__ == "OutOfMemoryException" or str(error).startswith("Out of Memory Error")


def _scan(connection: Any, statement: Statement, shape: RowShape) -> Iterator[pa.RecordBatch]:
    with closing(_arrow_reader(connection, statement)) as reader:
        for batch in reader:
            yield shape.from_arrow(batch)


def _arrow_reader(connection: Any, statement: Statement) -> Any:
    """Return DuckDB's own stream, in batches of 2048 rows: its vector."""
    values = list(statement.values)
    if hasattr(connection, "fetch_record_batch"):
        # Before 2.0 a relation with values held its whole result (measured with 1.4.5), and this streamed.
        result = connection.execute(statement.text, values)
        # 1.5 has both names and warns of the older one.
        return (getattr(result, "to_arrow_reader", None) or result.fetch_record_batch)(2048)
    # Since 2.0 it is the other way round: the reader of execute() copies the result first, and warns.
    return connection.sql(statement.text, params=values).to_arrow_reader(2048)


@contextmanager
def _bounded(connection: Any, step: tuple[str, int] | None, *, keep_threads: bool) -> Iterator[None]:
    """Lower DuckDB's memory limit and threads for a while."""
    if step is None:
        yield
        return
    (threads,) = connection.execute("select current_setting('threads')").fetchone()
    _limit(connection, step[0], threads if keep_threads else step[1])
    with afterwards(lambda: _unlimit(connection, threads), "the limits of DuckDB could not be lifted"):
        yield


def _unlimit(connection: Any, threads: int) -> None:
    # Blocks that the scan has cached are let go of: 20 MB that the merge would have on top of its own.
    _limit_memory(connection, "1MB")
    # Reset, not put back: DuckDB tells its limit rounded, and so a little less would come back each time.
    connection.execute("RESET memory_limit")
    connection.execute(f"SET threads = {threads:d}")


def _limit(connection: Any, memory_limit: str, threads: int) -> None:
    connection.execute(f"SET threads = {threads:d}")
    _limit_memory(connection, memory_limit)


def _limit_memory(connection: Any, memory_limit: str) -> None:
    try:
        connection.execute(f"SET memory_limit = '{memory_limit}'")
    except Exception as error:
        # Another connection of this process holds more than that: then it is not ours to bound.
        if not is_out_of_memory(error):
            raise
