"""What the demo prints, and where everything else goes."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

WIDTH = 96


def say(text: str = "", *, indent: int = 3) -> None:
    """Print a paragraph, wrapped."""
    wrapped = textwrap.wrap(text, WIDTH - indent) or [""]
    for line in wrapped:
        show(" " * indent + line if line else "")


def show(line: str) -> None:
    """Print one line as it is."""
    print(line, flush=True)  # noqa: T201 - the demo talks to a person


def step(number: int, title: str) -> None:
    """Head a step."""
    show("")
    show(f"{number}. {title}")


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    """Print rows under titles: the first column to the left, numbers to the right."""
    for row in (titles, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        show("   " + "".join(cells).rstrip())


@contextmanager
def aside(log: Path) -> Iterator[None]:
    """Send whatever is printed in the body, also by libraries and child processes, to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with log.open("ab") as file:
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(kept, start=1):
                os.dup2(copy, number)
                os.close(copy)
