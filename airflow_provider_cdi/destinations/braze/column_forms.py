"""Fields of a payload that is built from columns, in the form that Braze wants: ids as text, whole numbers, prices.

A warehouse has an id as a number, a quantity as ``2.0``, a price as text, a flag as 1. What is one thing without doubt
becomes it; any other value stays, and is judged as it is. JSON that was written by hand is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

Form = Callable[[Any], Any]

_WHOLE = re.compile(r"(-?\d{1,18})(?:\.0*)?", re.ASCII)
_WITH_EXPONENT = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d{1,2}", re.ASCII)
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[T ]00:00:00(?:\.0+)?Z?", re.ASCII)
_FLAGS = {"true": True, "t": True, "yes": True, "y": True, "1": True} | dict.fromkeys(
    ("false", "f", "no", "n", "0"), False
)


def text_form(value: Any) -> Any:
    """Make text of a whole number: an id."""
    said = _said(value)
    if said is None or isinstance(said, str):
        return value if said is None else said
    number = said.number
    if _WITH_EXPONENT.fullmatch(number):
        number = f"{Decimal(number):f}"
    whole, _, fraction = number.partition(".")
    return value if fraction.strip("0") else whole


def whole_form(value: Any) -> Any:
    """Make a whole number of one that has a fraction of zeros, or is text."""
    said = _said(value)
    text = said.strip() if isinstance(said, str) else said and said.number
    found = _WHOLE.fullmatch(text) if text else None
    return int(found[1]) if found else value


def number_form(value: Any) -> Any:
    """Make a number of text, and keep every digit."""
    said = _said(value)
    text = said.strip() if isinstance(said, str) else ""
    return orjson.Fragment(text) if _JSON_NUMBER.fullmatch(text) else value


def currency_form(value: Any) -> Any:
    """Write the code of a currency in capitals, as ISO 4217 does."""
    said = _said(value)
    return said.strip().upper() if isinstance(said, str) else value


def flag_form(value: Any) -> Any:
    """Make true or false of what databases without booleans have: 1, ``Y``, ``false``."""
    whole = whole_form(value)
    said = _said(whole)
    word = said.strip().lower() if isinstance(said, str) else str(whole) if type(whole) is int else ""
    return _FLAGS.get(word, value)


def date_form(value: Any) -> Any:
    """Make a date of a time at midnight."""
    said = _said(value)
    found = _MIDNIGHT.fullmatch(said.strip()) if isinstance(said, str) else None
    return found[1] if found else value


_UPDATE_ONLY: dict[str, Form] = {"_update_existing_only": flag_form}
_HAPPENING = _UPDATE_ONLY | {"app_id": text_form}
ATTRIBUTES = _UPDATE_ONLY | {
    "_merge_objects": flag_form,
    "push_token_import": flag_form,
    "email_open_tracking_disabled": flag_form,
    "email_click_tracking_disabled": flag_form,
    "phone": text_form,
    "dob": date_form,
}
EVENTS = _HAPPENING | {"name": text_form}
PURCHASES = _HAPPENING | {
    "product_id": text_form,
    "currency": currency_form,
    "price": number_form,
    "quantity": whole_form,
}


class _Number:
    """A number, by its digits in JSON."""

    __slots__ = ("number",)

    def __init__(self, number: str) -> None:
        self.number = number


def _said(value: Any) -> str | _Number | None:
    """Give what a value of a column says, which may be JSON already; None for what is neither text nor a number."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool or kind not in (int, float, orjson.Fragment):
        return None
    text = orjson.dumps(value).strip()
    if text.startswith(b'"'):
        return str(orjson.loads(text))
    return _Number(text.decode()) if text[:1].isdigit() or text.startswith(b"-") else None
