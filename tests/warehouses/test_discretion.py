"""No warehouse's client tells a row's value when a statement fails at it: not in messages, chains or logs."""

from __future__ import annotations

from functools import partial

import pytest
from support.leaks import VALUE, discreet, read_all
from support.sql_world import ATTRIBUTES
from warehouses.worlds.base import World

from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook


def source_of(**arguments: str) -> SqlSource:
    hook = get_warehouse_hook("w", tag="dag.task")
    source = hook.source(arguments.pop("table", None), contract=ATTRIBUTES, payload_columns=["x"], **arguments)
    assert isinstance(source, SqlSource)
    return source


@pytest.fixture
def rows(world: World) -> World:
    """A row whose value is nothing but text."""
    world.create(
        "t",
        {"updated_at": "timestamp", "external_id": "text", "v": "text"},
        ("2026-01-01 00:00:00", "p", VALUE),
    )
    return world


def query(expression: str) -> str:
    return f"select updated_at, external_id, {expression} as x from t"


@pytest.mark.parametrize("kind", ["integer", "float", "boolean", "date", "timestamp", "timestamp_tz"])
def test_a_value_that_cannot_be_cast(rows: World, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    if kind not in rows.types:
        pytest.skip(f"{rows.name} has no {kind}")
    with discreet(caplog):
        read_all(partial(source_of, sql=query(f"cast(v as {rows.types[kind]})")))


def test_a_value_that_a_view_cannot_cast(rows: World, caplog: pytest.LogCaptureFixture) -> None:
    cast = f"cast(v as {rows.types['integer']})"
    rows.run(f"create view broken as {query(cast)}")
    with discreet(caplog):
        read_all(partial(source_of, table="broken"))


@pytest.mark.parametrize(
    "expression",
    ["v = 'O'anna.leak'", "cast('anna.leak@example.org' as {})", "no_such_function('anna.leak@example.org')"],
)
def test_a_literal_of_a_query_that_fails(rows: World, expression: str, caplog: pytest.LogCaptureFixture) -> None:
    with discreet(caplog):
        read_all(partial(source_of, sql=query(expression.format(rows.types["integer"]))))
