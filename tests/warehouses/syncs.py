"""One small table for each data type of Braze, and those of the example DAG for Klaviyo."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

START = 1_767_225_600_000_000
#: 2026-01-05T09:00:00Z.
ORDERED = 1_767_603_600_000_000
ROWS = 200


@dataclass(frozen=True, slots=True)
class Sync:
    """What one data type needs.

    :param table: its rows.
    :param path: where they arrive at Braze.
    :param arguments: what else the operator is told.
    """

    table: pa.Table
    path: str
    arguments: dict[str, Any] = field(default_factory=dict)


def table_of(payload: Callable[[int], str] | None, rows: int = ROWS, identifier: str = "external_id") -> pa.Table:
    """Return rows of which three share a time."""
    columns = {
        "updated_at": pa.array([START + step // 3 * 1_000_000 for step in range(rows)], pa.timestamp("us")),
        identifier: pa.array([f"c-{step:05d}" for step in range(rows)]),
    }
    return pa.table(columns if payload is None else {**columns, "payload": pa.array(map(payload, range(rows)))})


def number(step: int) -> str:
    """Return an attribute, or the field of an item."""
    return f'{{"n":{step}}}'


def event(step: int) -> str:
    """Return a custom event."""
    return json.dumps({"name": "order", "time": "2026-01-05T09:00:00Z", "properties": {"n": step}})


def purchase(step: int) -> str:
    """Return a purchase."""
    return json.dumps(
        {"product_id": f"p-{step}", "currency": "EUR", "price": 1.5, "time": "2026-01-05T09:00:00Z", "quantity": 1}
    )


SYNCS = {
    "attributes": Sync(table_of(number), "/users/track"),
    "events": Sync(table_of(event), "/users/track"),
    "purchases": Sync(table_of(purchase), "/users/track"),
    "user_deletes": Sync(table_of(None), "/users/delete"),
    "catalog_items": Sync(table_of(number, identifier="id"), "/catalogs/products/items", {"catalog": "products"}),
}


def _numbered(text: str) -> pa.Array:
    return pa.array([text.format(step) for step in range(ROWS)])


_TIMES = table_of(None)["updated_at"]
_EMAILS = _numbered("c-{:05d}@acme-demo.io")
_TOTALS = pa.array([step + 0.5 for step in range(ROWS)])
_CITIES = pa.array(["Lyon"] * ROWS)

#: Table of the schema ``KLAVIYO_IMPORT_FROM_DWH`` -> its rows.
KLAVIYO_TABLES = {
    "PROFILES": pa.table(
        {
            "updated_at": _TIMES,
            "email": _EMAILS,
            "external_id": _numbered("c-{:05d}"),
            "first_name": pa.array(["Ada"] * ROWS),
            "city": _CITIES,
            "tier": pa.array(["gold"] * ROWS),
            "last_order___total": _TOTALS,
        }
    ),
    "ORDERS": pa.table(
        {
            "loaded_at": _TIMES,
            "ordered_at": pa.array([ORDERED + step * 60_000_000 for step in range(ROWS)], pa.timestamp("us")),
            "email": _EMAILS,
            "order_id": _numbered("o-{}"),
            "total": _TOTALS,
            "currency": pa.array(["EUR"] * ROWS),
            "product": _numbered("p-{}"),
            "shipping___city": _CITIES,
        }
    ),
}
