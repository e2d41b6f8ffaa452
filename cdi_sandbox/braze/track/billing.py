"""What Braze bills for the objects of ``/users/track``: data points, a metric of contracts from before spring 2025.

Counted from what was accepted, as it came: Braze "processes the data passed via API at face value". Written from
its pages "Data points", "Nested custom attributes" and "Array of objects" alone, so that others can be checked by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cdi_sandbox.api.json import Json

#: "User ID", "User alias", "Email subscribed", "Push subscribed", "Subscription group", "push tokens".
_NOT_BILLABLE = {
    "external_id",
    "braze_id",
    "user_alias",
    "email_subscribe",
    "push_subscribe",
    "subscription_groups",
    "push_tokens",
    "push_token_import",
}
#: Of these objects, what is not billable.
_NOT_BILLABLE_OF = {
    "twitter": {"followers_count", "friends_count", "statuses_count"},
    "facebook": {"likes"},
}
_SWITCHES = {"_merge_objects", "_update_existing_only"}
#: Events with a meaning of their own, which Braze lets through without a bill.
_ECOMMERCE = {
    "ecommerce.product_viewed",
    "ecommerce.cart_updated",
    "ecommerce.checkout_started",
    "ecommerce.order_placed",
    "ecommerce.order_cancelled",
    "ecommerce.order_refunded",
}


def data_points(content: Mapping[str, list[Json]]) -> int:
    """Count the data points of the valid objects of one request.

    Properties that are enabled for segmentation are billed besides; a sandbox has no dashboard to enable them in.

    :param content: ``attributes``, ``events`` and ``purchases``.
    """
    events = [event for event in content.get("events", []) if event.get("name") not in _ECOMMERCE]
    billed = [name for thing in content.get("attributes", []) for name in _billed(thing)]
    # "currently, Braze treats a quantity _X_ as _X_ separate purchases with quantity 1" (its page "Purchase object").
    bought = sum(int(purchase.get("quantity", 1)) for purchase in content.get("purchases", []))
    return len(billed) + len(events) + bought


def _billed(thing: Mapping[str, Json]) -> Iterator[str]:
    """Name each data point of an object of attributes."""
    left_out = _NOT_BILLABLE | _SWITCHES
    if not thing.keys() & {"external_id", "braze_id", "user_alias"}:
        # The address, else the number, says whose attributes these are.
        left_out = left_out | ({"email"} if thing.get("email") else {"phone"})
    for name in thing.keys() - left_out:
        yield from _of_attribute(name, thing[name])


def _of_attribute(name: str, value: Json) -> Iterator[str]:
    if isinstance(value, dict) and name in _NOT_BILLABLE_OF:
        yield from (f"{name}.{part}" for part in value.keys() - _NOT_BILLABLE_OF[name])
        return
    paths = [name] if name == "current_location" else list(_of_custom(name, value))
    yield from paths or [name]


def _of_custom(name: str, value: Json) -> Iterator[str]:
    if isinstance(value, list):
        yield from _of_objects(name, value)
    elif isinstance(value, dict):
        if value.keys() <= {"add", "remove"} and value:
            yield from (f"{name} + {place}" for place, _ in enumerate(_listed(value.get("add"))))
            if value.get("remove"):
                yield f"{name} -"
        elif value.keys() & {"$add", "$update", "$remove"}:
            yield from _of_operators(name, value)
        elif value.keys() != {"inc"}:
            yield from _keys_below(name, value)


def _of_objects(name: str, values: list[Any]) -> Iterator[str]:
    """A new array of objects: one for each attribute in an object."""
    for place, value in enumerate(values):
        if isinstance(value, dict):
            yield from _keys_below(f"{name}[{place}]", value)


def _of_operators(name: str, value: Mapping[str, Any]) -> Iterator[str]:
    """Objects that are added, properties that are updated, criteria by which objects are removed."""
    updates = [one.get("$new_object") for one in _listed(value.get("$update")) if isinstance(one, dict)]
    yield from _of_objects(f"{name} $add", _listed(value.get("$add")))
    yield from _of_objects(f"{name} $update", updates)
    yield from (f"{name} $remove {place}" for place, _ in enumerate(_listed(value.get("$remove"))))


def _listed(values: Any) -> list[Any]:
    """What is no list where one belongs has no effect, and costs nothing."""
    return values if isinstance(values, list) else []


def _keys_below(path: str, value: Mapping[str, Any]) -> Iterator[str]:
    """Each key of an object that holds no further object: "Any key that is sent consumes a data point"."""
    if "$time" in value:
        yield path
        return
    for key, inner in value.items():
        within = f"{path}.{key}"
        below = _of_objects(within, inner) if isinstance(inner, list) else ()
        if isinstance(inner, dict):
            below = _keys_below(within, inner)
        yield from list(below) or [within]
