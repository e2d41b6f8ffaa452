"""The report: the numbers of one run, its return value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_cdi.engine.delivery.conversation import Conversations
from airflow_provider_cdi.engine.delivery.traffic import Traffic
from airflow_provider_cdi.engine.outcome.checkpoints import Checkpoints
from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.run_inputs import RunInputs


class Figures(Protocol):
    """What the rows of a run that sends nothing come to."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON types."""
        ...

    def lines(self) -> list[str]:
        """Return the figures as a block of text for the log."""
        ...


@dataclass(slots=True)
class Report:
    """The numbers of one run. It holds no row's content.

    :param slice: the slice in words.
    :param totals: outcomes of the rows of the run, over all its tries.
    :param traffic: what went over the wire in this try.
    :param seconds: duration of this try.
    :param seconds_without_rows: how much of it was spent on waiting for the warehouse's rows.
    :param watermark: the sync's watermark after the run, None when nothing was ever delivered.
    :param late: at least so many rows came below the watermark since the run before; None when nobody asked, or when
        numbers cannot tell.
    :param dry_run: whether nothing was sent.
    :param plan: of a run that sends nothing, what its rows come to.
    :param stopped_by: of a run that sends nothing, what would stop one that sends before its first request; empty for
        nothing.
    :param failed_as: the status that an error gave it; None where the numbers tell.
    :param redrive: what became of the rejects that were sent again; None for a run that sends none.
    :param rejects_files: where the rejects are: ``path``, ``host`` (None for storage that all machines share),
        ``files`` and ``rows`` of each part.
    """

    slice: str
    totals: Totals
    traffic: Traffic
    seconds: float
    seconds_without_rows: float
    watermark: str | None
    late: int | None = None
    dry_run: bool = False
    rejects_files: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    plan: Figures | None = None
    stopped_by: str = ""
    redrive: Mapping[str, Any] | None = None
    failed_as: str | None = None

    @property
    def status(self) -> str:
        """What became of the run, in the vendors' words: ``partial`` when a row was rejected or is unknown, or rejects
        that were to be sent again could not be read.

        ``guarded`` is a dry run, too, of which the real one would be stopped.
        """
        unread = self.redrive and (self.redrive.get("elsewhere") or self.redrive.get("unreadable"))
        is_whole = not (self.totals.rejected or self.totals.unknown or unread)
        return self.failed_as or ("guarded" if self.stopped_by else "success" if is_whole else "partial")

    @property
    def reject_percent(self) -> float:
        """Rejected and unknown rows in percent of those that were due."""
        due = self.totals.rows_read - self.totals.skipped
        return 100 * (self.totals.rejected + self.totals.unknown) / due if due else 0.0

    @property
    def delay(self) -> float:
        """Seconds that a request took on average, on its way and at the other side."""
        return self.traffic.seconds_on_way / self.traffic.requests if self.traffic.requests else 0.0

    @property
    def in_flight(self) -> float:
        """Requests that were on their way at once, on average."""
        return self.traffic.seconds_on_way / self.seconds if self.seconds > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return {
            **self.about,
            "status": self.status,
            "slice": self.slice,
            **self.totals.to_json(),
            "requests": self.traffic.requests,
            "retries": self.traffic.retries,
            "splits": self.traffic.splits,
            "held_back": self.traffic.held_back,
            "paced": self.traffic.paced,
            "bytes_sent": self.traffic.bytes_sent,
            "seconds": round(self.seconds, 3),
            "seconds_without_rows": round(self.seconds_without_rows, 3),
            "delay": round(self.delay, 4),
            "in_flight": round(self.in_flight, 1),
            "remarks": dict(self.traffic.remarks),
            "watermark": self.watermark,
            "late": self.late,
            "dry_run": self.dry_run,
            "stopped_by": self.stopped_by or None,
            "rejects_files": self.rejects_files,
            **({} if self.plan is None else {"plan": self.plan.to_json()}),
            **({} if self.redrive is None else {"redrive": dict(self.redrive)}),
        }

    def lines(self) -> list[str]:
        """Return the report as a block of text for the log."""
        totals, verb = self.totals, "would be accepted" if self.dry_run else "accepted"
        wide = len(verb) if self.dry_run else 10
        lines = [
            f"{'Dry run' if self.dry_run else 'Run'} of {self.slice}: {self.status}",
            f"  {'rows read':<{wide}} {totals.rows_read:>12,}",
            f"  {verb:<{wide}} {totals.accepted:>12,}",
            f"  {'rejected':<{wide}} {totals.rejected:>12,}{_by_code(totals.rejects)}",
            f"  {'skipped':<{wide}} {totals.skipped:>12,}{_by_code(totals.skipped_because)}",
            f"  {'unknown':<{wide}} {totals.unknown:>12,}",
            *(self._of_the_wire() if self.plan is None else ()),
            f"  watermark {self.watermark or 'none'}",
        ]
        lines += [f"  answers said: {remark} ({number:,})" for remark, number in self.traffic.remarks.items()]
        lines += [f"  sent with a change{_by_code(totals.adjusted)}"] if totals.adjusted else []
        lines += [f"  a run that sends would stop: {self.stopped_by}"] if self.stopped_by else []
        lines += self.plan.lines() if self.plan is not None else []
        lines += _about_rejects(self.redrive) if self.redrive is not None else []
        lines += [f"  {_many(self.late, 'row')} or more came late, not sent"] if self.late else []
        return lines + [f"  {_many(part['rows'], 'row')} written to {_place(part)}" for part in self.rejects_files]

    def _of_the_wire(self) -> list[str]:
        rate = self.totals.rows_read / self.seconds if self.seconds > 0 else 0.0
        return [
            f"  {_many(self.traffic.requests, 'request')}, {self.traffic.retries:,} of them repeats, "
            f"{_many(self.traffic.bytes_sent, 'byte')}, {self.seconds:.1f} s, {rate:,.0f} rows/s",
            f"  {1000 * self.delay:,.0f} ms a request, {self.in_flight:,.1f} at once, {self.traffic.paced:,} waited "
            f"for the rate; {self.seconds_without_rows:.1f} s without rows to send",
        ]

    def rejects_in_words(self) -> str:
        """Say where the rejects are, for a sentence."""
        return " and ".join(map(_place, self.rejects_files)) or "no file"


