"""How rows leave Snowflake: a query that runs by its id, and its Arrow chunks in order, a few ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import closing
from airflow_provider_cdi.hooks.arrow.cursor_values import plain_row
from airflow_provider_cdi.hooks.snowflake.errors import CutTimesError
from airflow_provider_cdi.hooks.sql.reader import Statement, slices

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.arrow.rows import RowShape

#: Chunks that are fetched ahead. A chunk is worth a second of delivery, and each more costs twice its size in memory:
#: a million rows of 200 bytes in chunks of 16 MB peaked at 128 MB above an idle task with two, and at 73 MB with one.
PREFETCHED = 1
#: snowflake/connector/constants.py, FIELD_TYPES
_TIMESTAMP_NTZ = 8
_MICROSECOND_DIGITS = 6
#: Seconds between two looks at a query that runs: the first, and the longest.
FIRST_WAIT, LONGEST_WAIT = 0.02, 2.0
#: Seconds that a cancellation may take.
STOP_SECONDS = 10.0


class SnowflakeReader:
    """Runs statements by their ids, so that another thread can end them, and streams Arrow."""

    sorts = False

    def __init__(self) -> None:
        self._running: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._stopped: WeakSet[Any] = WeakSet()

    @staticmethod
    def prepare(connection: Any) -> None:
        """Bound what is fetched ahead, and keep every digit of a number."""
        connection.client_prefetch_threads = PREFETCHED
        # The connector's own name of the setter; without it NUMBER(12,2) arrives as a float.
        connection.arrow_number_to_decimal_setter = True

    def execute(self, connection: Any, text: str) -> None:
        """Run a statement without a result."""
        with closing(connection.cursor()) as cursor:
            cursor.execute(text)

    def describe(self, connection: Any, relation: str) -> list[tuple[str, object]]:
        """Ask for the query's columns: it is compiled and not run."""
        with closing(connection.cursor()) as cursor:
            columns = cursor.describe(f"select * from {relation}")  # noqa: S608 - names are quoted
        return [(column.name, "timestamp_ns" if _has_nanoseconds(column) else column.type_code) for column in columns]

    def fetch(self, connection: Any, statement: Statement, limit: int | None = None) -> list[Sequence[Any]]:
        """Fetch a small result."""
        with closing(self._finished(connection, statement)) as cursor:
            rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
        return [plain_row(row) for row in rows]

    def read(
        self, connection: Any, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Stream the result, in slices of its chunks."""
        with closing(self._finished(connection, statement)) as cursor:
            is_checked = False
            for table in cursor.fetch_arrow_batches():
                if not is_checked and _may_lack_digits(table, cursor):
                    self._check_no_digits_lack(connection, cursor)
                    is_checked = True
                for batch in _with_units(table, cursor).to_batches():
                    yield from map(shape.from_arrow, slices(batch))

    def stop(self, connection: Any) -> None:
        """Cancel the statement that runs there, in a thread of its own: without a network that would take forever."""
        self._stopped.add(connection)
        query_id = self._running.get(connection)
        if query_id is None:
            return
        errors: list[Exception] = []
        stopper = Thread(target=_abort, args=(connection, query_id, errors), name="cdi-snowflake-cancel", daemon=True)
        stopper.start()
        stopper.join(STOP_SECONDS)
        if errors:
            raise errors[0]

    def _finished(self, connection: Any, statement: Statement) -> Any:
        """Run a statement to its end and return its cursor.

        It is sent without waiting, because only then its id is known while it runs. The result is that of the query
        itself; get_results_from_sfqid would ask for it by a second query, whose order Snowflake does not promise.
        """
        cursor = connection.cursor()
        cursor.execute_async(statement.text, statement.values or None)
        query_id = cursor.sfqid
        self._running[connection] = query_id
        try:
            if connection in self._stopped:
                cursor.abort_query(query_id)
            wait = FIRST_WAIT
            while connection.is_still_running(connection.get_query_status(query_id)):
                sleep(wait)
                wait = min(wait * 1.5, LONGEST_WAIT)
            return cursor.query_result(query_id)
        finally:
            self._running.pop(connection, None)

    def _check_no_digits_lack(self, connection: Any, cursor: Any) -> None:
        """Ask Snowflake whether a time in the result, which it keeps, has more digits than microseconds."""
        cut = f'mod(date_part(nanosecond, "{cursor.description[0].name}"), 1000) <> 0'
        text = f"select count(*) as n from table(result_scan('{cursor.sfqid}')) where {cut}"  # noqa: S608 - our names
        ((rows,),) = self.fetch(connection, Statement(text))
        if rows:
            raise CutTimesError(f"{rows} rows of the result have nanoseconds")


def _has_nanoseconds(column: Any) -> bool:
    return bool(column.type_code == _TIMESTAMP_NTZ and _is_finer(column))


def _is_finer(column: Any) -> bool:
    """Whether a time of the column has more digits than microseconds."""
    digits: int = column.scale
    return digits > _MICROSECOND_DIGITS


def _may_lack_digits(table: pa.Table, cursor: Any) -> bool:
    """Whether the connector gave microseconds of a column that has nanoseconds.

    Without a word it does so to a whole chunk in which one time lies outside the years 1677 to 2262 (4.8.1).
    """
    times = table.schema.field(0).type
    return bool(pa.types.is_timestamp(times) and times.unit == "us" and _is_finer(cursor.description[0]))


def _with_units(table: pa.Table, cursor: Any) -> pa.Table:
    """Note which columns have nanoseconds: where a chunk has microseconds of them, the row's hash must not differ."""
    fields = [
        field.with_metadata({b"cdi": b"ns"}) if pa.types.is_timestamp(field.type) and _is_finer(column) else field
        for field, column in zip(table.schema, cursor.description, strict=True)
    ]
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields))


def _abort(connection: Any, query_id: str, errors: list[Exception]) -> None:
    try:
        with closing(connection.cursor()) as cursor:
            cursor.abort_query(query_id)
    except Exception as error:
        errors.append(error)
