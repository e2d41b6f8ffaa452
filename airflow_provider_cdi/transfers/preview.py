"""What the next run of a sync would send, for its first rows. Nothing is sent, saved, locked or written.

It makes no transport. What a sync asks its destination before it can encode a row is asked, and changes nothing: the
fields of a catalog, with ``on_unknown_field``. People are not looked up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.engine.clock import SystemClock
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.preview.masks import Mask
from airflow_provider_cdi.preview.preview import Preview
from airflow_provider_cdi.preview.sample import Sample, take_sample
from airflow_provider_cdi.transfers.arguments.checks import MOST_ROWS, is_template
from airflow_provider_cdi.transfers.runs.plan import RunRequest, loads_history, new_plan, resolve_mode

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination, Source
    from airflow_provider_cdi.state.record import StateRecord
    from airflow_provider_cdi.transfers.declared_sync import DeclaredSync
    from airflow_provider_cdi.transfers.destination_side import DestinationSide

#: Rows of a preview.
USUAL_ROWS = 10
#: Fields that a template fills in and that a preview does not need, or says itself.
_OF_A_RUN = frozenset({"sync_mode", "since", "until", "is_dry_run", "rejects_path"})


@dataclass(frozen=True, slots=True)
class Start:
    """Where a preview begins to read.

    :param record: the state that the next run would find; None when the sync has none, or nobody can tell.
    :param note: where it was looked for, in a sentence; empty when that goes without saying.
    :param from_beginning: read everything, whatever the state is.
    :param since: first moment of a window, instead.
    :param until: the moment after the window.
    """

    record: StateRecord | None = None
    note: str = ""
    from_beginning: bool = False
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class NextSlice:
    """What the next run of a sync reads.

    :param source: where its rows come from.
    :param destination: what they become.
    :param slice: which of them.
    :param notes: what should be known besides, such as where the state was looked for.
    """

    source: Source
    destination: Destination
    slice: Slice
    notes: Sequence[str]


def preview_sync(task: DeclaredSync, start: Start, *, rows: int = USUAL_ROWS, mask: Mask | None = None) -> Preview:
    """Show what the next run would send.

    :param task: the sync.
    :param start: where it begins to read.
    :param rows: how many rows that are due, at most 1,000.
    :param mask: what people may not see.
    :raises ConfigurationError: when an argument makes no sense, or only a run could fill it in.
    :raises SourceError: when the source cannot be read as it is.
    :raises RetryLater: when the warehouse does not answer now.
    """
    part = next_slice(task, start)
    sample = sample_of(task, part.source, part.destination, part.slice, rows=rows)
    return shown(task, part.slice, sample, mask=mask or Mask(), notes=part.notes)


def next_slice(task: DeclaredSync, start: Start) -> NextSlice:
    """Open the source of a sync and say what its next run reads. No row is read.

    :param task: the sync.
    :param start: where it begins to read.
    :raises ConfigurationError: when an argument makes no sense, or only a run could fill it in.
    :raises SourceError: when the source cannot be read as it is.
    :raises RetryLater: when the warehouse does not answer now.
    """
    leave_choices_to_runs(task)
    task.check_rendered()
    request, context = _request(task, start), _context()
    mode = resolve_mode(request, context)
    source = task.open_source(task.make_destination(loads_history=False))
    part = new_plan(request, mode, context, start.record, source).slice
    destination = task.make_destination(loads_history=loads_history(part, request))
    notes = [note for note in (start.note, _about_jobs(start.record)) if note]
    return NextSlice(source, destination, part, notes)


def stored_start(task: DeclaredSync, *, map_index: int | None = None) -> Start:
    """Return where the next run of a sync begins, by the state in Airflow's metadata database.

    :param task: the sync.
    :param map_index: which instance of a mapped task; None for the only one.
    :raises GuardTripped: when the state is lost, as the next run would.
    :raises ConfigurationError: when the state belongs to another source, data type or destination.
    """
    from sqlalchemy.exc import SQLAlchemyError  # a worker without the database may have none

    from airflow_provider_cdi.state.outside import StatedTask, stored_record

    leave_choices_to_runs(task)
    initial = f"as for its first run, from initial={_text(task.initial)!r}"
    if task.get_dag() is None:
        return Start(note=f"The sync is in no DAG, so it has no state: shown {initial}.")
    only = 0 if task.is_of_mapped_task else -1
    of = StatedTask(task.dag_id, task.task_id, only if map_index is None else map_index)
    try:
        record = stored_record(
            of,
            task.identity(of),
            in_variables=task.checkpoint == "variable",
            starting_over=task.sync_mode == "full",
            needs_watermark=task.sync_mode != "window",
        )
    except SQLAlchemyError as error:
        return Start(
            note=f"Airflow's metadata database cannot be read from here ({type(error).__name__}), so nobody knows "
            f"where the next run begins: shown {initial}. Say where with --since, or call this where Airflow runs."
        )
    return Start(record, "" if record is not None else f"The sync has no state yet: shown {initial}.")


def sample_of(task: DestinationSide, source: Source, destination: Destination, part: Slice, *, rows: int) -> Sample:
    """Take the sample of a slice.

    :param task: the sync.
    :param source: its source.
    :param destination: its destination.
    :param part: the slice.
    :param rows: how many rows that are due.
    :raises ConfigurationError: when the number makes no sense.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise ConfigurationError(f"{rows:,} rows are asked for; a preview shows 1 to {MOST_ROWS:,}.")
    return asyncio.run(
        take_sample(
            source,
            destination,
            part,
            rows=rows,
            sleep=SystemClock().sleep,
            prepare=lambda: task.prepare_destination(destination),
            gates=task.gates(),
        )
    )


