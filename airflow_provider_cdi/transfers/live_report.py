"""The report of a run that is at work: written at its begin, about once a minute, and when its status changes.

Who reads it must not take it for the truth of a process that may be dead: a worker that was killed leaves ``running``
behind. Airflow's state of the task, and the lease of the sync, say whether somebody is at work.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.standstill import Standstill

#: Seconds between two reports of one status, and between two reports at all.
TELL_EVERY, TELL_AT_MOST_EVERY = 60.0, 10.0
#: Seconds that the end of a run waits for a report that is being written.
LONGEST_GOODBYE = 5.0
_log = logging.getLogger(__name__)


class LiveReport:
    """Leaves the report so far where people and commands look for it, and never disturbs the run.

    :param so_far: gives the report so far with a status.
    :param push: writes a report.
    :param in_thread: whether a thread may do so beside the run; else it is done by :meth:`save`.
    """

    def __init__(
        self, so_far: Callable[[str], dict[str, Any]], push: Callable[[dict[str, Any]], None], *, in_thread: bool
    ) -> None:
        self._so_far, self._push, self.in_thread = so_far, push, in_thread
        self._lock, self._has_ended = threading.Lock(), False
        self._writer: threading.Thread | None = None
        self._next: dict[str, Any] | None = None
        self._status = "running"
        self._told_at: float | None = None

    def begin(self) -> None:
        """Say that the run is at work."""
        self._next = self._so_far(self._status)
        self.save()

    def look(self, standstill: Standstill | None, now: float) -> None:
        """Write the numbers so far when it is time to; called by the run, often.

        :param standstill: what keeps requests back; None for nothing.
        :param now: by the monotonic clock.
        """
        if self._told_at is None:
            self._told_at = now  # the begin was told
        status = "running" if standstill is None else "waiting"
        age = now - self._told_at
        if age < (TELL_EVERY if status == self._status else TELL_AT_MOST_EVERY) or self._is_writing:
            return
        self._told_at, self._status = now, status
        report = self._so_far(status)
        if standstill is not None:
            report["waiting"] = {"reason": standstill.reason, "seconds_left": round(standstill.seconds_left)}
        self._next = report
        if self.in_thread:
            self._writer = threading.Thread(target=self.save, name="cdi-report", daemon=True)
            self._writer.start()

    def save(self) -> None:
        """Write what waits to be written, unless the run has ended."""
        with self._lock:
            report, self._next = self._next, None
            if report is None or self._has_ended:
                return
            try:
                self._push(report)
            except Exception as error:  # a report less; the run's own calls find out whether Airflow is away
                _log.debug("The report so far could not be saved as an XCom (%s)", type(error).__name__)

    def end(self) -> None:
        """Write nothing any more: what comes now is the last word."""
        is_mine = self._lock.acquire(timeout=LONGEST_GOODBYE)
        self._has_ended = True
        if is_mine:
            self._lock.release()

    @property
    def _is_writing(self) -> bool:
        return self._writer is not None and self._writer.is_alive()
