"""How far a run is, in the log: every few seconds while it moves; seldom, and with the reason, while it does not."""

from __future__ import annotations

import logging

from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.standstill import Standstill

log = logging.getLogger(__name__)

#: Time between two lines while rows come and go, in seconds.
PROGRESS_EVERY = 5.0
#: And while nothing moves.
WAITING_EVERY = 60.0


class ProgressLog:
    """Writes the lines.

    :param started: when the run began, by the monotonic clock.
    """

    def __init__(self, started: float) -> None:
        self._started = self._last = started
        self._was_kept_back = False

    def look(
        self, now: float, ledger: Ledger, *, due: int, moved_at: float, standstill: Standstill | None, jobs: int
    ) -> None:
        """Write a line when it is time for one.

        :param now: by the monotonic clock.
        :param ledger: knows the outcomes.
        :param due: rows that the run will bring, as far as numbers can tell.
        :param moved_at: when rows were read or delivered last.
        :param standstill: what keeps requests back; None for nothing.
        :param jobs: jobs at the destination that are all that is waited for.
        """
        begins_to_wait = standstill is not None and not self._was_kept_back
        self._was_kept_back = standstill is not None
        moves = standstill is None and moved_at > self._last
        if not begins_to_wait and now - self._last < (PROGRESS_EVERY if moves else WAITING_EVERY):
            return
        done, rows = ledger.rows_in_prefix, f"{ledger.rows_in_prefix:,} of about {max(due, 1):,} rows"
        if standstill is not None:
            log.info(
                "Waiting for the rate limit: %s. The next request may leave in %.0f s; %s are done",
                standstill.reason, standstill.seconds_left, rows,
            )  # fmt: skip
        elif moves:
            log.info("%s, %s", rows, self._pace(now, ledger, done, max(due, 1)))
        else:
            what = f"{jobs} jobs at the destination" if jobs else "the warehouse's rows or the destination's answers"
            log.info("Waiting for %s since %.0f s; %s are done", what, now - moved_at, rows)
        self._last = now

    def _pace(self, now: float, ledger: Ledger, done: int, due: int) -> str:
        totals, seconds = ledger.totals, now - self._started
        rate = done / seconds if seconds else 0.0
        left = f"{(due - done) / rate:.0f} s left" if rate and due >= done else "time left not known yet"
        rejects = totals.rejected + totals.unknown
        return f"{min(100.0, 100 * done / due):.0f} %, {rate:,.0f} rows/s, {left}, {rejects:,} rejects"
