"""How a task gives its worker back while the other side works on its jobs, and goes on when they have ended."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.transfers.arguments.checked import CheckedOperator

# A DAG file imports this module, and the plan of a run needs pyarrow.
if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_cdi.transfers.runs.state import RunState
    from airflow_provider_cdi.transfers.runs.waiting import Waiting


class DeferrableSyncOperator(CheckedOperator):
    """Waits for jobs of the other side in the triggerer, for a destination that has jobs.

    :meth:`patience` and :meth:`make_trigger` say whether it does; here it does not.
    """

    delivery: DeliverySettings

    def patience(self) -> float:
        """Return for how many seconds a try waits for jobs before it gives its worker back."""
        return math.inf

    def make_trigger(self, jobs: Sequence[str], until: float) -> BaseTrigger | None:
        """Return what waits for jobs without a worker, None for a destination that has none.

        :param jobs: what the other side calls them.
        :param until: when to stop waiting, in seconds since the epoch.
        """
        return None

    def go_on(
        self, context: Context, event: Mapping[str, Any] | None = None, kept: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Go on with a run whose task was deferred, and return its report. Airflow calls it.

        :param context: of the task.
        :param event: what the trigger says.
        :param kept: what was kept with the deferral; without it (``dag.test()`` drops it) the stores tell.
        :raises RetryLater: when the jobs have not ended in time; a new try asks for them again.
        """
        from airflow_provider_cdi.transfers.runs.waiting import Waiting

        if event is not None and event["timed_out"]:
            raise RetryLater(
                f"Jobs at the destination have not ended within job_seconds={self.delivery.retry.job_seconds:.0f}. "
                "They are not lost: a new try of the task asks for them again and sends nothing twice. Look at the "
                "destination's own page of imports, or raise that bound."
            )
        return self._try(context, Waiting.from_json(kept) if kept is not None else None)

    def wait_for(self, jobs: Sequence[str], run: RunState, waited: Waiting | None) -> None:
        """Give the worker back until the jobs have ended; what is known is saved already.

        :param jobs: what the other side calls them.
        :param run: that is to go on then.
        :param waited: the wait from which this try came back, None for none.
        """
        from airflow_provider_cdi.transfers.runs.waiting import Waiting

        waiting = Waiting.after(waited, run.plan, run.checkpoint, jobs, time.time())
        trigger = self.make_trigger(jobs, waiting.since + self.delivery.retry.job_seconds)
        if trigger is not None:
            self.log.info("%d jobs are at work at the destination; the task waits for them without a worker", len(jobs))
            self.defer(trigger=trigger, method_name="go_on", kwargs={"kept": waiting.to_json()})

    @abstractmethod
    def _try(self, context: Context, waited: Waiting | None = None) -> dict[str, Any]:
        """Run the sync, or go on with it, and return its report."""
