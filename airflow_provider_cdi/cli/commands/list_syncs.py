"""``airflow cdi syncs``: all syncs, and how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.command import GOOD, NOT_GOOD, cdi_command, option
from airflow_provider_cdi.cli.sync_args import ARG_DAG_FILE
from airflow_provider_cdi.exceptions import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_IN_TABLE = ("sync_id", "status", "accepted", "rejected", "watermark", "lag", "last_success", "lease")


def _run(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from airflow_provider_cdi.cli.output import print_result, tell
    from airflow_provider_cdi.cli.syncs.dag_files import read_dag_files
    from airflow_provider_cdi.cli.syncs.overview import overview
    from airflow_provider_cdi.cli.syncs.status import AMISS, WELL
    from airflow_provider_cdi.transfers.sync_tasks import sync_tasks

    if options.status not in (None, *WELL, *AMISS):
        raise UsageError(f"No sync has the status {options.status!r}: there are {', '.join(sorted({*WELL, *AMISS}))}.")
    files = read_dag_files(options.dag_file)
    tasks = [one for one in sync_tasks(files.dags.values()) if options.dag_id in (None, one.dag.dag_id)]
    is_whole = not (options.dag_file or options.dag_id)
    if options.dag_id and not tasks:
        raise UsageError(f"There is no DAG {options.dag_id!r} with a sync.{files.unread()}")
    found = overview(tasks, datetime.now(UTC), whole=is_whole, unread=files.errors)
    lines = [
        line
        for line in found.lines
        if (not line.is_past if options.status is None else line.values["status"] == options.status)
        and not (options.not_good and line.is_good)
    ]
    for file, error in files.errors.items():
        tell(f"{file} could not be read: {error}")
    for note in (*found.notes, *(hint for line in lines for hint in line.hints)):
        tell(note)
    rows = [line.values for line in lines]
    print_result([_shown(row) for row in rows] if options.output == "table" else rows, options.output)
    if options.not_good:
        return NOT_GOOD if lines else GOOD
    return GOOD if all(line.is_good for line in lines) else NOT_GOOD


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table has room for."""
    row = {name: values[name] for name in _IN_TABLE}
    row["status"] += " (dry run)" if values["dry_run"] else ""
    row["status"] += " (paused)" if values["paused"] else ""
    if values["since"]:
        row["status"] += f" since {values['since']}"
    row["watermark"] = values["watermark"] and values["watermark"].replace(".000000", "")
    row["lag"] = None if values["lag"] is None else in_words(values["lag"])
    return row


def in_words(seconds: float) -> str:
    """Return a length of time in its two greatest units.

    :param seconds: how long.
    """
    left, sign = int(abs(seconds)), "-" if seconds < 0 else ""
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, left = divmod(left, length)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return sign + " ".join(parts[:2])


COMMAND = cdi_command(
    "syncs",
    _run,
    help="List all syncs with status, watermark, lag and who is at work",
    description=(
        "List all syncs of the DAG files, and those whose state is kept while their task is gone: how the last run "
        "ended, up to where everything is delivered, how far that lies behind, and who is at work. Nothing is changed. "
        "Exit code 1 when one of those shown is not good"
    ),
    args=(
        option("--dag-id", help="Only the syncs of this DAG"),
        option("--status", help="Only syncs with this status, such as partial, error or orphan"),
        option("--not-good", action="store_true", help="Only syncs that somebody should look at"),
        ARG_DAG_FILE,
    ),
    examples=("", "--not-good", "--dag-id users_to_braze --output json"),
)
