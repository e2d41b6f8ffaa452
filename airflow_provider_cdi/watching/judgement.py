"""What is wrong with a sync, by its past runs: it is silent, nothing comes any more, it lags behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_cdi.version_compat import cdi_command
from airflow_provider_cdi.watching.history import PastRun


@dataclass(frozen=True, slots=True)
class Bounds:
    """What counts as trouble; None for what does not.

    :param no_success_for: time without a run that ended well.
    :param no_rows_for: time without an accepted row.
    :param lag_over: time between now and the moment up to which the last good run read.
    """

    no_success_for: timedelta | None = None
    no_rows_for: timedelta | None = None
    lag_over: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that is wrong with a sync.

    :param name: of the bound that was passed.
    :param headline: what is wrong, behind the sync's name.
    :param advice: what it may mean and what to do.
    """

    name: str
    headline: str
    advice: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the past runs of a sync say.

    :param newest: the run that ended last; None for none.
    :param success: the last one that ended well, or with rejects alone.
    :param rows: the last one of which rows were accepted.
    """

    newest: PastRun | None
    success: PastRun | None
    rows: PastRun | None

    @classmethod
    def of(cls, runs: Iterable[PastRun], bounds: Bounds, now: datetime) -> Seen:
        """Look at the runs, no further back than needed.

        :param runs: the newest first.
        :param bounds: how far back one has to look.
        :param now: the time.
        """
        newest = success = rows = None
        for run in runs:
            if not run.counts:
                continue
            newest = newest or run
            success = success or (None if run.has_failed else run)
            rows = rows or (run if run.rows else None)
            is_too_old = bounds.no_rows_for is not None and run.at < now - bounds.no_rows_for
            if success and (rows or bounds.no_rows_for is None or is_too_old):
                break
        return cls(newest, success, rows)


def alarms(seen: Seen, bounds: Bounds, now: datetime, since: datetime) -> list[Alarm]:
    """Return what is wrong.

    :param seen: what the past runs say.
    :param bounds: what counts as trouble.
    :param now: the time.
    :param since: from when on a sync without any run counts as silent: when the watch saw it first.
    """
    each = (_silent(seen, bounds, now, since), _empty(seen, bounds, now, since), _lagging(seen, bounds, now, since))
    return [alarm for alarm in each if alarm is not None]


def _silent(seen: Seen, bounds: Bounds, now: datetime, since: datetime) -> Alarm | None:
    last = seen.success.at if seen.success else since
    if bounds.no_success_for is None or now - last <= bounds.no_success_for:
        return None
    told = f"no success for {_span(now - last)}" if seen.success else "no success yet"
    return Alarm(
        "no_success",
        f"{told} (more than {_span(bounds.no_success_for)})",
        "No run of it ended well. See whether its DAG is paused or broken, whether a run hangs or is queued, "
        "and what the last one that failed says.",
    )


def _empty(seen: Seen, bounds: Bounds, now: datetime, since: datetime) -> Alarm | None:
    arrived = seen.rows.at if seen.rows else since
    if bounds.no_rows_for is None or now - arrived <= bounds.no_rows_for:
        return None
    return Alarm(
        "no_rows",
        f"no rows for more than {_span(bounds.no_rows_for)}",
        "Its runs found nothing to send. See whether the job that fills the source still runs, and whether it "
        "writes UPDATED_AT.",
    )


def _lagging(seen: Seen, bounds: Bounds, now: datetime, since: datetime) -> Alarm | None:
    read = seen.success.read_up_to if seen.success else since
    if bounds.lag_over is None or now - read <= bounds.lag_over:
        return None
    return Alarm(
        "lag",
        f"it lags by {_span(now - read)} (more than {_span(bounds.lag_over)})",
        f"What changed in the source after {read.isoformat(timespec='seconds')} was not sent. Either no run "
        f"ended well since then, or its runs take longer than the time between them. `{cdi_command('check')}` tells "
        "how many rows are due.",
    )


def _span(length: timedelta) -> str:
    """Say a length of time in its two largest units."""
    minutes = int(length.total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (rest, "min")) if number]
    return " ".join(parts[:2]) or f"{int(length.total_seconds())} s"
