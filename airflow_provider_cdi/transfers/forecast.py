"""What the next run of a sync comes to: every row of its slice, read and encoded as the run would. Nothing is sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.engine.clock import SystemClock
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.exceptions import AllRejected, TooManyRejects
from airflow_provider_cdi.forecast.dry_run import DryRun
from airflow_provider_cdi.forecast.scan import scan_of
from airflow_provider_cdi.forecast.shown import shown_example
from airflow_provider_cdi.preview.masks import Mask
from airflow_provider_cdi.transfers.preview import NextSlice, Start, next_slice
from airflow_provider_cdi.transfers.runs.reporting import refuse_too_many_rejects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_cdi.engine.ports import Destination, Transport
    from airflow_provider_cdi.engine.report import Report
    from airflow_provider_cdi.engine.rows.progress import Journal
    from airflow_provider_cdi.engine.rows.rejects import RejectedRow
    from airflow_provider_cdi.engine.settings import DeliverySettings
    from airflow_provider_cdi.transfers.declared_sync import DeclaredSync


@dataclass(frozen=True)
class SyncForecast:
    """What the next run of a sync comes to, for people who may see it.

    :param report: the one that a run with ``dry_run`` would have.
    :param examples: of the rows that would be set aside. They hold personal data.
    :param stopped_by: why the run would stop before it sends anything, or fail at its end; empty when it would not.
    :param notes: what should be known besides, such as where the state was looked for.
    :param mask: what people may not see of the examples.
    """

    report: Report
    examples: Sequence[RejectedRow] = field(repr=False)
    stopped_by: str
    notes: Sequence[str]
    mask: Mask

    @property
    def is_good(self) -> bool:
        """Whether the run would go to its end."""
        return not self.stopped_by

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types: the report, with the examples as people may see them."""
        document = self.report.to_json()
        impersonal = document["plan"]["examples"]
        shown = [shown_example(row, self.mask) for row in self.examples]
        document["plan"]["examples"] = [known | more for known, more in zip(impersonal, shown, strict=True)]
        return document | {
            "masked": self.mask.told,
            "stopped_by": self.stopped_by or None,
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Return everything as text but for the examples."""
        masked = f"Masked: {', '.join(self.mask.told)}." if self.mask and self.examples else ""
        is_told = not self.stopped_by or self.report.stopped_by
        stopped = "" if is_told else f"The run would stop: {self.stopped_by}"
        return [*filter(None, (stopped, *self.notes, masked)), *self.report.lines()]


def forecast_sync(task: DeclaredSync, start: Start, *, mask: Mask | None = None, ask: int = 0) -> SyncForecast:
    """Read all that the next run would read, and say what it comes to.

    :param task: the sync.
    :param start: where it begins to read.
    :param mask: what people may not see of the examples; None for every value.
    :param ask: about how many people the destination is asked whether it knows them; 0 for nobody.
    :raises ConfigurationError: when an argument makes no sense, or only a run could fill it in.
    :raises SourceError: when the source cannot be read as it is.
    :raises RetryLater: when the warehouse does not answer now.
    """
    part = next_slice(task, start)
    stopped_by = ""
    try:
        run, report = _read(_Reading(task, part), ask)
    except AllRejected as error:
        # What stops the run must not hide the figures: they are what somebody needs who decides about it.
        stopped_by = str(error)
        part = next_slice(task, start)  # a source whose reading was stopped is done
        run, report = _read(_Reading(task, part, is_guarded=False), ask)
    report.about = {
        "sync_id": task.sync_id if task.get_dag() is not None else None,
        "data_type": task.data_type,
        "destination": task.destination_name(),
        "source": task.source or "a query",
        "mode": part.slice.mode,
    }
    after = part.slice.after
    report.watermark = part.slice.shown(after.position) if after else None
    return SyncForecast(
        report,
        run.examples,
        stopped_by or report.stopped_by or _failed_by(report, task),
        part.notes,
        Mask(hides_all=True) if mask is None else mask,
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read.

    :param is_guarded: whether what stops the run stops the reading too.
    """

    task: DeclaredSync
    part: NextSlice
    is_guarded: bool = True

    def inputs(
        self, destination: Destination, transport: Transport, journal: Journal, settings: DeliverySettings
    ) -> RunInputs:
        task, part = self.task, self.part
        return RunInputs(
            source=part.source,
            destination=destination,
            transport=transport,
            journal=journal,
            part=part.slice,
            settings=settings,
            prepare=lambda: task.prepare_destination(part.destination),
            clock=SystemClock(),
            gates=task.gates(),
            stop_if_all_rejected=task.stop_if_all_rejected if self.is_guarded else None,
        )


def _read(reading: _Reading, ask: int) -> tuple[DryRun, Report]:
    task, part = reading.task, reading.part
    scan = partial(scan_of, part.source, part.slice)
    settings = task.delivery_settings()
    run = DryRun(
        part.destination, settings, reading.inputs, task.make_transport, scan=scan, vendor=task.vendor, asks_about=ask
    )
    return run, asyncio.run(run.run())


def _failed_by(report: Report, task: DeclaredSync) -> str:
    try:
        refuse_too_many_rejects(report, task.max_reject_percent)
    except TooManyRejects as error:
        return str(error)
    return ""
