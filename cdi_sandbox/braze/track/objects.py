"""Whether one object of ``/users/track`` is valid, and Braze's words for why it is not.

The API's own words are kept to the letter: clients match them. Where no text is documented or recorded
anywhere, ours says so in its comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from cdi_sandbox.api.json import Json
from cdi_sandbox.times import read_moment

MAX_EXTERNAL_ID_BYTES = 987
MAX_NAME_CHARS = 255
MAX_PROPERTIES_BYTES = 100 * 1024
RESERVED_PROPERTIES = frozenset({"time", "event_name"})
PRIMARY_IDENTIFIERS = ("external_id", "user_alias", "braze_id")
SUBSCRIPTION_STATES = frozenset({"opted_in", "subscribed", "unsubscribed"})
GROUP_STATES = frozenset({"subscribed", "unsubscribed"})
# Deep enough for any payload, and far from the recursion limit of Python.
MAX_NESTING = 100

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_GROUP_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


class TrackError(NamedTuple):
    """Why an object is refused: Braze's code of 2026 where there is one, and the sentence of live answers."""

    code: str | None
    sentence: str


# Sentences and codes that are documented or were recorded.
NO_IDENTIFIER = TrackError(None, "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required")
EXTERNAL_ID_TOO_LARGE = TrackError("EXTERNAL_USER_ID_TOO_LARGE", "'external_id' must be fewer than 988 bytes")
BLOCKED = TrackError("BLACKLISTED_EXTERNAL_USER_ID", "provided external_id is blacklisted and disallowed")
BAD_EMAIL = TrackError("EMAIL_BAD_FORMAT", "The value provided for the 'email' field is not a valid email.")
BAD_QUANTITY = TrackError(None, "'quantity' is not valid")
# The codes are documented, their sentences are ours.
BAD_EMAIL_STATE = TrackError("BAD_EMAIL_SUBSCRIPTION_STATE", "'email_subscribe' is not valid")
BAD_PUSH_STATE = TrackError("BAD_PUSH_SUBSCRIPTION_STATE", "'push_subscribe' is not valid")
BAD_LOCATION = TrackError("BAD_LOCATION_UPDATE", "'current_location' must have a longitude and a latitude")
BAD_GROUPS = TrackError("BAD_SUBSCRIPTION_GROUP_ARRAY", "'subscription_groups' must be an array")
BAD_GROUP = TrackError("BAD_SUBSCRIPTION_GROUP_HASH", "'subscription_groups' must have an id and a state")
BAD_GROUP_ID = TrackError("BAD_SUBSCRIPTION_GROUP_ID", "'subscription_group_id' is not valid")
BAD_GROUP_STATE = TrackError("BAD_SUBSCRIPTION_GROUP_STATE", "'subscription_state' is not valid")
BAD_TOKEN = TrackError("BAD_PUSH_TOKEN_VALUE", "'push_tokens' must be an array of objects")
BAD_TOKEN_STRING = TrackError("BAD_PUSH_TOKEN_STRING", "'token' must be a string")
BAD_TOKEN_APP = TrackError("BAD_PUSH_TOKEN_APP_ID", "'app_id' must be a string")
BAD_DEVICE = TrackError("BAD_DEVICE_ID", "'device_id' must have 8 to 255 bytes")
EMAIL_INFO = TrackError("INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO", "'email_subscription_info' is not an attribute")
# The rule is documented, code and sentence are not: both are ours.
NOT_AN_OBJECT = TrackError(None, "every entry must be an object")
TWO_IDENTIFIERS = TrackError(None, "only one of 'external_id', 'braze_id' or 'user_alias' is allowed")
BAD_EXTERNAL_ID = TrackError(None, "'external_id' must be a string")
BAD_BRAZE_ID = TrackError(None, "'braze_id' must be a string")
BAD_ALIAS = TrackError(None, "'user_alias' must have an 'alias_name' and an 'alias_label'")
BAD_PHONE = TrackError(None, "The value provided for the 'phone' field is not a valid phone number.")
BAD_EVENT_NAME = TrackError(None, "'name' is not valid")
BAD_TIME = TrackError(None, "'time' is not valid")
BAD_PROPERTIES = TrackError(None, "'properties' is not valid")
BAD_PRODUCT = TrackError(None, "'product_id' is not valid")
BAD_CURRENCY = TrackError(None, "'currency' is not valid")
BAD_PRICE = TrackError(None, "'price' is not valid")

Check = Callable[[Json], TrackError | None]


def check_identity(thing: Json, blocked: frozenset[str]) -> TrackError | None:
    """Check what holds for all three kinds of objects: it is one, and it says whose it is."""
    if not isinstance(thing, dict):
        return NOT_AN_OBJECT
    present = [name for name in PRIMARY_IDENTIFIERS if thing.get(name) is not None]
    if len(present) > 1:
        return TWO_IDENTIFIERS
    if present:
        return _check_primary(present[0], thing[present[0]], blocked)
    email, phone = thing.get("email"), thing.get("phone")
    if email is not None:
        return None if is_email(email) else BAD_EMAIL
    if phone is not None:
        return None if isinstance(phone, str) and phone.strip() else BAD_PHONE
    return NO_IDENTIFIER


