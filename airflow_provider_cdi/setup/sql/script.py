"""A script: steps with what to know about each, as one file, in parts, or as data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

Part = Literal["sql", "shell", "connection", "check", "dag"]
#: Characters of a line of a comment.
_WIDTH = 116


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    :param title: what it does.
    :param part: ``sql`` of the warehouse, commands of a ``shell``, the Airflow ``connection``, how to ``check`` it, the
        ``dag``.
    :param text: what is run; empty when the step only tells something.
    :param notes: what to know before.
    :param is_later: whether it is for another day: it is written as a comment.
    """

    title: str
    part: Part
    text: str
    notes: str = ""
    is_later: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """The set-up of one sync.

    :param title: what is set up.
    :param command: which command made it.
    :param runs_as: who may run it.
    :param blanks: what must be filled in first.
    """

    title: str
    command: str
    runs_as: str
    blanks: tuple[str, ...]
    steps: tuple[Step, ...]

    def as_sql(self) -> str:
        """Return everything as one file of SQL, in which all that is no SQL is a comment."""
        lines = [*_comment(self.title), *_comment(f"Made by: {self.command}"), *_comment(f"Run it as {self.runs_as}")]
        lines += [line for blank in self.blanks for line in _comment(f"Fill in first: {blank}")]
        for number, step in enumerate(self.steps, start=1):
            lines += ["", *_comment(f"{number}. {step.title}"), *_comment(step.notes), *_in_sql(step)]
        return "\n".join(lines) + "\n"

    def only(self, part: Part) -> str:
        """Return one part alone: what runs as it stands, without what is for another day."""
        mark = "-- " if part == "sql" else "# "
        texts = [
            f"{mark}{step.title}\n{step.text}"
            for step in self.steps
            if step.part == part and step.text and not step.is_later
        ]
        return "\n\n".join(texts) + "\n" if texts else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)


def _in_sql(step: Step) -> Iterator[str]:
    if step.part == "sql" and not step.is_later:
        yield from step.text.splitlines()
        return
    for line in step.text.splitlines():
        yield f"--   {line}".rstrip()


def _comment(text: str) -> list[str]:
    return [f"-- {line}" for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)]