def shown(task: DeclaredSync, part: Slice, sample: Sample, *, mask: Mask, notes: Sequence[str] = ()) -> Preview:
    """Put a sample into a preview.

    :param task: the sync.
    :param part: the slice that the sample is of.
    :param sample: the rows and requests.
    :param mask: what people may not see.
    :param notes: what should be known besides.
    """
    return Preview(
        about={
            "sync_id": task.sync_id if task.get_dag() is not None else None,
            "data_type": task.data_type,
            "destination": task.destination_name(),
            "source": task.source or "a query",
        },
        slice=part.describe(),
        sample=sample,
        mask=mask,
        headers=task.hook.shown_headers(),
        base_url=task.hook.settings.base_url,
        notes=notes,
    )


def leave_choices_to_runs(task: DeclaredSync) -> None:
    """Leave out what each run is told.

    :raises ConfigurationError: when another argument has a template, which only a run fills in.
    """
    for name in task.template_fields:
        value = getattr(task, name)
        if not is_template(value):
            continue
        if name not in _OF_A_RUN:
            raise ConfigurationError(
                f"{name} is {value!r}, which is filled in when a run starts. Say what it is to be for the preview: "
                f"--arg {name}=VALUE, or --{name.replace('_', '-')} VALUE where there is that option."
            )
        setattr(task, name, None)


def _request(task: DeclaredSync, start: Start) -> RunRequest:
    has_window = bool(start.since or start.until)
    if start.from_beginning and has_window:
        raise ConfigurationError("A window begins where since= says: give either that or from_beginning.")
    said = "window" if has_window else "full" if start.from_beginning else task.sync_mode or "auto"
    since, until = (start.since, start.until) if has_window else (_text(task.since), _text(task.until))
    mode = "window" if said == "auto" and (since or until) else said
    clock = SourceClock.of(task.watermark_timezone)
    return RunRequest(mode, since, until, _text(task.initial), clock, dry_run=True, settle=task.settle)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value or "")


def _context() -> Mapping[str, Any]:
    """Return of a run by hand what a plan asks for."""
    return {"dag_run": SimpleNamespace(run_type="manual", clear_number=0)}


def _about_jobs(record: StateRecord | None) -> str:
    if record is None or not record.checkpoint.jobs:
        return ""
    return (
        f"{len(record.checkpoint.jobs)} jobs of an earlier run may still be at work on the first rows: the next run "
        "asks for them, and sends those rows only if they are gone."
    )
