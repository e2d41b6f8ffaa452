"""The data type ``attributes``: what Braze would reject, or worse, drop without a word."""

from __future__ import annotations

from typing import Any

import orjson

from airflow_provider_cdi.destinations.braze.identifiers import PAIRS, USER_IDENTIFIERS
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.contract import Contract
from airflow_provider_cdi.engine.records import Rejection

CONTRACT = Contract("attributes", identifiers=USER_IDENTIFIERS, pairs=PAIRS)

#: Braze: user attributes object, subscription fields.
SUBSCRIPTION_STATES = frozenset({"opted_in", "subscribed", "unsubscribed"})
GROUP_STATES = frozenset({"subscribed", "unsubscribed"})
_SUBSCRIPTION_FIELDS = frozenset({"email_subscribe", "push_subscribe", "subscription_groups"})

#: Standard attributes that are objects or arrays with a form of their own: the rules of custom ones do not hold.
_STANDARD_OBJECTS = frozenset({"current_location", "facebook", "push_tokens", "subscription_groups", "twitter"})

#: The only keys with a dollar that Braze reads: dates, and the operators of arrays of objects.
DOLLAR_KEYS = frozenset({"$time", "$add", "$remove", "$update", "$identifier_key", "$identifier_value", "$new_object"})
#: Operators of arrays of plain values.
_ARRAY_OPERATORS = frozenset({"add", "remove"})


def check_attributes(document: dict[str, Any], size: int, limits: BrazeLimits) -> Rejection | None:
    """Find what Braze would refuse or silently drop in a payload of attributes.

    :param document: the decoded payload.
    :param size: bytes of its text.
    :return: the first fault, or None.
    """
    if not _SUBSCRIPTION_FIELDS.isdisjoint(document):
        fault = _subscription_fault(document)
        if fault is not None:
            return fault
    for name, value in document.items():
        kind = type(value)
        if (kind is dict or kind is list) and name not in _STANDARD_OBJECTS:
            fault = _nested_fault(name, value, size, limits)
            if fault is not None:
                return fault
    return None


def _subscription_fault(document: dict[str, Any]) -> Rejection | None:
    for field in ("email_subscribe", "push_subscribe"):
        if not _is_state(document.get(field), SUBSCRIPTION_STATES):
            return _bad_state(field)
    return None if _are_groups(document.get("subscription_groups")) else _bad_state("subscription_groups")


def _is_state(value: Any, states: frozenset[str]) -> bool:
    return value is None or (isinstance(value, str) and value in states)


def _are_groups(groups: Any) -> bool:
    return groups is None or (
        isinstance(groups, list)
        and all(
            isinstance(group, dict) and _is_state(group.get("subscription_state"), GROUP_STATES) for group in groups
        )
    )


def _bad_state(field: str) -> Rejection:
    return Rejection("subscription_state_invalid", f"{field} holds a state that Braze does not know.")


def _nested_fault(name: str, value: Any, size: int, limits: BrazeLimits) -> Rejection | None:
    arrays = _plain_arrays(value)
    if arrays is not None:
        if any(len(array) > limits.array_elements for array in arrays):
            return Rejection("array_too_long", f"{name} has more than {limits.array_elements} elements.")
        return None
    # The whole payload is nearly always smaller than what one object may be.
    if size > limits.nested_bytes and len(orjson.dumps(value)) > limits.nested_bytes:
        return Rejection("nested_value_invalid", f"{name} has more than {limits.nested_bytes:,} bytes.")
    return _walk(name, value, limits.nested_chars)


def _plain_arrays(value: Any) -> list[list[Any]] | None:
    """Give the arrays of plain values that the value is or operates with; None for objects."""
    if type(value) is list:
        return None if dict in map(type, value) else [value]
    if _ARRAY_OPERATORS.isdisjoint(value) or not _ARRAY_OPERATORS.issuperset(value):
        return None
    return list(value.values()) if all(type(part) is list for part in value.values()) else None


def _walk(name: str, value: Any, most_chars: int) -> Rejection | None:
    pending = [value]
    while pending:
        current = pending.pop()
        if type(current) is dict:
            for key in current:
                if not _is_good_key(key, most_chars):
                    return Rejection(
                        "nested_value_invalid",
                        f"{name} has a nested key with a dot, a dollar or a space, or over {most_chars} characters.",
                    )
            pending.extend(current.values())
        elif type(current) is list:
            pending.extend(current)
        elif type(current) is str and len(current) > most_chars:
            return Rejection("nested_value_invalid", f"{name} has a nested text over {most_chars} characters.")
    return None


def _is_good_key(key: str, most_chars: int) -> bool:
    if key in DOLLAR_KEYS:
        return True
    return len(key) <= most_chars and "." not in key and "$" not in key and " " not in key
