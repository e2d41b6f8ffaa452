"""One sync in another number of partitions: which watermark each new part begins with, so that nothing is lost.

A partition is a range of a digest. A new part that lies in one old part takes its watermark; one that spans several
takes the lowest of theirs, and what the others were ahead is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_cdi.engine.reading.partition import DigestRange, Partition
from airflow_provider_cdi.engine.rows.position import is_later
from airflow_provider_cdi.engine.rows.watermark import EXACT_TIES, Ties, Watermark


@dataclass(frozen=True, slots=True)
class Ahead:
    """Rows that an old part has delivered and a new part sends again.

    :param part: which of them.
    :param since: from this position on, included.
    :param up_to: up to this one, included.
    """

    part: DigestRange
    since: str
    up_to: str


@dataclass(frozen=True, slots=True)
class NewPart:
    """What a new part begins with.

    :param watermark: up to where all of it is delivered; None when nothing is.
    :param again: what of it is sent again.
    """

    watermark: Watermark | None
    again: tuple[Ahead, ...] = ()


def repartition(old: Mapping[Partition, Watermark | None], new: Sequence[Partition]) -> list[NewPart]:
    """Return what each new part begins with.

    :param old: the parts that there are, which cover everything, each with its watermark.
    :param new: the parts that are wanted.
    """
    return [_new_part(part, {one: mark for one, mark in old.items() if one.range.overlap(part.range)}) for part in new]


def _new_part(part: Partition, old: Mapping[Partition, Watermark | None]) -> NewPart:
    marks = [mark for mark in old.values() if mark is not None]
    if len(marks) < len(old):
        # What has delivered nothing begins at the beginning, and the rest with it.
        begun = [(one, mark) for one, mark in old.items() if mark is not None]
        return NewPart(None, tuple(Ahead(one.range.common(part.range), _FIRST, mark.position) for one, mark in begun))
    lowest = marks[0]
    for mark in marks[1:]:
        lowest = mark if is_later(lowest.position, mark.position) else lowest
    ties, known = _ties(part, old, lowest.position)
    again = [
        Ahead(one.range.common(part.range), lowest.position, mark.position)
        for one, mark in old.items()
        if mark is not None and one not in known
    ]
    return NewPart(Watermark(lowest.position, ties, any(mark.has_rejects for mark in marks)), tuple(again))


_FIRST = "0001-01-01T00:00:00.000000Z"


def _ties(part: Partition, old: Mapping[Partition, Watermark | None], position: str) -> tuple[Ties, set[Partition]]:
    """Return the handled rows at the lowest watermark, and the old parts of which they are all.

    Hashes of rows outside of the new part do no harm while they are kept one by one. In buckets only numbers and sums
    are kept, which hold for just the rows that they were made of.
    """
    at_it = {one: mark for one, mark in old.items() if mark is not None and mark.position == position}
    if len(old) == 1:
        ((one, mark),) = at_it.items()
        if mark.ties.exact is not None or one.range == part.range:
            return mark.ties.copy(), {one}
        return Ties(), set() if len(mark.ties) else {one}
    exact = {one: mark.ties.exact for one, mark in at_it.items() if mark.ties.exact is not None}
    hashes = [row_hash for rows in exact.values() for row_hash in rows]
    if len(hashes) > EXACT_TIES:
        return Ties(), {one for one, rows in exact.items() if not rows}
    return Ties(hashes), set(exact)
