"""The data type ``attributes``: what Braze would reject, or worse, drop without a word."""

from __future__ import annotations

from typing import Any

import orjson

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.braze.nested_times import TIME, is_good_time
from airflow_provider_cdi.destinations.braze.users.identifiers import PAIRS, USER_IDENTIFIERS
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract

CONTRACT = TableContract("attributes", identifiers=USER_IDENTIFIERS, pairs=PAIRS)

#: Braze: user attributes object, subscription fields.
SUBSCRIPTION_STATES = frozenset({"opted_in", "subscribed", "unsubscribed"})
GROUP_STATES = frozenset({"subscribed", "unsubscribed"})
SUBSCRIPTION_FIELDS = frozenset({"email_subscribe", "push_subscribe", "subscription_groups"})

#: Standard attributes that are objects or arrays with a form of their own: the rules of custom ones do not hold.
_STANDARD_OBJECTS = frozenset({"current_location", "facebook", "push_tokens", "subscription_groups", "twitter"})

#: The only keys with a dollar that Braze reads: dates, and the operators of arrays of objects.
DOLLAR_KEYS = frozenset({"$time", "$add", "$remove", "$update", "$identifier_key", "$identifier_value", "$new_object"})
_NESTED = frozenset({dict, list})
#: Operators of arrays of plain values.
_ARRAY_OPERATORS = frozenset({"add", "remove"})


#: What the report counts: Braze may drop the nested updates of such a row and of its neighbours. Its own notebook for
#: deltas sends nulls together with ``_merge_objects``, where they delete; its documents say that no null is valid.
NULL_IN_MERGE = "nested_null_in_merge"
#: What the report counts: Braze collapses what an array repeats, and keeps the latest of the other elements (500).
TRUNCATED = "truncated_by_braze"


def check_attributes(
    document: dict[str, Any], text: bytes, limits: BrazeLimits, *, rejects_long_arrays: bool = False
) -> Rejection | tuple[str, ...]:
    """Find what Braze would refuse or silently drop in a payload of attributes.

    :param document: the decoded payload.
    :param text: the same as JSON.
    :param rejects_long_arrays: whether an array of which Braze keeps only a part is a fault.
    :return: the first fault, or what the report should count the row under.
    """
    if not SUBSCRIPTION_FIELDS.isdisjoint(document):
        fault = _subscription_fault(document)
        if fault is not None:
            return fault
    counted: dict[str, None] = {}
    for name, value in document.items():
        kind = type(value)
        if (kind is dict or kind is list) and name not in _STANDARD_OBJECTS:
            found = _look_at(name, value, text, limits)
            if found is None:
                continue
            if isinstance(found, Rejection):
                return found
            if found == NULL_IN_MERGE and document.get("_merge_objects") is not True:
                return Rejection("nested_value_invalid", f"{name} has a null inside.")
            if found == TRUNCATED and rejects_long_arrays:
                return Rejection("array_too_long", f"{name} has more than {limits.array_elements} different elements.")
            counted[found] = None
    return tuple(counted) if counted else ()


def without_nested_nulls(document: dict[str, Any]) -> dict[str, Any]:
    """Leave the nulls out of the nested attributes of a payload that is built from columns.

    What a database calls a struct may come as JSON with nulls in it. Where the object is replaced as a whole, a member
    that is null and one that is missing are the same.
    """
    return {
        name: _without_nulls(value) if type(value) in _NESTED and _is_nested(name, value) else value
        for name, value in document.items()
    }


def _is_nested(name: str, value: Any) -> bool:
    return name not in _STANDARD_OBJECTS and _plain_array(value) is None


def _without_nulls(value: Any) -> Any:
    if type(value) is dict:
        if TIME in value:
            return value
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    if type(value) is list:
        return [_without_nulls(part) for part in value if part is not None]
    return value


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


def _look_at(name: str, value: Any, text: bytes, limits: BrazeLimits) -> Rejection | str | None:
    """Find the fault of an object or array, or what is to be said of it."""
    array = _plain_array(value)
    if array is not None:
        return TRUNCATED if _are_more_than(array, limits.array_elements) else None
    # The whole payload is nearly always smaller than what one object may be.
    if len(text) > limits.nested_bytes and len(orjson.dumps(value)) > limits.nested_bytes:
        return Rejection("nested_value_invalid", f"{name} has more than {limits.nested_bytes:,} bytes.")
    return _walk(name, value, limits.nested_chars) or (NULL_IN_MERGE if b"null" in text and _has_null(value) else None)


def _are_more_than(array: list[Any], most: int) -> bool:
    """Tell whether an array has more different elements than that: 1, 1.0 and true are different ones."""
    return len(array) > most and len({(type(element), element) for element in array if element is not None}) > most


def _plain_array(value: Any) -> list[Any] | None:
    """Give the array of plain values that the value is, or adds; None for nested ones."""
    if type(value) is list:
        return None if _NESTED.intersection(map(type, value)) else value
    if _ARRAY_OPERATORS.isdisjoint(value) or not _ARRAY_OPERATORS.issuperset(value):
        return None
    if not all(type(part) is list and not _NESTED.intersection(map(type, part)) for part in value.values()):
        return None
    added: list[Any] = value.get("add", [])
    return added


def _has_null(value: Any) -> bool:
    pending = [value]
    for current in pending:
        for child in current.values() if type(current) is dict else current:
            if child is None:
                return True
            if type(child) in _NESTED:
                pending.append(child)
    return False


def _walk(name: str, value: Any, most_chars: int) -> Rejection | None:
    pending = [value]
    for current in pending:
        # If even all keys laid end to end are one good key, each of them is.
        if type(current) is dict and not _is_plain_key("".join(current), most_chars):
            fault = _key_fault(name, current, most_chars)
            if fault is not None:
                return fault
        for child in current.values() if type(current) is dict else current:
            kind = type(child)
            if kind is dict or kind is list:
                pending.append(child)
            elif kind is str and len(child) > most_chars:
                return Rejection("nested_value_invalid", f"{name} has a nested text over {most_chars} characters.")
    return None


def _key_fault(name: str, value: dict[str, Any], most_chars: int) -> Rejection | None:
    if not all(key in DOLLAR_KEYS or _is_plain_key(key, most_chars) for key in value):
        return Rejection(
            "nested_value_invalid",
            f"{name} has a nested key with a dot, a dollar or a space, or over {most_chars} characters.",
        )
    if TIME in value and not is_good_time(value):
        return Rejection("nested_value_invalid", f"{name} has a $time that is no time from the year 1 to 3000.")
    return None


def _is_plain_key(key: str, most_chars: int) -> bool:
    return len(key) <= most_chars and "." not in key and "$" not in key and " " not in key
