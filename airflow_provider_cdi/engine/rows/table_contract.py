"""What a data type asks of its source: which columns, under which names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UPDATED_AT = "UPDATED_AT"
PAYLOAD = "PAYLOAD"

#: What becomes of columns that the contract does not name.
OtherColumns = Literal["ignored", "without_payload", "taken"]


@dataclass(frozen=True, slots=True)
class TableContract:
    """The columns of one data type. Names match without regard to case.

    :param data_type: for messages, for example ``attributes``.
    :param identifiers: columns that say whose row it is; the source must have at least one of them.
    :param has_payload: whether there is a ``PAYLOAD`` column (or ``payload_columns``).
    :param needs_payload: whether a payload is required, where there can be one.
    :param refuses_payload: whether a source that has a ``PAYLOAD`` column is refused.
    :param required: further columns that the source must have, each another one than ``UPDATED_AT``.
    :param optional: further columns that are read when the source has them.
    :param contents: those of the optional columns that are content of their own, as the payload is: where
        ``payload_columns`` say what is sent, such a column is sent only if ``columns`` names it.
    :param other_columns: what becomes of all other columns: they are ``ignored``, or ``taken`` under their own names,
        or taken only ``without_payload``: from a source that has neither ``PAYLOAD`` nor ``payload_columns``.
    :param pairs: identifiers that only mean something together, each the telling one and its label.
    :param found_by_any: whether the other side finds whose row it is by each identifier of the row, and not by the
        first filled one alone: rows that have one in common are then of one person.
    :param aliases: a name of this contract -> another name under which the source may have the column.
    """

    data_type: str
    identifiers: tuple[str, ...]
    has_payload: bool = True
    needs_payload: bool = True
    refuses_payload: bool = False
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    other_columns: OtherColumns = "ignored"
    pairs: tuple[tuple[str, str], ...] = ()
    found_by_any: bool = False
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns that it speaks of."""
        payload = (PAYLOAD,) if self.has_payload else ()
        return (UPDATED_AT, *self.identifiers, *self.required, *self.optional, *payload)

    def spellings(self, name: str) -> tuple[str, ...]:
        """Return a name and the others under which the source may have that column."""
        return (name, *(other for own, other in self.aliases if own == name))
