"""``airflow cdi rejects``: what was not accepted, found again; each subcommand is a file of ``cli/rejects``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.cli.cli_config import GroupCommand

from airflow_provider_cdi.cli.command import cdi_command, option
from airflow_provider_cdi.cli.rejects.choice import ARG_CODE, ARG_OLDER_THAN, ARG_RUN_ID, FILTER_ARGS, REJECT_SYNC_ARGS

if TYPE_CHECKING:
    import argparse


def _list(options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.rejects.summary import list_rejects

    return list_rejects(options)


def _show(options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.rejects.lines import show_rejects

    return show_rejects(options)


def _retry(options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.rejects.retry import retry_rejects

    return retry_rejects(options)


def _prune(options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.rejects.prune import prune_rejects

    return prune_rejects(options)


_LIST = cdi_command(
    "list",
    _list,
    help="Show what was rejected, by run and code, and what to do",
    description=(
        "Show the rejects of a sync by run, code and outcome: how many, how many of them were sent again, the oldest "
        "UPDATED_AT, and what to do. Exit code 1 when some of them cannot be read here; they are named"
    ),
    args=(*REJECT_SYNC_ARGS, *FILTER_ARGS),
    examples=("--dag-id users_to_braze", "--sync-id users --newer-than 7d", "--sync-id users --identifier c-4711"),
)
_SHOW = cdi_command(
    "show",
    _show,
    help="Show the rejects themselves, also as a file for a spreadsheet",
    description=(
        "Show the rejects of a sync: identifier, UPDATED_AT, code, reason, payload. Exit code 1 when some of them "
        "cannot be read here; they are named"
    ),
    args=(
        *REJECT_SYNC_ARGS,
        *FILTER_ARGS,
        option("--rows", type=int, help="How many are shown, 0 for all. Default: 20, in csv all"),
        option(
            "--mask",
            metavar="FIELDS",
            help="Fields that are shown as ***, such as email,phone; their values are masked wherever else they stand. "
            "all masks every value",
        ),
    ),
    output=option(
        "-o",
        "--output",
        choices=("table", "json", "plain", "csv"),
        default="table",
        metavar="(table, json, plain, csv)",
        help="How they are printed; json is for programs, csv for a spreadsheet. Default: table",
    ),
    examples=(
        "--dag-id users_to_braze --code payload_not_json --mask email,phone",
        "--sync-id users --identifier c-4711 --output json",
        "--sync-id users --output csv > rejects.csv",
    ),
)
_RETRY = cdi_command(
    "retry",
    _retry,
    help="Trigger a run that sends them again",
    description=(
        "Show which rejects would be sent again, and trigger a run of the sync's DAG that does it. The command itself "
        "sends nothing. Without any to be taken there is no run, and the exit code is 0"
    ),
    args=(
        *(one for one in REJECT_SYNC_ARGS if "--map-index" not in one.flags),
        ARG_CODE,
        ARG_RUN_ID,
        ARG_OLDER_THAN,
        option(
            "--unknown",
            action="store_true",
            help="Also events and purchases of which nobody knows whether they arrived. They may count twice",
        ),
        option(
            "--stored-payload",
            action="store_true",
            help="Send what was rejected, as the reject file keeps it, and not the row as it is now",
        ),
        option("--yes", action="store_true", help="Do not ask"),
    ),
    examples=(
        "--sync-id users",
        "--dag-id users_to_braze --code payload_not_json --older-than 12h",
        "--sync-id users --yes --output json",
    ),
)
_PRUNE = cdi_command(
    "prune",
    _prune,
    help="Delete old rejects, run by run, with their marks",
    description=(
        "Show which runs have only rejects that are older, and delete their files with --yes. Exit code 1 when some "
        "rejects cannot be read here; they stay"
    ),
    args=(
        *REJECT_SYNC_ARGS,
        option(
            "--older-than",
            required=True,
            metavar="TIME",
            help="What was rejected before this moment, such as 2026-01-05T00:00:00Z, or longer ago than 30d",
        ),
        option("--yes", action="store_true", help="Delete them; without it nothing is deleted"),
    ),
    examples=("--dag-id users_to_braze --older-than 30d", "--sync-id users --older-than 30d --yes"),
)

COMMAND = GroupCommand(
    name="rejects",
    help="Find the rows that were not accepted, export them, send them again, delete old ones",
    subcommands=(_LIST, _SHOW, _RETRY, _PRUNE),
)
