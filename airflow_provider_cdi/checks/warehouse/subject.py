"""The warehouse and the source that are checked: opened as a sync opens them, asked besides by small statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.checks.findings import NotTried
from airflow_provider_cdi.engine.reading.partition import Partition
from airflow_provider_cdi.hooks.connections import find_connection
from airflow_provider_cdi.hooks.sql.reader import Statement
from airflow_provider_cdi.hooks.sql.statements import query_relation, table_path, table_relation
from airflow_provider_cdi.hooks.typed_extra import with_typed_extra
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_cdi.engine.rows.table_contract import TableContract
    from airflow_provider_cdi.hooks.sql.dialects import Dialect
    from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook
    from airflow_provider_cdi.hooks.sql.source import SqlSource


@dataclass(frozen=True, slots=True)
class SourceArguments:
    """What a sync says of its source, see :class:`~airflow_provider_cdi.transfers.base.WarehouseSyncOperator`.

    :param contract: what the data type asks for; None when it is not known.
    :param no_contract: why it is not known.
    """

    table: str | None = None
    sql: str | None = None
    contract: TableContract | None = None
    no_contract: str = "No data type was named, so no columns are expected."
    columns: Mapping[str, str] | None = None
    payload_columns: Sequence[str] | Mapping[str, str] = ()
    partition: str | None = None
    watermark_timezone: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether there is a source at all: a connection can be checked alone."""
        return self.table is not None or self.sql is not None


@dataclass
class Subject:
    """One warehouse connection and, where it is known, one source. What is asked once is kept.

    :param conn_id: the Airflow connection's id.
    :param source: what is read.
    :param ssh_conn_id: the connection of an SSH server that leads to it, in place of the one that its extra names.
    :param tag: the name under which the warehouse's history shows what the check asks.
    """

    conn_id: str
    source: SourceArguments = field(default_factory=SourceArguments)
    tag: str = "cdi_check"
    ssh_conn_id: str | None = None

    @cached_property
    def connection(self) -> Connection:
        """The Airflow connection.

        :raises ConfigurationError: when there is none.
        """
        return with_typed_extra(find_connection(self.conn_id))

    @property
    def extra(self) -> dict[str, Any]:
        """The connection's extra."""
        found: dict[str, Any] = self.connection.extra_dejson
        return found

    @cached_property
    def hook(self) -> SqlWarehouseHook:
        """What a sync reads with.

        :raises ConfigurationError: when a field of the connection makes no sense.
        """
        return get_warehouse_hook(self.conn_id, self.tag, self.ssh_conn_id)

    @property
    def dialect(self) -> Dialect:
        """How the database wants its SQL."""
        return self.hook.dialect

    def ask(self, text: str, doing: str, limit: int | None = None) -> list[tuple[Any, ...]]:
        """Run a query with a small result, in a connection of its own.

        :param doing: what for, for messages (``looking at the privileges``).
        """
        with self.hook.session.connected(doing) as connection:
            return [tuple(row) for row in self.dialect.reader.fetch(connection, Statement(text), limit)]

    @property
    def label(self) -> str:
        """The source, for messages."""
        return f"the table {self.source.table}" if self.source.table is not None else "the query"

    @property
    def relation(self) -> str:
        """The source as SQL."""
        if self.source.table is not None:
            return table_relation(self.source.table, self.dialect)
        return query_relation(self.source.sql or "", self.dialect)

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of the table's name, as the database has them.

        :raises NotTried: when the source is a query.
        """
        if self.source.table is None:
            raise NotTried("The source is a query: the database tells when it is run.")
        return table_path(self.source.table, self.dialect)

    @cached_property
    def described(self) -> list[tuple[str, object]]:
        """Names and type codes of the source's columns; no row is read."""
        doing = f"looking at {self.label}"
        with self.hook.session.connected(doing) as connection:
            if self.source.table is not None and self.dialect.check_table is not None:
                self.dialect.check_table(connection, self.relation, f"{doing} through the connection {self.conn_id!r}")
            return self.dialect.reader.describe(connection, self.relation)

    @cached_property
    def opened(self) -> SqlSource:
        """The source as a sync reads it."""
        return self.open()

    def open(self, sql: str | None = None) -> SqlSource:
        """Open the source, or a query of its columns in its place."""
        given = self.source
        if given.contract is None:
            raise NotTried(given.no_contract)
        return self.hook.source(
            given.table if sql is None else None,
            sql=given.sql if sql is None else sql,
            contract=given.contract,
            columns=given.columns,
            payload_columns=given.payload_columns,
            partition=Partition.parse(given.partition) if given.partition and sql is None else None,
            watermark_timezone=given.watermark_timezone,
        )
