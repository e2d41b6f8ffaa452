"""The rejects of one sync, of all its runs: found, filtered, and marked when they were sent again.

A line keeps the name that it got when it was written, its part and its number there, also when parts are joined into
one file. So a line that stands in two files counts once, and a mark that names it holds for both. Parts are never
written again: marks are files of their own beside them.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.rejects.storage import LocalFolder, ObjectStore, RejectStorage
from airflow_provider_cdi.rejects.stored import Mark, RejectFilter, StoredReject

log = logging.getLogger(__name__)

#: ``run.try1-3f9a1c2b.jsonl``, ``run.try1-3f9a1c2b.00003.jsonl``, and beside them ``run.try1-3f9a1c2b.seal`` and
#: ``run.5d0e1f2a.marks``.
_PART = re.compile(r"(?P<run>.*)\.(?P<token>try(?P<try>\d+)-\w+)(?:\.(?P<number>\d{5,}))?\.\w+")
_MARKS = re.compile(r"(?P<run>.*)\.\w+\.marks")
_SEAL = ".seal"


@dataclass(frozen=True, slots=True)
class RejectPlace:
    """Where the rejects of a sync lie.

    :param below: a folder or an address.
    :param begins: what the names of its files begin with there; empty when all are looked at.
    :param top: the local folder below which all folders are of this package.
    :param host: this machine's name; empty for storage that all machines share.
    """

    below: str
    begins: str = ""
    top: str | None = None
    host: str = ""


@dataclass(slots=True)
class _RunFiles:
    """The files of one run."""

    joined: list[str] = field(default_factory=list)
    numbered: dict[str, list[str]] = field(default_factory=dict)
    seals: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return the names of all of them."""
        return [*self.joined, *(one for names in self.numbered.values() for one in names), *self.seals, *self.marks]


