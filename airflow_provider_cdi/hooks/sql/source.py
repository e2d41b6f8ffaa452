"""A table, view or query of a SQL database as a source of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.engine.reading.selection import Selection
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.arrow.rows import RowShape
from airflow_provider_cdi.hooks.sql.dialects import Dialect
from airflow_provider_cdi.hooks.sql.keys import Lookup
from airflow_provider_cdi.hooks.sql.reader import Statement
from airflow_provider_cdi.hooks.sql.session import SqlSession
from airflow_provider_cdi.hooks.sql.statements import SourceSql


class SqlSource:
    """A table, view or query of one connection; satisfies :class:`airflow_provider_cdi.engine.ports.Source`.

    Every call opens its own connection and closes it, so that any thread may count or read.

    :param session: opens connections.
    :param label: what it is, for messages (``the table users``).
    :param relation: the same as SQL.
    :param selection: which column plays which part.
    :param kinds: source name -> what the column holds.
    :param zone: whose clock ``UPDATED_AT`` shows, None for UTC.
    :param opened_at: what the database's clock showed when the source was looked at.
    """

    def __init__(
        self,
        session: SqlSession,
        label: str,
        relation: str,
        selection: Selection,
        kinds: Mapping[str, ColumnType],
        *,
        zone: str | None,
        opened_at: datetime,
    ) -> None:
        #: Which column plays which part.
        self.selection = selection
        #: What the database's clock showed when the source was looked at.
        self.opened_at = opened_at
        self._session = session
        self._label = label
        self._shape = RowShape(selection, kinds.__getitem__)
        self._sql = SourceSql(
            relation, self._shape.columns, tuple(selection.identifiers), session.dialect, session.placeholder, zone=zone
        )

    def now(self) -> datetime:
        """Ask the database's clock, in a connection of its own.

        :raises SourceError: when the database cannot be asked.
        :raises RetryLater: when it does not answer now.
        """
        with self._session.connected(f"asking for the time beside {self._label}") as connection:
            return server_time(self._session.dialect, connection)

    def count(
        self,
        bounds: Bounds,
        *,
        position: str | None,
        now: str,
        with_total: bool = False,
        recent: str | None = None,
    ) -> Counts:
        """Count in one aggregate query. See :meth:`airflow_provider_cdi.engine.ports.Source.count`.

        :raises SourceError: when the source cannot be read as it is.
        :raises RetryLater: when the database does not answer now.
        """
        statement = self._sql.counts(bounds, position=position, now=now, with_total=with_total, recent=recent)
        dialect = self._session.dialect
        with self._session.connected(f"counting {self._label}") as connection:
            ((within, at, future, without_time, *by_clock),) = dialect.reader.fetch(connection, statement)
        counts = Counts(within, at, future, without_time)
        if recent is not None:
            passed, since, *by_clock, clock = by_clock
            asked_at = dialect.clock.read(clock, datetime.now(UTC))
            counts = replace(counts, passed=passed, recent=since, asked_at=asked_at)
        return replace(counts, total=by_clock[0]) if with_total else counts

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        """Stream the rows. See :meth:`airflow_provider_cdi.engine.ports.Source.read`.

        The connection is opened by the thread that asks for the first batch, and closed at the end or when
        the iterator is closed, which is for the same thread to do.

        :raises SourceError: when the source cannot be read as it is.
        :raises RetryLater: when the database does not answer now.
        :raises Interrupted: after :meth:`cancel`.
        """
        reader = self._session.dialect.reader
        doing = f"reading {self._label}"
        # To sort a whole table here for its first rows would read all of it.
        statement = self._sql.rows(bounds, ordered=bounds.most is not None or not reader.sorts)
        with self._session.connected(doing) as connection:
            for batch in reader.read(connection, statement, self._shape, self._session.settings):
                self._session.check_not_cancelled(doing)
                yield batch

    def read_keys(self, lookups: Iterable[Lookup]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Stream the rows of keys, one query a lookup, all in one connection.

        :param lookups: what is looked for; the next one is taken when all rows of the one before were handed on.
        :return: number of the lookup, from 0, and some of its rows, in no order.
        :raises SourceError: when the source cannot be read as it is.
        :raises RetryLater: when the database does not answer now.
        :raises Interrupted: after :meth:`cancel`.
        """
        reader, doing = self._session.dialect.reader, f"looking for rows by their keys in {self._label}"
        with self._session.connected(doing) as connection:
            for number, lookup in enumerate(lookups):
                statement = self._sql.keyed(lookup.keys, lookup.bounds)
                for batch in reader.read(connection, statement, self._shape, self._session.settings):
                    self._session.check_not_cancelled(doing)
                    yield number, batch

    def estimate_scan(self, bounds: Bounds) -> tuple[int | None, str]:
        """Ask what reading the rows will scan, before it is read.

        :return: bytes, None where the database does not tell; and how it was found out, in a sentence.
        :raises SourceError: when the database cannot be asked.
        :raises RetryLater: when it does not answer now.
        """
        dialect = self._session.dialect
        if dialect.scan is None:
            return None, f"{dialect.name} does not tell before a read what it will scan."
        statement = self._sql.rows(bounds, ordered=not dialect.reader.sorts)
        with self._session.connected(f"asking what reading {self._label} will scan") as connection:
            return dialect.scan(connection, statement)

    def cancel(self) -> None:
        """Stop a running count or read from another thread, as far as the driver can.

        Every source of the same hook ends with it.
        """
        self._session.cancel()


def server_time(dialect: Dialect, connection: Any) -> datetime:
    """Ask the clock of a database; no row is read for it."""
    ((value,),) = dialect.reader.fetch(connection, Statement(f"select {dialect.clock.utc} as cdi_now"))
    return dialect.clock.read(value, datetime.now(UTC))
