"""Reads the rejects of one run, of a mapped task those of one instance, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from airflow_provider_cdi.rejects.doubts import Doubts
from airflow_provider_cdi.rejects.lines import parse_line
from airflow_provider_cdi.rejects.listing import PartFile, RunFiles, list_run
from airflow_provider_cdi.rejects.marks import Marks
from airflow_provider_cdi.rejects.storage import RejectStorage
from airflow_provider_cdi.rejects.stored import StoredReject

#: How often the files of a run are listed anew when one of them went while it was read.
_LISTINGS = 5


class RunReader:
    """Reads the rejects of one run.

    Files that were joined come first: they hold what counts of several parts. A line says where it was written first,
    so that one that stands in two files, because a run joins its files just now or was killed then, is given once.

    :param storage: of the files.
    :param run: the files.
    :param doubts: which lines count.
    :param is_shared: whether lines that do not say whose they are, are nobody's.
    :param tell: is told what cannot be read, in a sentence.
    """

    def __init__(
        self,
        storage: RejectStorage,
        run: RunFiles,
        doubts: Doubts,
        *,
        is_shared: bool,
        tell: Callable[[str], None],
    ) -> None:
        self._storage = storage
        self._run = run
        self._doubts = doubts
        self._is_shared = is_shared
        self._tell = tell
        self._marks = Marks()
        self._are_marks_whole = True
        #: Token of a part -> its last line that was given.
        self._given: dict[str, int] = {}
        self._told: set[str] = set()

    def read(self) -> Iterator[StoredReject]:
        """Give the rejects in the order in which they were written."""
        for _ in range(_LISTINGS):
            try:
                self._read_marks()
                yield from self._pass()
            except FileNotFoundError:  # the run joined its files meanwhile
                self._run = list_run(self._storage, self._run)
            else:
                return
        self._cannot(f"The files of {self._run.place!r} changed while they were read; look again.")

    def _read_marks(self) -> None:
        for name in self._run.marks:
            if not self._marks.read(self._storage.lines(name)):
                self._are_marks_whole = False
                self._cannot(f"Some marks in {name!r} are broken: what they mark looks as if it was not sent again.")

    def _pass(self) -> Iterator[StoredReject]:
        joined: set[str] = set()
        for file in self._run.whole_parts():
            joined.add(file.token)
            for number, line in enumerate(self._storage.lines(file.name)):
                if reject := self._reject(file, line, number, number, joined):
                    yield reject
        for token, files in self._doubts.files(self._run):
            position = 0
            for file in files if token not in joined else ():
                for number, line in enumerate(self._storage.lines(file.name)):
                    if reject := self._reject(file, line, number, position, set()):
                        yield reject
                    position += 1

    def _reject(self, file: PartFile, line: bytes, number: int, position: int, tokens: set[str]) -> StoredReject | None:
        """Make a reject of a line.

        :param number: of the line in the file.
        :param position: of the line in the part, for lines that do not say it.
        :param tokens: gets that of the line.
        :return: None when it does not count, was given already, or cannot be read.
        """
        try:
            found = parse_line(line)
        except ValueError as error:
            self._cannot(f"Line {number + 1} of {file.name!r} is left out: {error}.")
            return None
        token, own_number = found.get("part", file.token), found.get("line", position)
        tokens.add(token)
        if own_number <= self._given.get(token, -1):
            return None
        self._given[token] = own_number
        is_in_doubt = self._doubts.about(file, line)
        if is_in_doubt is False:
            is_in_doubt = not self._are_marks_whole
        if is_in_doubt is None or self._is_nobodys(found, file):
            return None
        return self._stored(found, file, token, own_number, is_in_doubt)

    def _is_nobodys(self, found: dict[str, Any], file: PartFile) -> bool:
        if found.get("sync_id") or not self._is_shared:
            return False
        self._cannot(
            f"Lines of {file.name!r} are left out: they do not say whose they are, and several syncs may write there."
        )
        return True

    def _stored(
        self, found: dict[str, Any], file: PartFile, token: str, number: int, is_in_doubt: bool
    ) -> StoredReject:
        return StoredReject(
            token,
            number,
            self._run.place,
            sync_id=found.get("sync_id", ""),
            run_id=found.get("run_id") or self._run.run_id,
            map_index=found.get("map_index", self._run.map_index),
            try_number=found.get("try_number", file.try_number),
            at=found.get("at") or _time(file.modified),
            outcome=found["outcome"],
            code=found["code"],
            reason=found["reason"],
            identifier=found["identifier"],
            updated_at=found["updated_at"],
            payload=found.get("payload"),
            columns=found.get("columns", {}),
            is_in_doubt=is_in_doubt,
            mark=self._marks.of(token, number),
        )

    def _cannot(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)


def _time(modified: float) -> str:
    return "" if modified == float("inf") else datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds")
