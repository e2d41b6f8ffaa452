"""DuckDB: a file has no logins; what a check asks it is who else may write there."""

from __future__ import annotations

from airflow_provider_cdi.checks.warehouse.profile import WarehouseProfile

DUCKDB = WarehouseProfile(
    schema="select count(*) > 0, true from information_schema.schemata where schema_name = '{schema}'",
    grant_usage="Create it, or name the database in front of it.",
    layout="select case when table_type = 'VIEW' then 'view' else 'table' end, null, true "
    "from information_schema.tables where table_name = '{table}' and ('{schema}' in ('', table_schema))",
)
