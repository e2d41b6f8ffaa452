"""``airflow cdi rejects prune``: delete what is old."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import GOOD, NOT_GOOD
from airflow_provider_cdi.cli.output import print_result, tell
from airflow_provider_cdi.cli.rejects.choice import moment
from airflow_provider_cdi.cli.rejects.sync import rejects_of_sync
from airflow_provider_cdi.rejects.retention import old_runs, remove, remove_old_marks

if TYPE_CHECKING:
    import argparse


def prune_rejects(options: argparse.Namespace) -> int:
    """Print what is old, and delete it with ``--yes``; return the exit code."""
    before = moment("--older-than", options.older_than, datetime.now(UTC))
    assert before is not None  # noqa: S101  the option is required
    of = rejects_of_sync(options)
    old = [
        run
        for run in old_runs(of.index, before)
        if options.map_index is None or run.files.map_index == options.map_index
    ]
    print_result(
        [
            {"run": run.files.name, "rejects": run.rejects, "newest": run.newest, "files": len(run.files.names())}
            for run in old
        ],
        options.output,
    )
    number = f"{sum(run.rejects for run in old):,} rejects of {len(old):,} runs"
    if old and not options.yes:
        tell(f"Nothing was deleted: --yes deletes these {number}, which cannot be undone.")
    elif old:
        for run in old:
            remove(of.index, run)
        remove_old_marks(of.index, before)
        tell(f"Deleted: {number}.")
    return GOOD if of.is_whole() else NOT_GOOD
