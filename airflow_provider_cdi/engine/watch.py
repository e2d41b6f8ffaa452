"""The watch of a run: looks every half second whether something must be done that no row brings about."""

from __future__ import annotations

import logging
from collections.abc import Callable

from airflow_provider_cdi.engine.delivery.conversation import Conversations
from airflow_provider_cdi.engine.outcome.checkpoints import Checkpoints
from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.supervisor import TOLD_TO_END
from airflow_provider_cdi.exceptions import CdiError, Interrupted, JobsRunning

log = logging.getLogger(__name__)

#: How often the stop request, the checkpoint's age and the progress line are looked at, in seconds.
TICK = 0.5
#: Time between two progress lines, in seconds.
PROGRESS_EVERY = 5.0


class Watch:
    """Saves what is old, ends the run when it is told to or when nothing moves, and shows its progress.

    :param inputs: of the run.
    :param ledger: knows the outcomes.
    :param checkpoints: saves them.
    :param conversations: know what the destination is at work on.
    :param fail: ends the run with an error.
    """

    def __init__(
        self,
        inputs: RunInputs,
        ledger: Ledger,
        checkpoints: Checkpoints,
        conversations: Conversations,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._clock, self._sentry = inputs.clock, inputs.sentry
        self._stop_requested, self._patience = inputs.stop_requested, inputs.patience
        self._ledger = ledger
        self._checkpoints = checkpoints
        self._conversations = conversations
        self._fail = fail
        self.started = inputs.clock.monotonic()
        #: When rows were read or delivered last, or a job was begun.
        self.moved_at = self.started
        #: Rows that the run will bring, as far as numbers can tell.
        self.due = 0

    async def look(self) -> None:
        """Look until cancelled."""
        next_line = self.started + PROGRESS_EVERY
        while True:
            await self._clock.sleep(TICK)
            await self._look_for_a_pause()
            now = self._clock.monotonic()
            self._checkpoints.call_if_old()
            if now >= next_line:
                self._log_progress(now - self.started)
                next_line = now + PROGRESS_EVERY
            if self._stop_requested is not None and self._stop_requested():
                self._fail(Interrupted(TOLD_TO_END))
            if now - self.moved_at >= self._patience and (running := self._conversations.jobs_alone):
                self._fail(JobsRunning(running))

    async def _look_for_a_pause(self) -> None:
        if self._sentry is None:
            return
        try:
            await self._sentry.look()
        except CdiError as error:
            self._fail(error)

    def _log_progress(self, seconds: float) -> None:
        totals = self._ledger.totals
        done, due = self._ledger.rows_in_prefix, max(self.due, 1)
        rate = done / seconds if seconds else 0.0
        eta = f"{(due - done) / rate:.0f} s left" if rate and due >= done else "time left unknown"
        rejected = totals.rejected + totals.unknown
        log.info(
            "%s of about %s rows (%.0f %%), %s rows/s, %s, %s rejects",
            f"{done:,}", f"{due:,}", min(100.0, 100 * done / due), f"{rate:,.0f}", eta, f"{rejected:,}",
        )  # fmt: skip
