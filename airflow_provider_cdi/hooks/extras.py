"""Which extra of this package brings the provider that a connection's type needs."""

from __future__ import annotations

from collections.abc import Mapping

#: Connection type -> extra.
EXTRAS: Mapping[str, str] = {
    "snowflake": "snowflake",
    "redshift": "redshift",
    "gcpbigquery": "bigquery",
    "google_cloud_platform": "bigquery",
    "databricks": "databricks",
    "duckdb": "duckdb",
}


def install(extra: str) -> str:
    """Say how an extra is installed, as the beginning of a sentence."""
    return f"Install it with pip install 'airflow-provider-cdi[{extra}]'"
