"""How a sync is, in one word: what its last run told, what Airflow says of it, and what its record says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.state.by_hand.at_work import AT_WORK

if TYPE_CHECKING:
    from airflow_provider_cdi.cli.syncs.last_runs import LastRun
    from airflow_provider_cdi.state.by_hand.found import FoundRecord

#: What a report says of a run that came to its end, and of one that was stopped.
_SENT = ("success", "partial")
_FAILURES = ("error", "config_error", "guarded")
#: What is well, or on its way.
WELL = ("success", "skipped", "waiting", *AT_WORK, "never ran", "unknown", "moved")
#: What wants somebody to look.
AMISS = ("partial", *_FAILURES, "upstream_failed", "removed", "unreadable", "orphan", "unparsed")


def status_of(found: FoundRecord | None, run: LastRun | None, *, is_readable: bool) -> str:
    """Return the status of a sync that a task has.

    :param found: its record; None when there is none.
    :param run: the newest instance of the task; None when there is none.
    :param is_readable: whether what lies in the place of its record is a record.
    """
    if not is_readable:
        return "unreadable"
    told = _told(run) if run is not None else "never ran" if found is None else "unknown"
    # A task whose sync has moved stops in its next run, and that is told then.
    return "moved" if found is not None and found.record.moved_to and told in (*_SENT, "unknown") else told


def _told(run: LastRun) -> str:
    told = str(run.report.get("status") or "")
    if run.state in AT_WORK:
        return told if run.state == "running" and told in ("running", "waiting") else run.state
    return _of_the_end(told, run.state)


def _of_the_end(told: str, state: str) -> str:
    """Return how a run ended, by what its report told and what Airflow says.

    A run that was killed has told nothing of its end; one that was marked as failed, of another.
    """
    if state == "failed":
        return told if told in _FAILURES else "error"
    return told if state == "success" and told in (*_SENT, *_FAILURES) else state
