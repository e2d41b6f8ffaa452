"""What becomes of one attribute value: types, arrays as ordered sets, objects, operators.

Where Braze drops an update without a word (an invalid nested value, an array of objects over 100 KB), it is
dropped here without a word too: the call was answered with success long before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson

from cdi_sandbox.api.json import Json
from cdi_sandbox.braze.track.objects import MAX_NAME_CHARS, MAX_NESTING
from cdi_sandbox.times import as_stored_date, read_moment, write_moment

MAX_ARRAY_ELEMENTS = 500  # Braze, 2026 (25 to 100 before)
MAX_NESTED_BYTES = 100 * 1024
LAST_YEAR = 3000  # Braze: in nested attributes
FORBIDDEN_IN_KEYS = frozenset(".$ ")

_Nested = TypeVar("_Nested")

_ARRAY_OPERATORS = {"add", "remove"}
_OBJECT_OPERATORS = {"$add", "$remove", "$update"}


def is_nested(value: Json) -> bool:
    """Tell whether a custom attribute is an object or an array of objects, or changes one."""
    if isinstance(value, list):
        return any(isinstance(part, dict) for part in value)
    return isinstance(value, dict) and value.keys() != {"inc"} and not (value and value.keys() <= _ARRAY_OPERATORS)


def spoils_the_request(value: Json, *, merge: bool) -> bool:
    """Tell whether there is a null in a nested attribute, or a time that cannot be read or is after the year 3000.

    :param merge: the update says ``_merge_objects``: then a null deletes.
    """
    if isinstance(value, dict) and "$time" in value:
        moment = read_moment(value["$time"])
        return moment is None or int(write_moment(moment)[:4]) > LAST_YEAR
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return any(spoils_the_request(part, merge=merge) for part in parts)
    return value is None and not merge


class _Dropped(Exception):
    """The update has no effect, and nobody is told."""


def set_custom(custom: dict[str, Json], name: str, value: Json, *, merge: bool) -> None:
    """Apply one custom attribute of an update.

    :param custom: the attributes so far, changed in place.
    :param value: as received; None removes the attribute.
    :param merge: the update says ``_merge_objects``.
    """
    if value is None:
        custom.pop(name, None)
        return
    try:
        custom[name] = _new_value(custom.get(name), value, merge)
    except _Dropped:
        return


def _new_value(old: Json, value: Json, merge: bool) -> Json:
    if isinstance(value, str):
        return as_stored_date(value)
    if isinstance(value, list):
        return _new_array(value, merge)
    if isinstance(value, dict):
        return _new_object(old, value, merge)
    return value


def _new_array(values: list[Json], merge: bool) -> list[Json]:
    if any(isinstance(value, dict) for value in values):
        return _within_limit(_cleaned(values, may_delete=merge))
    return _ordered_set(values)


def _new_object(old: Json, value: dict[str, Json], merge: bool) -> Json:
    operators = value.keys()
    if operators == {"inc"}:
        return _increased(old, value["inc"])
    if operators and operators <= _ARRAY_OPERATORS:
        return _changed_set(old, value)
    if operators and operators <= _OBJECT_OPERATORS:
        return _changed_objects(old, value, merge)
    if operators == {"$time"}:
        return _cleaned(value)
    if merge:
        return _within_limit(_merged(old if isinstance(old, dict) else {}, _cleaned(value, may_delete=True)))
    return _within_limit(_cleaned(value))


def _increased(old: Json, step: Json) -> Json:
    numbers = [number for number in (old, step) if isinstance(number, int | float) and number is not True]
    if step not in numbers or (old is not None and old not in numbers):
        raise _Dropped
    return (old or 0) + step


def _ordered_set(values: list[Json]) -> list[Json]:
    # A value that comes again moves to the end; 1, 1.0 and true are different values.
    kept: dict[tuple[type, Json], Json] = {}
    for value in values:
        if isinstance(value, list):
            raise _Dropped  # Braze: arrays are one-dimensional
        if value is not None:
            kept.pop((type(value), value), None)
            kept[(type(value), value)] = value
    return list(kept.values())[-MAX_ARRAY_ELEMENTS:]  # Braze keeps the latest


def _changed_set(old: Json, operators: Mapping[str, Json]) -> list[Json]:
    values = list(old) if isinstance(old, list) else []
    added, removed = operators.get("add") or [], operators.get("remove") or []
    if not isinstance(added, list) or not isinstance(removed, list):
        raise _Dropped
    return [value for value in _ordered_set(values + added) if value not in removed]


def _changed_objects(old: Json, operators: Mapping[str, Json], merge: bool) -> list[Json]:
    # Braze: within one request, first add, then remove, then update.
    items = [*(old if isinstance(old, list) else []), *map(_cleaned, _listed(operators.get("$add")))]
    for selector in _listed(operators.get("$remove")):
        items = [item for item in items if not _selects(selector, item)]
    for selector in _listed(operators.get("$update")):
        new = _cleaned(selector.get("$new_object"), may_delete=merge)
        items = [_updated(item, new, merge) if _selects(selector, item) else item for item in items]
    return _within_limit(items)


def _listed(value: Json) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _Dropped
    return value


def _selects(selector: Mapping[str, Json], item: Json) -> bool:
    key = selector.get("$identifier_key")
    return isinstance(item, dict) and key in item and item[key] == selector.get("$identifier_value")


def _updated(item: Json, new: Json, merge: bool) -> Json:
    return _merged(item, new) if merge and isinstance(new, dict) else new


def _merged(old: dict[str, Json], new: dict[str, Json]) -> dict[str, Json]:
    result = dict(old)
    for name, value in new.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            result[name] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result


def _cleaned(value: Json, *, may_delete: bool = False, depth: int = 0) -> Json:
    """Return the nested value as it is kept; one invalid value anywhere drops the whole.

    :param may_delete: whether a null inside is no fault; objects keep it, for the merge that deletes by it.
    """
    if isinstance(value, str) and len(value) > MAX_NAME_CHARS:
        raise _Dropped
    if depth > MAX_NESTING or (value is None and not may_delete):
        raise _Dropped
    if isinstance(value, list):
        parts = [_cleaned(part, may_delete=may_delete, depth=depth + 1) for part in value]
        return [_merged({}, part) if isinstance(part, dict) else part for part in parts if part is not None]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$time"}:
        return _cleaned_time(value["$time"])
    if not all(0 < len(name) <= MAX_NAME_CHARS and FORBIDDEN_IN_KEYS.isdisjoint(name) for name in value):
        raise _Dropped
    return {name: _cleaned(part, may_delete=may_delete, depth=depth + 1) for name, part in value.items()}


def _cleaned_time(text: Json) -> str:
    moment = read_moment(text)
    if moment is None:
        raise _Dropped
    written = write_moment(moment)
    if int(written[:4]) > LAST_YEAR:
        raise _Dropped
    return written


def _within_limit(value: _Nested) -> _Nested:
    if len(orjson.dumps(value)) > MAX_NESTED_BYTES:
        raise _Dropped
    return value
