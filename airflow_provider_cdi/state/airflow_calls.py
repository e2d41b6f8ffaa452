"""What goes wrong between a task and Airflow, by what to do next."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_cdi.exceptions import RetryLater, Superseded

#: Answers of Airflow to a try that it has given up (its task instance has a new id, or its token has expired).
_REFUSALS = (401, 403, 404, 409, 410)
#: What Airflow tells a task when its API server does not answer, or answers that something is wrong with itself.
_AWAY = ("API_SERVER_ERROR", "GENERIC_ERROR")
#: Seconds for which a call is tried again, beside Airflow's own tries, and between two tries at most.
PATIENCE, LONGEST_WAIT = 60.0, 10.0
#: What of a task's context leads to calls of Airflow.
_CALLING = ("ti", "task_state_store", "asset_state_store")

#: What a code looks like: no text that somebody wrote.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]{0,60}")

#: A task has one line to Airflow, and before 3.2, and in ``dag.test()``, nothing keeps two threads apart on it: the one
#: would get the other's answer.
_line = threading.RLock()

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")
_log = logging.getLogger(__name__)


@contextmanager
def saving(sync_id: str) -> Iterator[None]:
    """Save something in Airflow, and tell a refusal from a server that is away.

    :param sync_id: whose state it is.
    :raises Superseded: when Airflow refuses this try.
    :raises RetryLater: when it does not answer.
    """
    try:
        yield
    except AirflowRuntimeError as error:
        if (error.error.detail or {}).get("status_code") in _REFUSALS:
            raise Superseded(
                f"Airflow refuses to save the state of sync {sync_id!r} ({_told(error)}): it has given this try up and "
                "started or will start another, or the DAG was removed. This try sends nothing any more; what was "
                "acknowledged since its last save is sent again by the next one."
            ) from None
        raise RetryLater(
            f"Airflow's API server did not save the state of sync {sync_id!r} ({_told(error)}). What was acknowledged "
            "since the last save is sent again by the next try; see the log of the API server."
        ) from None


def steady(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's context whose calls of Airflow outlast an API server that is away for a while.

    Each call is made again by itself: to save or read the same once more changes nothing.
    """
    return {**context, **{name: _Steady(context[name]) for name in _CALLING if name in context}}


def in_turn(call: Callable[_Asked, _Answer]) -> Callable[_Asked, _Answer]:
    """Return a call of Airflow that waits for those of other threads, as all calls of this package do.

    :param call: of Airflow.
    """

    @wraps(call)
    def alone(*args: _Asked.args, **kwargs: _Asked.kwargs) -> _Answer:
        with _line:
            return call(*args, **kwargs)

    return alone


class _Steady:
    """Stands before an object of Airflow's and makes each of its calls again while the API server is away."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return outlasting(found) if callable(found) else found

    def __getitem__(self, key: Any) -> _Steady:
        return _Steady(self._real[key])


def outlasting(
    call: Callable[_Asked, _Answer],
    *,
    sleep: Callable[[float], None] | None = None,
    clock: Callable[[], float] | None = None,
) -> Callable[_Asked, _Answer]:
    """Return a call that is made again while the API server is away, for a bounded time, each time in its turn.

    :param call: of Airflow.
    :param sleep: waits for some seconds.
    :param clock: seconds that have passed.
    """
    sleep, clock, once = sleep or time.sleep, clock or time.monotonic, in_turn(call)

    @wraps(call)
    def patiently(*args: _Asked.args, **kwargs: _Asked.kwargs) -> _Answer:
        until, wait = clock() + PATIENCE, 1.0
        while True:
            try:
                return once(*args, **kwargs)
            except AirflowRuntimeError as error:
                if not is_away(error) or clock() + wait > until:
                    raise
                _log.warning("Airflow's API server does not answer (%s); trying again in %.0f s", _told(error), wait)
                sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    return patiently


def is_away(error: AirflowRuntimeError) -> bool:
    """Whether the API server could not answer, and may later."""
    status = (error.error.detail or {}).get("status_code")
    return error.error.error.value in _AWAY and (status is None or status >= 500 or status == 429)


@contextmanager
def calling() -> Iterator[None]:
    """Tell an API server that is away in our own words.

    :raises RetryLater: when it did not answer for a while.
    """
    try:
        yield
    except AirflowRuntimeError as error:
        if not is_away(error):
            raise
        raise RetryLater(
            f"Airflow's API server did not answer for a minute and more ({_told(error)}). Nothing is lost: a new try "
            "goes on behind what was saved. See the log of the API server."
        ) from None


def _told(error: AirflowRuntimeError) -> str:
    """Say what Airflow answered by its codes: its text may repeat what it was sent, or quote its database."""
    detail = error.error.detail or {}
    status, inner = detail.get("status_code"), detail.get("detail")
    while isinstance(inner, dict) and isinstance(inner.get("detail"), dict):
        inner = inner["detail"]
    reason = inner.get("reason") if isinstance(inner, dict) else None
    words = [detail.get("exception_type"), f"status {status}" if status else None, reason]
    plain = [word for word in words if isinstance(word, str) and _PLAIN.fullmatch(word)]
    return ", ".join([error.error.error.value, *plain])
