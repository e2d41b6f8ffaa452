"""Tables made from the contracts of the data types."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import sqlglot
from support.data_types import DATA_TYPES

from airflow_provider_cdi.engine.reading.selection import select_columns
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD
from airflow_provider_cdi.setup.tables import DIALECTS, create_table

TABLE = "ingestion.users_attributes_sync"


def columns_of(statement, warehouse):
    (parsed,) = sqlglot.parse(statement, dialect=warehouse)
    return {column.name: column for column in parsed.find_all(sqlglot.exp.ColumnDef)}


@pytest.mark.parametrize("data_type", DATA_TYPES)
@pytest.mark.parametrize("warehouse", DIALECTS)
def test_a_table_has_every_column_of_its_contract_and_a_sync_finds_them(warehouse, data_type):
    contract = DATA_TYPES[data_type]().contract
    columns = columns_of(create_table(warehouse, contract, TABLE), warehouse)
    wanted = {name for name in contract.names if name != PAYLOAD or contract.needs_payload}
    assert {name.upper() for name in columns} == wanted
    found = select_columns(contract, list(columns))
    assert set(found.identifiers) == set(contract.identifiers)
    assert found.ignored == ()


@pytest.mark.parametrize("warehouse", DIALECTS)
def test_only_what_each_row_needs_must_be_filled(warehouse):
    def needed(data_type):
        columns = columns_of(create_table(warehouse, DATA_TYPES[data_type]().contract, TABLE), warehouse)
        return {name.upper() for name, column in columns.items() if "NOT NULL" in column.sql(warehouse)}

    assert needed("braze-attributes") == {"UPDATED_AT"}
    assert needed("braze-catalog_items") == {"UPDATED_AT", "ID"}
    assert needed("klaviyo-events") == {"UPDATED_AT", "EVENT_TIME", "METRIC_NAME"}


def test_columns_have_the_types_of_what_they_hold():
    statement = create_table("postgres", DATA_TYPES["klaviyo-subscribe"]().contract, TABLE)
    types = {name: column.kind.sql("postgres") for name, column in columns_of(statement, "postgres").items()}
    assert types["email"] == "TEXT"
    assert types["sms_marketing"] == "BOOLEAN"
    assert types["push_tokens"] == "JSONB"
    assert types["consented_at"] == "TIMESTAMPTZ"
    assert types["age_gated_date_of_birth"] == "DATE"


DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("warehouse", DIALECTS)
def test_the_page_of_tables_holds_what_is_made(warehouse):
    made = runpy.run_path(str(DOCS / "make_tables.py"))["page"](warehouse)
    page = (DOCS / "connections" / "tables" / f"{warehouse}.md").read_text()
    assert page == made, "run: python docs/make_tables.py"


def test_the_page_of_the_command_shows_what_it_prints():
    page = (DOCS / "cli" / "setup-sql.md").read_text()
    assert page == runpy.run_path(str(DOCS / "make_tables.py"))["command_page"](page), "run: python docs/make_tables.py"
    assert "create table if not exists" in page
