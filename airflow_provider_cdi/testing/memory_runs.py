"""Runs in memory: what was saved is kept in a list, time passes at once, nothing blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from airflow_provider_cdi.engine.ports import Destination, Source, Transport
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.exceptions import DestinationRefused, RetryLater
from airflow_provider_cdi.testing.sources import position
from airflow_provider_cdi.testing.virtual_time import VirtualClock, call_inline, read_inline, run_virtually


@dataclass
class MemoryJournal:
    """Keeps what a run committed: the last progress, all rejects, and every progress before."""

    progress: Progress | None = None
    rejects: list[RejectedRow] = field(default_factory=list)
    commits: int = 0
    history: list[Progress] = field(default_factory=list)

    async def commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        """Save."""
        await asyncio.sleep(0.01)
        self.rejects += rejects
        self.progress = progress
        self.history.append(progress)
        self.commits += 1


def incremental(after: Progress | None = None, up_to: float = 0) -> Slice:
    """Return the slice of a usual run.

    :param after: what an earlier run has saved.
    :param up_to: seconds before (negative) or after noon, up to which it reads.
    """
    return Slice("incremental", up_to=position(up_to), after=after.watermark if after else None)


def inputs_in_memory(
    source: Source,
    destination: Destination,
    transport: Transport,
    journal: MemoryJournal,
    *,
    seed: int = 0,
    **more: Any,
) -> RunInputs:
    """Return what a run needs that takes no time and no thread.

    :param seed: of the chance in back-offs.
    :param more: other fields of ``engine.run_inputs.RunInputs``, in place of those here.
    """
    usual: dict[str, Any] = {
        "part": incremental(),
        "clock": VirtualClock(),
        "random": Random(seed),
        "read_ahead": read_inline,
        "call_aside": call_inline,
    }
    return RunInputs(source=source, destination=destination, transport=transport, journal=journal, **(usual | more))


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    :param report: None after an error.
    :param error: None after success.
    :param journal: what was saved.
    """

    report: Report | None
    error: DestinationRefused | RetryLater | None
    journal: MemoryJournal

    @property
    def settled(self) -> int:
        """Count the rows with an outcome that the watermark may pass."""
        if self.journal.progress is None:
            return 0
        totals = self.journal.progress.totals
        return totals.accepted + totals.rejected + totals.skipped + totals.unknown


def run_in_memory(source: Source, destination: Destination, transport: Transport, **more: Any) -> Ended:
    """Make a run, from its first row to its end, in no time.

    :param more: see :func:`inputs_in_memory`.
    """
    journal = MemoryJournal()

    async def work() -> Ended:
        inputs = inputs_in_memory(source, destination, transport, journal, **more)
        try:
            return Ended(await Run(inputs).run(), None, journal)
        except (DestinationRefused, RetryLater) as error:
            return Ended(None, error, journal)

    return run_virtually(work())
