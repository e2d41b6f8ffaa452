"""Whether a catalog takes an item: the error ids of Braze, and the coercion of values to field types.

One bad item refuses the whole request. ``parameter_values`` of an error name the items it is about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cdi_sandbox.api.json import Json
from cdi_sandbox.times import EARLIEST, LATEST, read_moment, write_moment

MAX_ITEMS = 50
MAX_ID_CHARS = 250
MAX_VALUE_CHARS = 5_000
MAX_NESTING = 50
MAX_ARRAY_ELEMENTS = 100  # Braze: and all of them strings
_ID = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,300}(\.\d{1,300})?", re.ASCII)

# Error id -> message. The ids are documented; the messages marked so are Braze's, the others are ours.
MESSAGES: Mapping[str, str] = {
    "catalog-not-found": "Could not find catalog",  # Braze
    "item-not-found": "Could not find item",
    "item-already-exists": "The item already exists",
    "item-array-invalid": "'items' must be an array of objects",
    "request-includes-too-many-items": "Your request has too many items",  # Braze
    "items-missing-ids": "Some of the items given have no id",
    "ids-not-strings": "Some of the ids given are not strings",
    "ids-too-large": "Some of the ids given are longer than 250 characters",
    "invalid-ids": "Some of the ids given have other characters than letters, digits, hyphen and underscore",
    "ids-not-unique": "Some of the ids given stand more than once in the request",
    "invalid-fields": "Some of the fields given do not exist in the catalog",  # Braze
    "invalid-keys-in-value-object": "Some of the objects given have keys with '.' or '$'",
    "too-deep-nesting-in-value-object": "Some of the objects given are nested more than 50 levels deep",
    "items-too-large": "Some of the values given are longer than 5,000 characters",
    "unable-to-coerce-value": "Some of the values given do not fit the type of their field",
    "company-size-limit-already-reached": "Catalog storage limit reached",
}


class Refusal(Exception):
    """A request that a catalog does not take, with the error of the answer."""

    def __init__(self, error_id: str, parameters: list[str], values: list[Json]) -> None:
        super().__init__(error_id)
        self.error = {
            "id": error_id,
            "message": MESSAGES[error_id],
            "parameters": parameters,
            "parameter_values": values,
        }


class _Unfit(Exception):
    """A value does not fit its field; the text is the error id."""

    def __init__(self, error_id: str = "unable-to-coerce-value") -> None:
        super().__init__(error_id)


def read_items(items: Json, fields: Mapping[str, str], *, edits: bool) -> list[dict[str, Json]]:
    """Check the items of a request.

    :param fields: the catalog's schema: name -> type.
    :param edits: whether array fields may hold ``$add`` and ``$remove`` (PATCH).
    :return: the items, their values coerced to the field types.
    :raises Refusal: for the first kind of fault there is, with all items that have it.
    """
    ids = read_ids(items)
    unknown = [item_id for item_id, item in zip(ids, items, strict=True) if item.keys() - fields.keys()]
    if unknown:
        # Braze: the error names the parameter 'id', although a field is what it is about.
        raise Refusal("invalid-fields", ["id"], unknown)
    return [_fitted(item, fields, edits) for item in items]


def read_ids(items: Json) -> list[str]:
    """Check that there are 1 to 50 items with valid and unique ids, and return the ids.

    :raises Refusal: when it is not so.
    """
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise Refusal("item-array-invalid", ["items"], [])
    if len(items) > MAX_ITEMS:
        raise Refusal("request-includes-too-many-items", [], [])
    ids = [item.get("id") for item in items]
    for error_id, is_faulty in _ID_FAULTS:
        faulty = [item_id for item_id in ids if is_faulty(item_id, ids)]
        if faulty:
            raise Refusal(error_id, ["id"], faulty)
    return ids


_ID_FAULTS: tuple[tuple[str, Callable[[Any, list[Any]], bool]], ...] = (
    ("items-missing-ids", lambda item_id, ids: item_id is None),
    ("ids-not-strings", lambda item_id, ids: not isinstance(item_id, str)),
    ("ids-too-large", lambda item_id, ids: len(item_id) > MAX_ID_CHARS),
    ("invalid-ids", lambda item_id, ids: not _ID.fullmatch(item_id)),
    ("ids-not-unique", lambda item_id, ids: ids.count(item_id) > 1),
)


def _fitted(item: dict[str, Json], fields: Mapping[str, str], edits: bool) -> dict[str, Json]:
    try:
        return {name: _coerced(value, fields[name], edits) for name, value in item.items()}
    except _Unfit as unfit:
        raise Refusal(str(unfit), ["id"], [item["id"]]) from None


def _coerced(value: Json, kind: str, edits: bool) -> Json:
    if value is None:
        return None
    if edits and kind == "array" and isinstance(value, dict) and value.keys() <= {"$add", "$remove"}:
        return {operator: _COERCIONS["array"](parts) for operator, parts in value.items()}
    return _COERCIONS[kind](value)


def _as_string(value: Json) -> str:
    if isinstance(value, dict | list):
        raise _Unfit
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) > MAX_VALUE_CHARS:
        raise _Unfit("items-too-large")
    return text


def _as_number(value: Json) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise _Unfit
    return float(value) if "." in value else int(value)


def _as_boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise _Unfit
    return bool(value == "true")


def _as_time(value: Json) -> str:
    is_epoch = isinstance(value, int | float) and not isinstance(value, bool)
    moment = float(value) if is_epoch else read_moment(value)
    if moment is None or not EARLIEST <= moment <= LATEST:
        raise _Unfit
    return write_moment(moment)


def _as_object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise _Unfit
    _check_nested(value, 1)
    return value


def _as_array(value: Json) -> list[Json]:
    # Braze documents the rule, and not with which id it is refused.
    if (
        not isinstance(value, list)
        or len(value) > MAX_ARRAY_ELEMENTS
        or not all(isinstance(part, str) for part in value)
    ):
        raise _Unfit
    _check_nested(value, 1)
    return value


def _as_place(value: Json) -> list[int | float]:
    if not isinstance(value, list) or len(value) != 2:
        raise _Unfit
    longitude, latitude = (_as_number(part) for part in value)
    if abs(longitude) > 180 or abs(latitude) > 90:
        raise _Unfit
    return [longitude, latitude]


def _check_nested(value: Json, depth: int) -> None:
    if isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
        raise _Unfit("items-too-large")
    if not isinstance(value, dict | list):
        return
    if depth > MAX_NESTING:
        raise _Unfit("too-deep-nesting-in-value-object")
    if isinstance(value, dict) and any("." in name or "$" in name for name in value):
        raise _Unfit("invalid-keys-in-value-object")
    for part in value.values() if isinstance(value, dict) else value:
        _check_nested(part, depth + 1)


_COERCIONS: Mapping[str, Callable[[Json], Any]] = {
    "string": _as_string,
    "number": _as_number,
    "boolean": _as_boolean,
    "time": _as_time,
    "object": _as_object,
    "array": _as_array,
    "geo": _as_place,
}
FIELD_TYPES = tuple(_COERCIONS)
