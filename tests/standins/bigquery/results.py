"""Results on disk, so that a million rows cost the server no memory: an Arrow file each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from standins.bigquery.schema import Field


class Result:
    """The rows of one finished statement.

    :param path: the Arrow file; it is gone after :meth:`free`.
    :param fields: the columns.
    :param starts: the number of the first row of every batch, and of the row after the last one.
    """

    def __init__(self, path: Path, fields: Sequence[Field], starts: Sequence[int]) -> None:
        self._path = path
        self._starts = starts
        self.fields = fields
        self.schema = pa.schema([field.arrow_field() for field in fields])

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._starts[-1]

    def batches(self, start: int) -> Iterator[pa.RecordBatch]:
        """Read from a row on, in batches of at most 8,192 rows."""
        if start >= self.rows:
            return
        place = bisect_right(self._starts, start) - 1
        with pa.OSFile(str(self._path)) as file:
            reader = pa.ipc.open_file(file)
            skipped = start - self._starts[place]
            for number in range(place, reader.num_record_batches):
                batch = reader.get_batch(number)
                yield batch.slice(skipped) if skipped else batch
                skipped = 0

    def free(self) -> None:
        """Delete the rows."""
        self._path.unlink(missing_ok=True)


class ResultWriter:
    """Writes a result batch by batch.

    :param path: a file to make.
    :param fields: the columns.
    """

    def __init__(self, path: Path, fields: Sequence[Field]) -> None:
        self._path = path
        self._fields = fields
        self._schema = pa.schema([field.arrow_field() for field in fields])
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)
        self._starts = [0]

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Append rows."""
        batch = pa.record_batch(list(columns), schema=self._schema)
        self._writer.write_batch(batch)
        self._starts.append(self._starts[-1] + batch.num_rows)

    def close(self) -> Result:
        """Finish the file and return what is in it."""
        self._writer.close()
        self._file.close()
        return Result(self._path, self._fields, self._starts)
