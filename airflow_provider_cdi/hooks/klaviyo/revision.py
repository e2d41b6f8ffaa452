"""Revisions of Klaviyo's API: which one is asked for, which one answers, and when it retires."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from airflow_provider_cdi.exceptions import ConfigurationError

#: Klaviyo: stable until about October 2027, retired about October 2028 (two years after its date).
DEFAULT_REVISION = "2026-10-15"
#: Days before the retirement of a revision from which on everybody is told.
WARNING_DAYS = 90

_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.pre)?", re.ASCII)


def check_revision(text: str | None) -> str:
    """Return the revision to ask for.

    :param text: from the connection, None for the default.
    :raises ConfigurationError: when it is no date.
    """
    revision = text or DEFAULT_REVISION
    if not _REVISION.fullmatch(revision) or _date(revision[:10]) is None:
        raise ConfigurationError(f"field 'revision' in extra must be a date such as {DEFAULT_REVISION}")
    return revision


def about_revision(headers: Mapping[str, str], asked: str, today: date | None = None) -> list[str]:
    """Return what a person should know about the revision that answered.

    :param headers: of an answer, names in lower case.
    :param asked: the revision that was asked for.
    :param today: in UTC.
    :return: sentences; none when the revision that was asked for answered and lives on for long.
    """
    served, retires = headers.get("x-klaviyo-api-revision", ""), _date(headers.get("x-klaviyo-api-retirement-date", ""))
    found = []
    if served and served != asked:
        found.append(
            f"Klaviyo answers with the API revision {served} although {asked} was asked for: put one that it serves "
            "into the connection's field 'revision'."
        )
    days = (retires - (today or datetime.now(UTC).date())).days if retires else WARNING_DAYS + 1
    if retires and days <= WARNING_DAYS:
        when = f"retires on {retires} (in {days} days)" if days >= 0 else f"was to retire on {retires}"
        found.append(
            f"Klaviyo's API revision {served or asked} {when} and is refused then: upgrade airflow-provider-cdi, or "
            "put a newer one into the connection's field 'revision'."
        )
    return found


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
