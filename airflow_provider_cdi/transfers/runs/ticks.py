"""When a DAG was due before: what a backfill reads where the schedule's intervals have no length.

In Airflow 3 the data interval of a cron string, a preset or a ``timedelta`` begins and ends at the tick itself. The
rows of such a run are those since the tick before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from airflow_provider_cdi.version_compat import core_timetable

#: More than any clock is put forward or back.
_CLOCK_CHANGE = timedelta(hours=3)
#: How far back the ticks of a timetable of somebody's own are looked for, at first and at most.
_HOUR = timedelta(hours=1)
_FARTHEST = timedelta(days=3_660)


def previous_tick(timetable: Any, tick: datetime) -> datetime | None:
    """Return when a schedule was due before one of its ticks, None when it does not say.

    :param timetable: of the DAG.
    :param tick: at which a run is due.
    """
    import pendulum

    return _before(core_timetable(timetable), pendulum.instance(tick))


def _before(timetable: Any, tick: Any) -> datetime | None:
    if hasattr(timetable, "_timetables"):  # several crons
        return max((_by_rule(one, tick) for one in timetable._timetables), default=None)
    if hasattr(timetable, "_get_prev"):  # a cron or a timedelta
        return _by_rule(timetable, tick)
    if hasattr(timetable, "timetable"):  # a schedule beside assets
        return _before(timetable.timetable, tick)
    return _by_search(timetable, tick)


def _by_rule(timetable: Any, tick: Any) -> datetime:
    if not hasattr(timetable, "_expression"):
        return cast("datetime", timetable._get_prev(tick))
    # Airflow's own steps forward from farther back than a clock is ever put: around such a change its step back finds
    # other ticks than those at which runs are due.
    found = timetable._get_prev(tick - _CLOCK_CHANGE)
    while (following := timetable._get_next(found)) < tick:
        found = following
    return cast("datetime", found)


def _by_search(timetable: Any, tick: Any) -> datetime | None:
    """Look for the last tick before, ever farther back, with what every timetable must be able to tell."""
    from airflow.timetables.base import TimeRestriction

    reach = _HOUR
    while reach <= _FARTHEST:
        restriction = TimeRestriction(earliest=tick - reach, latest=tick, catchup=True)
        found, interval = None, None
        while (info := timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)) and (
            info.logical_date < tick
        ):
            found, interval = info.logical_date, info.data_interval
        if found is not None:
            return cast("datetime", found)
        reach *= 2
    return None
