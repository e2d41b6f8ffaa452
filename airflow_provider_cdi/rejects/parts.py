"""The parts of a run's rejects: what each try wrote, where it lies, and how much of it counts.

A part belongs to one try on one storage; nobody else writes into it. It grows by whole files, numbered from 0, so that
no line can be torn, and the record of the sync says how many of them count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Parts that a record names; the state record stays under 32 KB.
MAX_PARTS = 40
_SUFFIX = re.compile(r"\.[A-Za-z]\w{0,9}$")

_TRY = re.compile(r"\.try\d+-\w+")
#: Of a file, or the star for all of them, in front of the suffix.
_NUMBER = re.compile(r"\.(?:\*|\d{5,})(?=\.[A-Za-z]\w{0,9}$)")


@dataclass(frozen=True, slots=True)
class RejectPart:
    """What one try wrote.

    :param path: its name, ``….try1-3f9a1c.jsonl``; also that of the file into which it is joined at the end.
    :param host: the machine on whose disk it lies; empty for storage that all machines share.
    :param files: how many numbered files count; 0 when it is one file of the name ``path``.
    :param rows: rejects in it.
    """

    path: str
    host: str
    files: int
    rows: int

    def numbered(self, number: int | str) -> str:
        """Return the name of one of its files.

        :param number: from 0; ``*`` for the pattern that finds all of them.
        """
        stem, suffix = split_suffix(self.path)
        return f"{stem}.{number:05d}{suffix}" if isinstance(number, int) else f"{stem}.{number}{suffix}"

    def names(self) -> list[str]:
        """Return the names of the files that count."""
        return [self.numbered(number) for number in range(self.files)] or [self.path]

    @property
    def seal(self) -> str:
        """The name of the file that says how many of the part's files count, once its run has ended well."""
        return f"{split_suffix(self.path)[0]}.seal"

    @property
    def token(self) -> str:
        """What tells it from the other parts of its run: ``try1-3f9a1c2b``."""
        return split_suffix(self.path)[0].rpartition(".")[2]

    @property
    def run(self) -> str:
        """What the names of all files of its run begin with, also of one into which it was joined."""
        return _TRY.sub("", split_suffix(self.path)[0])

    @property
    def pattern(self) -> str:
        """One name for all of its files, with a star where there are several."""
        return self.numbered("*") if self.files > 1 else self.names()[0]

    def to_json(self) -> list[Any]:
        """Return what :meth:`from_json` reads."""
        return [self.path, self.host, self.files, self.rows]

    @classmethod
    def from_report(cls, told: Mapping[str, Any]) -> RejectPart:
        """Read what a report says under ``rejects_files``."""
        path = _NUMBER.sub("", told["path"])
        return cls(path, told["host"] or "", told["files"] if path != told["path"] else 0, told["rows"])

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> RejectPart:
        """Read what :meth:`to_json` returned."""
        return cls(*stored)


def split_suffix(path: str) -> tuple[str, str]:
    """Split ``run.jsonl`` into ``run`` and ``.jsonl``, which is also what a name without a suffix gets."""
    found = _SUFFIX.search(path)
    return (path[: found.start()], found.group()) if found else (path, ".jsonl")


def at_most(parts: Sequence[RejectPart], number: int = MAX_PARTS) -> tuple[RejectPart, ...]:
    """Return the parts in a bounded number: the oldest ones become one with a pattern for a name.

    :param parts: of a run, the oldest first.
    :param number: how many there may be.
    """
    oldest, rest = parts[: max(0, len(parts) - number + 1)], parts[max(0, len(parts) - number + 1) :]
    if len(oldest) < 2:
        return tuple(parts)
    hosts = sorted({part.host for part in oldest})
    folded = RejectPart(
        _TRY.sub(".try*", oldest[0].path),
        hosts[0] if len(hosts) == 1 else "several machines",
        0,
        sum(part.rows for part in oldest),
    )
    return (folded, *rest)
