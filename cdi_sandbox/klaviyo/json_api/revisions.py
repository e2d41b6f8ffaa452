"""Revisions of the API: which there are, which one answers, and when it retires."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple

#: Klaviyo: the branches of its OpenAPI repository; the last one is known from the Python SDK 25.0.0.
REVISIONS = (
    "2022-10-17",
    "2023-01-24",
    "2023-02-22",
    "2023-06-15",
    "2023-07-15",
    "2023-08-15",
    "2023-09-15",
    "2023-10-15",
    "2023-12-15",
    "2024-02-15",
    "2024-05-15",
    "2024-06-15",
    "2024-07-15",
    "2024-10-15",
    "2025-01-15",
    "2025-04-15",
    "2025-07-15",
    "2025-10-15",
    "2026-01-15",
    "2026-04-15",
    "2026-07-15",
    "2026-10-15",
)
NEWEST = REVISIONS[-1]
#: Klaviyo: one year stable, one year deprecated.
YEARS_SERVED = 2

#: What changed with which revision, as far as it matters to what the sandbox serves.
BULK_EVENTS = "2024-05-15"
HISTORICAL_IMPORT = "2024-07-15"
NO_ANONYMOUS_PROFILES = "2026-01-15"
EVENTS_SINCE_1990 = "2026-07-15"
META_BESIDE_ATTRIBUTES = "2026-10-15"  # of the profile of a single event
CLICK_TRACKING = "2026-10-15"
# Specifications of these revisions compared; members that the revision before does not have.
WHATSAPP = "2025-07-15"
PUSH = "2026-01-15"
BACKFILL = OPEN_TRACKING = LIST_PAGES = "2026-04-15"


class Served(NamedTuple):
    """What becomes of a revision that was asked for.

    :param revision: the one that answers; empty when none does.
    :param problem: ``missing``, ``unknown`` or ``retired`` when none does.
    """

    revision: str
    problem: str = ""


def serve(wanted: str, now: float, *, forward: bool) -> Served:
    """Choose the revision that answers.

    :param wanted: the header ``revision``; ``.pre`` at its end marks a beta and changes nothing here.
    :param now: seconds since the epoch.
    :param forward: whether an unknown or retired date is served by the next revision (Klaviyo's default).
    """
    asked = wanted.removesuffix(".pre")
    if not asked:
        return Served("", "missing")
    if not _is_date(asked):
        return Served("", "unknown")
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    served = [each for each in REVISIONS if each == NEWEST or retirement(each) > today]
    if asked in served:
        return Served(asked)
    later = next((each for each in served if each > asked), "")
    if later and forward:
        return Served(later)
    return Served("", "retired" if asked < served[0] else "unknown")


def retirement(revision: str) -> str:
    """Say on which day a revision retires, as ``YYYY-MM-DD``."""
    return f"{int(revision[:4]) + YEARS_SERVED}{revision[4:]}"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
