"""Writes the pages that hold the table of every data type: ``python docs/make_tables.py``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from airflow_provider_cdi.destinations.braze import BrazeDataType, braze_destination
from airflow_provider_cdi.destinations.klaviyo import KlaviyoDataType, klaviyo_destination
from airflow_provider_cdi.setup.tables import DIALECTS, create_table

FOLDER = Path(__file__).parent / "connections" / "tables"
TITLES = {
    "snowflake": "Snowflake",
    "redshift": "Amazon Redshift",
    "bigquery": "BigQuery",
    "databricks": "Databricks",
    "postgres": "PostgreSQL",
    "duckdb": "DuckDB",
}
_HEAD = """# Tables in {title}

Every column that a data type knows. Leave out what you have no use for: `UPDATED_AT`, one identifier (an alias is two
columns) and what is `not null` are enough. Names match without regard to case; for others there is
[`columns=`](../../operators/warehouse_to_braze.md). A test runs each of these statements, the four vendors' ones in
stand-ins.
"""
_KLAVIYO = """
Every further column of `profiles` and `events` becomes a property under its own name.
"""


def page(warehouse: str) -> str:
    """Return the page of one warehouse."""
    braze = {
        name: braze_destination(name, catalog="products" if name == "catalog_items" else None).contract
        for name in get_args(BrazeDataType)
    }
    klaviyo = {name: klaviyo_destination(name).contract for name in get_args(KlaviyoDataType)}
    parts = [_HEAD.format(title=TITLES[warehouse])]
    for vendor, contracts, more in (("Braze", braze, ""), ("Klaviyo", klaviyo, _KLAVIYO)):
        parts.append(f"\n## {vendor}\n{more}")
        for name, contract in contracts.items():
            statement = create_table(warehouse, contract, f"ingestion.{vendor.lower()}_{name}")
            parts.append(f"\n### {vendor}: {name}\n\n```sql\n{statement};\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in DIALECTS:
        (FOLDER / f"{name}.md").write_text(page(name))
