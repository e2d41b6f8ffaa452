"""The ``filter`` of a list: ``any(email,["a@b.io"])``, ``and(equals(...),greater-than(...))``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from cdi_sandbox.api.json import Json

_CALL = re.compile(r"([a-z-]+)\((.*)\)", re.DOTALL)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda held, value: bool(held == value),
    "any": lambda held, value: held in value,
    "greater-than": lambda held, value: bool(held > value),
    "greater-or-equal": lambda held, value: bool(held >= value),
    "less-than": lambda held, value: bool(held < value),
    "less-or-equal": lambda held, value: bool(held <= value),
}
#: The operators of identifiers, and those of moments.
EXACT = frozenset({"equals", "any"})
RANGE = frozenset({"greater-than", "greater-or-equal", "less-than", "less-or-equal"})


class Clause(NamedTuple):
    """One condition: all of them must hold."""

    operator: str
    field: str
    value: Json

    def holds(self, held: Json) -> bool:
        """Tell whether it holds for this value of its field; for none at all it never does."""
        return held is not None and _COMPARE[self.operator](held, self.value)


def read_filter(text: str, allowed: Mapping[str, frozenset[str]]) -> list[Clause]:
    """Read a filter.

    :param allowed: field -> operators that it has.
    :raises ValueError: when it is none; the text says why.
    """
    clauses = list(_clauses(text))
    for clause in clauses:
        if clause.operator not in allowed.get(clause.field, frozenset()):
            raise ValueError(f"'{clause.field}' cannot be filtered by '{clause.operator}'")
        if clause.operator == "any" and not isinstance(clause.value, list):
            raise ValueError("'any' takes a list")
    return [_with_moment(clause) for clause in clauses]


def _clauses(text: str) -> Iterator[Clause]:
    for part in _parts(text):
        call = _CALL.fullmatch(part.strip())
        if call is None:
            raise ValueError('It must look like equals(field,"value")')
        operator, inner = call.groups()
        if operator == "and":
            yield from _clauses(inner)
            continue
        field, _, value = inner.partition(",")
        yield Clause(operator, field.strip(), _value(value.strip()))


def _parts(text: str) -> Iterator[str]:
    """Split at the commas that are outside of strings and brackets. Strings stand in quotes of either kind."""
    depth, quote, start = 0, "", 0
    for index, letter in enumerate(text):
        if letter in "\"'" and quote in ("", letter) and text[index - 1 : index] != "\\":
            quote = "" if quote else letter
        elif not quote:
            depth += (letter in "([") - (letter in ")]")
            if letter == "," and depth == 0:
                yield text[start:index]
                start = index + 1
    yield text[start:]


def _value(text: str) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    if text[:1] + text[-1:] == "[]":
        return [_value(part.strip()) for part in _parts(text[1:-1])]
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("\\'", "'")
    return text  # moments stand without quotes


def _with_moment(clause: Clause) -> Clause:
    if clause.operator not in RANGE:
        return clause
    try:
        moment = datetime.fromisoformat(str(clause.value))
    except ValueError:
        raise ValueError(f"'{clause.field}' takes a moment as 2026-11-21T10:00:00Z") from None
    return clause._replace(value=(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
