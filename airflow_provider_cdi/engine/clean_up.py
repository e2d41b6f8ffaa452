"""Clean-up that never takes the place of the error before it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


@contextmanager
def closing(thing: T) -> Iterator[T]:
    """Close something after the body, as ``contextlib.closing`` does, without hiding what the body raised."""
    with afterwards(getattr(thing, "close", _nothing), f"{type(thing).__name__} could not be closed"):
        yield thing


@contextmanager
def afterwards(call: Callable[[], Any], failed: str) -> Iterator[None]:
    """Call something after the body. Where both raise, the body's error is the one that goes on.

    :param call: cleans up.
    :param failed: what it means when that raises, for the log.
    """
    try:
        yield
    except BaseException as first:
        with keeping(first, failed):
            call()
        raise
    call()


@contextmanager
def keeping(first: BaseException, failed: str) -> Iterator[None]:
    """Let an error of the body be no more than a note on an earlier one.

    :param first: the error that goes on.
    :param failed: what an error of the body means.
    """
    try:
        yield
    except Exception as second:
        note(first, failed, second)


def note(first: BaseException, failed: str, second: BaseException) -> None:
    """Keep a second error beside the first, by its type alone: its text may hold a row's values."""
    said = f"Besides, {failed} ({type(second).__name__})."
    first.add_note(said)
    log.warning("%s", said)


def _nothing() -> None:
    """Close what has nothing to close."""
