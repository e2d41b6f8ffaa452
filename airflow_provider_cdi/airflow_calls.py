"""What goes wrong between a task and Airflow, by what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_cdi.exceptions import RetryLater, Superseded

#: Answers of Airflow to a try that it has given up (its task instance has a new id, or its token has expired).
_REFUSALS = (401, 403, 404, 409, 410)


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
        detail = error.error.detail or {}
        status, said = detail.get("status_code"), detail.get("detail") or detail.get("message") or error
        if status in _REFUSALS:
            raise Superseded(
                f"Airflow refuses to save the state of sync {sync_id!r} (status {status}: {said}): it has given this "
                "try up and started or will start another, or the DAG was removed. This try sends nothing any more; "
                "what was acknowledged since its last save is sent again by the next one."
            ) from error
        raise RetryLater(
            f"Airflow's API server did not save the state of sync {sync_id!r} ({said}). What was acknowledged since "
            "the last save is sent again by the next try; see the log of the API server."
        ) from error
