"""Results as the service keeps them: a few rows for the answer, the rest in chunks, compressed, on disk."""

from __future__ import annotations

import gzip
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standins.snowflake.engine import Result
from standins.snowflake.wire import encode, pieces, stream

INLINE_ROWS = 200


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a result.

    :param path: its file, an Arrow stream, compressed.
    :param rows: how many rows it holds.
    :param size: its bytes before they were compressed.
    """

    path: Path
    rows: int
    size: int


@dataclass(slots=True)
class Stored:
    """A result that is ready to be fetched.

    :param rowtype: its columns, as the client is told about them.
    :param inline: the first rows, an Arrow stream.
    :param inline_rows: how many they are.
    :param chunks: the others.
    """

    rowtype: list[dict[str, Any]]
    inline: bytes = b""
    inline_rows: int = 0
    chunks: list[Chunk] = field(default_factory=list)

    def forget(self) -> None:
        """Remove the files."""
        for chunk in self.chunks:
            chunk.path.unlink(missing_ok=True)

    def answer(self, base_url: str) -> dict[str, Any]:
        """Return the part of the query's answer that describes the result.

        :param base_url: before the number of a chunk.
        """
        chunks = [
            {
                "url": f"{base_url}/{number}",
                "rowCount": chunk.rows,
                "uncompressedSize": chunk.size,
                "compressedSize": chunk.path.stat().st_size if chunk.path.exists() else 0,
            }
            for number, chunk in enumerate(self.chunks)
        ]
        rows = self.inline_rows + sum(chunk.rows for chunk in self.chunks)
        return {
            "queryResultFormat": "arrow",
            "rowtype": self.rowtype,
            "rowsetBase64": b64encode(self.inline).decode(),
            "total": rows,
            "returned": rows,
            **({"chunks": chunks, "chunkHeaders": {"x-chunk": "yes"}} if chunks else {}),
        }


def store(
    result: Result, folder: Path, name: str, *, chunk_rows: int | None, chunk_bytes: int, is_ancient: bool = False
) -> Stored:
    """Take a result from the engine to the end, piece by piece.

    :param folder: where chunks go.
    :param name: in the names of their files.
    :param chunk_rows: rows of each chunk, instead of chunks that grow as those of the service.
    :param chunk_bytes: how big a chunk may grow.
    :param is_ancient: the very first timestamp is the first of January of the year 1, which the engine cannot keep
        beside nanoseconds.
    :raises SnowflakeError: when the statement fails on the way.
    """
    stored = Stored([column.as_rowtype() for column in result.columns])
    try:
        for number, batches in enumerate(pieces(result.batches(), INLINE_ROWS, chunk_rows, chunk_bytes)):
            table = encode(batches, result.columns, is_ancient=is_ancient and number == 0)
            if number == 0:
                stored.inline, stored.inline_rows = stream(table), table.num_rows
            else:
                stored.chunks.append(_written(stream(table), table.num_rows, folder / f"{name}-{number}"))
    except BaseException:
        stored.forget()
        raise
    return stored


def _written(content: bytes, rows: int, path: Path) -> Chunk:
    path.write_bytes(gzip.compress(content, compresslevel=1))
    return Chunk(path, rows, len(content))
