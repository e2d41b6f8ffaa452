"""How many data points Braze counts for what ``/users/track`` takes, where a contract bills them.

A legacy metric: contracts since spring 2025 count monthly active users or credits instead (Braze: Data points).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from airflow_provider_cdi.destinations.braze.nested_times import TIME
from airflow_provider_cdi.destinations.braze.users.attributes import SUBSCRIPTION_FIELDS
from airflow_provider_cdi.engine.rows.records import Record

#: Braze, "Data points": who a row is of, push tokens and changes of a subscription are not billed.
_FREE = SUBSCRIPTION_FIELDS | {"external_id", "user_alias", "braze_id", "push_tokens", "push_token_import"}
#: The same, and what a row says to Braze and not of a person.
_UNBILLED = _FREE | {"_update_existing_only", "_merge_objects"}
#: Braze: where there is none of them, the email address or the phone number is the identifier.
_IDENTIFIERS = frozenset({"external_id", "user_alias", "braze_id"})
_UNBILLED_OF_EMAIL, _UNBILLED_OF_PHONE = _UNBILLED | {"email"}, _UNBILLED | {"phone"}
#: Braze, "Data points", not billed: of Facebook the likes, of Twitter the three numbers.
_FREE_OF_NETWORKS: Mapping[str, frozenset[str]] = {
    "facebook": frozenset({"likes"}),
    "twitter": frozenset({"followers_count", "friends_count", "statuses_count"}),
}
_NESTED = frozenset({dict, list})
_ARRAY_OPERATORS, _OBJECT_OPERATORS = frozenset({"add", "remove"}), frozenset({"$add", "$update", "$remove"})
#: Braze, release notes: its eCommerce recommended events are not billed.
_FREE_EVENTS = frozenset(
    f"ecommerce.{name}"
    for name in (
        "product_viewed", "cart_updated", "checkout_started", "order_placed", "order_cancelled", "order_refunded",
    )
)  # fmt: skip


def counted(array: str, records: Sequence[Record]) -> dict[str, int]:
    """Count the data points of some records, and the attributes that they take away.

    Properties of events and purchases that are enabled for segmentation are billed besides; only the dashboard knows
    which are, so they are not counted.

    :param array: ``attributes``, ``events`` or ``purchases``.
    :param records: their bodies are objects of that array.
    :return: ``data_points``, how many Braze bills at least, if all are accepted; ``attributes_removed``, those that are
        null.
    """
    count = _COUNTED[array]
    documents = [orjson.loads(record.body) for record in records]
    nulls = sum([*document.values()].count(None) for document in documents) if array == "attributes" else 0
    return {"data_points": sum(map(count, documents)), "attributes_removed": nulls}


def _of_attributes(document: Mapping[str, Any]) -> int:
    unbilled = _UNBILLED
    if _IDENTIFIERS.isdisjoint(document):
        unbilled = _UNBILLED_OF_EMAIL if "email" in document else _UNBILLED_OF_PHONE
    points = len(document) - len(unbilled.intersection(document))
    for name, value in document.items():
        if type(value) in _NESTED and name not in unbilled:
            points += _of_nested(name, value) - 1
    return points


def _of_nested(name: str, value: Any) -> int:
    if name in _FREE_OF_NETWORKS and isinstance(value, dict):
        return sum(member not in _FREE_OF_NETWORKS[name] for member in value)
    if name == "current_location":
        return 1
    return _of_value(value) if isinstance(value, list) else max(1, _of_object(value))


def _of_object(value: Mapping[str, Any]) -> int:
    """Braze: each key is one; of what is added to an array each value; of objects that go each criterion."""
    if value.keys() <= _ARRAY_OPERATORS and all(isinstance(values, list) for values in value.values()):
        # "updating an array costs one data point per API call. If you add values [...] one data point per value."
        return len(value.get("add", ())) + bool(value.get("remove"))
    if _OBJECT_OPERATORS.isdisjoint(value):
        return _keys(value)
    added, removed = value.get("$add") or [], value.get("$remove") or []
    updated = [update.get("$new_object") or {} for update in value.get("$update") or []]
    return sum(map(_keys, [*added, *updated])) + len(removed)


def _keys(value: Mapping[str, Any]) -> int:
    """Count the keys that hold something, at any depth."""
    if TIME in value:
        return 1
    return sum(_of_value(inner) if type(inner) in _NESTED else 1 for inner in value.values())


def _of_value(value: list[Any] | dict[str, Any]) -> int:
    """Braze: an object is as many as its keys, an array as the keys of its objects; each is one at least."""
    objects = value if isinstance(value, list) else [value]
    return max(1, sum(_keys(each) for each in objects if isinstance(each, dict)))


def _of_event(document: Mapping[str, Any]) -> int:
    return int(document["name"] not in _FREE_EVENTS)


def _of_purchase(document: Mapping[str, Any]) -> int:
    """Braze, "Purchase object": it "treats a quantity X as X separate purchases", and each that is recorded is one."""
    return int(document.get("quantity", 1))


_COUNTED: Mapping[str, Callable[[Mapping[str, Any]], int]] = {
    "attributes": _of_attributes,
    "events": _of_event,
    "purchases": _of_purchase,
}
