"""What arguments may be, as data: one rule an argument, so that all are checked alike and told in the same words.

Imports nothing to speak of: a DAG file checks its arguments with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError

#: Characters of a wrong value that a message shows.
SHOWN_CHARS = 80
#: orjson encodes at most 254 levels; what lies deeper could be read but not be measured.
DEEPEST_NESTING = 200


@dataclass(frozen=True, slots=True)
class Rule:
    """What one argument may be.

    :param wish: what to give, for the message: ``give True or False``.
    :param allows: whether a value is right.
    :param data_types: those that the argument goes with; empty for all.
    :param unset: the values that say that it was not given.
    """

    wish: str
    allows: Callable[[Any], bool]
    data_types: Sequence[str] = ()
    unset: Sequence[object] = (None,)

    def is_given(self, value: object) -> bool:
        """Whether a value says anything."""
        return not any(type(value) is type(one) and value == one for one in self.unset)


def check_arguments(given: Mapping[str, Any], rules: Mapping[str, Rule], data_type: object = None) -> None:
    """Refuse the first argument that breaks its rule.

    :param given: name -> value; names without a rule are passed over.
    :param rules: name -> rule.
    :param data_type: of the sync; None when it is not known yet.
    :raises ConfigurationError: it names the argument, its value and what to give instead.
    """
    for name, rule in rules.items():
        if name not in given or not rule.is_given(given[name]):
            continue
        if data_type is not None and rule.data_types and data_type not in rule.data_types:
            raise ConfigurationError(f"{name} goes with {_listed(rule.data_types)} only, not with {data_type}.")
        if not rule.allows(given[name]):
            raise ConfigurationError(f"{name} is {_shown(given[name])}; {rule.wish}.")


def check_settings(settings: object, rules: Mapping[str, Rule]) -> None:
    """Refuse the first field of a settings object that breaks its rule.

    :raises ConfigurationError: it names the class and the field.
    """
    name = type(settings).__name__
    given = {f"{name}.{field}": getattr(settings, field) for field in rules}
    check_arguments(given, {f"{name}.{field}": rule for field, rule in rules.items()})


def check_limits(limits: Any, *nestings: str) -> None:
    """Refuse the first limit of a dataclass of a vendor's limits that is no whole number above zero.

    :param nestings: names of those that count levels of objects and arrays.
    :raises ConfigurationError: it names the class and the limit.
    """
    kind = type(limits).__name__
    for limit in fields(limits):
        value = getattr(limits, limit.name)
        if isinstance(limit.default, int) and (not is_number(value, (int,)) or value < 1):
            raise ConfigurationError(f"{kind}.{limit.name} is {value!r}; give a whole number above zero.")
    for name in nestings:
        if getattr(limits, name) > DEEPEST_NESTING:
            raise ConfigurationError(f"{kind}.{name} may be at most {DEEPEST_NESTING}.")


def one_of(*values: object, **more: Any) -> Rule:
    """Return the rule of an argument with few values."""
    return Rule(f"use one of {', '.join(map(str, values))}", lambda value: _is_one_of(value, values), **more)


def flag(**more: Any) -> Rule:
    """Return the rule of a switch."""
    return Rule("give True or False", lambda value: isinstance(value, bool), **{"unset": (False,), **more})


def text(wish: str, is_right: Callable[[str], Any] = bool, **more: Any) -> Rule:
    """Return the rule of a text that is not blank.

    :param is_right: says more about it.
    """
    return Rule(wish, lambda value: isinstance(value, str) and bool(value.strip()) and bool(is_right(value)), **more)


def number(wish: str, is_right: Callable[[float], bool], *, whole: bool = False, **more: Any) -> Rule:
    """Return the rule of a number."""
    kinds = (int,) if whole else (int, float)
    return Rule(wish, lambda value: is_number(value, kinds) and is_right(value), **more)


def whole(least: int, **more: Any) -> Rule:
    """Return the rule of a whole number with a least value."""
    return number(f"give a whole number of {least} or more", lambda count: count >= least, whole=True, **more)


def seconds() -> Rule:
    """Return the rule of a time; it may have no end."""
    wish = "give a number of seconds, 0 or more"
    return Rule(wish, lambda time: isinstance(time, (int, float)) and not isinstance(time, bool) and time >= 0, (), ())


def an(kind: type, **more: Any) -> Rule:
    """Return the rule of a settings object."""
    return Rule(f"give a {kind.__name__}(...)", lambda value: isinstance(value, kind), **more)


def list_of(wish: str, is_right: Callable[[str], Any], **more: Any) -> Rule:
    """Return the rule of a list of texts, which one text is not."""

    def allows(value: Any) -> bool:
        return isinstance(value, (list, tuple)) and all(isinstance(one, str) and is_right(one) for one in value)

    return Rule(wish, allows, **{"unset": ((), []), **more})


def never(wish: str) -> Rule:
    """Return the rule of an argument that other destinations have."""
    return Rule(wish, lambda value: False)


def is_number(value: object, kinds: tuple[type, ...] = (int, float)) -> bool:
    """Whether a value is a number that can be reckoned with; True and False are none."""
    return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)  # type: ignore[arg-type]


def _is_one_of(value: object, values: Sequence[object]) -> bool:
    return any(type(value) is type(one) and value == one for one in values)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN_CHARS else f"{shown[:SHOWN_CHARS]}…"
