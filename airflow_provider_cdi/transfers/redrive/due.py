"""Which rows the usual runs of a sync send without a redrive, and what a redrive takes off them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import pyarrow as pa

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.transfers.redrive.taking import sortable


class Due:
    """Whether an incremental run sends a row by itself, because it lies behind the sync's watermark.

    Of the rows with the watermark's very time such a run sends those that the watermark does not know. A row that was
    mended there is one of them: a redrive sends it, and has the watermark know it from then on. Where the rows of one
    time are too many to be known one by one, no usual run looks for a row that was mended.

    :param watermark: of the sync; None when it has none, so that no such run looks below anything.
    :param save: keeps a watermark that knows more rows; None for a run that sends nothing.
    """

    def __init__(self, watermark: Watermark | None, save: Callable[[Watermark], None] | None = None) -> None:
        self._watermark, self._save = watermark, save
        self._position = sortable(watermark.position) if watermark else ""
        self._handled = watermark.ties.exact if watermark else None
        self._known = frozenset(self._handled or ())

    def by_its_time(self, updated_at: str) -> bool:
        """Say whether the next incremental run sends a row because of its time alone.

        :param updated_at: of the row, as a text that sorts.
        """
        return self._watermark is not None and updated_at > self._position

    def was_sent(self, updated_at: str, row: pa.RecordBatch) -> bool:
        """Say whether a row has the watermark's time and was handled just as it is: by a usual run, or by a redrive.

        :param updated_at: of the row, as a text that sorts.
        :param row: a batch of this row alone.
        """
        return self._are_known(updated_at) and _hash(row) in self._known

    def new_hashes(self, updated_at: str, rows: Iterable[pa.RecordBatch]) -> tuple[int, ...]:
        """Return the hashes of those rows that an incremental run would send, because they were mended in place.

        :param updated_at: of the rows, as a text that sorts.
        :param rows: batches of one row each.
        """
        if not self._are_known(updated_at):
            return ()
        return tuple(row_hash for row_hash in map(_hash, rows) if row_hash not in self._known)

    def look(self, updated_at: Iterable[str], read: Callable[[Bounds], Iterator[pa.RecordBatch]]) -> None:
        """Forget rows at the watermark that are not there any more, which makes room for those that came instead.

        :param updated_at: the times of what is sent again; nothing is read when none is the watermark's.
        :param read: streams rows of the source.
        """
        if self._watermark is None or self._handled is None or self._position not in set(updated_at):
            return
        left, there = Counter(self._watermark.ties.exact), []
        position = self._watermark.position
        with closing(read(Bounds(since=position, up_to=position))) as group:  # type: ignore[type-var]  # a generator
            for row_hash in (one for rows in group for one in row_hashes(rows)):
                if left[row_hash] > 0:
                    left[row_hash] -= 1
                    there.append(row_hash)
        self._handled = there

    def note_sent(self, hashes: Sequence[int]) -> None:
        """Have the watermark know rows that were sent; it is durable on return.

        :param hashes: of rows, as :meth:`new_hashes` returned them.
        """
        if self._watermark is None or self._handled is None or self._save is None or not hashes:
            return
        self._handled = [*self._handled, *hashes]
        self._save(replace(self._watermark, ties=Ties(self._handled)))

    def _are_known(self, updated_at: str) -> bool:
        return self._handled is not None and updated_at == self._position


def _hash(row: pa.RecordBatch) -> int:
    return next(row_hashes(row))