def check_attributes(thing: dict[str, Json]) -> TrackError | None:
    """Check the fields of an attributes object that have a meaning of their own; all others are free."""
    for name in _ATTRIBUTE_CHECKS.keys() & thing.keys():
        value = thing[name]
        if value is not None and (error := _ATTRIBUTE_CHECKS[name](value)):
            return error
    return None


def check_event(thing: dict[str, Json]) -> TrackError | None:
    """Check an event: name and time are required, properties have their rules. No length of the name is documented."""
    name = thing.get("name")
    if not isinstance(name, str) or not name:
        return BAD_EVENT_NAME
    return _check_time_and_properties(thing)


def check_purchase(thing: dict[str, Json]) -> TrackError | None:
    """Check a purchase: product, currency, price and time are required, the quantity is 1 to 100."""
    if not _is_name(thing.get("product_id")):
        return BAD_PRODUCT
    currency = thing.get("currency")
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        return BAD_CURRENCY
    if not _is_number(thing.get("price")):
        return BAD_PRICE
    quantity = thing.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= 100:
        return BAD_QUANTITY
    return _check_time_and_properties(thing)


def is_email(value: Json) -> bool:
    """Tell whether Braze would take the value for an e-mail address."""
    return isinstance(value, str) and len(value) <= MAX_NAME_CHARS and _EMAIL.fullmatch(value) is not None


def is_group_id(value: Json) -> bool:
    """Tell whether the value has the form of a subscription group's id."""
    return isinstance(value, str) and _GROUP_ID.fullmatch(value) is not None


def _check_primary(name: str, value: Json, blocked: frozenset[str]) -> TrackError | None:
    if name == "external_id":
        return _check_external_id(value, blocked)
    if name == "user_alias":
        parts = (value.get("alias_name"), value.get("alias_label")) if isinstance(value, dict) else (None,)
        return None if all(isinstance(part, str) and part for part in parts) else BAD_ALIAS
    return None if isinstance(value, str) and value else BAD_BRAZE_ID


def _check_external_id(value: Json, blocked: frozenset[str]) -> TrackError | None:
    if not isinstance(value, str) or not value:
        return BAD_EXTERNAL_ID
    # One character takes at most four bytes: most ids need no encoding to be short enough.
    if len(value) * 4 > MAX_EXTERNAL_ID_BYTES and len(value.encode()) > MAX_EXTERNAL_ID_BYTES:
        return EXTERNAL_ID_TOO_LARGE
    return BLOCKED if value in blocked else None


def _check_time_and_properties(thing: dict[str, Json]) -> TrackError | None:
    if read_moment(thing.get("time")) is None:
        return BAD_TIME
    properties = thing.get("properties")
    if properties is None:
        return None
    if not isinstance(properties, dict) or not all(map(_is_property, properties.keys(), properties.values())):
        return BAD_PROPERTIES
    nested = any(isinstance(value, dict | list) for value in properties.values())
    return BAD_PROPERTIES if nested and len(orjson.dumps(properties)) > MAX_PROPERTIES_BYTES else None


def _is_property(name: str, value: Json) -> bool:
    """Tell whether a property is allowed. No rule is documented for what lies inside of an object or an array."""
    if not _is_name(name) or name.startswith("$") or name in RESERVED_PROPERTIES:
        return False
    return len(value) <= MAX_NAME_CHARS if isinstance(value, str) else _is_shallow(value, 0)


def _is_shallow(value: Json, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    parts = value.values() if isinstance(value, dict) else value
    return depth < MAX_NESTING and all(_is_shallow(part, depth + 1) for part in parts)


def _is_name(value: Json) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARS


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_one_of(value: Json, states: frozenset[str]) -> bool:
    return isinstance(value, str) and value in states


def _check_location(value: Json) -> TrackError | None:
    if isinstance(value, dict) and all(_is_number(value.get(name)) for name in ("longitude", "latitude")):
        return None
    return BAD_LOCATION


def _check_groups(value: Json) -> TrackError | None:
    if not isinstance(value, list):
        return BAD_GROUPS
    for group in value:
        if not isinstance(group, dict) or not {"subscription_group_id", "subscription_state"} <= group.keys():
            return BAD_GROUP
        if not is_group_id(group["subscription_group_id"]):
            return BAD_GROUP_ID
        if not _is_one_of(group["subscription_state"], GROUP_STATES):
            return BAD_GROUP_STATE
    return None


def _check_tokens(value: Json) -> TrackError | None:
    if not isinstance(value, list) or not all(isinstance(token, dict) for token in value):
        return BAD_TOKEN
    for token in value:
        if not isinstance(token.get("token"), str):
            return BAD_TOKEN_STRING
        if not isinstance(token.get("app_id"), str):
            return BAD_TOKEN_APP
        device = token.get("device_id")
        if device is not None and not (isinstance(device, str) and 8 <= len(device.encode()) <= 255):
            return BAD_DEVICE
    return None


_ATTRIBUTE_CHECKS: Mapping[str, Check] = {
    "email": lambda value: None if is_email(value) else BAD_EMAIL,
    "email_subscribe": lambda value: None if _is_one_of(value, SUBSCRIPTION_STATES) else BAD_EMAIL_STATE,
    "push_subscribe": lambda value: None if _is_one_of(value, SUBSCRIPTION_STATES) else BAD_PUSH_STATE,
    "current_location": _check_location,
    "subscription_groups": _check_groups,
    "push_tokens": _check_tokens,
    "email_subscription_info": lambda value: EMAIL_INFO,
}
