"""Another watermark, or none: what becomes of what, what that means for rows, and the writing of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import confirm
from airflow_provider_cdi.cli.output import tell
from airflow_provider_cdi.cli.state.stated import Known
from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.engine.rows.position import is_later
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError
from airflow_provider_cdi.state.by_hand.changes import Write, change_now, changed_record, check_reason, write_all
from airflow_provider_cdi.state.identity import refuse_other_identity
from airflow_provider_cdi.transfers.source_look import SourceLook

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.cli.state.stated import StatedSync
    from airflow_provider_cdi.state.identity import Identity
    from airflow_provider_cdi.state.record import StateRecord
    from airflow_provider_cdi.transfers.source_look import Meaning


def set_watermark(options: argparse.Namespace) -> None:
    """Set the watermark of the syncs that a command line names.

    :param options: of ``airflow cdi state set``.
    :raises UsageError: when its words make no sense.
    :raises ConfigurationError: when rows would never be sent, or the record cannot be changed now.
    """
    if options.no_count and options.delivered is not None:
        raise UsageError("--delivered counts the rows of that time: leave --no-count out.")
    if options.delivered is not None and options.delivered < 1:
        raise UsageError(f"--delivered is {options.delivered}; without it no row of that time counts as delivered.")
    _change(options, "cdi_state_set")


def reset(options: argparse.Namespace) -> None:
    """Let the syncs that a command line names begin anew.

    :param options: of ``airflow cdi state reset``.
    :raises UsageError: when its words make no sense.
    :raises ConfigurationError: when rows would never be sent, or the record cannot be changed now.
    """
    _change(options, "cdi_state_reset")


def _change(options: argparse.Namespace, event: str) -> None:
    check_reason(options.why)
    known = Known.look(options.dag_file)
    syncs = known.named(options)
    if options.sync_id is None:
        _refuse_several(syncs)
    for one in syncs:
        known.state.refuse_closed(one.sync_id, one.name)
    writes = [_changed(one, options, is_reset=event == "cdi_state_reset") for one in syncs]
    confirm(options)
    write_all(writes, event=event, why=options.why)
    tell(f"Written: {len(writes)} record{'' if len(writes) == 1 else 's'}. The next run begins there.")


def _refuse_several(syncs: Sequence[StatedSync]) -> None:
    """Make sure that one sync is meant, with all its instances: a DAG may have several."""
    names = sorted({one.task.sync_id if one.task else one.name for one in syncs})
    if len(names) > 1:
        raise UsageError(
            f"{len(names)} syncs are named: {', '.join(names)}. Change one after the other: --sync-id, or --task-id."
        )


def _changed(one: StatedSync, options: argparse.Namespace, *, is_reset: bool) -> Write:
    identity, old = one.identity(), one.found.record.watermark if one.found else None
    if one.found is not None and not is_reset:
        refuse_other_identity(one.found.record.identity, identity, one.found.place.describe())
    new, meaning = _wanted(one, options, old, is_reset=is_reset)
    before = _words(one.found.record if one.found else None)
    after = _words_of(new, options, identity, is_reset=is_reset)
    tell(f"{one.name}: {before} becomes {after}.")
    _tell_meaning(meaning, options)
    change = change_now(options.why, f"{before} becomes {after}")
    watermark = None if is_reset else new
    beginning = is_reset and options.to_beginning
    record = changed_record(
        one.found.record if one.found else None, identity, watermark, change, from_beginning=beginning
    )
    return Write(one.place(), one.found.stored if one.found else None, record)


def _wanted(
    one: StatedSync, options: argparse.Namespace, old: Watermark | None, *, is_reset: bool
) -> tuple[Watermark | None, Meaning | None]:
    """Return the new watermark, and what it means for rows; None when nobody counts."""
    if not is_reset:
        _position(one, options.watermark)
    if options.no_count:
        return (None if is_reset else _uncounted(one, options.watermark)), None
    look = SourceLook(one.operator())
    if is_reset:
        new = None if options.to_beginning else look.beginning()
    else:
        new = look.watermark(options.watermark, options.delivered)
    return new, look.meaning(old, new)


def _uncounted(one: StatedSync, text: str) -> Watermark:
    position = _position(one, text)
    if is_later(position, _clock(one).up_to(datetime.now(UTC))):
        raise ConfigurationError(f"The watermark {text} lies in the future: rows until then would never be sent.")
    return Watermark(position, Ties())


def _position(one: StatedSync, text: str) -> str:
    try:
        return _clock(one).parse(text)
    except (OverflowError, ValueError):
        raise UsageError(f"--watermark is {text!r}, which is no timestamp; write 2026-01-05T00:00:00Z.") from None


def _clock(one: StatedSync) -> SourceClock:
    reads = one.identity().reads
    return SourceClock.of(reads.timezone if reads else None)


def _tell_meaning(meaning: Meaning | None, options: argparse.Namespace) -> None:
    if meaning is None:
        if not options.skip_rows:
            raise ConfigurationError(
                "The rows are not counted, so nobody knows whether some would never be sent: add --skip-rows to go on "
                "all the same, or leave --no-count out."
            )
        tell("  The rows were not counted.")
        return
    if meaning.skipped > 0:
        if not options.skip_rows:
            raise ConfigurationError(
                f"{meaning.skipped:,} row{'s lie' if meaning.skipped > 1 else ' lies'} between the two and would never "
                "be sent. Nothing was changed. Give an earlier time, or --skip-rows if that is what you want."
            )
        tell(f"  {meaning.skipped:,} rows will never be sent.")
    tell(f"  {meaning.again:,} rows that were delivered will be sent again.")


def _words(record: StateRecord | None) -> str:
    if record is None:
        return "no state"
    mark = record.watermark
    return _watermark_words(mark, record.identity) if mark else "no watermark"


def _watermark_words(mark: Watermark, identity: Identity) -> str:
    number = len(mark.ties)
    ties = f" with {number:,} row{'' if number == 1 else 's'} delivered there" if number else ""
    return f"watermark {identity.written(mark.position)}{ties}"


def _words_of(new: Watermark | None, options: argparse.Namespace, identity: Identity, *, is_reset: bool) -> str:
    if new is not None and not is_reset:
        return _watermark_words(new, identity)
    if options.to_beginning:
        return "a new sync that sends everything"
    return "a new sync that starts " + (f"at {identity.written(new.position)}" if new else "as initial= says")
