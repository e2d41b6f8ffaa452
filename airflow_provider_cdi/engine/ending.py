"""The end of a run: its tasks end, and what is known is saved."""

from __future__ import annotations

import asyncio

from airflow_provider_cdi.engine.clean_up import keeping
from airflow_provider_cdi.engine.delivery.senders import Senders
from airflow_provider_cdi.engine.outcome.checkpoints import Checkpoints
from airflow_provider_cdi.engine.supervisor import Supervisor
from airflow_provider_cdi.exceptions import JobsRunning, Superseded


async def end_tasks(failure: BaseException | None, senders: Senders, checkpoints: Checkpoints) -> None:
    """End all tasks; requests on their way get a moment to come back, so that few outcomes stay unknown.

    :param failure: of the run; None when it has come to its end.
    """
    if failure is not None and not isinstance(failure, Superseded):
        checkpoints.call()  # what is known now is saved now, whatever the grace brings
    # Who only waits for jobs has no request on its way.
    late = await senders.end(at_once=isinstance(failure, JobsRunning))
    await checkpoints.close()
    if late:
        await asyncio.wait(late)


async def save_after(failure: BaseException, supervisor: Supervisor, checkpoints: Checkpoints) -> None:
    """Save what was delivered before a failure, when what it started has ended."""
    await supervisor.until_wound_down()
    if not isinstance(failure, Superseded):  # what that knows is old: saved, it would take the place of the new
        with keeping(failure, "what was delivered last could not be saved, and is sent again"):
            await checkpoints.save()
