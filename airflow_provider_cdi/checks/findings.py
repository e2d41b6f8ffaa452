"""What a check finds, and how a step of it says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_provider_cdi.exceptions import CdiError, RetryLater, Unforeseen


class State(Enum):
    """How a step ended."""

    OK = "ok"
    #: The sync works, and somebody should know something about it.
    WARNING = "warning"
    FAILED = "failed"
    #: It was not or could not be tried; the finding says why. No reason to distrust what is ok.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found.

    :param step: what was looked at.
    :param state: how it ended.
    :param seconds: how long it took.
    :param message: what was found, without a secret and without a value of anybody's row.
    :param cure: what that usually means and what to do; empty where nothing is to be done, or the message says it.
    :param passes: whether a failure may be gone at a later try.
    """

    step: str
    state: State
    seconds: float
    message: str
    cure: str = ""
    passes: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types, as the XCom and ``--output json`` have it."""
        return {
            "step": self.step,
            "state": self.state.value,
            "seconds": round(self.seconds, 3),
            "message": self.message,
            "cure": self.cure,
        }


class _Told(Exception):
    """How a step says that not all is well.

    :param message: what was found.
    :param cure: what it usually means and what to do.
    """

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class Problem(_Told):
    """The sync would fail here.

    :param passes: whether it may be gone at a later try.
    """

    def __init__(self, message: str, cure: str = "", *, passes: bool = False) -> None:
        super().__init__(message, cure)
        self.passes = passes


class Doubt(_Told):
    """The sync works, and somebody should know this."""


class NotTried(_Told):
    """The step cannot be tried here; the text says why."""


def found(step: str, look: Callable[[], str]) -> Finding:
    """Take one step.

    :param step: its name.
    :param look: returns a sentence when all is well, raises :class:`Problem`, :class:`Doubt`, :class:`NotTried` or an
        error of this package when it is not.
    """
    started = time.monotonic()
    try:
        state, told, passes = State.OK, (look(), ""), False
    except NotTried as error:
        state, told, passes = State.SKIPPED, (str(error), error.cure), False
    except Doubt as error:
        state, told, passes = State.WARNING, (str(error), error.cure), False
    except Problem as error:
        state, told, passes = State.FAILED, (str(error), error.cure), error.passes
    except CdiError as error:
        state, told, passes = State.FAILED, error.parts or (str(error), ""), isinstance(error, RetryLater)
    except Exception as error:  # its text may hold a value of a row, and the other steps are worth taking
        state, told, passes = State.FAILED, (str(Unforeseen(error, "The step")), ""), False
    message, cure = (" ".join(text.split()) for text in told)
    return Finding(step, state, time.monotonic() - started, message, cure, passes)
