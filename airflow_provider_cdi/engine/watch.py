"""The watch of a run: looks every half second whether something must be done that no row brings about."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_cdi.engine.delivery.conversation import Conversations
from airflow_provider_cdi.engine.outcome.checkpoints import Checkpoints
from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.progress_log import ProgressLog
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.supervisor import TOLD_TO_END
from airflow_provider_cdi.exceptions import CdiError, Interrupted, JobsRunning

#: How often the stop request, the checkpoint's age and the progress are looked at, in seconds.
TICK = 0.5
#: A run waits for the rate when nothing may leave for longer than this, in seconds; less is the pace of every run.
LONG_STANDSTILL = 10.0


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
        self._on_look, self._is_kept_back = inputs.on_look, False
        self.started = inputs.clock.monotonic()
        self._log = ProgressLog(self.started)
        #: When rows were read or delivered last, or a job was begun.
        self.moved_at = self.started
        #: Rows that the run will bring, as far as numbers can tell.
        self.due = 0

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep(TICK)
            await self._look_for_a_pause()
            now = self._clock.monotonic()
            self._checkpoints.call_if_old()
            self._tell(now)
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

    def _tell(self, now: float) -> None:
        standstill = self._conversations.standstill
        if standstill is not None and standstill.seconds_left < LONG_STANDSTILL and not self._is_kept_back:
            standstill = None
        self._is_kept_back = standstill is not None
        self._log.look(
            now, self._ledger, due=self.due, moved_at=self.moved_at, standstill=standstill,
            jobs=len(self._conversations.jobs_alone),
        )  # fmt: skip
        if self._on_look is not None:
            self._on_look(standstill, now)
