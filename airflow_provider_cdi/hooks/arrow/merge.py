"""Rows in order: a batch that is sorted, and sorted runs that are merged, each a little of it in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: Bytes of merged rows after which freed memory is given back.
GIVE_BACK_BYTES = 4 * 1024 * 1024
#: Where the rows are kept. Arrow's own allocator holds on to what was freed: 20 MB more at the peak of a merge.
POOL = pa.system_memory_pool()


def merge(runs: Sequence[Iterator[pa.RecordBatch]], keys: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """Return the rows of several sorted runs in order, each step of them as soon as it is certain.

    :param runs: each of them sorted, in pieces; as much as its first piece is held in memory.
    :param keys: see :func:`~.external_sort.external_sort`.
    """
    firsts = ((run, next(run, None)) for run in runs)
    heads = [_Head(run, first, keys[0], first.num_rows) for run, first in firsts if first is not None]
    size = 0
    while heads:
        rows = _merge_step(heads, keys)
        heads = [head for head in heads if head.rows.num_rows]
        size += rows.nbytes
        yield rows
        if size >= GIVE_BACK_BYTES:
            give_back()
            size = 0


def _merge_step(heads: list[_Head], keys: tuple[str, ...]) -> pa.RecordBatch:
    """Take from the heads, in order, every row that no unread row can precede."""
    taking = _heads_in_reach(heads)
    if len(taking) == 1:
        rows = taking[0].rows
        taking[0].drop(rows.num_rows)
        return rows
    rows = joined([head.rows for head in taking])
    order = _order(rows, keys)
    lasts, end = [], 0
    for head in taking:
        end += head.rows.num_rows
        if head.more:
            lasts.append(end - 1)
    if lasts:
        is_last = pc.is_in(order, value_set=_numbers("Q", lasts))
        order = order.slice(0, pc.indices_nonzero(is_last)[0].as_py() + 1)
    _drop_taken(taking, order)
    return pc.take(rows, order, memory_pool=POOL)


def _heads_in_reach(heads: list[_Head]) -> list[_Head]:
    """Leave out the heads that begin after this step ends: runs of a table in time order never overlap."""
    ends = [head.last for head in heads if head.more]
    if not ends:
        return heads
    end = min(ends)
    return [head for head in heads if head.first <= end]


@dataclass(slots=True)
class _Head:
    """The part of a run that is in memory, and what the first key is at both of its ends."""

    run: Iterator[pa.RecordBatch]
    rows: pa.RecordBatch
    key: str
    chunk_rows: int
    more: bool = True
    first: Any = None
    last: Any = None

    def __post_init__(self) -> None:
        self._look()

    def drop(self, taken: int) -> None:
        """Forget the first rows, and fill up again."""
        if taken:
            self.rows = self.rows.slice(taken)
            self._fill()
            self._look()

    def _fill(self) -> None:
        # Runs that are half used up are filled again together with the others: a head of a few rows
        # would make every later step as short as itself.
        while self.more and 2 * self.rows.num_rows < self.chunk_rows:
            chunk = next(self.run, None)
            if chunk is None:
                self.more = False
            else:
                self.rows = joined([self.rows, chunk]) if self.rows.num_rows else chunk

    def _look(self) -> None:
        if self.rows.num_rows:
            self.first, self.last = (_number(self.rows, self.key, at) for at in (0, -1))


def _drop_taken(heads: list[_Head], order: pa.Array) -> None:
    owners = _numbers("i", chain.from_iterable(repeat(number, head.rows.num_rows) for number, head in enumerate(heads)))
    taken = {item["values"]: item["counts"] for item in pc.value_counts(owners.take(order)).to_pylist()}
    for number, head in enumerate(heads):
        head.drop(taken.get(number, 0))


def _number(rows: pa.RecordBatch, key: str, at: int) -> Any:
    # A nanosecond timestamp does not fit a Python datetime: compare the integers.
    value = rows.column(key)[at]
    return value.value if isinstance(value, pa.TimestampScalar) else value.as_py()


def _numbers(code: str, values: Iterable[int]) -> pa.Array:
    # pa.array(), pa.scalar() and pa.repeat() import pandas, where it is installed: 30 MB and half a second.
    numbers = array(code, values)
    return pa.Array.from_buffers(_NUMBER_TYPES[code], len(numbers), [None, pa.py_buffer(numbers)])


_NUMBER_TYPES = {"Q": pa.uint64(), "i": pa.int32()}


def in_order(rows: pa.RecordBatch, keys: tuple[str, ...], length: int) -> Iterator[pa.RecordBatch]:
    """Return the rows in order, piece by piece: a sorted copy of them all is never there."""
    order = _order(rows, keys)
    for start in range(0, rows.num_rows, length):
        yield pc.take(rows, order.slice(start, length), memory_pool=POOL)


def _order(rows: pa.RecordBatch, keys: tuple[str, ...]) -> pa.Array:
    return pc.sort_indices(rows, sort_keys=[(key, "ascending") for key in keys], memory_pool=POOL)


def joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return batches of one schema as one."""
    if len(batches) == 1:
        return batches[0]
    # pa.concat_batches does the same from pyarrow 19 on.
    joined = pa.Table.from_batches(batches).combine_chunks(POOL).to_batches()
    return joined[0] if joined else batches[0]


def sliced(rows: pa.RecordBatch, length: int) -> Iterator[pa.RecordBatch]:
    """Return the rows in pieces, without a copy."""
    for start in range(0, rows.num_rows, length):
        yield rows.slice(start, length)


def give_back() -> None:
    """Give freed memory back to the system."""
    # Without this a million rows peak 40 MB higher.
    POOL.release_unused()
