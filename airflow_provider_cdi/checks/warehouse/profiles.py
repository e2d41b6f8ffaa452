"""Which profile belongs to which connection type."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_cdi.checks.warehouse.bigquery import BIGQUERY
from airflow_provider_cdi.checks.warehouse.databricks import DATABRICKS
from airflow_provider_cdi.checks.warehouse.embedded import DUCKDB
from airflow_provider_cdi.checks.warehouse.postgres import POSTGRES, REDSHIFT
from airflow_provider_cdi.checks.warehouse.profile import WarehouseProfile
from airflow_provider_cdi.checks.warehouse.snowflake import SNOWFLAKE

_PROFILES: Mapping[str, WarehouseProfile] = {
    "databricks": DATABRICKS,
    "duckdb": DUCKDB,
    "gcpbigquery": BIGQUERY,
    "google_cloud_platform": BIGQUERY,
    "postgres": POSTGRES,
    "redshift": REDSHIFT,
    "snowflake": SNOWFLAKE,
}
_OTHER = WarehouseProfile()


def profile_of(conn_type: str | None) -> WarehouseProfile:
    """Return what is known of a connection type; of one that nobody told us about, nothing special."""
    return _PROFILES.get(conn_type or "", _OTHER)