def report_of(
    inputs: RunInputs,
    ledger: Ledger,
    checkpoints: Checkpoints,
    conversations: Conversations,
    *,
    seconds: float,
    seconds_without_rows: float,
) -> Report:
    """Return the numbers of a run so far, see :class:`Report`."""
    totals, watermark = ledger.settled_totals(), checkpoints.watermark
    if conversations.in_doubt:
        totals += Totals(unknown=conversations.rows_in_doubt)
    return Report(
        slice=inputs.part.describe(),
        totals=totals,
        traffic=conversations.traffic,
        seconds=seconds,
        seconds_without_rows=seconds_without_rows,
        watermark=inputs.part.shown(watermark.position) if watermark else None,
        late=inputs.late.number if inputs.late else None,
    )


#: For rows that a run of rejects cannot find, though somebody has mended them.
_NEW_TIME = "a mended row goes with the next usual run when it has a new UPDATED_AT"
#: Of what became of rejects, what a person may have expected otherwise.
_WHAT_TO_DO = {
    "gone": f"gone: no row has the identifier any more; where that itself was mended: {_NEW_TIME}",
    "unclear": "unclear: several rows have the identifier and the time, of which some had arrived; give those that are "
    "to be sent times of their own",
}


def _about_rejects(redrive: Mapping[str, Any]) -> list[str]:
    """Say what became of the rejects that a run was to send again."""
    by_fate = {name: number for name, number in redrive.items() if isinstance(number, int) and number}
    taken, left, nameless = (by_fate.pop(name, 0) for name in ("taken", "left", "without_key"))
    lines = [f"  rejects    {taken:>12,}{_by_code(by_fate)}"]
    lines += [f"  {text}" for fate, text in _WHAT_TO_DO.items() if fate in by_fate]
    lines += [f"  {left:,} more rejects are left for another such run"] if left else []
    lines += [f"  {nameless:,} rejects name nobody, so their rows cannot be found: {_NEW_TIME}"] if nameless else []
    return lines + [f"  not read: {part}" for part in (*redrive["elsewhere"], *redrive["unreadable"])]


def _place(part: Mapping[str, Any]) -> str:
    return f"{part['path']} on {part['host']}" if part["host"] else str(part["path"])


def _by_code(counts: dict[str, int]) -> str:
    if not counts:
        return ""
    return "   " + ", ".join(f"{code} {number:,}" for code, number in sorted(counts.items()))


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
