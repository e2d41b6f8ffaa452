"""How rows leave a database in a stream: a plain cursor, a server-side cursor, or Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import pyarrow as pa

from airflow_provider_cdi.hooks.spill_sort import spill_sort

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.arrow_rows import RowShape
    from airflow_provider_cdi.hooks.sql_statements import Statement

#: Rows of the first fetch, and of any.
FIRST_ROWS = 500
MAX_ROWS = 2000
#: Arrow bytes that a fetch aims at, so that rows of a megabyte do not come 2,000 at a time.
FETCH_BYTES = 4 * 1024 * 1024


class Reader(Protocol):
    """Streams the rows of one statement."""

    @property
    def sorts(self) -> bool:
        """Whether the reader puts the rows in order, so that the statement need not."""
        ...

    def cursor(self, connection: Any) -> Any:
        """Return a cursor for a statement with a small result."""
        ...

    def read(
        self, connection: Any, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Stream canonical batches in order.

        :param connection: an open connection, used for nothing else meanwhile.
        :param settings: what the Airflow connection sets itself, which the reader then leaves alone.
        """
        ...


class FetchManyReader:
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

    def cursor(self, connection: Any) -> Any:
        """Return a plain cursor."""
        return connection.cursor()

    def _streaming_cursor(self, connection: Any) -> Any:
        return self.cursor(connection)


class NamedCursorReader(FetchManyReader):
    """A server-side cursor (psycopg 2 and 3): a plain one would hold the whole result in the client."""

    def _streaming_cursor(self, connection: Any) -> Any:
        # A server-side cursor lives in a transaction, which a connection with autocommit never opens.
        if connection.autocommit:
            connection.autocommit = False
        return connection.cursor(f"cdi_{uuid4().hex}")


class DuckDbReader:
    """DuckDB works inside our process: its scan is bounded, its result is Arrow, and the sort is ours.

    The bounds hold for the database instance, that is for all its connections in this process, until the
    rows are scanned. A view that needs more room than the first step gives is tried again with the next.
    """

    sorts = True

    #: (memory_limit, threads) to try in turn; None leaves what was set before. With 24 MB and one thread
    #: a scan of 100,000, 1,000,000 and 5,000,000 rows peaked at 117, 130 and 132 MB (DuckDB 2.0.0).
    STEPS: Sequence[tuple[str, int] | None] = (("24MB", 1), ("256MB", 1), None)

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
                with _bounded(connection, step, keep_threads="threads" in settings):
                    batches = spill_sort(_scan(connection, statement, shape), shape.keys)
            except Exception as error:
                if step is None or not is_out_of_memory(error):
                    raise
            else:
                yield from batches
                return


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
    try:
        yield
    finally:
        # Reset, not put back: DuckDB tells its limit rounded, and so a little less would come back each time.
        connection.execute("RESET memory_limit")
        connection.execute(f"SET threads = {threads:d}")


def _limit(connection: Any, memory_limit: str, threads: int) -> None:
    connection.execute(f"SET threads = {threads:d}")
    try:
        connection.execute(f"SET memory_limit = '{memory_limit}'")
    except Exception as error:
        # Another connection of this process holds more than that: then it is not ours to bound.
        if not is_out_of_memory(error):
            raise
