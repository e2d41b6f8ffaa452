"""Sorting a stream of any length in a few dozen megabytes, with sorted runs on disk.

DuckDB works inside our own process, and its sort takes more memory the longer and wider the rows are:
200,000 rows of 2 kB fail under a limit of 256 MB (measured with 2.0.0). Its plain scan is flat. So the scan
is the engine's and the sort is ours.
"""

from __future__ import annotations

import errno
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, repeat
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cdi.engine.clean_up import afterwards
from airflow_provider_cdi.exceptions import SourceError

#: Bytes of rows that are sorted in memory; sorting takes twice as much for a moment.
RUN_BYTES = 4 * 1024 * 1024
#: Bytes of a run that are in memory while runs are merged; half as many take a quarter more CPU, and 12 MB less with
#: 3,000,000 shuffled rows.
CHUNK_BYTES = 64 * 1024
#: Runs that are merged at once.
FAN_IN = 64
#: Rows of a batch that is handed on.
BATCH_ROWS = 4096
#: Where the rows are kept. Arrow's own allocator holds on to what was freed: 20 MB more at the peak of a merge.
_POOL = pa.system_memory_pool()


def external_sort(
    batches: Iterable[pa.RecordBatch],
    keys: Sequence[str],
    *,
    run_bytes: int = RUN_BYTES,
    chunk_bytes: int = CHUNK_BYTES,
    fan_in: int = FAN_IN,
) -> Iterator[pa.RecordBatch]:
    """Read all batches, then return an iterator over their rows in order.

    Everything that can go wrong in the source goes wrong here, before the first row is handed on. Rows
    that do not fit into one run are kept, compressed, in unnamed files of the temporary directory
    (``TMPDIR``), which vanish with the iterator or the process.

    :param batches: of one schema.
    :param keys: columns to sort by, ascending; nulls come last; the first one has no nulls.
    :param run_bytes: rows that are sorted at once in memory.
    :param chunk_bytes: part of a run that is held in memory while merging.
    :param fan_in: how many runs are merged at once.
    :return: batches of at most :data:`BATCH_ROWS` rows.
    :raises SourceError: when the temporary directory is full, missing or closed to us.
    """
    sorter = _Sorter(tuple(keys), chunk_bytes, fan_in)
    try:
        rest = _spilled(batches, sorter, run_bytes)
    except BaseException:
        sorter.close()
        raise
    return sorter.drain(rest)


def _spilled(batches: Iterable[pa.RecordBatch], sorter: _Sorter, run_bytes: int) -> pa.RecordBatch | None:
    """Read all batches, and return what no longer fills a run."""
    pending: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        pending.append(batch)
        size += batch.nbytes
        if size >= run_bytes:
            sorter.spill(_taken(pending))
            size = 0
    return _taken(pending) if pending else None


class _Sorter:
    def __init__(self, keys: tuple[str, ...], chunk_bytes: int, fan_in: int) -> None:
        self.keys = keys
        self._chunk_bytes = chunk_bytes
        self._fan_in = fan_in
        #: Runs by how often their rows were merged, so that no row is written more than a few times.
        self._levels: list[list[IO[bytes]]] = [[]]

    def spill(self, rows: pa.RecordBatch) -> None:
        self._keep(_write_run(_sorted(rows, self.keys, self._chunk_rows(rows))), 0)
        _give_back()

    def drain(self, rest: pa.RecordBatch | None) -> Iterator[pa.RecordBatch]:
        with afterwards(self.close, "the files of the sort could not be closed"):
            runs = [_read_run(file) for level in self._levels for file in level]
            if rest is not None and not runs:
                yield from _sorted(rest, self.keys, BATCH_ROWS)
                return
            if rest is not None:
                runs.append(_sorted(rest, self.keys, self._chunk_rows(rest)))
            for rows in _merge(runs, self.keys):
                yield from _sliced(rows, BATCH_ROWS)

    def close(self) -> None:
        """Let go of all files. They have no names, so nothing of them stays, whatever closing says."""
        for file in (file for level in self._levels for file in level):
            _let_go(file)
        self._levels = [[]]

    def _keep(self, file: IO[bytes], level: int) -> None:
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(file)
        if len(self._levels[level]) == self._fan_in:
            files = self._levels[level]
            merged = (
                chunk
                for rows in _merge([_read_run(run) for run in files], self.keys)
                for chunk in _sliced(rows, self._chunk_rows(rows))
            )
            written = _write_run(merged)
            for done in files:
                _let_go(done)
            self._levels[level] = []
            self._keep(written, level + 1)

    def _chunk_rows(self, rows: pa.RecordBatch) -> int:
        fitting: int = rows.num_rows * self._chunk_bytes // max(1, rows.nbytes)
        return max(1, min(BATCH_ROWS, fitting))


