"""What a driver's error means: stop and mend something, or try again later.

Drivers agree on little more than the names of their exception classes (PEP 249); SQLSTATE, where there is
one, and well-known phrases say more. The driver's first line is quoted when it cannot hold a row's value,
with the connection's secrets struck out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from airflow_provider_cdi.exceptions import CdiError, RetryLater, SourceError


@dataclass(frozen=True, slots=True)
class _Fault:
    advice: str
    passes: bool = False
    quotable: bool = True


_MISSING = _Fault("It does not exist, or the login may not see it: check the name, its case and the schema.")
_FORBIDDEN = _Fault("The login has no permission: grant it SELECT on the source (and USAGE on its schema).")
_LOGIN = _Fault("The login is refused: check the connection's login, password and database.")
_BROKEN = _Fault("The statement is refused: run the source's query in the warehouse and mend it.")
_PLACE = _Fault("The database cannot be opened: check the connection's host, path and extra.")
_IN_USE = _Fault("Another process or connection holds the database: it may be free later.", passes=True)
_MEMORY = _Fault("The query needs more memory than it may take: raise memory_limit in the connection's extra.")
_SPACE = _Fault("There is no space left for sorting: make room, or set TMPDIR to a larger disk.")
_VALUES = _Fault(
    "A value in it cannot be read or converted: find it with the same query in the warehouse, or cast the "
    "column in a view.",
    quotable=False,
)
_AWAY = _Fault("The warehouse did not answer or broke off: a new try may succeed.", passes=True)
_OTHER = _Fault("The driver gave up: see its own words.")

#: SQLSTATE, the longest prefix first (PostgreSQL, appendix A).
_BY_STATE = (
    ("42501", _FORBIDDEN),
    ("42P01", _MISSING),
    ("3F", _MISSING),
    ("3D", _LOGIN),
    ("28", _LOGIN),
    ("22", _VALUES),
    ("25P03", _AWAY),
    ("42", _BROKEN),
    ("08", _AWAY),
    ("40", _AWAY),
    ("53", _AWAY),
    ("55", _AWAY),
    ("57", _AWAY),
)

#: Phrases of drivers that give no SQLSTATE, or none for connections.
_BY_TEXT = tuple(
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        (r"authentication failed|role .* does not exist|database .* does not exist|no password", _LOGIN),
        (r"permission denied|access denied|not authorized|insufficient privilege", _FORBIDDEN),
        (r"no such table|table .* does not exist|schema .* does not exist|unknown table", _MISSING),
        (r"could not set lock|database is locked|different configuration", _IN_USE),
        (r"^out of memory error", _MEMORY),
        (r"disk is full|no space left", _SPACE),
        (r"unable to open database|cannot open (file|database)|no such file", _PLACE),
        (r"^conversion error|could not convert|could not decode", _VALUES),
        (r"syntax error|no such (column|function)|^(parser|binder|catalog) error", _BROKEN),
    )
)

#: Classes of PEP 249, and of the interpreter, when nothing else says more.
_BY_CLASS = {
    "DataError": _VALUES,
    "OperationalError": _AWAY,
    "InterfaceError": _AWAY,
    "ProgrammingError": _BROKEN,
    "NotSupportedError": _BROKEN,
    "OSError": _AWAY,
    "ArrowException": _VALUES,
}
_DRIVER_CLASSES = frozenset({"Error", "OSError", "ArrowException"})


def is_driver_error(error: BaseException) -> bool:
    """Whether the error comes from a driver, the network or the disk, and is no mistake of this package."""
    return bool(_class_names(error) & _DRIVER_CLASSES) or isinstance(error, pa.ArrowException)


def as_cdi_error(error: BaseException, *, doing: str, conn_id: str, secrets: Iterable[str] = ()) -> CdiError:
    """Say in this package's terms what a driver's error means.

    :param error: what the driver raised.
    :param doing: what was going on, on what (``reading the table users``).
    :param conn_id: the Airflow connection's id.
    :param secrets: texts that must not be quoted.
    :return: ``RetryLater`` when the same call may succeed later, ``SourceError`` otherwise.
    """
    line = _first_line(error)
    fault = _fault(error, line)
    text = f"{doing[:1].upper()}{doing[1:]} through the connection {conn_id!r} failed. {fault.advice}"
    if fault.quotable:
        for secret in secrets:
            line = line.replace(secret, "***")
        text += f" The driver says ({type(error).__name__}): {line}"
    else:
        text += f" The driver raised {type(error).__name__}."
    return RetryLater(text) if fault.passes else SourceError(text)


def _fault(error: BaseException, line: str) -> _Fault:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""
    for prefix, fault in _BY_STATE:
        if state.startswith(prefix):
            return fault
    for pattern, fault in _BY_TEXT:
        if pattern.search(line):
            return fault
    for name in (kind.__name__ for kind in type(error).__mro__):
        if name in _BY_CLASS:
            return _BY_CLASS[name]
    return _OTHER


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else "nothing"


def _class_names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
