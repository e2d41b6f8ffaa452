"""The tables that the pages show are made in every warehouse, and a sync reads them."""

from __future__ import annotations

import pytest
from support.data_types import DATA_TYPES
from warehouses.worlds.base import World

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook
from airflow_provider_cdi.setup.tables import create_table


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_a_sync_reads_the_table_of_its_data_type(world: World, data_type: str) -> None:
    contract = DATA_TYPES[data_type]().contract
    world.run(create_table(world.name, contract, "rows_to_send"))
    source = get_warehouse_hook("w").source("rows_to_send", contract=contract)
    assert source.count(Bounds(), position=None, now="2026-01-05T09:00:00.000000Z").in_bounds == 0
