"""Watching a job of Klaviyo: from the answer that accepts it to the state in which it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_cdi.destinations.json_bodies import json_object, member
from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import read_errors
from airflow_provider_cdi.destinations.klaviyo.responses.responses import failure_of_read
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.verdicts import Ambiguous, Completed, FollowUp, Response, Verdict

#: Seconds between two looks at a job: all that run share 150 a minute, so they grow.
FIRST_WAIT, LONGEST_WAIT, GROWTH = 2.0, 30.0, 1.5

#: Klaviyo: the statuses of a job that has not ended.
AT_WORK = ("queued", "processing")
_CANCELLED = Rejection(
    "job_cancelled", "Klaviyo: the job was cancelled; some of its rows may have been applied before."
)
_FAILED = Rejection("job_failed", "Klaviyo: the job ended in a state that Klaviyo does not document.")
_TOO_FEW = "Klaviyo: completed_count of a job is lower than the number of rows sent, by"


class JobWatch(ABC):
    """One job that is asked for until it has ended.

    :param name: Klaviyo's id of it.
    :param count: how many records it works on.
    :param endpoint: where it is asked for.
    :param when_gone: what to do when Klaviyo does not know the job any more (it keeps them for 7 days); None when
        that cannot be.
    """

    def __init__(
        self, name: str, count: int, endpoint: Endpoint, when_gone: Callable[[], FollowUp] | None = None
    ) -> None:
        self._name = name
        self._count = count
        self._endpoint = endpoint
        self._when_gone = when_gone

    def ask(self, wait: float = 0.0) -> FollowUp:
        """Ask how it is.

        :param wait: seconds until then.
        """

        def read(answer: Response) -> Verdict:
            return self._read_state(answer, min(max(wait * GROWTH, FIRST_WAIT), LONGEST_WAIT))

        return FollowUp(self._endpoint.request(name=self._name), read, wait, self._name)

    def _read_state(self, answer: Response, next_wait: float) -> Verdict:
        # Klaviyo's own 404: one that a proxy gives must not have the job submitted again while it is at work.
        if answer.status == 404 and self._when_gone is not None and read_errors(answer.body):
            return self._when_gone()
        failure = failure_of_read(answer, self._endpoint)
        if failure is not None:
            return failure
        state = job_state(answer.body)
        status = state.get("status")
        is_about_it = answer.status == 200 and resource_of(answer).get("id", self._name) == self._name
        if not is_about_it or not isinstance(status, str):
            return Ambiguous(f"Klaviyo answered {answer.status} without the status of the job")
        if status in AT_WORK:
            return self.ask(next_wait)
        if status != "complete":
            return Completed(dict.fromkeys(range(self._count), _CANCELLED if status == "cancelled" else _FAILED))
        return self._completed(state)

    def _settled(self, state: Mapping[str, Any], other: str) -> Completed:
        """Say that all records of a job are done, and remark on it when the job counts fewer of them.

        Whether ``completed_count`` holds the others too is not documented, so the higher figure is compared.

        :param other: the count of those that the job did not complete.
        """
        counts = [value for name in ("completed_count", other) if type(value := state.get(name)) is int]
        missing = self._count - sum(counts)
        is_short = type(state.get("completed_count")) is int and missing > 0
        return Completed(remarks={_TOO_FEW: missing} if is_short else {})

    @abstractmethod
    def _completed(self, state: Mapping[str, Any]) -> Verdict:
        """Say what became of the records of a job that is complete.

        :param state: its attributes, with what it counted.
        """


def submitted_job(answer: Response, kind: str, watch: Callable[[str], JobWatch]) -> Verdict:
    """Read the answer that accepts a job, and ask for the job on.

    :param kind: the type of the job.
    :param watch: makes the watch of the job with this name.
    """
    name = resource_id(answer, kind, statuses=(202,))
    if name is None:
        return Ambiguous(f"Klaviyo answered {answer.status} without the id of a job")
    return watch(name).ask(FIRST_WAIT)


def resource_id(answer: Response, kind: str, *, statuses: Sequence[int]) -> str | None:
    """Give the id of the one thing that an answer shows; None for an answer that Klaviyo does not give.

    :param kind: the type that it must have, if it says one.
    :param statuses: the documented ones.
    """
    shown = resource_of(answer)
    name = shown.get("id")
    is_klaviyos = answer.status in statuses and shown.get("type", kind) == kind and isinstance(name, str) and bool(name)
    return name if is_klaviyos else None


def resource_of(answer: Response) -> dict[str, Any]:
    """Return the one thing that an answer shows; nothing when it shows none."""
    return member(json_object(answer.body), "data")


def job_state(body: bytes) -> dict[str, Any]:
    """Return what the answer about a job says of it; nothing when it is something else."""
    return member(member(json_object(body), "data"), "attributes")
