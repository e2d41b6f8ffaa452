"""How often an integration of Braze's CDI runs, told from when it ran and when it is due: Braze does not say it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

#: Braze offers every 15 minutes (5 on request) to once a month; a "sync now" or a late start moves single runs only.
_MINUTES = (5, 15, 30)
_HOURS = (1, 2, 3, 4, 6, 8, 12)
_DAY = timedelta(days=1)
#: How far a gap may be from the usual one.
_TOLERANCE = 0.2


def cron_of(starts: Iterable[datetime], next_run: datetime | None) -> str | None:
    """Return the schedule as a cron expression in UTC, in which Braze's schedules are since 2026.

    :param starts: when its last runs began.
    :param next_run: when it is due; None for an integration that is started by hand or by an API call.
    :return: None when it has no schedule, or none that can be told.
    """
    if next_run is None:
        return None
    due = next_run.astimezone(UTC)
    moments = sorted({*(start.astimezone(UTC) for start in starts), due})
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    return _cron(timedelta(seconds=median(gaps)), due) if gaps else None


def _cron(gap: timedelta, due: datetime) -> str | None:
    for minutes in _MINUTES:
        if _is_about(gap, timedelta(minutes=minutes)):
            return f"*/{minutes} * * * *"
    for hours in _HOURS:
        if _is_about(gap, timedelta(hours=hours)):
            return f"{due.minute} {_hours(hours, due.hour)} * * *"
    if _is_about(gap, _DAY):
        return f"{due.minute} {due.hour} * * *"
    if _is_about(gap, 7 * _DAY):
        return f"{due.minute} {due.hour} * * {due.isoweekday() % 7}"
    if 27 * _DAY <= gap <= 32 * _DAY:
        return f"{due.minute} {due.hour} {due.day} * *"
    return None


def _is_about(gap: timedelta, usual: timedelta) -> bool:
    return abs(gap - usual) <= usual * _TOLERANCE


def _hours(every: int, due: int) -> str:
    if every == 1:
        return "*"
    first = due % every
    return f"{first}-23/{every}" if first else f"*/{every}"
