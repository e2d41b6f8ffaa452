"""What the local Klaviyo holds, as the control plane shows it. None of it is part of Klaviyo's API."""

from __future__ import annotations

from typing import Any

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.events.events import Event
from cdi_sandbox.klaviyo.jobs import Job
from cdi_sandbox.klaviyo.json_api.documents import write_time
from cdi_sandbox.klaviyo.json_api.shapes import profile_attributes
from cdi_sandbox.klaviyo.profiles.profiles import Profile


def summary(account: Account) -> dict[str, Json]:
    """Count what an account holds, and what vanished."""
    statuses: dict[str, int] = {}
    for job in account.jobs.values():
        statuses[job.status] = statuses.get(job.status, 0) + 1
    return {
        "profiles": len(account.profiles.by_number),
        "active_profiles": sum(map(is_active, account.profiles.by_number.values())),
        "events": len(account.events.by_number),
        "metrics": len(account.events.metrics),
        "lists": {audience.name: len(audience.members) for audience in account.lists.values()},
        "jobs": statuses,
        "unfinished_jobs": account.unfinished(),
        "job_overlaps": account.job_overlaps,
        "job_repeats": account.job_repeats,
        "dropped": dict(account.dropped),
        "confirmation_mails": account.confirmation_mails,
    }


def is_active(profile: Profile) -> bool:
    """Tell whether Klaviyo bills a profile: it "has an email and is neither unsubscribed nor suppressed"."""
    state = profile.consent.get("email.marketing", {}).get("consent")
    return profile.email is not None and not profile.suppressions and state != "UNSUBSCRIBED"


def shown_profile(account: Account, profile: Profile) -> dict[str, Json]:
    """Show a profile: what is empty is left out, consent and lists are there."""
    attributes = {name: value for name, value in profile_attributes(profile).items() if value is not None}
    location = {name: value for name, value in attributes.pop("location").items() if value is not None}
    return {
        "id": profile.id,
        **attributes,
        **({"location": location} if location else {}),
        "consent": {name: held["consent"] for name, held in profile.consent.items()},
        "suppressions": sorted(profile.suppressions),
        "lists": [audience.name for audience in account.lists.values() if profile.number in audience.members],
    }


def shown_event(account: Account, event: Event) -> dict[str, Json]:
    """Show an event with everything that was sent."""
    names = {metric.number: metric.name for metric in account.events.metrics.values()}
    shown: dict[str, Any] = {
        "profile_id": account.profiles.by_number[event.profile].id,
        "metric": names[event.metric],
        "time": write_time(event.time),
        "unique_id": event.unique_id,
        "value": event.value,
        "value_currency": event.currency,
        "properties": event.properties,
        "backfill": event.backfill,
    }
    return {name: value for name, value in shown.items() if value is not None}


def shown_job(job: Job) -> dict[str, Json]:
    """Show a job with its counts and its import errors."""
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "created": write_time(job.created),
        "completed": write_time(job.completed),
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "skipped": job.skipped,
        "lists": job.lists,
        "errors": [error["detail"] for error in job.errors],
    }
