"""Any SQL database that Airflow reaches through a ``DbApiHook``: how it is opened, and what a source of it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.engine.reading.partition import DigestRange, Partition
from airflow_provider_cdi.engine.reading.selection import select_columns
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, SourceError
from airflow_provider_cdi.hooks.arrow.column_types import TIMES, ColumnType
from airflow_provider_cdi.hooks.connection_types import connection_type, install
from airflow_provider_cdi.hooks.extra_addresses import check_addresses
from airflow_provider_cdi.hooks.pinning import pinned
from airflow_provider_cdi.hooks.sql.dialects import ANSI, DIALECTS, Dialect
from airflow_provider_cdi.hooks.sql.reader import Statement
from airflow_provider_cdi.hooks.sql.session import SqlSession
from airflow_provider_cdi.hooks.sql.source import SqlSource, server_time
from airflow_provider_cdi.hooks.sql.statements import (
    partition_relation,
    query_relation,
    table_relation,
)
from airflow_provider_cdi.hooks.sql.timestamp_text import utc_text
from airflow_provider_cdi.hooks.ssh.route import find_route
from airflow_provider_cdi.hooks.typed_extra import with_typed_extra

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Values that are looked at where the driver does not say what a column holds.
PROBED_ROWS = 20


class SqlWarehouseHook:
    """Reads from any database whose Airflow hook is a ``DbApiHook``.

    :param connection: the Airflow connection. It is the only one this object ever uses: nothing is fetched
        from Airflow later, so that a thread without a task context may read.
    :param tag: the name that the database's own history shows for what is asked here: the sync's id.
    :param ssh_conn_id: the connection of an SSH server that leads to the database, in place of the one that its extra
        names; it is fetched here, too, and never again.
    :raises ConfigurationError: when the connection's type has no hook, or one that does not speak SQL, or no way leads
        through the SSH server.
    """

    def __init__(self, connection: Connection, tag: str = "", ssh_conn_id: str | None = None) -> None:
        connection = with_typed_extra(connection)
        check_addresses(connection)
        #: The way to the database.
        self.route = find_route(connection, ssh_conn_id)
        connection = self.route.connection
        self.dialect = self.find_dialect(connection)
        self._session = SqlSession(self.make_hook(connection, tag), connection, self.dialect, tag, self.route)

    @property
    def session(self) -> SqlSession:
        """What opens connections, for those who ask the database something of their own."""
        return self._session

    def find_dialect(self, connection: Connection) -> Dialect:
        """Return how this database wants its SQL."""
        return DIALECTS.get(connection.conn_type or "", ANSI)

    def make_hook(self, connection: Connection, tag: str) -> Any:
        """Return the vendor's hook: its ``get_conn()`` opens connections, its ``placeholder`` marks bound values.

        :param connection: the Airflow connection.
        :param tag: the sync's id, where it belongs to what a connection is opened with.
        :raises ConfigurationError: when there is none that speaks SQL.
        """
        from airflow.exceptions import AirflowException  # type: ignore[attr-defined]  # the one place of 3.0 and 3.3
        from airflow.providers.common.sql.hooks.sql import DbApiHook

        named = f"The connection {connection.conn_id!r} has the type {connection.conn_type!r}"
        try:
            hook = connection.get_hook()  # type: ignore[no-untyped-call]  # Airflow has no types here
        except (AirflowException, ImportError) as error:
            raise ConfigurationError(
                f"{named}, for which no hook can be loaded. {_cure(connection.conn_type)} ({error})"
            ) from error
        if not isinstance(hook, DbApiHook):
            raise ConfigurationError(
                f"{named}, whose hook ({type(hook).__name__}) runs no SQL. Use a connection to a SQL database."
            )
        return pinned(hook, connection)

    def source(
        self,
        table: str | None = None,
        *,
        sql: str | None = None,
        contract: TableContract,
        columns: Mapping[str, str] | None = None,
        payload_columns: Sequence[str] | Mapping[str, str] = (),
        partition: Partition | DigestRange | None = None,
        watermark_timezone: str | None = None,
    ) -> SqlSource:
        """Look at a table, view or query and match its columns with a contract. Reads no row of it, or a few.

        :param table: name of one to three parts. Plain parts are folded as the database folds them, parts
            in double quotes or backquotes are taken as they are.
        :param sql: a query, instead of a table.
        :param contract: what the data type asks for.
        :param columns: contract name -> source name.
        :param payload_columns: see :func:`~airflow_provider_cdi.engine.reading.selection.select_columns`.
        :param partition: read only this part of the rows.
        :param watermark_timezone: whose clock ``UPDATED_AT`` shows, which then must not have a zone itself.
        :raises ConfigurationError: when the arguments make no sense.
        :raises SourceError: when the source is missing, forbidden or of the wrong shape.
        :raises RetryLater: when the database cannot be reached now.
        """
        if (table is None) == (sql is None):
            raise ConfigurationError("Give either the name of a table or view, or sql= with a query, not both.")
        label = f"the table {table}" if table is not None else "the query"
        relation = table_relation(table, self.dialect) if table is not None else query_relation(sql or "", self.dialect)
        with self._session.connected(f"looking at {label}") as connection:
            if table is not None and self.dialect.check_table is not None:
                doing = f"Looking at {label} through the connection {self._session.conn_id!r}"
                self.dialect.check_table(connection, relation, doing)
            kinds = self._kinds(connection, relation)
            selection = select_columns(contract, list(kinds), columns=columns, payload_columns=payload_columns)
            time = selection.updated_at
            time_kind = self._time_kind(connection, relation, time, kinds[time])
            opened_at = server_time(self.dialect, connection)
        if watermark_timezone is not None and time_kind is ColumnType.TIMESTAMP_TZ:
            raise ConfigurationError(
                f"The column {time!r} of {label} has a time zone itself, so watermark_timezone={watermark_timezone!r} "
                "means nothing there. Leave the argument out."
            )
        if partition is not None:
            relation = partition_relation(relation, selection.telling_identifiers, partition, self.dialect)
        kinds[time] = time_kind
        return SqlSource(self._session, label, relation, selection, kinds, zone=watermark_timezone, opened_at=opened_at)

    def test_connection(self) -> tuple[bool, str]:
        """Open a connection and run the smallest query.

        :return: whether it worked, and a sentence for the person who set the connection up.
        """
        try:
            with self._session.connected("the connection test") as connection:
                self.dialect.reader.fetch(connection, Statement("select 1"))
        except CdiError as error:
            return False, str(error)
        return True, f"The {self.dialect.name} database of the connection {self._session.conn_id!r} answers."

    def _kinds(self, connection: Any, relation: str) -> dict[str, ColumnType]:
        columns = self.dialect.reader.describe(connection, relation)
        described = [(name, self.dialect.kind(type_code)) for name, type_code in columns]
        kinds = dict(described)
        if len(kinds) < len(described):
            names = [name for name, _ in described]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise SourceError(f"The source has two columns of one name: {', '.join(twice)}. Give each its own.")
        return kinds

    def _time_kind(self, connection: Any, relation: str, name: str, kind: ColumnType) -> ColumnType:
        if kind is ColumnType.UNKNOWN:
            quoted = self.dialect.quoted(name)
            probe = Statement(f"select {quoted} from {relation} where {quoted} is not null")  # noqa: S608
            rows = self.dialect.reader.fetch(connection, probe, PROBED_ROWS)
            kind = self._probed_kind([row[0] for row in rows])
        if kind not in TIMES or kind not in self.dialect.times:
            problem = _WRONG_TIMES.get(kind, "is no timestamp")
            raise SourceError(
                f"The column {name!r}, which says when a row changed, {problem}. {self._time_cure()} in a view "
                "or in sql=, and read from that."
            )
        return kind

    def _time_cure(self) -> str:
        if self.dialect.computed_time is not None:
            return "Write it as text of ISO 8601 with date and time (2026-01-05T09:00:00Z)"
        return "Cast it to a timestamp in UTC"

    def _probed_kind(self, values: list[Any]) -> ColumnType:
        if not values:
            return ColumnType.TIMESTAMP
        if self.dialect.computed_time is not None:
            if any(utc_text(value) is not None for value in values):
                return ColumnType.TIMESTAMP
            return ColumnType.TEXT if isinstance(values[0], str) else ColumnType.OTHER
        return _kind_of_value(values[0])


_WRONG_TIMES = {
    ColumnType.DATE: "is a date: all changes of one day would look alike",
    ColumnType.TEXT: "is text and no timestamp",
    ColumnType.PADDED: "is text and no timestamp",
    ColumnType.INTEGER: "is a number",
}


def _kind_of_value(value: Any) -> ColumnType:
    if isinstance(value, datetime):
        return ColumnType.TIMESTAMP if value.tzinfo is None else ColumnType.TIMESTAMP_TZ
    if isinstance(value, date):
        return ColumnType.DATE
    return ColumnType.TEXT if isinstance(value, str) else ColumnType.OTHER


def _cure(conn_type: str | None) -> str:
    """Say what makes the hook of a connection's type available."""
    if not conn_type:
        return "Give the connection a type."
    package_extra = connection_type(conn_type).package_extra
    if package_extra is not None:
        return f"{install(package_extra)} on the workers."
    return (
        "Install the Airflow provider of that database on the workers, usually with pip install "
        f"'apache-airflow-providers-{conn_type}', or mend the type."
    )
