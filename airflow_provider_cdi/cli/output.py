"""How results are printed: the result on standard output, everything else on standard error."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

#: Would move the cursor or colour the terminal, whoever wrote them into a name or a message. Line ends stay.
_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(0x20), *range(0x7F, 0xA0)) if chr(number) not in "\n\t"}

#: What is printed in the place of signs that an older terminal does not have.
_IN_ASCII = str.maketrans({"✓": "+", "✗": "x", "…": "..."})
#: Characters of a payload in a table.
_SHOWN_CHARS = 60
#: Characters of a cell outside a table: what a vendor finds too large may be a megabyte.
PLAIN_CHARS = 1_000
#: What a person copies out of a table: a name, a code, a time. A payload or a hash is longer or has other signs.
_WORD = re.compile(r"[\w.:+/@\[\]-]{0,64}")
_LEAST_OF_A_SENTENCE, _BETWEEN = 12, 3


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


def whose(identifier: Mapping[str, Any]) -> str:
    """Return the identifier of a row as one cell.

    :param identifier: name of the column -> value.
    """
    return ", ".join(f"{name} {value}" for name, value in identifier.items())


def shortened(text: str, most: int = _SHOWN_CHARS) -> str:
    """Return a payload as one cell: what is longer is cut off, and a sign says so.

    :param most: characters that are left; those that a table shows if nothing is said.
    """
    return text if len(text) <= most else f"{text[:most]}…"


def print_json(document: Any) -> None:
    """Print a document as JSON.

    :param document: of plain values; others are printed as their text.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    if not _can_be_printed(text):
        text = json.dumps(document, indent=2, ensure_ascii=True, default=str)
    print_text(text)


def print_text(text: str) -> None:
    """Print a text to standard output as it is, with an end of line.

    :param text: for example a script. Signs that the encoding of the output does not have become escapes such as
        ``\\xf6``.
    """
    text = _encodable(text)
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


def _can_be_printed(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _encodable(text: str) -> str:
    if _can_be_printed(text):
        return text
    encoding = sys.stdout.encoding
    return text.translate(_IN_ASCII).encode(encoding, "backslashreplace").decode(encoding)


def _print_plain(rows: Sequence[Mapping[str, Any]]) -> None:
    from tabulate import tabulate

    # One line a row, for programs.
    cells = [[_cell(value).replace("\n", "\\n") for value in row.values()] for row in rows]
    print_text(tabulate(cells, headers=list(rows[0]), tablefmt="plain", disable_numparse=True))


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    from airflow.cli.simple_table import AirflowConsole, SimpleTable

    # A name may hold what looks like markup: [dbo].[users].
    console = AirflowConsole(markup=False, emoji=False, highlight=False)
    cells = [[_encodable(_cell(value)) for value in row.values()] for row in rows]
    columns = [[name, *column] for name, column in zip(rows[0], zip(*cells, strict=True), strict=True)]
    if not console.is_terminal:
        console.width = _full_width(columns)  # `… | grep users` finds a row in one piece
    elif _least_width(columns) > console.width:
        print_text("\n\n".join(_block(list(rows[0]), row, console.width) for row in cells))
        return
    table: Any = SimpleTable(show_header=True, caption=None)  # type: ignore[no-untyped-call]
    for name, *column in columns:
        table.add_column(name, no_wrap=_is_of_words(column))
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _is_of_words(cells: Sequence[str]) -> bool:
    """Whether a column holds names, times or numbers, which a person copies: they stay in one piece."""
    return all(_WORD.fullmatch(cell) for cell in cells)


def _full_width(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + _BETWEEN for column in columns)


def _least_width(columns: Sequence[Sequence[str]]) -> int:
    """Return the width of a terminal that a table can still be read on: words in one piece, a bit of each sentence."""
    widths = [
        max(map(len, column)) if _is_of_words(column[1:]) else max(len(column[0]), _LEAST_OF_A_SENTENCE)
        for column in columns
    ]
    return sum(width + _BETWEEN for width in widths)


def _block(names: Sequence[str], cells: Sequence[str], width: int) -> str:
    """Write a row as lines of name and value, without what is empty; no word is broken."""
    margin = max(map(len, names)) + 2
    return "\n".join(
        textwrap.fill(
            cell,
            max(width, margin + _LEAST_OF_A_SENTENCE),
            initial_indent=name.ljust(margin),
            subsequent_indent=" " * margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, cell in zip(names, cells, strict=True)
        if cell
    )


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
