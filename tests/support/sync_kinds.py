"""A table and a task for every data type: what previews and plans are held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_http import WarehouseToHttpOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

#: Rows of each table: more than one request of every data type holds, but for those of a thousand and more.
ROWS = 130


@dataclass(frozen=True)
class Kind:
    """A data type, a table that it reads, and what else its task says.

    :param columns: of the table, as SQL of the number ``i`` of a row.
    :param arguments: of the task.
    """

    columns: str
    arguments: dict[str, Any] = field(default_factory=dict)


_PAYLOAD = """'{"first_name": "Ana ' || i || '", "email": "p' || i || '@acme-demo.io", "n": 1.50}' as payload"""
_NAMED = """'{"name": "opened", "time": "2026-01-01T00:00:00Z", "properties": {"n": ' || i || '}}' as payload"""
_BOUGHT = (
    """'{"product_id": "p", "currency": "EUR", "price": 1.50, "time": "2026-01-01T00:00:00Z", "quantity": ' """
    """|| (1 + i % 3) || '}' as payload"""
)
_PEOPLE = "'c' || i || '@acme-demo.io' as email, '+49151' || (1234567 + i) as phone_number"

BRAZE = {
    "attributes": Kind(f"'c-' || i as external_id, {_PAYLOAD}"),
    "events": Kind(f"'c-' || i as external_id, {_NAMED}"),
    "purchases": Kind(f"'c-' || i as external_id, {_BOUGHT}"),
    "user_deletes": Kind("'c-' || i as external_id"),
    "catalog_items": Kind("""'s-' || i as id, '{"city": "Busan", "seats": 4}' as payload""", {"catalog": "shops"}),
}
KLAVIYO = {
    "profiles": Kind(f"{_PEOPLE}, 'c-' || i as external_id, 'Ana' as first_name, i as visits"),
    "events": Kind(
        f"{_PEOPLE}, timestamp '2025-12-01' + to_minutes(i) as event_time, 'o-' || i as unique_id, 'Order' as "
        "metric_name, 9.5 as value, i as items"
    ),
    "subscribe": Kind(f"{_PEOPLE}, true as email_marketing", {"channels": ["email_marketing"]}),
    "unsubscribe": Kind(f"{_PEOPLE}, false as email_marketing", {"channels": ["email_marketing"]}),
    "suppress": Kind("'c' || i || '@acme-demo.io' as email"),
    "unsuppress": Kind("'c' || i || '@acme-demo.io' as email"),
    "privacy_deletions": Kind("'c' || i || '@acme-demo.io' as email"),
}
SYNCS = [("braze", name, kind) for name, kind in BRAZE.items()]
SYNCS += [("klaviyo", name, kind) for name, kind in KLAVIYO.items()]
each_data_type = pytest.mark.parametrize(
    ("destination", "data_type", "kind"), SYNCS, ids=[f"{where}-{name}" for where, name, _ in SYNCS]
)
_OPERATORS = {"braze": WarehouseToBrazeOperator, "klaviyo": WarehouseToKlaviyoOperator, "http": WarehouseToHttpOperator}


def rows_of(kind: Kind, numbers: range) -> str:
    """Select rows of a kind, a second apart."""
    times = "timestamp '2026-01-01' + to_seconds(i) as updated_at"
    return f"select {times}, {kind.columns} from range({numbers.start}, {numbers.stop}) as numbers(i)"


def arguments_of(destination: str, data_type: str, kind: Kind) -> dict[str, Any]:
    """Return the arguments of a task that reads the table ``users``."""
    return {"kind": _OPERATORS[destination], "source": "users", "data_type": data_type, **kind.arguments}
