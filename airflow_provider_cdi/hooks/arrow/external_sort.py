"""Sorting a stream of any length in a few dozen megabytes, with sorted runs on disk.

DuckDB works inside our own process, and its sort takes more memory the longer and wider the rows are:
200,000 rows of 2 kB fail under a limit of 256 MB (measured with 2.0.0). Its plain scan is flat. So the scan
is the engine's and the sort is ours.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import afterwards
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.arrow.merge import POOL, give_back, in_order, joined, merge, sliced

#: Bytes of rows that are sorted in memory; sorting takes twice as much for a moment.
RUN_BYTES = 4 * 1024 * 1024
#: Bytes of a run that are in memory while runs are merged; half as many take a quarter more CPU, and 12 MB less with
#: 3,000,000 shuffled rows.
CHUNK_BYTES = 64 * 1024
#: Runs that are merged at once.
FAN_IN = 64
#: Rows of a batch that is handed on.
BATCH_ROWS = 4096


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
        self._keep(_write_run(in_order(rows, self.keys, self._chunk_rows(rows))), 0)
        give_back()

    def drain(self, rest: pa.RecordBatch | None) -> Iterator[pa.RecordBatch]:
        with afterwards(self.close, "the files of the sort could not be closed"):
            runs = [_read_run(file) for level in self._levels for file in level]
            if rest is not None and not runs:
                yield from in_order(rest, self.keys, BATCH_ROWS)
                return
            if rest is not None:
                runs.append(in_order(rest, self.keys, self._chunk_rows(rest)))
            for rows in merge(runs, self.keys):
                yield from sliced(rows, BATCH_ROWS)

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
                for rows in merge([_read_run(run) for run in files], self.keys)
                for chunk in sliced(rows, self._chunk_rows(rows))
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
        yield from pa.ipc.open_stream(file, options=options, memory_pool=POOL)


def _let_go(file: IO[bytes]) -> None:
    # Closing writes what is in the buffer, which a full disk refuses once more; the file is closed all the same.
    with suppress(OSError):
        file.close()


@contextmanager
def _disk_errors_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(_disk_sentence(error)).of_kind("storage_full") from error


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


def _taken(pending: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Join the batches and let go of them."""
    rows = joined(pending)
    pending.clear()
    return rows
