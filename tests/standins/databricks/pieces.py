"""A result in pieces: Arrow batches in the answer itself, or links to files (Cloud Fetch)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import lz4.frame
import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes

from standins.databricks.engine import Result

#: How long a link is good; the service gives about this much.
LINK_SECONDS = 900


@dataclass(frozen=True)
class Sizes:
    """How results are cut.

    :param inline_rows: a result of no more rows than these comes in the answer, any other by links.
    :param link_rows: rows of one file.
    :param links: files of one answer.
    """

    inline_rows: int = 5_000
    link_rows: int = 100_000
    links: int = 3


class Rows:
    """Takes a stream of batches apart by numbers of rows."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._held: list[pa.RecordBatch] = []
        #: Rows that were taken.
        self.offset = 0

    def holds(self, rows: int) -> bool:
        """Whether as many rows are left, reading no further than that."""
        while sum(batch.num_rows for batch in self._held) < rows:
            batch = next(self._batches, None)
            if batch is None:
                return False
            if batch.num_rows:
                self._held.append(batch)
        return True

    def take(self, rows: int, max_bytes: int | None = None) -> list[pa.RecordBatch]:
        """Take rows, fewer at the end of the result or where they have too many bytes, but at least one batch."""
        taken: list[pa.RecordBatch] = []
        while rows > 0 and self.holds(1):
            batch = self._held.pop(0)
            if batch.num_rows > rows:
                self._held.insert(0, batch.slice(rows))
                batch = batch.slice(0, rows)
            taken.append(batch)
            rows -= batch.num_rows
            self.offset += batch.num_rows
            if max_bytes is not None and sum(part.nbytes for part in taken) >= max_bytes:
                break
        return taken


class Pieces:
    """The rows of one result, as the client asked for them.

    :param result: what the engine gives.
    :param files: where files for links are put: id -> bytes.
    :param base: where links lead to.
    :param linked: the client takes links, and the result is large enough for them.
    :param compressed: the client takes LZ4.
    """

    def __init__(self, result: Result, schema: pa.Schema, sizes: Sizes, files: dict[str, bytes], base: str) -> None:
        self._rows = Rows(result.batches)
        self._schema = schema
        self._sizes = sizes
        self._files = files
        self._base = base
        self._mine: list[str] = []
        self.linked = False
        self.compressed = False

    def decide(self, *, may_link: bool, may_compress: bool) -> None:
        """Settle the form, for the whole of the result."""
        self.compressed = may_compress
        self.linked = may_link and self._rows.holds(self._sizes.inline_rows + 1)

    @property
    def has_more(self) -> bool:
        """Whether rows are left."""
        return self._rows.holds(1)

    def next(self, max_rows: int, max_bytes: int, *, expired: bool = False) -> ttypes.TRowSet:
        """Return the next rows. Files of the answer before are gone then."""
        self.forget()
        start = self._rows.offset
        if not self.linked:
            batches = self._rows.take(max_rows, max_bytes)
            arrow = [ttypes.TSparkArrowBatch(self._packed(batch.serialize()), batch.num_rows) for batch in batches]
            return ttypes.TRowSet(startRowOffset=start, rows=[], arrowBatches=arrow)
        links = [self._link(expired=expired) for _ in range(self._sizes.links) if self._rows.holds(1)]
        return ttypes.TRowSet(startRowOffset=start, rows=[], resultLinks=links)

    def forget(self) -> None:
        """Free the files of the answer before."""
        for name in self._mine:
            self._files.pop(name, None)
        self._mine.clear()

    def _link(self, *, expired: bool) -> ttypes.TSparkArrowResultLink:
        start = self._rows.offset
        batches = self._rows.take(self._sizes.link_rows)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self._schema) as writer:
            for batch in batches:
                writer.write_batch(batch.cast(self._schema))
        content = sink.getvalue()
        name = uuid.uuid4().hex
        self._files[name] = self._packed(content)
        self._mine.append(name)
        return ttypes.TSparkArrowResultLink(
            fileLink=f"{self._base}/results/{name}?signature={uuid.uuid4().hex}",
            expiryTime=int(time.time()) + (-1 if expired else LINK_SECONDS),
            startRowOffset=start,
            rowCount=self._rows.offset - start,
            bytesNum=len(content),
        )

    def _packed(self, content: pa.Buffer) -> bytes:
        return lz4.frame.compress(content) if self.compressed else content.to_pybytes()
