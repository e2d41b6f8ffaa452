"""What a run is made of: everything that it needs from outside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from airflow_provider_cdi.engine.guards.gates import Gates, stop_if_any
from airflow_provider_cdi.engine.ports import CallAside, Clock, Destination, Source, Transport
from airflow_provider_cdi.engine.reading.late_rows import LateRows
from airflow_provider_cdi.engine.reading.read_ahead import ReadAhead, call_in_thread, read_in_thread
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.progress import Journal, Progress
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.sentry import Sentry
from airflow_provider_cdi.engine.settings import FIRST_ROWS, DeliverySettings
from airflow_provider_cdi.engine.standstill import Standstill


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """What one try of one run needs.

    :param source: where rows come from.
    :param destination: what they become and what answers mean.
    :param transport: sends requests.
    :param journal: where progress and rejects are saved.
    :param part: the slice; for a resumed run the rest of it (:meth:`Slice.resumed_at`).
    :param progress: the checkpoint of an earlier try of the same run.
    :param jobs: what the destination may still be at work on, from an earlier try or run.
    :param clock: where time comes from.
    :param settings: how to deliver.
    :param random: for the jitter of back-offs.
    :param stop_requested: whether the run is to end early; None when nobody may ask for that.
    :param gates: how much the run may send; None when it may send everything, or an earlier try was let through.
    :param on_gates: called beside the event loop, before the first request, with what is too much for the gates; it
        is told when there is nothing, too. What it raises ends the run.
    :param patience: seconds without any movement, while jobs are at work on the other side, after which the try ends
        with :class:`~airflow_provider_cdi.exceptions.JobsRunning`; a later try goes on with the same jobs.
    :param sentry: keeps requests back after a pause of the process; None where nobody can take over.
    :param stop_if_all_rejected: after how many first rows, all rejected with one code, the run stops; None for never.
    :param late: counts the rows that came below the watermark; None when nobody wants to know.
    :param on_look: called about twice a second with what keeps requests back, None for nothing, and the monotonic
        clock's time; it must return at once. None where nobody wants to know.
    :param on_passed: is told what became of the next rows in the order of reading, once that is known of all before
        them: ``accepted``, ``rejected``, ``unknown`` or ``skipped``; None when nobody follows rows.
    :param prepare: called beside the event loop when something is due, before the first row is read; what it raises
        ends the run. None for nothing.
    :param read_ahead: how a blocking reader is read beside the event loop.
    :param call_aside: how a blocking call is made beside it.
    """

    source: Source
    destination: Destination
    transport: Transport
    journal: Journal
    part: Slice
    progress: Progress | None = None
    jobs: Sequence[SubmittedJob] = ()
    clock: Clock
    settings: DeliverySettings = field(default_factory=DeliverySettings)
    random: Random = field(default_factory=Random)
    stop_requested: Callable[[], bool] | None = None
    gates: Gates | None = None
    on_gates: Callable[[Sequence[str]], None] = stop_if_any
    patience: float = math.inf
    sentry: Sentry | None = None
    stop_if_all_rejected: int | None = FIRST_ROWS
    late: LateRows | None = None
    on_look: Callable[[Standstill | None, float], None] | None = None
    on_passed: Callable[[Sequence[str]], None] | None = None
    prepare: Callable[[], None] | None = None
    read_ahead: ReadAhead = read_in_thread
    call_aside: CallAside = call_in_thread

    @property
    def totals_before(self) -> Totals:
        """The outcomes of earlier tries of the run."""
        return self.progress.totals if self.progress else Totals()
