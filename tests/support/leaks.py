"""A person's address in a row, and whether anything of it is told when a statement fails at it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.exceptions import CdiError
from airflow_provider_cdi.hooks.sql.source import SqlSource

#: The value of a row that must not be told, and pieces of it that a database may quote alone.
VALUE = "anna.leak@example.org"
PIECES = (VALUE, "anna", "leak@", "example.org")
#: What each message must say instead: what to do, and where the rest is.
ADVICE = ("cast the column in a view", "run the source's query", "not shown here", "It says")


def pieces_in(text: str) -> list[str]:
    """Return what a text tells of the value."""
    return [piece for piece in PIECES if piece in text]


def story_of(error: BaseException) -> str:
    """Return the traceback of an error, and all that hangs on it: what was chained, and what was being handled."""
    others = filter(None, (error.__cause__, error.__context__))
    return "".join([*traceback.format_exception(error), *map(story_of, others)])


@contextmanager
def discreet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let the body fail, and check its error, the traceback with its chain, and every log at DEBUG."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(CdiError) as raised:
        yield
    assert pieces_in(story_of(raised.value)) == []
    assert pieces_in(caplog.text) == []
    assert any(advice in str(raised.value) for advice in ADVICE), str(raised.value)


def read_all(open_source: Callable[[], SqlSource]) -> None:
    """Look at a source and read it: a database may find the fault at either."""
    for _ in open_source().read(Bounds()):
        pass
