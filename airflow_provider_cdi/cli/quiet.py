"""Standard output belongs to the result: what is logged goes to standard error, with ``--verbose`` only."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def run_quietly(run: Callable[[argparse.Namespace], int | None], options: argparse.Namespace) -> int | None:
    """Keep logs and warnings of Airflow, of drivers and of DAG files away from the result.

    :param run: the command.
    :param options: with ``verbose`` they go to standard error, without it nowhere.
    :return: what the command returned.
    """
    from airflow.utils.cli import suppress_logs_and_warning

    codes: list[int | None] = []

    @suppress_logs_and_warning  # each version of Airflow knows its own ways to log
    def quietly(options: argparse.Namespace) -> None:
        codes.append(run(options))

    with _logs_on_stderr():
        quietly(options)
    return codes[0]


@contextmanager
def prints_to_stderr() -> Iterator[None]:
    """Send what others print, such as a DAG file, to standard error."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def _logs_on_stderr() -> Iterator[None]:
    # Airflow does so itself since 3.3; before, its logs go to standard output, in 3.0 by a handler of its own kind.
    root = logging.getLogger()
    before = list(root.handlers)
    root.handlers = [_on_stderr(handler) for handler in before]
    try:
        yield
    finally:
        root.handlers = before


def _on_stderr(handler: logging.Handler) -> logging.Handler:
    if not (isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout):
        return handler
    other = logging.StreamHandler(sys.stderr)
    other.setLevel(handler.level)
    other.setFormatter(handler.formatter)
    other.filters = handler.filters
    return other
