"""What a warehouse must offer, and which class offers it for which connection type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from airflow_provider_cdi.engine.ports import Source
from airflow_provider_cdi.engine.reading.partition import Partition
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.exceptions import ConfigurationError

#: Connection type -> ``module:class`` of the warehouses that read in a way of their own. Every other type
#: goes through its own ``DbApiHook``. Modules are imported when a task runs.
WAREHOUSES: Mapping[str, str] = {
    "snowflake": "airflow_provider_cdi.hooks.snowflake.hook:SnowflakeWarehouseHook",
    "redshift": "airflow_provider_cdi.hooks.redshift.hook:RedshiftWarehouseHook",
    "gcpbigquery": "airflow_provider_cdi.hooks.bigquery.hook:BigQueryWarehouseHook",
    "google_cloud_platform": "airflow_provider_cdi.hooks.bigquery.hook:BigQueryWarehouseHook",
    "databricks": "airflow_provider_cdi.hooks.databricks.hook:DatabricksWarehouseHook",
}
#: Connection types that rows are sent to, never read from.
DESTINATIONS = ("braze", "klaviyo")
_ANY_SQL = "airflow_provider_cdi.hooks.sql.hook:SqlWarehouseHook"


class WarehouseHook(Protocol):
    """A warehouse that rows are read from; made of one Airflow connection."""

    def source(
        self,
        table: str | None = None,
        *,
        sql: str | None = None,
        contract: TableContract,
        columns: Mapping[str, str] | None = None,
        payload_columns: Sequence[str] | Mapping[str, str] = (),
        partition: Partition | None = None,
        watermark_timezone: str | None = None,
    ) -> Source:
        """Look at a table, view or query and match its columns with a contract.

        :param table: a name of one to three parts; or
        :param sql: a query.
        :param contract: what the data type asks for.
        :param columns: contract name -> source name, for columns that are called differently.
        :param payload_columns: columns from which the payload is built when there is no ``PAYLOAD``.
        :param partition: read only this part of the rows.
        :param watermark_timezone: whose clock ``UPDATED_AT`` shows, which then must not have a zone itself.
        :raises ConfigurationError: when the arguments make no sense.
        :raises SourceError: when the source is missing, forbidden or of the wrong shape.
        :raises RetryLater: when the warehouse cannot be reached now.
        """
        ...

    def test_connection(self) -> tuple[bool, str]:
        """Say whether the warehouse answers, and in one sentence what to do when it does not."""
        ...


def get_warehouse_hook(conn_id: str, tag: str = "") -> WarehouseHook:
    """Return the warehouse of an Airflow connection.

    The connection is fetched from Airflow once, here.

    :param conn_id: the Airflow connection's id.
    :param tag: the name under which the warehouse's own history shows what is asked: the sync's id.
    :raises ConfigurationError: when there is no such connection, or it does not lead to a SQL database.
    """
    from importlib import import_module

    from airflow_provider_cdi.hooks.connections import find_connection

    connection = find_connection(conn_id)
    if connection.conn_type in DESTINATIONS:
        raise ConfigurationError(
            f"Connection {conn_id!r} has the type {connection.conn_type!r}, where rows are sent to; warehouse_conn_id "
            "needs the connection of the database that they are read from."
        )
    module, _, name = WAREHOUSES.get(connection.conn_type or "", _ANY_SQL).partition(":")
    warehouse: WarehouseHook = getattr(import_module(module), name)(connection, tag)
    return warehouse
