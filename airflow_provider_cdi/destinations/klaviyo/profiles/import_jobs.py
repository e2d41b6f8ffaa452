"""Waiting for a bulk import: from the job's name to the outcome of each of its profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_cdi.destinations.json_bodies import json_object, member
from airflow_provider_cdi.destinations.klaviyo.endpoints import IMPORT_ERRORS, IMPORT_JOB
from airflow_provider_cdi.destinations.klaviyo.profiles.import_errors import settle_import
from airflow_provider_cdi.destinations.klaviyo.responses.job_watch import JobWatch
from airflow_provider_cdi.destinations.klaviyo.responses.responses import failure_of_read
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Ambiguous, FollowUp, Request, Response, Verdict

#: Klaviyo: page size of import errors, at most.
_ERRORS_A_PAGE = 100


class ImportJob(JobWatch):
    """One job that is asked for until it has ended.

    :param name: Klaviyo's id of it.
    :param records: what it works on.
    :param when_gone: what to do when Klaviyo does not know the job any more; None when that cannot be.
    :param settle: what the outcome means for the records.
    """

    def __init__(
        self,
        name: str,
        records: Sequence[Record],
        when_gone: Callable[[], FollowUp] | None = None,
        settle: Callable[[Verdict], Verdict] = lambda verdict: verdict,
    ) -> None:
        super().__init__(name, len(records), IMPORT_JOB, when_gone)
        self._settle = settle
        self._records = records
        self._errors: list[Mapping[str, Any]] = []
        self._pages: set[str] = set()

    def _completed(self, state: Mapping[str, Any]) -> Verdict:
        failed = state.get("failed_count")
        if failed == 0:
            return self._settled(state, "failed_count")
        return self._ask_for_errors(failed if isinstance(failed, int) else None)

    def _ask_for_errors(self, failed: int | None) -> FollowUp:
        request = IMPORT_ERRORS.request(name=self._name, query={"page[size]": str(_ERRORS_A_PAGE)})
        return self._ask_for_page(request, failed)

    def _is_of_this_job(self, path: str) -> bool:
        """Whether a path leads to import errors of this job: it goes out with the key, so nothing else is followed."""
        listing = IMPORT_ERRORS.request(name=self._name).path
        return unquote(path.partition("?")[0].rstrip("/")) == unquote(listing)

    def _ask_for_page(self, request: Request, failed: int | None) -> FollowUp:
        self._pages.add(request.path)
        return FollowUp(request, lambda answer: self._read_page(answer, failed), job=self._name)

    def _read_page(self, answer: Response, failed: int | None) -> Verdict:
        failure = failure_of_read(answer, IMPORT_ERRORS)
        if failure is not None:
            return failure
        body = json_object(answer.body) or {}
        entries = body.get("data")
        if not isinstance(entries, list):
            return Ambiguous(f"Klaviyo answered {answer.status} without a page of import errors")
        self._errors += [member(entry, "attributes") for entry in entries]
        following = member(body, "links").get("next")
        if isinstance(following, str) and following:
            path = _path_of(following)
            if not self._is_of_this_job(path):
                return Ambiguous("Klaviyo named a next page of import errors that is none of this job's")
            if path not in self._pages and len(self._pages) <= len(self._records):
                return self._ask_for_page(IMPORT_ERRORS.follow(path), failed)
        return self._settle(settle_import(self._errors, failed, self._records))


def _path_of(link: str) -> str:
    """Give the path and query of a link; scheme, host and port stay those of the connection."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
