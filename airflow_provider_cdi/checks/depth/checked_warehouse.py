"""The warehouse that is checked: our own way of reading it, and plain statements beside it to compare with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.checks.depth.profiles import Profile
from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.position import position_of_stamp
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT, TableContract
from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.connections import find_connection
from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook
from airflow_provider_cdi.hooks.sql.reader import Statement
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.sql.statements import query_relation, table_relation
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

#: Rows that are read of a table that a person names.
READ_ROWS = 5000
#: What the columns of a table must be when nobody says it.
ATTRIBUTES = braze_destination("attributes").contract


@dataclass(frozen=True, slots=True)
class Rows:
    """A table or a query that the steps look at.

    :param label: for the report: nothing of it names the table.
    :param table: its name; or
    :param sql: the query.
    :param time: the name of its ``UPDATED_AT``, where it is called differently.
    :param is_sample: whether its rows are those of the sample.
    :param contract: what its columns must be.
    """

    label: str
    table: str | None = None
    sql: str | None = None
    time: str | None = None
    is_sample: bool = False
    contract: TableContract = ATTRIBUTES

    @property
    def arguments(self) -> dict[str, Any]:
        """What a source is made of."""
        columns = {UPDATED_AT: self.time} if self.time else None
        return {"table": self.table, "sql": self.sql, "columns": columns, "contract": self.contract}


class CheckedWarehouse:
    """One Airflow connection.

    :param conn_id: its id.
    :param profile: what is known of the warehouse that it leads to.
    :param tag: the name under which the warehouse's history shows what the check asks.
    :raises ConfigurationError: when there is no such connection.
    """

    def __init__(self, conn_id: str, profile: Profile, tag: str) -> None:
        self.connection = find_connection(conn_id)
        self.profile = profile
        self.tag = tag
        self._conn_id = conn_id
        hook = self.hook()
        self._session, self._dialect = hook.session, hook.dialect

    def hook(self) -> SqlWarehouseHook:
        """Return what a task reads with; a new one, because one that was cancelled is of no more use."""
        return get_warehouse_hook(self._conn_id, self.tag)

    def source(self, rows: Rows, **more: Any) -> SqlSource:
        """Look at rows as a sync does."""
        return self.hook().source(**{**rows.arguments, **more})

    def ask(self, text: str, limit: int | None = None) -> list[tuple[Any, ...]]:
        """Run a plain query with a small result."""
        with self._session.connected("asking the warehouse") as connection:
            return [tuple(row) for row in self._dialect.reader.fetch(connection, Statement(text), limit)]

    def relation(self, rows: Rows) -> str:
        """Return the rows as SQL."""
        return (
            table_relation(rows.table, self._dialect) if rows.table else query_relation(rows.sql or "", self._dialect)
        )

    def quoted(self, name: str) -> str:
        """Return a column's name as SQL."""
        return self._dialect.quoted(name)

    def is_zoned(self, rows: Rows, name: str) -> bool:
        """Whether a column is a time with zone."""
        with self._session.connected("looking at the columns") as connection:
            types = dict(self._dialect.reader.describe(connection, self.relation(rows)))
        return self._dialect.kind(types[name]) is ColumnType.TIMESTAMP_TZ

    @contextmanager
    def sample_table(self, name: str) -> Iterator[None]:
        """Create a table with the sample, and drop it again.

        :param name: of one to three parts.
        :raises CdiError: when it cannot be created or dropped.
        """
        relation = table_relation(name, self._dialect)
        self._write(f"create table {relation} as {self.profile.sample()}")
        try:
            yield
        finally:
            self._write(f"drop table {relation}")

    def _write(self, text: str) -> None:
        with self._session.connected("writing the sample") as connection:
            for statement in filter(None, (text, self.profile.after_write)):
                self._dialect.reader.execute(connection, statement)


def first_rows(source: SqlSource, bounds: Bounds, limit: int | None = READ_ROWS) -> Iterator[pa.RecordBatch]:
    """Read no more rows than these; the statement is closed then."""
    left = limit
    with closing(source.read(bounds)) as batches:  # type: ignore[type-var]  # it is a generator
        for batch in batches:
            yield batch if left is None else batch.slice(0, left)
            if left is not None:
                left -= batch.num_rows
                if left <= 0:
                    return


def positions(batches: Iterator[pa.RecordBatch]) -> list[str]:
    """Return the position of every row."""
    return [position for batch in batches for position in _positions(batch.column(UPDATED_AT))]


def _positions(times: pa.Array) -> list[str]:
    return [position_of_stamp(stamp, times.type.unit) for stamp in times.cast(pa.int64()).to_pylist()]


def versions(profile: Profile) -> Mapping[str, str]:
    """Return the versions of what is installed here."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("airflow-provider-cdi", "apache-airflow", *profile.packages, "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
