"""BigQuery: a query job a read, its result through the Storage Read API.

There is no session: what other databases are told once (zone, tag) goes with every job, and timestamps are in UTC
by themselves. Nothing here was tried on a real account yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.bigquery.errors import DRIVER_ERRORS, diagnose
from airflow_provider_cdi.hooks.sql.dialects import LIMIT, Dialect, TimeForm
from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook
from airflow_provider_cdi.hooks.sql.reader import Statement, slices
from airflow_provider_cdi.hooks.sql.server_clock import ServerClock

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_cdi.hooks.arrow.rows import RowShape
    from airflow_provider_cdi.hooks.bigquery.connection import BigQueryConnection

#: What follows the clock of a position that is compared with a TIMESTAMP; a DATETIME has no zone.
_ZONE = "+00:00"

#: Standard and legacy names of BigQuery's types. A decimal comes as the text of a JSON number (see
#: ``results.plain_decimals``).
_KINDS: Mapping[str, ColumnType] = {
    "TIMESTAMP": ColumnType.TIMESTAMP_TZ,
    "DATETIME": ColumnType.TIMESTAMP,
    "DATE": ColumnType.DATE,
    "STRING": ColumnType.TEXT,
    "JSON": ColumnType.JSON,
    "NUMERIC": ColumnType.JSON,
    "BIGNUMERIC": ColumnType.JSON,
    "INTEGER": ColumnType.INTEGER,
    "INT64": ColumnType.INTEGER,
    "FLOAT": ColumnType.FLOAT,
    "FLOAT64": ColumnType.FLOAT,
    "BOOLEAN": ColumnType.BOOLEAN,
    "BOOL": ColumnType.BOOLEAN,
}


class BigQueryReader:
    """Runs query jobs and streams their results."""

    sorts = False

    def execute(self, connection: BigQueryConnection, text: str) -> None:
        """Run a statement without a result."""
        connection.run(text, ())

    def describe(self, connection: BigQueryConnection, relation: str) -> list[tuple[str, object]]:
        """Ask by a dry run, which reads nothing and costs nothing."""
        return connection.columns(f"select * from {relation}")  # noqa: S608 - names are quoted

    def fetch(self, connection: BigQueryConnection, statement: Statement, limit: int | None = None) -> list[Any]:
        """Run a query and fetch its small result."""
        rows = connection.run(statement.text, _parameters(statement))
        return [row.values() for row in islice(rows, limit)]

    def read(
        self, connection: BigQueryConnection, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Run a query and stream its result."""
        for batch in connection.read(statement.text, _parameters(statement)):
            for part in slices(batch):
                yield shape.from_arrow(part)

    def stop(self, connection: BigQueryConnection) -> None:
        """Cancel the running job, or end the stream."""
        connection.stop()


def _parameters(statement: Statement) -> list[tuple[str, str]]:
    """Return the bound values with their types: positions, all of the type of ``UPDATED_AT``, and texts of rows."""
    times, texts = statement.values[: statement.times], statement.values[statement.times :]
    positions = [("TIMESTAMP" if value.endswith(_ZONE) else "DATETIME", value) for value in times]
    return positions + [("STRING", value) for value in texts]


def _scan(connection: BigQueryConnection, statement: Statement) -> tuple[int | None, str]:
    """Ask by a dry run: on demand, these bytes are billed, and at least 10 MB of each table."""
    scanned = connection.scanned(statement.text, _parameters(statement))
    return scanned, "BigQuery's dry run of the read says so; the counts before it are not in it."


@dataclass(frozen=True, slots=True)
class BigQueryDialect(Dialect):
    """BigQuery's own ways with names and types."""

    def quoted(self, name: str) -> str:
        """Return the name as one quoted identifier: escapes in it are those of a text literal."""
        escaped = name.replace("\\", "\\\\").replace("`", "\\`").replace("\n", "\\n").replace("\r", "\\r")
        return f"`{escaped}`"

    def kind(self, type_code: object) -> ColumnType:
        """Say what a column holds from BigQuery's name of the type."""
        return _KINDS.get(str(type_code), ColumnType.OTHER)


BIGQUERY = BigQueryDialect(
    "BigQuery",
    first_rows=LIMIT,
    quote="`",
    times={ColumnType.TIMESTAMP_TZ: TimeForm("{}", zone=_ZONE), ColumnType.TIMESTAMP: TimeForm("{}")},
    clock=ServerClock("current_datetime('UTC')", "current_datetime('{zone}')", "current_timestamp()"),
    digest="to_hex(md5({}))",
    text="cast({} as string)",
    reader=BigQueryReader(),
    line_comments=("--", "#"),
    has_backslashes=True,
    errors=DRIVER_ERRORS,
    diagnose=diagnose,
    scan=_scan,
    history=(
        "the job has it (in the console under Job history, else error_result of INFORMATION_SCHEMA.JOBS), by the "
        "query id or by the label cdi_sync"
    ),
)


class BigQueryWarehouseHook(SqlWarehouseHook):
    """Reads from BigQuery through a connection of the type ``gcpbigquery`` or ``google_cloud_platform``.

    Beside what Airflow's own hook knows, the connection's extra may hold

    - ``dataset``: where a table name of one part is looked for, ``dataset`` or ``project.dataset``;
    - ``storage_endpoint``: ``host:port`` of the Storage Read API, for a private endpoint or an emulator
      (``http://host:port`` without TLS).

    :param connection: the Airflow connection.
    :param tag: the sync's id; jobs carry it as the label ``cdi_sync``.
    """

    def find_dialect(self, connection: Connection) -> Dialect:
        """Return BigQuery's dialect."""
        return BIGQUERY

    def make_hook(self, connection: Connection, tag: str) -> Any:
        """Return what opens connections, with Airflow's ``BigQueryHook`` in it.

        :raises ConfigurationError: when Google's provider is not installed.
        """
        from airflow_provider_cdi.hooks.bigquery.reader import BigQueryOpener

        return BigQueryOpener(connection, tag)
