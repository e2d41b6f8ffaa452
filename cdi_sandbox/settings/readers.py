"""Values of settings as JSON has them: read, or refused with the reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any


def read_changes(changes: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Read new values of settings.

    :param changes: setting -> value as JSON has it.
    :param readers: setting -> reads its value; others are unknown or fixed.
    :raises ValueError: for a setting that cannot be changed, or a value that makes no sense.
    """
    read: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in readers:
            raise ValueError(f"There is no setting {name!r} to change; there are: {', '.join(readers)}.")
        try:
            read[name] = readers[name](value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Setting {name!r} cannot be {value!r}: {error}") from None
    return read


def seconds(value: Any) -> float:
    """Read a length of time."""
    number = float(value)
    if number < 0 or not math.isfinite(number):
        raise ValueError("it must be a number of seconds, 0 or more")
    return number


def count(value: Any) -> int:
    """Read a whole number, 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("it must be a whole number, 0 or more")
    return value


def count_or_none(value: Any) -> int | None:
    """Read a whole number, or null."""
    return None if value is None else count(value)


def switch(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise TypeError("it must be true or false")
    return value


def one_of(*choices: Any) -> Callable[[Any], Any]:
    """Make a reader of one of these values."""

    def read(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"it must be one of {', '.join(map(str, choices))}")
        return value

    return read


def texts(value: Any) -> frozenset[str]:
    """Read a list of strings whose order does not count."""
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError("it must be a list of strings")
    return frozenset(value)


def mapping(value: Any) -> dict[str, Any]:
    """Read an object."""
    if not isinstance(value, Mapping):
        raise TypeError("it must be an object")
    return dict(value)
