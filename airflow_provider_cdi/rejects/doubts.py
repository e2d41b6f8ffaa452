"""Which lines of rejects count, where nothing says it any more.

A try that is killed between writing a file and saving its progress leaves a file that does not count: its rows are
still due, and are read again. It is always the last file of its part, for the next one is written after a save. How
many files count is said by the sync's record, by the reports of runs, and by a small file beside the part. Where all
of them are gone, a line of a last file counts unless the same row stands in a file that was written later: then that
line stands for it. So no row that counts is lost, and none that was rejected once more is there twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import orjson

from airflow_provider_cdi.rejects.lines import parse_line
from airflow_provider_cdi.rejects.listing import PartFile, RunFiles
from airflow_provider_cdi.rejects.storage import RejectStorage


class Doubts:
    """The last files of which nobody says whether they count.

    :param storage: of the files.
    :param counted: token of a part -> how many of its files count, as far as records and reports say it.
    """

    def __init__(self, storage: RejectStorage, counted: Mapping[str, int]) -> None:
        self._storage = storage
        self._counted = counted
        self._doubted_files: set[str] = set()
        self._superseded: dict[str, set[bytes]] = {}

    def look(self, runs: Iterable[RunFiles]) -> None:
        """Find out which lines stand once more in a later file. Reads nothing where nothing is in doubt.

        :param runs: all of the sync.
        """
        runs = list(runs)
        self._doubted_files = {part.name for run in runs for part in self._doubted(run)}
        if not self._doubted_files:
            return
        waiting: dict[bytes, list[PartFile]] = {}
        for file in sorted((part for run in runs for part in run.parts), key=lambda one: one.modified):
            is_doubted = file.name in self._doubted_files
            for digest in self._digests(file) if waiting or is_doubted else ():
                for earlier in waiting.pop(digest, ()):
                    if earlier.token != file.token:
                        self._superseded.setdefault(earlier.name, set()).add(digest)
                if is_doubted:
                    waiting.setdefault(digest, []).append(file)

    def about(self, file: PartFile, line: bytes) -> bool | None:
        """Say whether nobody can tell if a line counts; None when it does not count.

        :param file: where it stands.
        :param line: as it stands there.
        """
        if file.name not in self._doubted_files:
            return False
        superseded = self._superseded.get(file.name)
        return None if superseded and _digest(line) in superseded else True

    def files(self, run: RunFiles) -> Iterator[tuple[str, list[PartFile]]]:
        """Give the numbered files that count, as far as it is said, part by part."""
        for token, files in run.numbered_parts().items():
            said = self._said(run, token)
            yield token, [one for one in files if said is None or (one.number or 0) < said]

    def _doubted(self, run: RunFiles) -> Iterator[PartFile]:
        joined = {one.token for one in run.whole_parts()}
        for token, files in run.numbered_parts().items():
            if token not in joined and self._said(run, token) is None:
                yield files[-1]

    def _said(self, run: RunFiles, token: str) -> int | None:
        if (said := self._counted.get(token)) is not None:
            return said
        if token not in run.seals:
            return None
        try:
            return int(orjson.loads(b"".join(self._storage.lines(run.seals[token])))["files"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _digests(self, file: PartFile) -> Iterator[bytes]:
        try:
            for line in self._storage.lines(file.name):
                if digest := _digest(line):
                    yield digest
        except FileNotFoundError:  # joined meanwhile
            return


def _digest(line: bytes) -> bytes:
    """Return what is the same in two lines of one row; empty when it is no line."""
    try:
        found = parse_line(line)
    except ValueError:
        return b""
    row = [found["identifier"], found["updated_at"], found.get("payload"), found.get("columns")]
    return hashlib.blake2b(orjson.dumps(row, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
