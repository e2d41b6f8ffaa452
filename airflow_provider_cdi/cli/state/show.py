"""A record shown: watermark, where it is kept with its copies, who is at work, what was changed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.output import print_json, print_text, printable
from airflow_provider_cdi.cli.state.stated import Known

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.cli.state.stated import StatedSync
    from airflow_provider_cdi.state.by_hand.found import FoundRecord, FoundState


def show_state(options: argparse.Namespace) -> None:
    """Print the records of the syncs that a command line names.

    :param options: with a name of syncs and ``output``.
    :raises UsageError: when it names none.
    """
    known = Known.look(options.dag_file)
    shown = [_described(one, known.state) for one in known.named(options)]
    if options.output == "json":
        print_json(shown)
        return
    for one in shown:
        lines = [f"{name:<12} {value}" for name, value in _flat(one)]
        print_text(printable("\n".join(lines) + "\n"))


def _described(one: StatedSync, state: FoundState) -> dict[str, Any]:
    lease = state.holder(one.name, one.found.record.identity.owner if one.found else "")
    shown: dict[str, Any] = {"sync_id": one.name, "task": one.task.name if one.task else None}
    shown["unreadable"] = state.unreadable_of(one.name, one.sync_id)
    if one.found is None:
        return shown | {"state": "none: the next run starts as initial= says", "lease": lease}
    record = one.found.record
    mark = record.watermark
    return shown | {
        "data_type": record.identity.data_type,
        "destination": record.identity.destination,
        "owner": record.identity.owner,
        "reads": record.identity.reads.to_json() if record.identity.reads else None,
        "watermark": record.identity.written(mark.position) if mark else None,
        "delivered_at_watermark": len(mark.ties) if mark else None,
        "from_beginning": record.from_beginning,
        "gen": record.gen,
        "run_id": record.run_id or None,
        "at": record.at or None,
        "rejected": record.checkpoint.totals.rejected,
        "jobs": [job.name for job in record.checkpoint.jobs],
        "kept": one.found.place.describe(),
        "copies": [f"{copy.place.describe()} (gen {copy.record.gen})" for copy in _copies(one, state)],
        "lease": lease,
        "moved_to": list(record.moved_to),
        "changed": [change.to_json() for change in record.changed],
    }


def _copies(one: StatedSync, state: FoundState) -> list[FoundRecord]:
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