class RejectIndex:
    """The rejects of one sync.

    :param sync_id: of the sync. Mapped instances are those whose names begin with it and a colon.
    :param place: where they lie.
    :param known: parts that the sync's state or reports name: how much of them counts, and those of other machines.
    """

    def __init__(self, sync_id: str, place: RejectPlace, known: Sequence[RejectPart] = ()) -> None:
        self.sync_id = sync_id
        self._place = place
        self._known = {part.token: part for part in known if part.path}
        self._storage: RejectStorage = ObjectStore() if "://" in place.below else LocalFolder(place.top)
        #: What could not be read, in sentences without anything of a row.
        self.troubles: list[str] = []

    def elsewhere(self) -> list[RejectPart]:
        """Return the known parts that lie on the disk of another machine, and cannot be read here."""
        return [part for part in self._known.values() if part.host and part.host != self._place.host]

    def entries(self, chosen: RejectFilter | None = None) -> Iterator[StoredReject]:
        """Return the rejects in the order of writing, run by run.

        Memory holds the marks of one run, and of a run with several files the names of its lines.

        :param chosen: which; None for all that nobody took yet.
        :raises RetryLater: when the storage does not do its part.
        :raises ConfigurationError: when it never can.
        """
        chosen = chosen or RejectFilter()
        for run, files in sorted(self._found().items(), key=self._beginning):
            for reject in self._of_run(run, files):
                if chosen.takes(reject):
                    yield reject

    def mark(self, fates: Iterable[tuple[StoredReject, str]], *, run: str, at: str) -> None:
        """Note what became of rejects. It is durable on return.

        :param fates: rejects of this index, each with one of :data:`~airflow_provider_cdi.rejects.stored.FATES`.
        :param run: in which run.
        :param at: when, as ISO 8601.
        :raises RetryLater: when the storage does not do its part.
        """
        by_place: dict[str, list[bytes]] = {}
        for reject, fate in fates:
            line = {"part": reject.part, "line": reject.line, "redriven": fate, "at": at, "run": run}
            by_place.setdefault(reject.place, []).append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        for place, lines in by_place.items():
            name = f"{place}.{secrets.token_hex(8)}.marks"
            try:
                self._storage.put(name, b"".join(lines))
            except self._storage.errors as error:
                raise self._explained(error, f"What was sent again could not be marked beside {place!r}") from None

    # --- files ----------------------------------------------------------------------------------------

    def _found(self) -> dict[str, _RunFiles]:
        try:
            names = self._storage.find(self._place.below)
        except self._storage.errors as error:
            raise self._explained(error, f"The rejects below {self._place.below!r} cannot be listed") from None
        runs: dict[str, _RunFiles] = {}
        for name in names:
            if not name.startswith(self._place.begins):
                continue
            if marks := _MARKS.fullmatch(name):
                runs.setdefault(marks["run"], _RunFiles()).marks.append(name)
            elif part := _PART.fullmatch(name):
                files = runs.setdefault(part["run"], _RunFiles())
                if name.endswith(_SEAL):
                    files.seals.append(name)
                elif part["number"] is None:
                    files.joined.append(name)
                else:
                    files.numbered.setdefault(part["token"], []).append(name)
        return {run: files for run, files in runs.items() if files.joined or files.numbered}

    def _beginning(self, found: tuple[str, _RunFiles]) -> tuple[str, str]:
        """Return when the first line of a run was written, which sorts the runs."""
        run, files = found
        names = [*files.joined, *(one for names in files.numbered.values() for one in names[:1])]
        firsts = [_whose(line) for name in names for line in self._lines(name, most=1)]
        return min((str(first.get("at", "")) for first in firsts), default=""), run

    def _of_run(self, run: str, files: _RunFiles) -> Iterator[StoredReject]:
        marks = self._marks(files.marks)
        counted = self._counted(files)
        seen: set[tuple[str, int]] | None = set() if len(files.names()) > 1 else None
        for name, is_in_doubt in [*((one, False) for one in files.joined), *self._in_turn(files, counted)]:
            for number, line in enumerate(self._lines(name)):
                reject = self._reject(run, name, number, line, is_in_doubt=is_in_doubt, marks=marks)
                if reject is None or not self._is_own(reject):
                    continue
                if seen is not None:
                    if (reject.part, reject.line) in seen:
                        continue
                    seen.add((reject.part, reject.line))
                yield reject

    def _in_turn(self, files: _RunFiles, counted: Mapping[str, int]) -> Iterator[tuple[str, bool]]:
        """Give the numbered files that count, and whether nobody can tell for one.

        A file is written when the one before it counts, so only the last one of a part may be in doubt.
        """
        for token, names in files.numbered.items():
            if token in counted:
                yield from ((name, False) for name in names[: counted[token]])
            else:
                yield from ((name, place == len(names) - 1) for place, name in enumerate(names))

    def _counted(self, files: _RunFiles) -> dict[str, int]:
        """Return how many files of each part count, as far as a seal, the state or a report says it."""
        counted = {token: part.files for token, part in self._known.items() if part.files}
        for name in files.seals:
            found = _PART.fullmatch(name)
            for line in self._lines(name):
                if found is not None and "files" in (seal := _whose(line)):
                    counted[found["token"]] = int(seal["files"])
        return counted

    def _marks(self, names: Sequence[str]) -> dict[tuple[str, int], Mark]:
        marks = {}
        for name in names:
            for line in self._lines(name):
                found = _whose(line)
                if {"part", "line", "redriven"} <= found.keys():
                    mark = Mark(found["redriven"], found.get("at", ""), found.get("run", ""))
                    marks[found["part"], found["line"]] = mark
        return marks

    def _lines(self, name: str, most: int | None = None) -> Iterator[bytes]:
        """Read lines; a file that has gone meanwhile has none, since what counted in it was joined into another."""
        try:
            for number, line in enumerate(self._storage.lines(name)):
                if number == most:
                    return
                yield line
        except FileNotFoundError:
            return
        except self._storage.errors as error:
            raise self._explained(error, f"The rejects in {name!r} cannot be read") from None

    # --- lines ----------------------------------------------------------------------------------------

    def _reject(
        self,
        run: str,
        name: str,
        number: int,
        line: bytes,
        *,
        is_in_doubt: bool,
        marks: Mapping[tuple[str, int], Mark],
    ) -> StoredReject | None:
        part = _PART.fullmatch(name)
        found = _whose(line)
        if part is None or not {"code", "identifier", "updated_at"} <= found.keys():
            self.troubles.append(f"Line {number + 1} of {name!r} is no reject as a run writes it, and is left out.")
            return None
        token, place = str(found.get("part", part["token"])), int(found.get("line", number))
        return StoredReject(
            token,
            place,
            run,
            sync_id=str(found.get("sync_id", "")),
            run_id=str(found.get("run_id", "")) or run.rpartition("/")[2],
            map_index=int(found.get("map_index", -1)),
            try_number=int(found.get("try_number") or part["try"] or 1),
            at=str(found.get("at", "")),
            outcome=str(found.get("outcome", "rejected")),
            code=str(found["code"]),
            reason=str(found.get("reason", "")),
            identifier=found["identifier"] or {},
            updated_at=str(found["updated_at"]),
            payload=found.get("payload"),
            columns=found.get("columns") or {},
            is_in_doubt=is_in_doubt,
            mark=marks.get((token, place)),
        )

    def _is_own(self, reject: StoredReject) -> bool:
        """Whether a line is of this sync; where templates lead several syncs into one place, others stand there too."""
        return reject.sync_id in ("", self.sync_id) or reject.sync_id.startswith(f"{self.sync_id}:")

    def _explained(self, error: Exception, doing: str) -> Exception:
        text = f"{doing}: {self._storage.told(error)}."
        if isinstance(error, PermissionError | NotADirectoryError | ImportError | ValueError):
            return ConfigurationError(f"{text} Look here as the user who runs the worker, on a machine that sees it.")
        return RetryLater(f"{text} Bring the storage back; nothing was changed.")


def _whose(line: bytes) -> dict[str, Any]:
    """Return a line as an object; an empty one for what a torn file or a hand has left."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
