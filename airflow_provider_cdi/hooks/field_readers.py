"""How a field of a connection's extra that is text becomes what it must be; each raises ValueError with that.

A connection that comes from a URI, an environment variable or a secrets backend may hold everything as text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


def a_boolean(text: str) -> bool:
    """Read true or false."""
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("true or false")
    return word in _TRUE


def a_number(text: str) -> int | float:
    """Read a number."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("a number")
    return number


def an_object(text: str) -> Any:
    """Read a JSON object."""
    return _decoded(text, dict, 'a JSON object, such as {"name": "value"}')


def a_list(text: str) -> Any:
    """Read a JSON array, or words with commas between them."""
    if text.startswith("["):
        return _decoded(text, list, "a JSON array, or words with commas between them")
    return [part.strip() for part in text.split(",") if part.strip()]


def _decoded(text: str, kind: type, wanted: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if type(found) is kind:
        return found
    raise ValueError(wanted)


FieldReader = Callable[[str], Any]


def fields(reader: FieldReader, *names: str) -> dict[str, FieldReader]:
    """Give several fields one reader."""
    return dict.fromkeys(names, reader)
