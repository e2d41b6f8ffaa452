"""``airflow cdi rejects list``: one line for each run and code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.command import GOOD, NOT_GOOD
from airflow_provider_cdi.cli.output import print_json, print_result, tell
from airflow_provider_cdi.cli.rejects.choice import filter_of
from airflow_provider_cdi.cli.rejects.sync import rejects_of_sync
from airflow_provider_cdi.destinations.cures import cure_of

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.rejects.stored import StoredReject


@dataclass(slots=True)
class Group:
    """The rejects of one run with one code.

    :param number: how many.
    :param redriven: how many of them were sent again.
    :param oldest: the least ``UPDATED_AT``.
    """

    number: int = 0
    redriven: int = 0
    oldest: str = ""

    def add(self, reject: StoredReject) -> None:
        """Count one more."""
        self.number += 1
        self.redriven += reject.mark is not None
        self.oldest = min(filter(None, (self.oldest, reject.updated_at)), default="")


def list_rejects(options: argparse.Namespace) -> int:
    """Print what was rejected; return the exit code."""
    of = rejects_of_sync(options)
    meant = filter_of(options, datetime.now(UTC), include_redriven=True)
    entries = (one for one in of.index.entries(meant) if of.map_index is None or one.map_index == of.map_index)
    groups = grouped(entries)
    shown = {key: group for key, group in groups.items() if options.all_of_them or group.redriven < group.number}
    rows = [
        {
            "run_id": run_id,
            "code": code,
            "outcome": outcome,
            "number": group.number,
            "redriven": group.redriven,
            "oldest": group.oldest,
            "what_to_do": cure_of(code, of.vendor),
        }
        for (run_id, code, outcome), group in shown.items()
    ]
    if options.output == "json":
        print_json({"sync_id": of.task.sync_id, "place": of.index.place.below, "rejects": rows, **of.unread()})
    else:
        print_result(rows, options.output)
    tell(_totals(shown, of.index.place.below))
    return GOOD if of.is_whole() else NOT_GOOD


def grouped(entries: Iterable[StoredReject]) -> dict[tuple[str, str, str], Group]:
    """Count rejects by their run, code and outcome, in the order in which they come.

    :param entries: the rejects.
    """
    groups: dict[tuple[str, str, str], Group] = {}
    for one in entries:
        groups.setdefault((one.run_id, one.code, one.outcome), Group()).add(one)
    return groups


def _totals(groups: dict[tuple[str, str, str], Any], place: str) -> str:
    if not groups:
        return f"No rejects of this kind lie below {place}."
    number = sum(group.number for group in groups.values())
    redriven = sum(group.redriven for group in groups.values())
    runs = len({run_id for run_id, _, _ in groups})
    return f"Rejects {number:,}, of these sent again {redriven:,}; runs {runs:,}. They lie below {place}."
