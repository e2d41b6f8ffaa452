"""Rejects: the rows that were not accepted, kept so that they can be mended and sent again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One line of the reject file. It holds personal data and goes nowhere else.

    :param outcome: ``rejected``, or ``unknown`` when the answer to its request never came.
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

    def to_line(self) -> bytes:
        """Return the row as one line of JSON."""
        return orjson.dumps(asdict(self), default=str, option=orjson.OPT_APPEND_NEWLINE)
