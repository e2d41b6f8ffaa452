"""The files of a sync's rejects, run by run, as they lie in a storage."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from airflow_provider_cdi.rejects.storage import FoundFile, RejectStorage

_SUFFIX = r"(?P<suffix>\.[A-Za-z]\w{0,9})"
_OF_A_PART = re.compile(rf"(?P<run>.+?)\.(?P<token>try\d+-\w+)(?:\.(?P<number>\d{{5,}}))?{_SUFFIX}", re.DOTALL)
_MARKS = re.compile(r"(?P<run>.+)\.[0-9a-f]{16}\.marks", re.DOTALL)
_SEAL = re.compile(r"(?P<run>.+?)\.(?P<token>try\d+-\w+)\.seal", re.DOTALL)
_INSTANCE = re.compile(r"(.+)\.(\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RejectPlace:
    """Where the rejects of a sync lie.

    :param below: a folder or an address.
    :param begins: what the names of its files begin with there; empty when all are looked at.
    :param top: the local folder below which all folders are of this package.
    :param host: this machine's name; empty for storage that all machines share.
    :param is_shared: whether other syncs may write there, so that a line that does not say whose it is, is nobody's.
    """

    below: str
    begins: str = ""
    top: str | None = None
    host: str = ""
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file with lines of rejects.

    :param name: a path or an address.
    :param token: of its part, such as ``try1-3f9a1c7e``.
    :param number: of the file in its part; None when the part is one file.
    :param modified: when it was written, in seconds since 1970.
    """

    name: str
    token: str
    number: int | None
    modified: float

    @property
    def try_number(self) -> int:
        """The try that wrote it, for lines that do not say it."""
        return int(self.token[3:].partition("-")[0])


@dataclass(slots=True)
class RunFiles:
    """The files of one run, of a mapped task of one of its instances.

    :param folder: where they lie.
    :param name: what they begin with: the run's id as far as a file's name can have it, and the instance.
    :param parts: files with lines, in no order.
    :param marks: name of a file that says what was redriven -> when it was written, in seconds since 1970.
    :param seals: token of a part -> name of the file that says how many of its files count.
    """

    folder: str
    name: str
    parts: list[PartFile] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    seals: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """What all names of its files begin with."""
        return f"{self.folder}/{self.name}"

    @property
    def modified(self) -> float:
        """When the last line was written, in seconds since 1970, or later."""
        return max((part.modified for part in self.parts), default=float("inf"))

    @property
    def run_id(self) -> str:
        """The run, for lines that do not say it."""
        found = _INSTANCE.fullmatch(self.name)
        return found[1] if found else self.name

    @property
    def map_index(self) -> int:
        """The instance, for lines that do not say it."""
        found = _INSTANCE.fullmatch(self.name)
        return int(found[2]) if found else -1

    def whole_parts(self) -> list[PartFile]:
        """Return the parts that are one file, which was joined, the oldest first."""
        return sorted((one for one in self.parts if one.number is None), key=lambda one: (one.modified, one.name))

    def numbered_parts(self) -> dict[str, list[PartFile]]:
        """Return the other parts by their token, the one that began first in front, each with its files in order."""
        found: dict[str, list[PartFile]] = {}
        for one in sorted(self.parts, key=lambda one: (one.modified, one.number or 0)):
            if one.number is not None:
                found.setdefault(one.token, []).append(one)
        return {token: sorted(files, key=lambda one: one.number or 0) for token, files in found.items()}

    def names(self) -> list[str]:
        """Return all files."""
        return [*(part.name for part in self.parts), *self.marks, *self.seals.values()]


def list_runs(storage: RejectStorage, place: RejectPlace) -> list[RunFiles]:
    """Return what lies at a place, in no order.

    :param storage: of the place.
    :param place: where to look; other files that lie there are passed over.
    """
    runs: dict[tuple[str, str], RunFiles] = {}
    for file in storage.find(place.below):
        if file.name.startswith(place.begins):
            _enter(runs, file)
    return [run for run in runs.values() if run.parts]


def list_run(storage: RejectStorage, run: RunFiles) -> RunFiles:
    """Return what lies there of a run now."""
    found: dict[tuple[str, str], RunFiles] = {}
    for file in storage.find(run.folder):
        _enter(found, file)
    return found.get((run.folder, run.name), RunFiles(run.folder, run.name))


def _enter(runs: dict[tuple[str, str], RunFiles], file: FoundFile) -> None:
    folder, _, name = file.name.rpartition("/")

    def run_of(found: re.Match[str]) -> RunFiles:
        return runs.setdefault((folder, found["run"]), RunFiles(folder, found["run"]))

    if found := _MARKS.fullmatch(name):
        run_of(found).marks[file.name] = file.modified
    elif found := _SEAL.fullmatch(name):
        run_of(found).seals[found["token"]] = file.name
    elif found := _OF_A_PART.fullmatch(name):
        number = None if found["number"] is None else int(found["number"])
        run_of(found).parts.append(PartFile(file.name, found["token"], number, file.modified))
