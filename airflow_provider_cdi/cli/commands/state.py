"""``airflow cdi state``: what a sync remembers, shown and changed; each way is a file of ``cli/state``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.cli.cli_config import GroupCommand

from airflow_provider_cdi.cli.command import cdi_command, option
from airflow_provider_cdi.cli.sync_args import ARG_DAG_FILE

if TYPE_CHECKING:
    import argparse

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


def _show(options: argparse.Namespace) -> None:
    from airflow_provider_cdi.cli.state.show import show_state

    show_state(options)


def _set(options: argparse.Namespace) -> None:
    from airflow_provider_cdi.cli.state.change import set_watermark

    set_watermark(options)


def _reset(options: argparse.Namespace) -> None:
    from airflow_provider_cdi.cli.state.change import reset

    reset(options)


def _move(options: argparse.Namespace) -> None:
    from airflow_provider_cdi.cli.state.move import move

    move(options)


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
