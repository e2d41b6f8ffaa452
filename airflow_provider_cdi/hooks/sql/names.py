"""What a person wrote as SQL: where a query ends, and whether a text that should be a name is a query."""

from __future__ import annotations

import re

from airflow_provider_cdi.exceptions import ConfigurationError

#: What editors put before the first character of a file.
_MARKS = "\ufeff\u200b"
_NO_QUERY = "sql= holds no query. Give one SELECT statement."
_SEVERAL = (
    "sql= holds several statements, with a semicolon between them. Give one SELECT statement; what it needs before "
    "goes into a view or into WITH."
)

#: A query, or what else a person may have meant to run; behind comments and brackets.
_BEGINNING = re.compile(
    r"(?:\s|\(|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*"
    r"(?:select|with|values|from|insert|update|delete|merge|call|exec|execute|show|describe|explain)[\s(*]",
    re.IGNORECASE | re.DOTALL,
)
_SIGNS = re.compile(r";|--|/\*|[\r\n]")

#: PostgreSQL: in E'it\'s' a backslash hides the quote.
_ESCAPED = re.compile(r"(?<![A-Za-z0-9_])[eE]\Z")
_DOLLARS = re.compile(r"\$(?:[A-Za-z_]\w*)?\$")


def single_query(sql: str, *, line_comments: tuple[str, ...] = ("--",), has_backslashes: bool = False) -> str:
    """Return a query without what stands before and behind it: marks, comments, a semicolon.

    :param line_comments: what begins a comment that lasts to the end of the line.
    :param has_backslashes: whether a backslash in a text hides the quote behind it.
    :raises ConfigurationError: when there is no statement, or more than one.
    """
    text = sql.strip().strip(_MARKS).strip()
    last, semicolon = -1, False
    for start, end in _code(text, line_comments, has_backslashes=has_backslashes):
        if text[start] == ";":
            semicolon = last >= 0
        elif semicolon:
            raise ConfigurationError(_SEVERAL)
        else:
            last = end
    if last < 0:
        raise ConfigurationError(_NO_QUERY)
    return text[:last]


def looks_like_sql(name: str) -> bool:
    """Whether a text that should be the name of a table is a statement, or has parts that no plain name has."""
    text = name.strip().strip(_MARKS)
    return bool(_BEGINNING.match(text) or _SIGNS.search(text))


def _code(text: str, line_comments: tuple[str, ...], *, has_backslashes: bool) -> list[tuple[int, int]]:
    """Give the pieces of a text that are no space and no comment: texts and names in quotes whole, else a sign each."""
    pieces: list[tuple[int, int]] = []
    place = 0
    while place < len(text):
        end = _end_of_comment(text, place, line_comments)
        if end is None:
            end = _end_of_piece(text, place, has_backslashes=has_backslashes)
            if not text[place].isspace():
                pieces.append((place, end))
        place = end
    return pieces


def _end_of_comment(text: str, place: int, line_comments: tuple[str, ...]) -> int | None:
    if text.startswith(line_comments, place):
        end = text.find("\n", place)
        return len(text) if end < 0 else end + 1
    if text.startswith("/*", place):
        end = text.find("*/", place + 2)
        return len(text) if end < 0 else end + 2
    return None


def _end_of_piece(text: str, place: int, *, has_backslashes: bool) -> int:
    sign = text[place]
    if sign in "'\"`":
        is_escaped = has_backslashes or (sign == "'" and _ESCAPED.search(text, 0, place) is not None)
        return _end_of_quoted(text, place, has_backslashes=is_escaped and sign != "`")
    tag = _DOLLARS.match(text, place) if sign == "$" else None
    if tag is not None and (end := text.find(tag[0], tag.end())) >= 0:
        return end + len(tag[0])
    return place + 1


def _end_of_quoted(text: str, place: int, *, has_backslashes: bool) -> int:
    quote = text[place]
    place += 1
    while place < len(text):
        if has_backslashes and text[place] == "\\":
            place += 2
        elif text[place] != quote:
            place += 1
        elif text.startswith(quote, place + 1):
            place += 2
        else:
            return place + 1
    return len(text)
