"""Waiting for a bulk import: from the job's name to the outcome of each of its profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.klaviyo.answers import failure_of
from airflow_provider_cdi.destinations.klaviyo.endpoints import IMPORT_ERRORS, IMPORT_JOB, Endpoint
from airflow_provider_cdi.destinations.klaviyo.import_errors import settle_import
from airflow_provider_cdi.destinations.klaviyo.refusals import REFUSALS, refusal
from airflow_provider_cdi.engine.ports import Answer, Ask, Request, Settled, Unclear, Verdict
from airflow_provider_cdi.engine.records import Record, Rejection

#: Seconds between two looks at a job: all that run share 150 a minute, so they grow.
FIRST_WAIT, LONGEST_WAIT, GROWTH = 2.0, 30.0, 1.5

#: Klaviyo: page size of import errors, at most.
_ERRORS_A_PAGE = 100

_AT_WORK = frozenset({"queued", "processing"})
_CANCELLED = Rejection(
    "job_cancelled", "Klaviyo: the import job was cancelled; some of its rows may have been imported before."
)
_FAILED = Rejection("job_failed", "Klaviyo: the import job ended in a state that Klaviyo does not document.")


def submitted_job(answer: Answer, records: Sequence[Record]) -> Verdict:
    """Read the acceptance of a bulk import, and ask for its job on."""
    data = _member(json_object(answer.body), "data")
    name = data.get("id")
    if not isinstance(name, str) or not name:
        return Unclear(f"Klaviyo answered {answer.status} without the id of a job")
    return ImportJob(name, records).ask(FIRST_WAIT)


class ImportJob:
    """One job that is asked for until it has ended.

    :param name: Klaviyo's id of it.
    :param records: what it works on.
    :param when_gone: what to do when Klaviyo does not know the job any more (it keeps them for 7 days); None when
        that cannot be.
    """

    def __init__(self, name: str, records: Sequence[Record], when_gone: Callable[[], Ask] | None = None) -> None:
        self._name = name
        self._records = records
        self._when_gone = when_gone
        self._errors: list[Mapping[str, Any]] = []
        self._pages: set[str] = set()

    def ask(self, wait: float = 0.0) -> Ask:
        """Ask how it is.

        :param wait: seconds until then.
        """

        def read(answer: Answer) -> Verdict:
            return self._read_state(answer, min(max(wait * GROWTH, FIRST_WAIT), LONGEST_WAIT))

        return Ask(IMPORT_JOB.request(name=self._name), read, wait, self._name)

    def _read_state(self, answer: Answer, next_wait: float) -> Verdict:
        if answer.status == 404 and self._when_gone is not None:
            return self._when_gone()
        failure = _failure_of_read(answer, IMPORT_JOB)
        if failure is not None:
            return failure
        state = _member(_member(json_object(answer.body), "data"), "attributes")
        status = state.get("status")
        if not isinstance(status, str):
            return Unclear(f"Klaviyo answered {answer.status} without the status of the job")
        if status in _AT_WORK:
            return self.ask(next_wait)
        if status != "complete":
            return Settled(dict.fromkeys(range(len(self._records)), _CANCELLED if status == "cancelled" else _FAILED))
        failed = state.get("failed_count")
        return Settled() if failed == 0 else self._ask_for_errors(failed if isinstance(failed, int) else None)

    def _ask_for_errors(self, failed: int | None) -> Ask:
        request = IMPORT_ERRORS.request(name=self._name, query={"page[size]": str(_ERRORS_A_PAGE)})
        return self._ask_for_page(request, failed)

    def _ask_for_page(self, request: Request, failed: int | None) -> Ask:
        self._pages.add(request.path)
        return Ask(request, lambda answer: self._read_page(answer, failed), job=self._name)

    def _read_page(self, answer: Answer, failed: int | None) -> Verdict:
        failure = _failure_of_read(answer, IMPORT_ERRORS)
        if failure is not None:
            return failure
        body = json_object(answer.body) or {}
        entries = body.get("data")
        if not isinstance(entries, list):
            return Unclear(f"Klaviyo answered {answer.status} without a page of import errors")
        self._errors += [_member(entry, "attributes") for entry in entries]
        following = _member(body, "links").get("next")
        if isinstance(following, str) and following:
            path = _path_of(following)
            if path not in self._pages and len(self._pages) <= len(self._records):
                return self._ask_for_page(IMPORT_ERRORS.follow(path), failed)
        return settle_import(self._errors, failed, self._records)


def _failure_of_read(answer: Answer, endpoint: Endpoint) -> Verdict | None:
    """Say what is wrong with the answer to a question about a job: no row can be at fault for it."""
    if answer.status in REFUSALS:
        raise refusal(answer, endpoint)
    return failure_of(answer, endpoint)


def _path_of(link: str) -> str:
    """Give the path and query of a link; the host stays that of the connection."""
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _member(thing: Any, name: str) -> dict[str, Any]:
    """Return a member that is an object; an empty one when there is none."""
    member = thing.get(name) if isinstance(thing, dict) else None
    return member if isinstance(member, dict) else {}
