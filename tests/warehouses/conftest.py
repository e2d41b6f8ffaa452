"""Every warehouse, started once for all tests that want it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from importlib import import_module

import pytest
from warehouses.worlds.base import World

#: Name -> ``module:class`` in ``warehouses.worlds``.
WORLDS = {
    "duckdb": "duckdb:DuckDbWorld",
    "postgres": "postgres:PostgresWorld",
    "snowflake": "snowflake:SnowflakeWorld",
    "redshift": "redshift:RedshiftWorld",
    "bigquery": "bigquery:BigQueryWorld",
    "databricks": "databricks:DatabricksWorld",
}
if os.environ.get("CDI_BIGQUERY_ENGINE") == "bqemulator":
    WORLDS["bigquery"] = "bqemulator:BqEmulatorWorld"


class Worlds:
    """Starts a warehouse when it is first asked for."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._started: dict[str, World] = {}

    def __getitem__(self, name: str) -> World:
        if name not in self._started:
            module, _, kind = WORLDS[name].partition(":")
            world = getattr(import_module(f"warehouses.worlds.{module}"), kind)()
            self._started[name] = self._stack.enter_context(world.started())
        return self._started[name]


@pytest.fixture(scope="session")
def worlds() -> Iterator[Worlds]:
    with contextlib.ExitStack() as stack:
        yield Worlds(stack)


@pytest.fixture(params=list(WORLDS))
def world(request: pytest.FixtureRequest, worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> World:
    world = worlds[request.param]
    # The test's name without the warehouse: ``test_x[bigquery-text]`` is ``test_x[text]``.
    test = request.node.name.replace(f"[{request.param}]", "").replace(f"[{request.param}-", "[", 1)
    if test in world.limits:
        is_begun = test not in world.endless
        request.applymarker(pytest.mark.xfail(reason=world.limits[test], strict=True, run=is_begun))
    world.begin(monkeypatch)
    return world
