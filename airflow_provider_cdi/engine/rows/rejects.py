"""Rejects: the rows that were not accepted, kept so that they can be mended and sent again."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from airflow_provider_cdi.engine.rows.plain_values import json_value

log = logging.getLogger(__name__)

#: Rejects of a run that the log shows one by one.
SHOWN = 10
_HIDDEN = "…"
_ADDRESS_OR_NUMBER = r"""[^\s@'"`<>(),;:=]+@[^\s@'"`<>(),;]+|\+?\d[\d ()./-]{4,}\d"""
#: What may be a person's in our own sentences, which name fields and limits: a payload may have an address as a key.
_PERSONAL_NAME = re.compile(_ADDRESS_OR_NUMBER)
#: What may be a person's in a sentence of the other side: the same, and whatever is quoted.
_PERSONAL = re.compile(rf"""{_ADDRESS_OR_NUMBER}|'[^']*'|"[^"]*"|`[^`]*`""")
#: Sentences of others begin with a name and a colon.
_QUOTED_SENTENCE = re.compile(r"\w+: ")


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One line of the reject file. It holds personal data and goes nowhere else.

    :param outcome: ``rejected``, or ``unknown`` when the answer to its request never came; or ``accepted``, when only
        a part of the row was left out, which code and reason name.
    :param code: stable code of the reason.
    :param reason: one sentence.
    :param identifier: the filled identifier columns.
    :param updated_at: the row's position.
    :param payload: as the source returned it: text stays text.
    :param columns: the other columns that were read, by the contract's names or, for those that it does not name,
        their own.
    """

    outcome: str
    code: str
    reason: str
    identifier: Mapping[str, Any] = field(repr=False)
    updated_at: str
    payload: Any = field(repr=False)
    columns: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_line(self, whose: Mapping[str, Any] | None = None) -> bytes:
        """Return the row as one line of JSON.

        :param whose: what the line says first: of which run it is.
        """
        line = {name: json_value(getattr(self, name)) for name in self.__slots__}
        return orjson.dumps({**(whose or {}), **line}, option=orjson.OPT_APPEND_NEWLINE)

    def tell(self) -> None:
        """Show code and reason in the log, and nothing of the row but its time."""
        reason = without_personal_data(self.reason, self.identifier.values())
        log.warning("A row is %s: %s: %s (UPDATED_AT %s)", self.outcome, self.code, reason, self.updated_at)


def without_personal_data(reason: str, values: Iterable[Any] = ()) -> str:
    """Return a reason as a log may show it.

    :param reason: of a reject.
    :param values: of the row, which are taken out.
    """
    if _QUOTED_SENTENCE.match(reason) is None:
        return _PERSONAL_NAME.sub(_HIDDEN, reason)
    for value in values:
        if isinstance(value, str) and value:
            reason = reason.replace(value, _HIDDEN)
    return _PERSONAL.sub(_HIDDEN, reason)
