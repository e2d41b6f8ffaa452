"""Which slice a run reads, and whether it moves the watermark: the kinds of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.engine.reading.slice import Mode, Slice
from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.engine.rows.position import is_later
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.plan import Plan
from airflow_provider_cdi.state.record import Checkpoint, StateRecord
from airflow_provider_cdi.transfers.arguments.initial import Initial
from airflow_provider_cdi.transfers.redrive.choice import RejectChoice
from airflow_provider_cdi.transfers.runs.start import start_position, start_watermark
from airflow_provider_cdi.transfers.runs.windows import window_bounds

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Source

SYNC_MODES = ("auto", "incremental", "full", "window", "rejects")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the operator's arguments and the trigger form ask for.

    :param sync_mode: one of :data:`SYNC_MODES`; ``auto`` is ``window`` for a backfill and ``incremental`` else.
    :param since: first position of a window; empty for the start of the run's data interval.
    :param until: position after the last one of a window; empty for the end of the data interval, else for now.
    :param initial: where a new sync starts, see :mod:`airflow_provider_cdi.transfers.arguments.initial`.
    :param clock: what ``UPDATED_AT`` shows at a moment.
    :param dry_run: whether nothing is sent.
    :param rejects: which rejects are sent again, in the mode ``rejects``.
    :param settle: how old a row must be, in runs that move the watermark.
    :param pass_gates: whether the run may send however much is due.
    """

    sync_mode: str
    since: str = ""
    until: str = ""
    initial: str = "everything"
    clock: SourceClock = field(default_factory=SourceClock)
    dry_run: bool = False
    settle: timedelta = timedelta(0)
    pass_gates: bool = False
    rejects: RejectChoice | None = None


def resolve_mode(request: RunRequest, context: Mapping[str, Any]) -> Mode:
    """Return what kind of slice the run reads.

    :raises ConfigurationError: when ``sync_mode`` is none of the known ones.
    """
    if request.sync_mode not in SYNC_MODES:
        raise ConfigurationError(f"sync_mode is {request.sync_mode!r}; use one of {', '.join(SYNC_MODES)}.")
    if request.sync_mode == "auto":
        return "window" if _run_type(context) == "backfill" else "incremental"
    return request.sync_mode  # type: ignore[return-value]  # checked against SYNC_MODES above


def new_plan(
    request: RunRequest,
    mode: Mode,
    context: Mapping[str, Any],
    record: StateRecord | None,
    source: Source,
) -> Plan:
    """Make the plan of a run at its first try.

    :param request: what was asked for.
    :param mode: see :func:`resolve_mode`.
    :param context: of the task.
    :param record: the state, None for a sync that never ran.
    :param source: its clock, when it was opened, is the upper bound: nothing later is read, and nothing that is younger
        than ``request.settle``.
    """
    now = source.opened_at
    up_to = request.clock.up_to(now if mode in ("window", "rejects") else now - request.settle)
    if mode == "window":
        since, until = window_bounds(request, context)
        part = Slice("window", up_to, since=since, until=until, moves_watermark=False)
    elif mode == "rejects":
        part = _rejects_slice(request, up_to, record)
    elif mode == "full":
        part = Slice("full", up_to, settles=bool(request.settle))
    else:
        after = record.watermark if record else None
        if after is None and not (record and record.from_beginning):
            after = start_watermark(request, request.clock.up_to(now), source)
        part = Slice("incremental", up_to, after=after, settles=bool(request.settle))
    return Plan(replace(part, zone=request.clock.zone), clear_number=context["dag_run"].clear_number)


def _rejects_slice(request: RunRequest, up_to: str, record: StateRecord | None) -> Slice:
    """Return the slice of rejects: rows behind the watermark are left to the next incremental run."""
    chosen = (request.rejects or RejectChoice()).at(datetime.now(UTC))
    kept = chosen.to_json() | {"in_words": chosen.describe()}
    watermark = record.watermark if record else None
    if watermark is not None and is_later(watermark.position, up_to):
        up_to = watermark.position
    return Slice("rejects", up_to, moves_watermark=False, rejects=kept)


def loads_history(part: Slice, request: RunRequest) -> bool:
    """Whether a run reads rows of long ago, for which nothing should happen on the other side but that they are there.

    So do the runs of a sync that has no watermark yet, full runs, windows, backfills, and rejects that are sent again:
    nobody should get a message for what happened weeks ago.

    :param part: what the run reads, as it was planned at its first try.
    :param request: what was asked for.
    """
    if part.after is None:
        return True
    if len(part.after.ties) or Initial.parse(request.initial).delivered is not None:
        return False  # somebody has delivered rows up to there: the sync goes on
    return start_position(request, part.up_to) == part.after.position


def resume_or_replay(
    plan: Plan | None, mode: Mode, context: Mapping[str, Any], record: StateRecord | None
) -> tuple[Plan, Checkpoint | None] | None:
    """Return what an earlier try of the same run left to do, None when there is nothing of the kind.

    A run that had not finished goes on where its last acknowledged batch left off, with the same upper bound.
    A run that had finished and was cleared sends exactly its slice again and leaves the watermark alone.
    """
    if plan is None or plan.slice.mode != mode:
        return None
    if not plan.is_done and mode == "incremental" and record is not None and record.is_by_hand:
        return None  # a person said since where to begin
    if plan.is_done and mode == "rejects":
        return None  # what was sent is marked, so there is nothing to repeat
    if not plan.is_done:
        return plan, _checkpoint(plan, context, record)
    if plan.clear_number == context["dag_run"].clear_number:
        return None
    part = replace(plan.slice, moves_watermark=False)
    return Plan(part, clear_number=context["dag_run"].clear_number, is_replay=True), None


def _checkpoint(plan: Plan, context: Mapping[str, Any], record: StateRecord | None) -> Checkpoint | None:
    if plan.checkpoint is not None or not plan.slice.moves_watermark or plan.slice.mode == "full":
        return plan.checkpoint
    if record is None:
        return None
    if record.run_id == context["ti"].run_id:
        return record.checkpoint
    # Another run of the sync has been further since: what it delivered is not sent again.
    return Checkpoint(record.watermark, Totals(), below=record.checkpoint.below) if record.watermark else None


def _run_type(context: Mapping[str, Any]) -> str:
    run_type = context["dag_run"].run_type
    return str(getattr(run_type, "value", run_type))
