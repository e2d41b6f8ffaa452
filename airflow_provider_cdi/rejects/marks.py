"""Marks: which rejects were sent again, and what became of them. They lie beside the parts, which stay as they are."""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Iterable

import orjson

from airflow_provider_cdi.rejects.storage import RejectStorage
from airflow_provider_cdi.rejects.stored import Mark, StoredReject

#: A greater number was not written by us, and would take room for nothing.
_MOST_LINES = 100_000_000


class Marks:
    """The marks of a run: four bytes a line, however many there are."""

    def __init__(self) -> None:
        self._kinds: list[Mark] = []
        self._numbers: dict[Mark, int] = {}
        self._lines: dict[str, array[int]] = {}

    def read(self, lines: Iterable[bytes]) -> bool:
        """Take a file of marks in; say whether all of it could be read."""
        is_whole = True
        for line in lines:
            try:
                one = orjson.loads(line)
                self._set(one["part"], one["line"], Mark(one["redriven"], one.get("at", ""), one.get("run", "")))
            except (ValueError, KeyError, TypeError, AttributeError):
                is_whole = False
        return is_whole

    def of(self, part: str, line: int) -> Mark | None:
        """Return the last mark of a line.

        :param part: its token.
        :param line: its number there.
        """
        lines = self._lines.get(part)
        number = lines[line] if lines and line < len(lines) else 0
        return self._kinds[number - 1] if number else None

    def _set(self, part: str, line: int, mark: Mark) -> None:
        if not 0 <= line < _MOST_LINES:
            raise ValueError(line)
        lines = self._lines.setdefault(part, array("I"))
        if line >= len(lines):
            lines.extend(0 for _ in range(line + 1 - len(lines)))
        number = self._numbers.get(mark)
        if number is None:
            self._kinds.append(mark)
            number = self._numbers[mark] = len(self._kinds)
        # Of two marks the later one says how things are now.
        if not lines[line] or self._kinds[lines[line] - 1].at <= mark.at:
            lines[line] = number


def write_marks(storage: RejectStorage, fates: Iterable[tuple[StoredReject, str]], *, run: str, at: str) -> None:
    """Write down what became of rejects; it is durable on return.

    :param storage: where their parts lie.
    :param fates: each reject with one of :data:`~airflow_provider_cdi.rejects.stored.FATES`.
    :param run: that sent them again.
    :param at: when, as ISO 8601.
    """
    files: dict[str, list[bytes]] = {}
    for reject, fate in fates:
        line = {"part": reject.part, "line": reject.line, "redriven": fate, "at": at, "run": run}
        files.setdefault(reject.place, []).append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    for place, lines in files.items():
        storage.put(f"{place}.{secrets.token_hex(8)}.marks", b"".join(lines))
