"""The watermark: up to which ``UPDATED_AT`` everything is delivered, exact also among rows that share it.

Rows with the watermark's own timestamp cannot be told apart by time, so the watermark remembers which of them
were handled: the hash of each while they are few, and above that a fixed number of buckets. A bucket keeps how
many of its rows were handled and the sum of their hashes. A source returns the rows of one timestamp in a
settled order, so the handled rows of a bucket are its first ones; a bucket whose first rows still add up to
the same sum holds nothing new among them, and only the rows behind them are sent. A row that slips in between
makes its own bucket be sent again, a thousandth of the group, and no other.
"""

from __future__ import annotations

import base64
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

#: Up to this many rows of one timestamp are remembered one by one (8 bytes each, 21 KB as text).
EXACT_TIES = 2_000
#: Above that, this many buckets (12 bytes each, 16 KB as text): a new row drags a thousandth with it at most.
BUCKETS = 1_024
_MASK = (1 << 64) - 1


class Ties:
    """The handled rows of one timestamp: exact while they are few, in buckets above that.

    :param hashes: the hashes of the rows, in the order in which they were read.
    """

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        self.exact: list[int] | None = []
        self.counts = array("L")
        self.sums = array("Q")
        for row_hash in hashes:
            self.add(row_hash)

    def __len__(self) -> int:
        return len(self.exact) if self.exact is not None else sum(self.counts)

    def add(self, row_hash: int) -> None:
        """Remember one more row."""
        if self.exact is None:
            self._add_to_bucket(row_hash)
            return
        self.exact.append(row_hash)
        if len(self.exact) > EXACT_TIES:
            self._go_over_to_buckets()

    def copy(self) -> Ties:
        """Return an independent copy."""
        twin = Ties()
        twin.exact = None if self.exact is None else list(self.exact)
        twin.counts, twin.sums = self.counts[:], self.sums[:]
        return twin

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads, at most 22 KB."""
        if self.exact is not None:
            return {"rows": _pack(array("Q", self.exact))}
        return {"counts": _pack(array("I", self.counts)), "sums": _pack(self.sums)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Ties:
        """Read what :meth:`to_json` returned."""
        ties = cls()
        if "rows" in stored:
            ties.exact = list(_unpack("Q", stored["rows"]))
        else:
            ties.exact = None
            ties.counts = array("L", _unpack("I", stored["counts"]))
            ties.sums = _unpack("Q", stored["sums"])
        return ties

    def _go_over_to_buckets(self) -> None:
        hashes, self.exact = self.exact or [], None
        self.counts, self.sums = array("L", [0] * BUCKETS), array("Q", [0] * BUCKETS)
        for row_hash in hashes:
            self._add_to_bucket(row_hash)

    def _add_to_bucket(self, row_hash: int) -> None:
        bucket = row_hash % BUCKETS
        self.counts[bucket] += 1
        self.sums[bucket] = (self.sums[bucket] + row_hash) & _MASK


def _pack(numbers: array[int]) -> str:
    return base64.b64encode(numbers.tobytes()).decode()


def _unpack(typecode: str, text: str) -> array[int]:
    numbers = array(typecode)
    numbers.frombytes(base64.b64decode(text))
    return numbers


@dataclass(frozen=True, slots=True)
class Watermark:
    """Everything before ``position`` is delivered, and of the rows at ``position`` those in ``ties``.

    :param position: see :mod:`airflow_provider_cdi.engine.rows.position`.
    :param ties: the handled rows at the position.
    :param has_rejects: whether some of them were not accepted, so that they may be mended where they stand.
    """

    position: str
    ties: Ties
    has_rejects: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads, as JSON types, under 32 KB."""
        rejects = {"rejects": True} if self.has_rejects else {}
        return {"position": self.position, **self.ties.to_json(), **rejects}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Watermark:
        """Read what :meth:`to_json` returned; a record without ties knows none of the rows at its position."""
        known = "rows" in stored or "sums" in stored
        return cls(stored["position"], Ties.from_json(stored) if known else Ties(), bool(stored.get("rejects")))


class TieFilter:
    """Tells, while the rows at the watermark are read again, which of them were handled before.

    It also knows at every moment what the watermark's ties are: the old ones and the new ones so far, and once
    the whole group was read, just the rows that are still there.

    :param handled: the ties of the watermark.
    :param intact: for handled rows in buckets, whether each bucket's first rows are unchanged
        (:func:`intact_buckets`).
    """

    def __init__(self, handled: Ties, intact: Sequence[bool] = ()) -> None:
        self._handled = handled
        self._left = Counter(handled.exact or ())
        self._intact = intact
        self._seen = array("L", [0] * BUCKETS) if handled.exact is None else array("L")

    def is_handled(self, row_hash: int) -> bool:
        """Whether the next row of the group was handled before."""
        if self._handled.exact is not None:
            known = self._left[row_hash] > 0
            if known:
                self._left[row_hash] -= 1
            return known
        bucket = row_hash % BUCKETS
        self._seen[bucket] += 1
        return self._intact[bucket] and self._seen[bucket] <= self._handled.counts[bucket]

    def ties_so_far(self, passed: Ties) -> Ties:
        """Return the ties to save when only part of the group was passed.

        :param passed: the rows of the group that the new prefix covers, handled before or not.
        """
        if self._handled.exact is not None and passed.exact is not None:
            return Ties((Counter(self._handled.exact) | Counter(passed.exact)).elements())
        return self._merge_buckets(_in_buckets(self._handled), _in_buckets(passed))

    def _merge_buckets(self, old: Ties, passed: Ties) -> Ties:
        merged = passed.copy()
        for bucket in range(BUCKETS):
            keeps_old = not self._intact or self._intact[bucket]
            if keeps_old and old.counts[bucket] > passed.counts[bucket]:
                merged.counts[bucket], merged.sums[bucket] = old.counts[bucket], old.sums[bucket]
        return merged


def _in_buckets(ties: Ties) -> Ties:
    twin = ties.copy()
    if twin.exact is not None:
        twin._go_over_to_buckets()
    return twin


def intact_buckets(handled: Ties, group: Iterable[int]) -> list[bool]:
    """Say for each bucket whether its first rows are still the ones that were handled.

    :param handled: ties in buckets.
    :param group: hashes of all rows that are at the position now, in the order in which a source returns them.
    """
    counts, sums = array("L", [0] * BUCKETS), array("Q", [0] * BUCKETS)
    for row_hash in group:
        bucket = row_hash % BUCKETS
        if counts[bucket] < handled.counts[bucket]:
            counts[bucket] += 1
            sums[bucket] = (sums[bucket] + row_hash) & _MASK
    return [counts[b] == handled.counts[b] and sums[b] == handled.sums[b] for b in range(BUCKETS)]
