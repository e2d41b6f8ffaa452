"""Watching a job of Klaviyo: from the answer that accepts it to the state in which it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_cdi.destinations.json_bodies import json_object, member
from airflow_provider_cdi.destinations.klaviyo.answers import failure_of
from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.refusals import REFUSALS, refusal
from airflow_provider_cdi.engine.ports import Answer, Ask, Settled, Unclear, Verdict
from airflow_provider_cdi.engine.records import Rejection

#: Seconds between two looks at a job: all that run share 150 a minute, so they grow.
FIRST_WAIT, LONGEST_WAIT, GROWTH = 2.0, 30.0, 1.5

#: Klaviyo: the statuses of a job that has not ended.
AT_WORK = ("queued", "processing")
_CANCELLED = Rejection(
    "job_cancelled", "Klaviyo: the job was cancelled; some of its rows may have been applied before."
)
_FAILED = Rejection("job_failed", "Klaviyo: the job ended in a state that Klaviyo does not document.")


class JobWatch(ABC):
    """One job that is asked for until it has ended.

    :param name: Klaviyo's id of it.
    :param count: how many records it works on.
    :param endpoint: where it is asked for.
    :param when_gone: what to do when Klaviyo does not know the job any more (it keeps them for 7 days); None when
        that cannot be.
    """

    def __init__(self, name: str, count: int, endpoint: Endpoint, when_gone: Callable[[], Ask] | None = None) -> None:
        self._name = name
        self._count = count
        self._endpoint = endpoint
        self._when_gone = when_gone

    def ask(self, wait: float = 0.0) -> Ask:
        """Ask how it is.

        :param wait: seconds until then.
        """

        def read(answer: Answer) -> Verdict:
            return self._read_state(answer, min(max(wait * GROWTH, FIRST_WAIT), LONGEST_WAIT))

        return Ask(self._endpoint.request(name=self._name), read, wait, self._name)

    def _read_state(self, answer: Answer, next_wait: float) -> Verdict:
        if answer.status == 404 and self._when_gone is not None:
            return self._when_gone()
        failure = failure_of_read(answer, self._endpoint)
        if failure is not None:
            return failure
        state = job_state(answer.body)
        status = state.get("status")
        if not isinstance(status, str):
            return Unclear(f"Klaviyo answered {answer.status} without the status of the job")
        if status in AT_WORK:
            return self.ask(next_wait)
        if status != "complete":
            return Settled(dict.fromkeys(range(self._count), _CANCELLED if status == "cancelled" else _FAILED))
        return self._completed(state)

    @abstractmethod
    def _completed(self, state: Mapping[str, Any]) -> Verdict:
        """Say what became of the records of a job that is complete.

        :param state: its attributes, with what it counted.
        """


def submitted_job(answer: Answer, watch: Callable[[str], JobWatch]) -> Verdict:
    """Read the answer that accepts a job, and ask for the job on.

    :param watch: makes the watch of the job with this name.
    """
    name = member(json_object(answer.body), "data").get("id")
    if not isinstance(name, str) or not name:
        return Unclear(f"Klaviyo answered {answer.status} without the id of a job")
    return watch(name).ask(FIRST_WAIT)


def job_state(body: bytes) -> dict[str, Any]:
    """Return what the answer about a job says of it; nothing when it is something else."""
    return member(member(json_object(body), "data"), "attributes")


def failure_of_read(answer: Answer, endpoint: Endpoint) -> Verdict | None:
    """Say what is wrong with the answer to a question about a job: no row can be at fault for it."""
    if answer.status in REFUSALS:
        raise refusal(answer, endpoint)
    return failure_of(answer, endpoint)
