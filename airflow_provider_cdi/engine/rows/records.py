"""What travels through the engine: a record that can be sent, or the reason why a row cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


class Record:
    """One row as the destination wants it.

    :param key: whose row it is, identifier kind included (``"external_id:c-1"``). Rows with the same key
        are delivered in the order in which they were read and never travel in two requests at once.
    :param body: the encoded object, ready to be joined into a request body.
    :param group: records of different groups never share a request (for example creations and deletions).
    :param unique: what may stand only once in a request, among the records of one key; empty for no such thing.
    :param others: further identifiers that the row carries and the destination matches people by, written as ``key``
        is and always in the same order. Rows that have any of them in common keep their order too; unless they carry
        just the same ones they never share a request, because nobody promises in which order one is worked on.
    """

    __slots__ = ("adjusted", "body", "followers", "group", "key", "others", "row", "unique")

    def __init__(self, key: str, body: bytes, group: str = "", unique: str = "", others: tuple[str, ...] = ()) -> None:
        self.key = key
        self.body = body
        self.group = group
        self.unique = unique
        self.others = others
        #: Set by the destination: what was left out or changed so that the row can go, by the names under which the
        #: report counts such rows (``array_truncated``, ``field_dropped: colour``). Names of fields, never values. A
        #: notice is counted by its code, and names the row too.
        self.adjusted: tuple[str | Notice, ...] = ()
        #: Set by the engine: the number of the row in this try.
        self.row = -1
        #: Set by the engine: records that were merged into this one, each with the reason. They share its fate.
        self.followers: Sequence[tuple[Record, str]] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All identifiers that the row carries."""
        return (self.key, *self.others)

    @property
    def shortfall(self) -> Rejection | None:
        """Why the row counts as rejected although the rest of it is delivered; None when nothing of it is missing."""
        return None

    def rows(self) -> Iterator[Record]:
        """Yield the record and those that were merged into it: all whose outcome hangs on its own."""
        yield self
        for follower, _ in self.followers:
            yield follower

    def in_place_of(self, other: Record) -> Record:
        """Take over the row of another record, what was changed of it, and those that were merged into that one."""
        self.row, self.followers = other.row, other.followers
        self.adjusted = tuple(dict.fromkeys((*other.adjusted, *self.adjusted)))
        return self

    def __repr__(self) -> str:
        # No key and no body: both are personal data.
        return f"Record(group={self.group!r}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class Notice:
    """What of a row was left out, though the rest of it is accepted: the row is counted by it, and written down.

    :param code: stable, in ``snake_case``, listed in ``docs/rejects.md``.
    :param reason: as of a :class:`Rejection`.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a row is not accepted.

    :param code: stable, in ``snake_case``, listed in ``docs/rejects.md``.
    :param reason: one sentence for the person who mends the row. It may quote field names, never values.
    :param delivered: what of the row was delivered all the same, by the names of its columns or fields.
    """

    code: str
    reason: str
    delivered: tuple[str, ...] = ()
