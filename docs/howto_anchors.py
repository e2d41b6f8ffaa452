"""The anchors under which Airflow links to providers: ``howto/operator:…``, ``…/connection:…``, ``…/notifier:…``.

They are put above the pages' titles when these are built, because GitHub would show them.
"""

from __future__ import annotations

from typing import Any

ANCHORS = {
    "operators/warehouse_to_braze": "howto/operator:WarehouseToBrazeOperator",
    "operators/warehouse_to_klaviyo": "howto/operator:WarehouseToKlaviyoOperator",
    "operators/warehouse_to_http": "howto/operator:WarehouseToHttpOperator",
    "cli/check": "howto/operator:CheckSyncOperator",
    "guides/redrive": "howto/operator:RedriveRejectsOperator",
    "guides/watch": "howto/operator:WatchSyncsOperator",
    "alerts": "howto/notifier:SyncErrorNotifier",
    "connections/braze": "howto/connection:braze",
    "connections/klaviyo": "howto/connection:klaviyo",
}


def put_above(_app: Any, page: str, source: list[str]) -> None:
    """Put the page's anchor above its title."""
    if page in ANCHORS:
        source[0] = f"({ANCHORS[page]})=\n{source[0]}"


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx show us each page that it reads."""
    app.connect("source-read", put_above)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
