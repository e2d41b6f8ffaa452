"""The reject file: one line of JSON a reject, one file a run, on any storage that Airflow can reach."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_cdi.engine.rejects import RejectedRow


class RejectFile:
    """Writes rejects so that they are durable when :meth:`write` returns.

    A local file is readable by its owner alone and grows by appending. Object stores cannot append, so there
    every write is a part of its own, ``….00000.jsonl``, ``….00001.jsonl`` and so on.

    :param path: a local path, or an address such as ``s3://aws_default@bucket/rejects/run.jsonl``.
    :param written: what a checkpoint noted (:attr:`written`). Whatever was written behind it by a try that
        crashed is cut off, because its rows are read again.
    """

    def __init__(self, path: str, written: int = 0) -> None:
        self.path = path
        #: Bytes of a local file, or number of parts.
        self.written = written
        self._local = _local_path(path)
        self._is_open = False

    def write(self, rows: Sequence[RejectedRow]) -> None:
        """Write rows down.

        :param rows: in the order of reading; an empty list writes nothing and makes no file.
        """
        if not rows:
            return
        lines = b"".join(row.to_line() for row in rows)
        if self._local is not None:
            self._append(self._local, lines)
        else:
            self._write_part(lines)

    def _append(self, path: Path, lines: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            if not self._is_open:
                # Shorter than the checkpoint says when an earlier try wrote on another machine.
                self.written = min(self.written, os.fstat(file.fileno()).st_size)
                file.truncate(self.written)
                self._is_open = True
            file.seek(self.written)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        self.written += len(lines)

    def _write_part(self, lines: bytes) -> None:
        from airflow.sdk import ObjectStoragePath

        stem, dot, suffix = self.path.rpartition(".")
        stem, suffix = (stem, dot + suffix) if dot and "/" not in suffix else (self.path, ".jsonl")
        ObjectStoragePath(f"{stem}.{self.written:05d}{suffix}").write_bytes(lines)
        self.written += 1


def _local_path(path: str) -> Path | None:
    if path.startswith("file://"):
        return Path(path.removeprefix("file://"))
    return None if "://" in path else Path(path)
