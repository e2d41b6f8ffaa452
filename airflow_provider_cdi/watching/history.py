"""The runs of a sync as another task sees them, also one of another DAG, on every version of Airflow 3.

A task has no database. What it may ask of any DAG are the states of its task instances, and the XComs of a run whose id
it knows; ``include_prior_dates`` forgets other DAGs in some versions, and asset events know of successes alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Airflow 3 makes the ids of runs from their time: ``scheduled__2026-11-17T00:00:00+00:00``.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
#: States in which a task instance stays.
_ENDED = ("success", "failed")
#: Runs that a watch looks at, of one sync.
MOST_RUNS = 500
_EARLIEST = datetime.min.replace(tzinfo=UTC)

#: Gives the report of a run, by its id and map index; empty for none.
ReportOf = Callable[[str, int], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of a sync that has ended.

    :param run_id: of the run.
    :param has_failed: whether its task failed.
    :param at: when it ended, as far as is known.
    :param report: that it left; empty for none.
    """

    run_id: str
    has_failed: bool
    at: datetime
    report: Mapping[str, Any]

    @property
    def counts(self) -> bool:
        """Whether it says something of the sync: a dry run, a window and a replay say nothing."""
        return not self.report.get("dry_run") and bool(self.report.get("moves_watermark", True))

    @property
    def read_up_to(self) -> datetime:
        """Up to when the source was read. A source in which nothing changed does not lag: there was nothing to read."""
        return time_of(self.report.get("read_up_to")) or self.at

    @property
    def rows(self) -> int:
        """How many rows were accepted."""
        return int(self.report.get("accepted") or 0)


def instances(states: Mapping[str, Mapping[str, Any]], task_id: str) -> list[int]:
    """Return the map indexes of the task's instances in its newest run, -1 for a task that is not mapped.

    :param states: by run and by task, as ``ti.get_task_states`` returns them.
    :param task_id: of the sync.
    """
    for _, run_id in _newest_first(states):
        found = [index for name in states[run_id] if (index := _map_index(name, task_id)) is not None]
        if found:
            return sorted(found)
    return []


def past_runs(
    states: Mapping[str, Mapping[str, Any]], task_id: str, map_index: int, report_of: ReportOf
) -> Iterator[PastRun]:
    """Return the runs that have ended, the newest first; their reports are asked for one by one.

    :param states: by run and by task.
    :param task_id: of the sync.
    :param map_index: which instance, -1 for a task that is not mapped.
    :param report_of: gives the report of a run.
    """
    name = task_id if map_index < 0 else f"{task_id}_{map_index}"
    for began, run_id in _newest_first(states)[:MOST_RUNS]:
        state = states[run_id].get(name)
        word = str(getattr(state, "value", state))
        if word in _ENDED:
            report = report_of(run_id, map_index)
            at = time_of(report.get("at")) or began
            yield PastRun(run_id, word == "failed", at, report)


def time_of(text: Any) -> datetime | None:
    """Return a time that a report or the id of a run has, in UTC; None when it has none.

    :param text: ISO 8601; without a zone it is UTC, and what is below microseconds does not count.
    """
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.strip()))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _newest_first(states: Mapping[str, Any]) -> list[tuple[datetime, str]]:
    return sorted(((_began(run_id), run_id) for run_id in states), reverse=True)


def _began(run_id: str) -> datetime:
    """Return when a run was to begin, by its id; one with a name of its own counts as the oldest."""
    found = _TIME.search(run_id)
    return (time_of(found.group()) if found else None) or _EARLIEST


def _map_index(name: str, task_id: str) -> int | None:
    if name == task_id:
        return -1
    index = name.removeprefix(f"{task_id}_")
    return int(index) if index != name and index.isdecimal() else None
