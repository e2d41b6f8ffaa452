"""The bounds of a window of time: those that a person gave, else those of the run's data interval."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.runs.ticks import previous_tick

_GIVE_BOTH = 'Give since and until, for example "2026-01-05T00:00:00Z".'


class WindowRequest(Protocol):
    """What was asked for."""

    @property
    def since(self) -> str:
        """First moment, or empty."""

    @property
    def until(self) -> str:
        """The moment after the last one, or empty."""

    @property
    def clock(self) -> SourceClock:
        """What ``UPDATED_AT`` shows at a moment."""


def window_bounds(request: WindowRequest, context: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the first position of the window and the one after it; None for up to now.

    :raises ConfigurationError: when there is no such window, or nothing could be in it.
    """
    if not request.since and not request.until:
        start, end = _interval_with_length(context)
        # An interval within a repeated hour has length and holds nothing; the window where the hour begins has it all.
        return request.clock.bound(start), request.clock.bound(end)
    interval = _interval(context)
    if request.since:
        since = read_moment(request.clock, request.since, "since")
    elif interval is not None:
        since = request.clock.bound(interval[0])
    else:
        raise ConfigurationError(f"until is {request.until!r}, and nothing says where the window begins. {_GIVE_BOTH}")
    until: str | None = None
    if request.until:
        until = read_moment(request.clock, request.until, "until")
    elif interval is not None:
        until = request.clock.bound(interval[1])
    if until is not None and since >= until:
        within = (
            request.clock.within_repeated_hour(str(request.since), str(request.until)) if _has_both(request) else None
        )
        if within is not None:
            return within
        raise ConfigurationError(_about_order(request, since, until))
    return since, until


def _has_both(request: WindowRequest) -> bool:
    return bool(request.since and request.until)


def read_moment(clock: SourceClock, text: str, name: str) -> str:
    """Return the position that a person or a template wrote.

    :param name: of the argument, for the message.
    :raises ConfigurationError: when it is no timestamp.
    """
    try:
        return clock.parse(text)
    except ValueError as error:
        raise ConfigurationError(
            f'{name} is {text!r}, which is no timestamp; write it as "2026-01-05T00:00:00Z".'
        ) from error


def _about_order(request: WindowRequest, since: str, until: str) -> str:
    named = {
        "since": f"since ({request.since!r})" if request.since else f"the start of the run's data interval ({since})",
        "until": f"until ({request.until!r})" if request.until else f"the end of the run's data interval ({until})",
    }
    what = "is the same moment as" if since == until else "comes after"
    cure = "Exchange the two." if request.since and request.until and since > until else _GIVE_BOTH
    return f"{named['since']} {what} {named['until']}, so nothing could be in the window. {cure}"


def _interval(context: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return the data interval of a run that has one with a length."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    return (start, end) if start and end and start < end else None


def _interval_with_length(context: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Return the run's data interval; of one without a length, the time since the schedule's tick before.

    In Airflow 3 a cron string, a preset and a timedelta give intervals that begin and end at the tick.
    """
    interval = _interval(context)
    if interval is not None:
        return interval
    end = context.get("data_interval_end")
    if end is None:
        raise ConfigurationError(f"sync_mode=window: this run has no data interval. {_GIVE_BOTH}")
    start = previous_tick(context["dag"].timetable, end) if _is_of_schedule(context) else None
    if start is None:
        raise ConfigurationError(
            f"The data interval of this run has no length (it begins and ends at {end.isoformat()}), and the schedule "
            f"of the DAG does not say when it was due before. {_GIVE_BOTH} For a schedule of your own, give the DAG a "
            "timetable with data intervals, such as CronDataIntervalTimetable."
        )
    return start, end


def _is_of_schedule(context: Mapping[str, Any]) -> bool:
    run_type = context["dag_run"].run_type
    return context.get("dag") is not None and str(getattr(run_type, "value", run_type)) in ("backfill", "scheduled")
