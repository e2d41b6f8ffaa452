"""Rows by their keys, in every warehouse's own SQL and through its own client."""

from __future__ import annotations

from typing import Any

import pytest
from support.sql_world import ATTRIBUTES, legible
from warehouses.worlds.base import World

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.hooks.sql.keys import Key, Lookup
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

ODD = """o'brien "x" % %s ? -- ü"""


def found(*keys: Key, bounds: Bounds) -> list[dict[str, Any]]:
    source = get_warehouse_hook("w", tag="dag.task").source("t", contract=ATTRIBUTES)
    batches = source.read_keys([Lookup(keys, bounds)])
    return sorted((row for _, batch in batches for row in legible(batch).to_pylist()), key=str)


@pytest.fixture
def rows(world: World) -> World:
    world.create(
        "t",
        {"updated_at": "timestamp", "external_id": "text", "email": "text", "payload": "text"},
        ("2026-01-01 00:00:00", "a", None, '{"n":1}'),
        ("2026-01-02 00:00:00", "a", None, '{"n":2}'),
        ("2026-01-02 00:00:00", None, "b@x.org", '{"n":3}'),
        ("2026-01-02 00:00:00", ODD, None, '{"n":4}'),
    )
    return world


def test_rows_of_several_kinds_of_keys_come_within_the_bounds(rows: World) -> None:
    keys = [{"EXTERNAL_ID": "a"}, {"EXTERNAL_ID": ODD}, {"EMAIL": "b@x.org"}, {"EXTERNAL_ID": "nobody"}]
    second = Bounds(since="2026-01-02T00:00:00.000000Z")
    assert sorted(row["PAYLOAD"] for row in found(*keys, bounds=second)) == ['{"n":2}', '{"n":3}', '{"n":4}']


def test_a_whole_number_is_found_by_its_text(world: World) -> None:
    world.create(
        "t",
        {"updated_at": "timestamp", "external_id": "integer", "payload": "text"},
        ("2026-01-01 00:00:00", "12", "{}"),
        ("2026-01-01 00:00:00", "13", "{}"),
    )
    rows = found({"EXTERNAL_ID": "12"}, {"EXTERNAL_ID": "no number"}, bounds=Bounds())
    assert [row["EXTERNAL_ID"] for row in rows] == ["12"]
