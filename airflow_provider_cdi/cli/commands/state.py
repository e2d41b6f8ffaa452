"""``airflow cdi state``: what a sync remembers, shown and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import GroupCommand

from airflow_provider_cdi.cli.command import cdi_command, confirm, option
from airflow_provider_cdi.cli.sync_args import ARG_DAG_FILE
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from airflow_provider_cdi.cli.syncs.stated import Known, StatedSync
    from airflow_provider_cdi.engine.rows.watermark import Watermark
    from airflow_provider_cdi.state.by_hand.changes import Write
    from airflow_provider_cdi.state.by_hand.repartition import Ahead
    from airflow_provider_cdi.state.record import StateRecord
    from airflow_provider_cdi.transfers.source_look import Meaning

_NAMED = (
    option("--sync-id", help="The id of the sync; of a mapped task all its instances, or the name of one"),
    option("--dag-id", help="The DAG of the sync, instead"),
    option("--task-id", help="The task of the sync; not needed when the DAG has one sync"),
    option("--map-index", type=int, help="Only this instance of a mapped task"),
    ARG_DAG_FILE,
)
_CHANGING = (
    option("--why", required=True, metavar="TEXT", help="Why: it is kept in the record and in Airflow's audit log"),
    option("--yes", action="store_true", help="Do not ask"),
)
_COUNTING = (
    option("--skip-rows", action="store_true", help="Change it although rows would never be sent"),
    option("--no-count", action="store_true", help="Do not ask the source, such as when it is away"),
)


# --- show -----------------------------------------------------------------------------------------------


def _show(options: argparse.Namespace) -> int | None:
    from airflow_provider_cdi.cli.output import print_json, print_text, printable
    from airflow_provider_cdi.cli.syncs.stated import Known

    known = Known.look(options.dag_file)
    shown = [_described(one, known.state) for one in known.named(options)]
    if options.output == "json":
        print_json(shown)
        return None
    for one in shown:
        lines = [f"{name:<12} {value}" for name, value in _flat(one)]
        print_text(printable("\n".join(lines) + "\n"))
    return None


def _described(one: StatedSync, state: Any) -> dict[str, Any]:
    lease = state.leases.get(one.name)
    shown: dict[str, Any] = {"sync_id": one.name, "task": one.task.name if one.task else None}
    if one.found is None:
        return shown | {"state": "none: the next run starts as initial= says", "lease": lease and lease.describe()}
    record = one.found.record
    mark = record.watermark
    return shown | {
        "data_type": record.identity.data_type,
        "destination": record.identity.destination,
        "owner": record.identity.owner,
        "reads": record.identity.reads.to_json() if record.identity.reads else None,
        "watermark": mark.position if mark else None,
        "delivered_at_watermark": len(mark.ties) if mark else None,
        "from_beginning": record.from_beginning,
        "gen": record.gen,
        "run_id": record.run_id or None,
        "at": record.at or None,
        "rejected": record.checkpoint.totals.rejected,
        "jobs": [job.name for job in record.checkpoint.jobs],
        "kept": one.found.place.describe(),
        "copies": [f"{copy.place.describe()} (gen {copy.record.gen})" for copy in _copies(one, state)],
        "lease": lease and lease.describe(),
        "moved_to": list(record.moved_to),
        "changed": [change.to_json() for change in record.changed],
    }


def _copies(one: StatedSync, state: Any) -> list[Any]:
    return [copy for copy in state.records.get(one.name, ()) if copy is not one.found]


def _flat(shown: dict[str, Any]) -> list[tuple[str, Any]]:
    lines: list[tuple[str, Any]] = []
    for name, value in shown.items():
        if isinstance(value, dict):
            lines += [(name, ", ".join(f"{key} {text}" for key, text in value.items() if text))]
        elif name == "changed":
            lines += [(name, f"{each['at']} by {each['by']}: {each['was']} ({each['why']})") for each in value]
        elif isinstance(value, list):
            lines += [(name, each) for each in value]
        elif value not in (None, False):
            lines.append((name.replace("delivered_at_watermark", "with ties"), value))
    return lines


# --- set and reset --------------------------------------------------------------------------------------


def _set(options: argparse.Namespace) -> int | None:
    if options.no_count and (options.delivered is not None):
        raise UsageError("--delivered counts the rows of that time: leave --no-count out.")
    return _change(options, "cdi_state_set")


def _reset(options: argparse.Namespace) -> int | None:
    return _change(options, "cdi_state_reset")


def _change(options: argparse.Namespace, event: str) -> int | None:
    from airflow_provider_cdi.cli.output import tell
    from airflow_provider_cdi.cli.syncs.stated import Known
    from airflow_provider_cdi.state.by_hand.changes import write_all

    syncs = Known.look(options.dag_file).named(options)
    writes = [_changed(one, options, is_reset=event == "cdi_state_reset") for one in syncs]
    confirm(options)
    write_all(writes, event=event, why=options.why)
    tell(f"Written: {len(writes)} record{'' if len(writes) == 1 else 's'}. The next run begins there.")
    return None


def _changed(one: StatedSync, options: argparse.Namespace, *, is_reset: bool) -> Write:
    from airflow_provider_cdi.cli.output import tell
    from airflow_provider_cdi.state.by_hand.changes import Write, change_now, changed_record
    from airflow_provider_cdi.state.identity import refuse_other_identity

    identity, old = one.identity(), one.found.record.watermark if one.found else None
    if one.found is not None and not is_reset:
        refuse_other_identity(one.found.record.identity, identity, one.found.place.describe())
    new, meaning = _wanted(one, options, old, is_reset=is_reset)
    before, after = _words(one.found.record if one.found else None), _words_of(new, options, is_reset=is_reset)
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
    from airflow_provider_cdi.transfers.source_look import SourceLook

    if options.no_count:
        return (None if is_reset else _uncounted(one, options.watermark)), None
    look = SourceLook(one.operator())
    if is_reset:
        new = None if options.to_beginning else look.beginning()
    else:
        new = look.watermark(options.watermark, options.delivered)
    return new, look.meaning(old, new)


def _uncounted(one: StatedSync, text: str) -> Watermark:
    from datetime import UTC, datetime

    from airflow_provider_cdi.engine.reading.source_clock import SourceClock
    from airflow_provider_cdi.engine.rows.position import is_later
    from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark

    reads = one.identity().reads
    clock = SourceClock.of(reads.timezone if reads else None)
    try:
        position = clock.parse(text)
    except ValueError:
        raise UsageError(f"--watermark is {text!r}, which is no timestamp; write 2026-01-05T00:00:00Z.") from None
    if is_later(position, clock.up_to(datetime.now(UTC))):
        raise ConfigurationError(f"The watermark {text} lies in the future: rows until then would never be sent.")
    return Watermark(position, Ties())


def _tell_meaning(meaning: Meaning | None, options: argparse.Namespace) -> None:
    from airflow_provider_cdi.cli.output import tell

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
                f"{meaning.skipped:,} rows lie between the two and would never be sent. Nothing was changed. Give an "
                "earlier time, or --skip-rows if that is what you want."
            )
        tell(f"  {meaning.skipped:,} rows will never be sent.")
    tell(f"  {meaning.again:,} rows that were delivered will be sent again.")


def _words(record: StateRecord | None) -> str:
    if record is None:
        return "no state"
    mark = record.watermark
    return _watermark_words(mark) if mark else "no watermark"


def _watermark_words(mark: Watermark) -> str:
    number = len(mark.ties)
    ties = f" with {number:,} row{'' if number == 1 else 's'} delivered there" if number else ""
    return f"watermark {mark.position}{ties}"


def _words_of(new: Watermark | None, options: argparse.Namespace, *, is_reset: bool) -> str:
    if new is not None and not is_reset:
        return _watermark_words(new)
    if options.to_beginning:
        return "a new sync that sends everything"
    return "a new sync that starts " + (f"at {new.position}" if new else "as initial= says")


# --- move -----------------------------------------------------------------------------------------------


def _move(options: argparse.Namespace) -> int | None:
    from airflow_provider_cdi.cli.output import tell
    from airflow_provider_cdi.cli.syncs.moves import renamed, repartitioned
    from airflow_provider_cdi.cli.syncs.stated import Known
    from airflow_provider_cdi.state.by_hand.changes import change_now, write_all

    wishes = [bool(options.to_sync_id or options.to_dag_id or options.to_task_id), bool(options.to_partitions)]
    if sum(wishes) != 1:
        raise UsageError("Say where to: --to-sync-id, --to-dag-id and --to-task-id, or --to-partitions.")
    if not options.sync_id:
        raise UsageError("Say which sync moves: --sync-id with its present name, as `airflow cdi syncs` lists it.")
    known = Known.look(options.dag_file)
    if options.to_partitions:
        count = _number_of_parts(options.to_partitions)
        move = repartitioned(known.state, options.sync_id, count, change_now(options.why, "another number of parts"))
    else:
        change = change_now(options.why, f"was called {options.sync_id}")
        move = renamed(known.state, options.sync_id, known.target(options), change)
    for line in move.told:
        tell(line)
    tell(f"  {_again(known, options, move.again)} that were delivered will be sent again.")
    confirm(options)
    write_all(move.writes, event="cdi_state_move", why=options.why)
    tell(f"Written: {len(move.writes)} records. A run under the old name says that it has moved.")
    return None


def _number_of_parts(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--to-partitions is {text!r}; give a number, or none for a task without partitions.")
    return int(text)


def _again(known: Known, options: argparse.Namespace, again: Sequence[Ahead]) -> str:
    from airflow_provider_cdi.transfers.source_look import SourceLook

    if not again:
        return "0 rows"
    if options.no_count:
        return "Rows (not counted)"
    task = known.any_task(options.sync_id)
    look = SourceLook(task.operator())
    return f"{look.count_again((one.part, one.since, one.up_to) for one in again):,} rows"


_SHOW = cdi_command(
    "show",
    _show,
    help="Show what a sync remembers",
    description=(
        "Show the record of a sync: watermark with the number of rows that are delivered at it, jobs, copies, where "
        "each is kept, who is at work, and what was changed by hand"
    ),
    args=_NAMED,
    examples=("--sync-id users", "--dag-id users_to_braze --output json"),
)
_SET = cdi_command(
    "set",
    _set,
    help="Set the watermark of a sync",
    description=(
        "Set the watermark of a sync: the next run sends what is stamped at that time or later. It counts in the "
        "source how many rows would never be sent or once more, and refuses the first without --skip-rows"
    ),
    args=(
        *_NAMED,
        option("--watermark", required=True, metavar="TIME", help="The time, such as 2026-01-05T00:00:00Z"),
        option("--delivered", type=int, metavar="N", help="The N rows with exactly this time are delivered already"),
        *_COUNTING,
        *_CHANGING,
    ),
    examples=("--sync-id users --watermark 2026-01-05T00:00:00Z --why 'rows of January loaded again'",),
)
_RESET = cdi_command(
    "reset",
    _reset,
    help="Let a sync begin anew",
    description="Let the next run of a sync start as its first one did, where initial= says",
    args=(
        *_NAMED,
        option("--to-beginning", action="store_true", help="With everything, whatever initial= says"),
        *_COUNTING,
        *_CHANGING,
    ),
    examples=("--sync-id users --why 'new workspace'", "--dag-id users_to_braze --to-beginning --why 'restored' --yes"),
)
_MOVE = cdi_command(
    "move",
    _move,
    help="Take the state of a sync to another name, task or number of partitions",
    description=(
        "Take the state of a sync along when it gets another sync_id, another DAG or task, or another number of "
        "partitions, so that nothing is lost and not everything is sent again. Deploy the DAG with the new name first, "
        "paused; what stays under the old name says where it went"
    ),
    args=(
        option("--sync-id", help="Its present name; of a mapped task without the part of an instance"),
        option("--to-sync-id", metavar="NEW", help="Its new name"),
        option("--to-dag-id", metavar="DAG", help="Its DAG from then on"),
        option("--to-task-id", metavar="TASK", help="Its task from then on"),
        option("--to-partitions", metavar="N", help="The new number of partitions; none for a task without any"),
        option("--no-count", action="store_true", help="Do not ask the source how many rows are sent again"),
        ARG_DAG_FILE,
        *_CHANGING,
    ),
    examples=(
        "--sync-id users_to_braze.attributes --to-sync-id users --why 'a name of its own'",
        "--sync-id old_dag.sync --to-dag-id new_dag --to-task-id sync --why 'DAG renamed'",
        "--sync-id users --to-partitions 16 --why 'the table has grown'",
    ),
)
COMMAND = GroupCommand(
    name="state", help="Show and change what a sync remembers", subcommands=(_SHOW, _SET, _RESET, _MOVE)
)