def _write_run(chunks: Iterator[pa.RecordBatch]) -> IO[bytes]:
    with _disk_errors_told():
        file = tempfile.TemporaryFile(prefix="cdi-sort-")  # noqa: SIM115 - closed by the sorter
        try:
            _write(chunks, file)
        except BaseException:
            _let_go(file)
            raise
        return file


def _write(chunks: Iterator[pa.RecordBatch], file: IO[bytes]) -> None:
    first = next(chunks)
    # Handing pieces of 32 kB to a pool of threads costs more than compressing them.
    options = pa.ipc.IpcWriteOptions(compression="lz4" if pa.Codec.is_available("lz4") else None, use_threads=False)
    writer = pa.ipc.new_stream(file, first.schema, options=options)
    with afterwards(writer.close, "a file of the sort could not be ended"):
        writer.write_batch(first)
        for chunk in chunks:
            writer.write_batch(chunk)
    file.flush()


def _read_run(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    with _disk_errors_told():
        file.seek(0)
        options = pa.ipc.IpcReadOptions(use_threads=False)
        yield from pa.ipc.open_stream(file, options=options, memory_pool=_POOL)


def _let_go(file: IO[bytes]) -> None:
    # Closing writes what is in the buffer, which a full disk refuses once more; the file is closed all the same.
    with suppress(OSError):
        file.close()


@contextmanager
def _disk_errors_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(_disk_sentence(error)) from error


def _disk_sentence(error: OSError) -> str:
    said = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        return f"There is no space left for sorting ({said}): make room, or set TMPDIR to a larger disk."
    return (
        f"The temporary directory cannot be used for sorting ({said}): set TMPDIR to a directory that exists and that "
        "the worker may write to."
    )


#: The disk is full, the user's share of it, or what a process may write.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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
                self.rows = _joined([self.rows, chunk]) if self.rows.num_rows else chunk

    def _look(self) -> None:
        if self.rows.num_rows:
            self.first, self.last = (_number(self.rows, self.key, at) for at in (0, -1))


def _merge(runs: Sequence[Iterator[pa.RecordBatch]], keys: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    firsts = ((run, next(run, None)) for run in runs)
    heads = [_Head(run, first, keys[0], first.num_rows) for run, first in firsts if first is not None]
    size = 0
    while heads:
        rows = _merge_step(heads, keys)
        heads = [head for head in heads if head.rows.num_rows]
        size += rows.nbytes
        yield rows
        if size >= RUN_BYTES:
            _give_back()
            size = 0


def _merge_step(heads: list[_Head], keys: tuple[str, ...]) -> pa.RecordBatch:
    """Take from the heads, in order, every row that no unread row can precede."""
    taking = _heads_in_reach(heads)
    if len(taking) == 1:
        rows = taking[0].rows
        taking[0].drop(rows.num_rows)
        return rows
    rows = _joined([head.rows for head in taking])
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
    return pc.take(rows, order, memory_pool=_POOL)


def _heads_in_reach(heads: list[_Head]) -> list[_Head]:
    """Leave out the heads that begin after this step ends: runs of a table in time order never overlap."""
    ends = [head.last for head in heads if head.more]
    if not ends:
        return heads
    end = min(ends)
    return [head for head in heads if head.first <= end]


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


def _sorted(rows: pa.RecordBatch, keys: tuple[str, ...], length: int) -> Iterator[pa.RecordBatch]:
    """Return the rows in order, piece by piece: a sorted copy of them all is never there."""
    order = _order(rows, keys)
    for start in range(0, rows.num_rows, length):
        yield pc.take(rows, order.slice(start, length), memory_pool=_POOL)


def _order(rows: pa.RecordBatch, keys: tuple[str, ...]) -> pa.Array:
    return pc.sort_indices(rows, sort_keys=[(key, "ascending") for key in keys], memory_pool=_POOL)


def _taken(pending: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Join the batches and let go of them."""
    rows = _joined(pending)
    pending.clear()
    return rows


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    # pa.concat_batches does the same from pyarrow 19 on.
    joined = pa.Table.from_batches(batches).combine_chunks(_POOL).to_batches()
    return joined[0] if joined else batches[0]


def _give_back() -> None:
    # Without this a million rows peak 40 MB higher.
    _POOL.release_unused()


def _sliced(rows: pa.RecordBatch, length: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows.num_rows, length):
        yield rows.slice(start, length)
