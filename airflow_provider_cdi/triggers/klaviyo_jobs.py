"""Waits in the triggerer until Klaviyo has ended the jobs of a deferred task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_cdi.destinations.klaviyo.responses.job_watch import AT_WORK, job_state
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import ConfigurationError, NoAnswer
from airflow_provider_cdi.hooks.http.transport import AiohttpTransport
from airflow_provider_cdi.hooks.klaviyo.hook import KlaviyoHook

#: Seconds between two jobs that are looked at: the limit is 10 a second and 150 a minute for the whole account.
_PAUSE = 0.5


class KlaviyoJobsTrigger(BaseTrigger):
    """Looks at jobs, one request at a time, until the last of them has ended.

    It fires too when nothing can be learned here (no connection, a refused key, a job that Klaviyo has forgotten): the
    task that goes on meets the same and says what to do.

    :param klaviyo_conn_id: connection of type ``klaviyo``; looked up where the trigger runs.
    :param paths: what to ask about each job, ``/api/profile-bulk-import-jobs/<id>``.
    :param poll_seconds: seconds between two looks at a job that is still at work, and before the first one: a task
        that goes on right after its deferral may be taken for a failed one by Airflow.
    :param until: when to stop waiting, in seconds since the epoch, so that it outlives a restart of the triggerer.
    """

    def __init__(self, klaviyo_conn_id: str, paths: Sequence[str], poll_seconds: float, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.klaviyo_conn_id = klaviyo_conn_id
        self.paths = list(paths)
        self.poll_seconds = poll_seconds
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer makes the trigger of again. It holds no secret."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "klaviyo_conn_id": self.klaviyo_conn_id,
                "paths": self.paths,
                "poll_seconds": self.poll_seconds,
                "until": self.until,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: ``{"timed_out": False}`` when all jobs have ended, True when the time was up before."""
        await asyncio.sleep(self.poll_seconds)
        try:
            settings = await KlaviyoHook(self.klaviyo_conn_id).find_settings()
        except ConfigurationError as error:
            self.log.warning("%s The task goes on, to fail with this.", error)
            yield _event(timed_out=False)
            return
        async with AiohttpTransport(settings, 1) as transport:
            timed_out = not await self._wait(transport)
        yield _event(timed_out=timed_out)

    async def _wait(self, transport: AiohttpTransport) -> bool:
        """Wait for one job after the other, and say whether all of them have ended in time."""
        for number, path in enumerate(self.paths, start=1):
            while await self._is_running(transport, path):
                if time.time() >= self.until:
                    return False
                await asyncio.sleep(self.poll_seconds)
            self.log.info("Job %d of %d has ended", number, len(self.paths))
            if number < len(self.paths):
                await asyncio.sleep(min(self.poll_seconds, _PAUSE))
        return True

    async def _is_running(self, transport: AiohttpTransport, path: str) -> bool:
        try:
            answer = await transport.send(Request("GET", path, b""))
        except NoAnswer as error:
            self.log.warning("No answer about a job: %s; asked again in %g s", error.reason, self.poll_seconds)
            return True
        if answer.status == 429 or answer.status >= 500:
            self.log.info("Klaviyo is busy (status %d); asked again in %g s", answer.status, self.poll_seconds)
            return True
        status = job_state(answer.body).get("status")
        if answer.status == 200 and not isinstance(status, str):
            self.log.info("The answer about a job is not Klaviyo's; asked again in %g s", self.poll_seconds)
            return True
        return answer.status == 200 and status in AT_WORK


def _event(*, timed_out: bool) -> TriggerEvent:
    return TriggerEvent({"timed_out": timed_out})  # type: ignore[no-untyped-call]  # Airflow's
