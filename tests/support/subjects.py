"""Every data type of every destination, as the conformance cases see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator


@dataclass(frozen=True, slots=True)
class Subject:
    """One data type.

    :param kind: the operator.
    :param arguments: what it is told.
    :param columns: the columns of row ``i`` beside ``updated_at``, as SQL; ``who`` is the number of the person.
    :param identifier: how the sandbox names person ``{}``.
    :param column: the identifier's column, with what it holds for person ``{}``.
    :param path: where the rows arrive.
    :param rows: how many a case sends; less where there is one request a row and few a second.
    :param repeat_counts_double: whether the destination takes a repeat for something new.
    :param merges: whether several rows of a person that wait for one request become one.
    :param needs_catalog: whether a catalog must be made first.
    :param needs_suppressed: whether the people must be suppressed first.
    :param held: why a row is skipped that stands as wanted already, such as one that was sent before; empty for never.
    :param names_rows: whether an answer can name rows; else it refuses the request, and they must be found.
    """

    kind: type[WarehouseSyncOperator]
    arguments: Mapping[str, Any]
    columns: str
    identifier: str
    column: tuple[str, str]
    path: str
    rows: int = 300
    repeat_counts_double: bool = False
    merges: bool = False
    needs_catalog: bool = False
    needs_suppressed: bool = False
    held: str = ""
    names_rows: bool = True

    def select(self, rows: int, *, people: int | None = None, stamp: str = "i // 3", first: int = 0) -> str:
        """Return a query of rows.

        :param rows: how many.
        :param people: among how many people; None for one row each.
        :param stamp: seconds of ``updated_at``, as SQL of ``i``.
        :param first: number of the first row.
        """
        who = "i" if people is None else f"i % {people}"
        return (
            f"select timestamp '2026-01-01' + to_seconds({stamp}) as updated_at, {self.columns} "
            f"from (select i, {who} as who from range({first}, {first + rows}) as numbers(i))"
        )

    def named(self, person: int) -> str:
        """Return how the sandbox names a person."""
        return self.identifier.format(person)


def _braze(data_type: str, columns: str, path: str = "/users/track", **more: Any) -> Subject:
    defaults: dict[str, Any] = {"identifier": "external_id:c-{}", "column": ("EXTERNAL_ID", "c-{}")}
    arguments = {"data_type": data_type, **more.pop("arguments", {})}
    return Subject(WarehouseToBrazeOperator, arguments, columns, path=path, **{**defaults, **more})


def _klaviyo(data_type: str, columns: str, path: str, **more: Any) -> Subject:
    defaults: dict[str, Any] = {"identifier": "email:c-{}@shop.io", "column": ("EMAIL", "c-{}@shop.io")}
    arguments = {"data_type": data_type, **more.pop("arguments", {})}
    return Subject(WarehouseToKlaviyoOperator, arguments, columns, path=path, **{**defaults, **more})


_ID = "'c-' || who as external_id"
_EMAIL = "'c-' || who || '@shop.io' as email"
_EVENT = """'{"name":"order","time":"2026-01-05T09:00:00Z","properties":{"n":' || i || '}}' as payload"""
_PURCHASE = """'{"product_id":"p-' || i || '","currency":"EUR","price":1.5,"time":"2026-01-05T09:00:00Z"}' as payload"""

SUBJECTS: Mapping[str, Subject] = {
    "braze attributes": _braze("attributes", f"{_ID}, '{{\"n\":' || i || '}}' as payload"),
    "braze events": _braze("events", f"{_ID}, {_EVENT}", repeat_counts_double=True),
    "braze purchases": _braze("purchases", f"{_ID}, {_PURCHASE}", repeat_counts_double=True),
    "braze user_deletes": _braze("user_deletes", _ID, "/users/delete", names_rows=False),
    "braze catalog_items": _braze(
        "catalog_items",
        "'c-' || who as id, '{\"n\":' || i || '}' as payload",
        "/catalogs/things/items",
        arguments={"catalog": "things"},
        identifier="id:c-{}",
        column=("ID", "c-{}"),
        needs_catalog=True,
        names_rows=False,
    ),
    "klaviyo profiles": _klaviyo("profiles", f"{_EMAIL}, i as n", "/api/profile-bulk-import-jobs", merges=True),
    "klaviyo events": _klaviyo(
        "events",
        f"{_EMAIL}, timestamp '2026-01-05' + to_seconds(i) as event_time, i as n",
        "/api/event-bulk-create-jobs",
        arguments={"metric": "Order"},
    ),
    "klaviyo subscribe": _klaviyo(
        "subscribe",
        f"{_EMAIL}, true as email_marketing",
        "/api/profile-subscription-bulk-create-jobs",
        repeat_counts_double=True,
        merges=True,
        held="already_subscribed",
    ),
    "klaviyo unsubscribe": _klaviyo(
        "unsubscribe",
        f"{_EMAIL}, false as email_marketing",
        "/api/profile-subscription-bulk-delete-jobs",
        merges=True,
    ),
    "klaviyo suppress": _klaviyo(
        "suppress", _EMAIL, "/api/profile-suppression-bulk-create-jobs", merges=True, held="already_suppressed"
    ),
    "klaviyo unsuppress": _klaviyo(
        "unsuppress",
        _EMAIL,
        "/api/profile-suppression-bulk-delete-jobs",
        merges=True,
        needs_suppressed=True,
        held="not_suppressed",
    ),
    "klaviyo privacy_deletions": _klaviyo(
        "privacy_deletions",
        _EMAIL,
        "/api/data-privacy-deletion-jobs",
        arguments={"rate_share": 1},
        rows=8,
        names_rows=False,
    ),
}
