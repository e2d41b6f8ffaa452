"""How far an integration of Braze's CDI has come, read from its runs.

What CDI remembers is the greatest ``UPDATED_AT`` of its last run and how many rows carried it. Its next run sends all
rows of just that time again when their number has grown, and only later ones otherwise (Braze, "Best practices", 2026).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from airflow_provider_cdi.engine.rows.position import parse_position
from airflow_provider_cdi.setup.adopt.integration import Integration, Job, is_timestamp

#: Runs that are looked at: fifty requests, half of what Braze answers in a minute. They are five days of runs every 15
#: minutes in which nothing came.
MOST_RUNS = 500


@dataclass(frozen=True, slots=True)
class History:
    """How far an integration has come.

    :param synced: the last ``UPDATED_AT`` that was synced, as Braze writes it; empty when there was none.
    :param since: the one before it, behind which the last run with rows read; None for the first run of all.
    :param rows: how many rows that run read; None when nobody knows.
    :param tied: how many rows with just the last ``UPDATED_AT`` were sent, where a run read these alone; else None.
    :param reached: the run that came there first; None when Braze does not list it.
    :param last: the newest run of all; None for an integration that never ran.
    :param failed: rows that the last run with rows could not send.
    """

    synced: str = ""
    since: str | None = None
    rows: int | None = None
    tied: int | None = None
    reached: Job | None = None
    last: Job | None = None
    failed: int = 0

    @property
    def is_running(self) -> bool:
        """Whether a run goes on."""
        return self.last is not None and self.last.is_running


def read_history(integration: Integration, jobs: Iterable[Job]) -> History:
    """Find out how far an integration has come.

    :param integration: what the list says of it.
    :param jobs: its runs, the newest first; no more of them are asked for than are needed.
    """
    runs = islice(jobs, MOST_RUNS)
    last = newest = next(runs, None)
    while newest is not None and not (newest.moved and is_timestamp(newest.synced)):
        newest = next(runs, None)
    if newest is None:
        return History(synced=integration.last_synced if is_timestamp(integration.last_synced) else "", last=last)
    return _behind(newest, runs, last)


def _behind(newest: Job, older: Iterable[Job], last: Job | None) -> History:
    """Look at the runs that stayed at the newest timestamp, and at the first one below it."""
    stayed, below, seen = [newest], None, 1
    for job in older:
        seen += 1
        if not (job.moved and is_timestamp(job.synced)):
            continue
        if parse_position(job.synced) != parse_position(newest.synced):
            below = job
            break
        stayed.append(job)
    is_whole = below is not None or seen < MOST_RUNS - 1
    with_rows = [job for job in stayed if job.rows]
    read = with_rows[0] if with_rows else None
    read_again = read is not None and read is not stayed[-1]
    return History(
        synced=newest.synced,
        since=below.synced if below else None,
        rows=read.rows if read and is_whole else None,
        tied=read.rows if read is not None and read_again else None,
        reached=stayed[-1] if is_whole else None,
        last=last,
        failed=read.failed if read else 0,
    )
