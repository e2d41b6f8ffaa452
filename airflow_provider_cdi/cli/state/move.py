"""The state of a sync taken to another name, task or number of partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import confirm
from airflow_provider_cdi.cli.output import tell
from airflow_provider_cdi.cli.state.stated import Known
from airflow_provider_cdi.exceptions import UsageError
from airflow_provider_cdi.state.by_hand.changes import change_now, check_reason, write_all
from airflow_provider_cdi.state.by_hand.moves import renamed, repartitioned
from airflow_provider_cdi.transfers.source_look import SourceLook
from airflow_provider_cdi.version_compat import cdi_command

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.state.by_hand.repartition import Ahead


def move(options: argparse.Namespace) -> None:
    """Move the sync that a command line names, with all its mapped instances.

    :param options: of ``airflow cdi state move``.
    :raises UsageError: when its words make no sense.
    :raises ConfigurationError: when it cannot be moved there.
    """
    wishes = [bool(options.to_sync_id or options.to_dag_id or options.to_task_id), bool(options.to_partitions)]
    if sum(wishes) != 1:
        raise UsageError("Say where to: --to-sync-id, --to-dag-id and --to-task-id, or --to-partitions.")
    if not options.sync_id:
        raise UsageError(
            f"Say which sync moves: --sync-id with its present name, as `{cdi_command('syncs')}` lists it."
        )
    check_reason(options.why)
    known = Known.look(options.dag_file)
    if options.to_partitions:
        count = _number_of_parts(options.to_partitions)
        moved = repartitioned(known.state, options.sync_id, count, change_now(options.why, "another number of parts"))
    else:
        change = change_now(options.why, f"was called {options.sync_id}")
        moved = renamed(known.state, options.sync_id, known.target(options), change)
    for line in moved.told:
        tell(line)
    tell(f"  {_again(known, options, moved.again)} that were delivered will be sent again.")
    confirm(options)
    write_all(moved.writes, event="cdi_state_move", why=options.why)
    number = len(moved.writes)
    tell(f"Written: {number} record{'' if number == 1 else 's'}. A run under the old name says that it has moved.")


def _number_of_parts(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--to-partitions is {text!r}; give a number, or none for a task without partitions.")
    return int(text)


def _again(known: Known, options: argparse.Namespace, again: Sequence[Ahead]) -> str:
    if not again:
        return "0 rows"
    if options.no_count:
        return "Rows (not counted)"
    task = known.any_task(options.sync_id)
    look = SourceLook(task.operator())
    return f"{look.count_again((one.part, one.since, one.up_to) for one in again):,} rows"
