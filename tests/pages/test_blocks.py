"""Every block of a page is what its fence says: SQL of its warehouse, JSON, a configuration, Python that imports."""

from __future__ import annotations

import ast
import configparser
import importlib
import json
import logging
from pathlib import Path

import pytest
import sqlglot
from support.pages import PAGES, Block, all_blocks, blocks, name_of

#: Whose SQL a page shows; PostgreSQL's where it is not said.
DIALECTS = {
    "snowflake": "snowflake",
    "redshift": "redshift",
    "bigquery": "bigquery",
    "databricks": "databricks",
    "klaviyo-from-databricks": "databricks",
    "duckdb": "duckdb",
}
KNOWN = {"bash", "python", "sql", "json", "ini", "text", ""}


def ids(block: Block) -> str:
    return block.place


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_in_a_language_that_is_checked(page: Path):
    assert {block.language for block in blocks(page)} <= KNOWN


@pytest.mark.parametrize("block", all_blocks("sql"), ids=ids)
def test_sql_is_sql_of_the_warehouse_of_its_page(block, caplog):
    with caplog.at_level(logging.ERROR, logger="sqlglot"):  # grants are kept as they stand, with a warning
        statements = sqlglot.parse(block.text, dialect=DIALECTS.get(block.page.stem, "postgres"))
    assert all(statement is not None for statement in statements)


@pytest.mark.parametrize("block", all_blocks("json"), ids=ids)
def test_json_is_json(block):
    assert json.loads(block.text)


@pytest.mark.parametrize("block", all_blocks("ini"), ids=ids)
def test_a_configuration_has_a_section(block):
    parser = configparser.ConfigParser()
    parser.read_string(block.text)
    assert parser.sections()


@pytest.mark.parametrize("block", all_blocks("python"), ids=ids)
def test_python_imports_what_is_there(block):
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []
        elif isinstance(node, ast.Import):
            assert all(importlib.import_module(name.name) for name in node.names)


@pytest.mark.parametrize("block", [block for block in all_blocks("python") if "with DAG(" in block.text], ids=ids)
def test_a_dag_of_a_page_can_be_loaded(block, tmp_path):
    from support.airflow_versions import DagBag

    (tmp_path / "shown.py").write_text(block.text)
    bag = DagBag(str(tmp_path))
    assert bag.import_errors == {}
    assert bag.dags
