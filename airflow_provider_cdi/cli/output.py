"""How results are printed: the result on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

#: Would move the cursor or colour the terminal, whoever wrote them into a name or a message. Line ends stay.
_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(0x20), *range(0x7F, 0xA0)) if chr(number) not in "\n\t"}


def print_result(rows: Sequence[Mapping[str, Any]], output: str, *, document: Any = None) -> None:
    """Print rows as ``--output`` says.

    :param rows: what a table has, each with the same keys, in their order.
    :param output: ``table``, ``json`` or ``plain``.
    :param document: for ``json``, where it holds more than the table; None for the rows.
    """
    if output == "json":
        print_json(list(rows) if document is None else document)
    elif not rows:
        tell("Nothing found.")
    elif output == "plain":
        _print_plain(rows)
    else:
        _print_table(rows)


def print_json(document: Any) -> None:
    """Print a document as JSON.

    :param document: of plain values; others are printed as their text.
    """
    print_text(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def print_text(text: str) -> None:
    """Print a text to standard output as it is, with an end of line.

    :param text: for example a script.
    """
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """Print words for a person to standard error.

    :param text: without an end of line.
    """
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """Return a text without characters that command a terminal.

    :param text: for example what a vendor said.
    """
    return text.translate(_CONTROLS)


def _print_plain(rows: Sequence[Mapping[str, Any]]) -> None:
    from tabulate import tabulate

    cells = [[_cell(value) for value in row.values()] for row in rows]
    print_text(tabulate(cells, headers=list(rows[0]), tablefmt="plain", disable_numparse=True))


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    from airflow.cli.simple_table import AirflowConsole, SimpleTable

    table: Any = SimpleTable(show_header=True, caption=None)  # type: ignore[no-untyped-call]
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    # A name may hold what looks like markup: [dbo].[users].
    AirflowConsole(markup=False, emoji=False, highlight=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(one) for one in value)
    if isinstance(value, Mapping):
        return printable(json.dumps(value, ensure_ascii=False, default=str))
    return printable(str(value))
