"""The class, the codes and the query id of a driver's error: what names it without a word of its text.

Each is taken only in the form that its source gives it, so that no value of a row can pass for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeGuard

_STATE = re.compile(r"[0-9A-Z]{5}")
_NAME = re.compile(r"[A-Za-z][A-Za-z_]{2,60}")
_ID = re.compile(r"[0-9A-Za-z][\w:.-]{7,127}")
#: In the text itself: Oracle's code and the class of Databricks in front, its SQLSTATE behind, the code of AWS.
_IN_TEXT = (
    (re.compile(r"(?:ORA-\d{5}|DPY-\d{4})(?=:)"), "{}"),
    (re.compile(r"\[[A-Z]{2,40}(?:[_.][A-Z0-9]{1,40}){1,8}(?=\])"), "{}"),
    (re.compile(r"[\s\S]*\bSQLSTATE:? [0-9A-Z]{5}\b"), "SQLSTATE {}"),
    (re.compile(r"An error occurred \([A-Za-z]{3,60}(?=\) when calling)"), "{}"),
)
#: No database has larger numbers for its errors; what is larger may be a value.
_LARGEST_NUMBER = 999_999


def name_of(error: BaseException) -> str:
    """Return the class of an error with its codes and the id of the query, as far as they are known.

    :param error: what a driver raised; nothing of its text is in the name.
    """
    codes = ", ".join(dict.fromkeys(_codes(error)))
    return f"{type(error).__name__} ({codes})" if codes else type(error).__name__


def query_id(error: BaseException) -> str | None:
    """Return the id under which the warehouse's history has the query; None when the driver does not tell it."""
    found = (
        getattr(error, "sfqid", None),  # Snowflake
        getattr(getattr(error, "query_job", None), "job_id", None),  # BigQuery
        _context(error).get("operation-id"),  # Databricks
        getattr(error, "query_id", None),  # Trino
    )
    return next((one for one in found if isinstance(one, str) and _ID.fullmatch(one)), None)


def text_of(error: BaseException) -> str:
    """Return a driver's whole text, which must not leave this process as it is.

    Some drivers keep it in a field of its own, those of MySQL and SQL Server behind a number or a SQLSTATE.
    """
    behind = error.args[1] if len(error.args) > 1 else None
    for text in (getattr(error, "message", None), behind):
        if text and isinstance(text, str | bytes):
            return (text.decode(errors="replace") if isinstance(text, bytes) else text).strip()
    try:
        return str(error).strip()
    except Exception:  # a driver's own __str__, of an error without a text; its class says what is left to say
        return ""


def _codes(error: BaseException) -> Iterator[str]:
    text = text_of(error)
    yield from _states(error, text)
    yield from _numbers(error)
    yield from _names(error)
    for pattern, form in _IN_TEXT:
        if found := pattern.match(text):
            yield form.format(re.split(r"[\s\[(]", found[0])[-1])
    if (found_id := query_id(error)) is not None:
        yield f"query id {found_id}"


def _states(error: BaseException, text: str) -> Iterator[str]:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if state is None and text.startswith(f"[{error.args[0] if error.args else ''}]"):
        state = error.args[0]  # ODBC
    if isinstance(state, str) and _STATE.fullmatch(state):
        yield f"SQLSTATE {state}"


def _numbers(error: BaseException) -> Iterator[str]:
    """Drivers of MySQL and SQL Server put a number in front of the text, Snowflake's has a field for it."""
    first = error.args[0] if len(error.args) > 1 else None
    number = next((one for one in (getattr(error, "errno", None), first) if _is_number(one)), None)
    if number is not None:
        yield f"error {number}"
    http = _context(error).get("http-code") or getattr(error, "code", None)
    if _is_number(http) and 400 <= http < 600:
        yield f"HTTP {http:d}"


def _names(error: BaseException) -> Iterator[str]:
    """Trino and SQLite name their errors, Google gives reasons."""
    reasons = getattr(error, "errors", None)
    details = reasons if isinstance(reasons, list | tuple) else ()
    names = [getattr(error, "error_name", None), getattr(error, "sqlite_errorname", None)]
    names += [detail.get("reason") for detail in details if isinstance(detail, dict)]
    yield from (name for name in names if isinstance(name, str) and _NAME.fullmatch(name))


def _context(error: BaseException) -> dict[str, Any]:
    context = getattr(error, "context", None)
    return context if isinstance(context, dict) else {}


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_NUMBER
