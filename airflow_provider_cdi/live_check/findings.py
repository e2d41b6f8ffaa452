"""What a live check finds, and how a step of it says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from airflow_provider_cdi.exceptions import CdiError, Unforeseen


class State(Enum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "FAILED"
    #: It could not be tried; the finding says why. No reason to distrust what passed.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found.

    :param step: what was looked at.
    :param state: how it ended.
    :param seconds: how long it took.
    :param words: one or two sentences, without a value of anybody's row.
    """

    step: str
    state: State
    seconds: float
    words: str


class Failed(Exception):
    """Something is not as it must be; the text says what."""


class Skipped(Exception):
    """The step cannot be tried here; the text says why."""


def found(step: str, look: Callable[[], str]) -> Finding:
    """Take one step.

    :param step: its name.
    :param look: returns a sentence when all is well, raises :class:`Failed`, :class:`Skipped` or an error of the
        warehouse when it is not.
    """
    started = time.monotonic()
    try:
        state, words = State.PASSED, look()
    except Skipped as error:
        state, words = State.SKIPPED, str(error)
    except (Failed, CdiError) as error:
        state, words = State.FAILED, str(error)
    except Exception as error:  # its text may hold a value of a row, and the other steps are worth taking
        state, words = State.FAILED, str(Unforeseen(error, "The step"))
    return Finding(step, state, time.monotonic() - started, " ".join(words.split()))
