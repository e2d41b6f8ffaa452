"""The integrations of Braze's own CDI, and their runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cdi_sandbox.api.json import Json
from cdi_sandbox.times import read_moment, write_exact_moment

EXAMPLE_ID = "00000000-0000-4000-8000-00000000000a"
#: What Braze answers to "list integrations", with what an integration has that is put in without it.
_MEMBERS: dict[str, Json] = {
    "integration_name": None,
    "app_group_id": "5f0",
    "integration_type": "attributes",
    "integration_status": "active",
    "contact_emails": "ops@example.com",
    "warehouse_type": "snowflake",
    "next_scheduled_run": None,
}
#: The same for "list job sync status".
_JOB_MEMBERS: dict[str, Json] = {
    "job_status": "success",
    "sync_start_time": None,
    "sync_finish_time": None,
    "last_timestamp_synced": None,
    "rows_synced": 0,
    "rows_failed_with_errors": 0,
}


@dataclass(slots=True, eq=False)
class Integration:
    """One integration.

    :param integration_id: a UUID.
    :param members: what the list shows of it, under Braze's names, without what its runs tell.
    :param jobs: its runs, the oldest first, under Braze's names.
    """

    integration_id: str
    members: dict[str, Json]
    jobs: list[dict[str, Json]] = field(default_factory=list)

    def start(self, now: float, seconds: float) -> None:
        """Begin a run that finds nothing and ends by itself.

        :param now: seconds since the epoch.
        :param seconds: until it ends.
        """
        begun, ended = write_exact_moment(now), write_exact_moment(now + seconds)
        last = self.jobs[-1]["last_timestamp_synced"] if self.jobs else begun
        times = {"sync_start_time": begun, "sync_finish_time": ended, "last_timestamp_synced": last}
        self.jobs.append({**_JOB_MEMBERS, **times})

    def jobs_at(self, now: float) -> list[dict[str, Json]]:
        """Return its runs as they are at a moment, the oldest first: one that ends later is still running."""
        return [_job_at(job, now) for job in self.jobs]

    def shown(self, now: float) -> dict[str, Json]:
        """Return what the list shows."""
        jobs = self.jobs_at(now)
        last = jobs[-1] if jobs else {}
        synced = [job["last_timestamp_synced"] for job in jobs if job["last_timestamp_synced"]]
        return {
            "integration_id": self.integration_id,
            **self.members,
            "last_updated_at": synced[-1] if synced else None,
            "last_job_start_time": last.get("sync_start_time"),
            "last_job_status": last.get("job_status"),
        }


def example_integrations() -> list[Integration]:
    """Make the one integration that every sandbox has."""
    return [Integration(EXAMPLE_ID, {**_MEMBERS, "integration_name": "users hourly"})]


def read_integration(document: Json) -> Integration:
    """Read an integration that is put into the sandbox, in Braze's own members; its runs are ``jobs``, oldest first.

    :raises ValueError: when it has no name, a member that Braze does not know, or a time that is none.
    """
    if not isinstance(document, dict) or not document.get("integration_name"):
        raise ValueError("An integration is an object with an integration_name, and jobs, oldest first.")
    given = dict(document)
    jobs = given.pop("jobs", [])
    name = str(uuid5(NAMESPACE_URL, str(given["integration_name"])))
    number = str(given.pop("integration_id", name)).lower()
    return Integration(number, _filled(given, _MEMBERS), [_filled(job, _JOB_MEMBERS) for job in jobs])


def _filled(given: Any, members: dict[str, Json]) -> dict[str, Json]:
    if not isinstance(given, dict) or set(given) - set(members):
        raise ValueError(f"Braze's members are {', '.join(members)}.")
    for name in ("sync_start_time", "sync_finish_time"):
        if given.get(name) is not None and read_moment(given[name]) is None:
            raise ValueError(f"{name} is no time of ISO 8601.")
    return {**members, **given}


def _job_at(job: dict[str, Json], now: float) -> dict[str, Json]:
    ended = read_moment(job["sync_finish_time"])
    if ended is None or ended <= now:
        return job
    return {**job, "job_status": "running", "sync_finish_time": None}
