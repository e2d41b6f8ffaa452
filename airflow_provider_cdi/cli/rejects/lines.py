"""``airflow cdi rejects show``: the rejects themselves, also as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.command import GOOD, NOT_GOOD
from airflow_provider_cdi.cli.output import print_json, print_result, shortened, tell, whose
from airflow_provider_cdi.cli.rejects.choice import filter_of
from airflow_provider_cdi.cli.rejects.sync import RejectsOfSync, rejects_of_sync
from airflow_provider_cdi.destinations.cures import cure_of
from airflow_provider_cdi.engine.rows.plain_row import PlainRow
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError
from airflow_provider_cdi.preview.masks import Mask
from airflow_provider_cdi.rejects.stored import StoredReject

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.rejects.stored import RejectFilter

USUAL_ROWS = 20
#: A spreadsheet runs a text that begins with one of these as a formula (OWASP, CSV injection); the last four are those
#: signs in full width, which a spreadsheet in East Asian languages takes for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_FIRST = ("run_id", "map_index", "try_number", "at", "outcome", "code", "reason", "what_to_do", "updated_at")
_LAST = ("redriven", "redriven_at", "redriven_by", "payload")


def show_rejects(options: argparse.Namespace) -> int:
    """Print rejects; return the exit code."""
    mask, rows = _mask(options.mask), _rows(options)
    of = rejects_of_sync(options)
    now = datetime.now(UTC)
    meant = filter_of(options, now, include_redriven=options.all_of_them)
    if options.output == "csv":
        _print_csv(of, replace(meant, older_than=meant.older_than or now), mask, rows)
    else:
        found = list(islice(_entries(of, meant), None if rows is None else rows + 1))
        shown = [_covered(one, mask) for one in found[:rows]]
        _print(of, shown, options.output)
        if rows is not None and len(found) > rows:
            tell(f"There are more than these {rows:,}: --rows 0 shows all, --code, --identifier and others choose.")
    return GOOD if of.is_whole() else NOT_GOOD


def _mask(words: str | None) -> Mask:
    try:
        return Mask() if words is None else Mask.of(words.split(","))
    except ConfigurationError as error:
        raise UsageError(f"--mask: {error}") from None


def _rows(options: argparse.Namespace) -> int | None:
    """Return how many are shown; None for all."""
    if options.rows is None:
        return None if options.output == "csv" else USUAL_ROWS
    if options.rows < 0:
        raise UsageError(f"--rows is {options.rows}; give a number of rejects, or 0 for all.")
    return options.rows or None


def _entries(of: RejectsOfSync, meant: RejectFilter) -> Iterator[StoredReject]:
    return (one for one in of.index.entries(meant) if of.map_index is None or one.map_index == of.map_index)


def _covered(reject: StoredReject, mask: Mask) -> StoredReject:
    """Return a reject without what people may not see."""
    if not mask:
        return reject
    cover = mask.over([PlainRow(reject.identifier, reject.updated_at, reject.payload, reject.columns)])
    payload = reject.payload if isinstance(reject.payload, str) else json.dumps(reject.payload, ensure_ascii=False)
    return replace(
        reject,
        identifier={name: cover.value(name, value) for name, value in reject.identifier.items()},
        columns={name: cover.value(name, value) for name, value in reject.columns.items()},
        payload=None if reject.payload is None else cover.json(payload),
        reason=cover.text(reject.reason),
    )


def _print(of: RejectsOfSync, shown: list[StoredReject], output: str) -> None:
    if output == "json":
        print_json({"sync_id": of.task.sync_id, "rejects": [_document(one, of.vendor) for one in shown], **of.unread()})
        return
    rows = [_row(one) for one in shown]
    if output == "table":
        rows = [{**row, "payload": shortened(row["payload"])} for row in rows]
    print_result(rows, output)


def _row(reject: StoredReject) -> dict[str, Any]:
    return {
        "identifier": whose(reject.identifier),
        "updated_at": reject.updated_at,
        "outcome": reject.outcome,
        "code": reject.code,
        "reason": reject.reason,
        "redriven": reject.mark.fate if reject.mark else "",
        "payload": _text(reject.payload),
    }


def _document(reject: StoredReject, vendor: str) -> dict[str, Any]:
    mark = reject.mark
    return {
        **_about(reject, vendor),
        "identifier": reject.identifier,
        "payload": reject.payload,
        "columns": reject.columns,
        "in_doubt": reject.is_in_doubt,
        "redriven": {"fate": mark.fate, "at": mark.at, "run": mark.run} if mark else None,
    }


def _about(reject: StoredReject, vendor: str) -> dict[str, Any]:
    own = {name: getattr(reject, name) for name in _FIRST if name != "what_to_do"}
    return {name: own.get(name, cure_of(reject.code, vendor)) for name in _FIRST}


# --- a file for a spreadsheet -----------------------------------------------------------------------------------------


def _print_csv(of: RejectsOfSync, meant: RejectFilter, mask: Mask, rows: int | None) -> None:
    """Write rejects as they are read: a first reading tells which columns there are."""
    identifiers, columns = _names(islice(_entries(of, meant), rows))
    names = [*_FIRST, *identifiers, *columns, *_LAST]
    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="", write_through=True)
    try:
        out.write(_BOM)
        writer = csv.writer(out)
        writer.writerow(map(_cell, names))
        for one in islice(_entries(of, meant), rows):
            writer.writerow(map(_cell, _cells(_covered(one, mask), of.vendor, identifiers, columns)))
    finally:
        out.detach()


def _names(entries: Iterable[StoredReject]) -> tuple[list[str], list[str]]:
    """Return the names of all identifier columns and of all others, in the order in which they come."""
    identifiers: dict[str, None] = {}
    columns: dict[str, None] = {}
    for one in entries:
        identifiers.update(dict.fromkeys(one.identifier))
        columns.update(dict.fromkeys(one.columns))
    return list(identifiers), list(columns)


def _cells(reject: StoredReject, vendor: str, identifiers: list[str], columns: list[str]) -> Iterator[Any]:
    yield from _about(reject, vendor).values()
    yield from (reject.identifier.get(name) for name in identifiers)
    yield from (reject.columns.get(name) for name in columns)
    mark = reject.mark
    yield from (mark.fate, mark.at, mark.run) if mark else ("", "", "")
    yield _text(reject.payload)


def _cell(value: Any) -> Any:
    """Return what a cell holds; a text that a spreadsheet would run gets a quote in front."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
