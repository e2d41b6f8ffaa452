"""What a driver's error means: stop and mend something, or try again later.

Drivers agree on little more than the names of their exception classes (PEP 249); SQLSTATE, where there is
one, and well-known phrases say more. Of the driver's text only what :mod:`driver_words` knows to be clean is repeated,
with the connection's secrets struck out; of any other the class and the codes are named, and where the text can be
seen.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from airflow_provider_cdi.exceptions import CdiError, RetryLater, SourceError
from airflow_provider_cdi.hooks.sql.driver_codes import name_of, text_of
from airflow_provider_cdi.hooks.sql.driver_words import known_words


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error means for the person who reads it.

    :param advice: what is wrong and what to do, in one sentence or two.
    :param passes: whether the same call may succeed later.
    :param kind: of trouble, one of :data:`~airflow_provider_cdi.exceptions.KINDS`.
    """

    advice: str
    passes: bool = False
    kind: str = "configuration"


MISSING = Fault(
    "It does not exist, or the login may not see it: check the name, its case and the schema.", kind="missing"
)
COLUMN = Fault(
    "A column does not exist, or the login may not see it: see what changed in the source, and mend it there, in sql= "
    "or in columns=.",
    kind="missing",
)
FORBIDDEN = Fault(
    "The login has no permission: grant it SELECT on the source (and USAGE on its schema).", kind="permission"
)
LOGIN = Fault("The login is refused: check the connection's login, password and database.", kind="connection")
BROKEN = Fault("The statement is refused: run the source's query in the warehouse and mend it.")
PLACE = Fault("The database cannot be opened: check the connection's host, path and extra.", kind="connection")
IN_USE = Fault("Another process or connection holds the database: it may be free later.", passes=True, kind="resources")
MEMORY = Fault(
    "The query needs more memory than it may take: raise memory_limit in the connection's extra.", kind="resources"
)
SPACE = Fault("There is no space left for sorting: make room, or set TMPDIR to a larger disk.", kind="storage_full")
VALUES = Fault(
    "A value in it cannot be read or converted: find it with the same query in the warehouse, or cast the "
    "column in a view."
)
RAISED = Fault(
    "A function or procedure that it calls raised an error of its own: run the source's query in the warehouse and "
    "mend it there."
)
FILES = Fault(
    "A file or directory that it needs is missing, or closed to the worker: check the paths in the connection's extra "
    "and TMPDIR.",
    kind="connection",
)
AWAY = Fault(
    "The warehouse did not answer or broke off: a new try may succeed. If none does, check host and port of the "
    "connection, and whether the worker is let in.",
    passes=True,
    kind="connection",
)
ENCRYPTION = Fault(
    "Server and client do not agree on TLS: check host and port, and in the connection's extra what is asked for "
    "(sslmode) and whose certificates are believed (sslrootcert).",
    kind="connection",
)
CLOSED = Fault(
    "The server does not let this login in from here: add the worker's egress address, the login and the database to "
    "pg_hba.conf or the allowlist. If it let them in with TLS alone, put sslmode=require into the connection's extra.",
    kind="connection",
)
BUSY = Fault(
    "The warehouse has no resources for it now (connections, memory, disk): a new try may succeed. If none does, look "
    "there what takes them.",
    passes=True,
    kind="resources",
)
ENDED = Fault(
    "The warehouse ended the statement by itself, for a lock, a conflict, a limit of time, a restart or a fault of its "
    "own: a new try may succeed. If none does, look there what stands in its way.",
    passes=True,
    kind="transient",
)
DISK = Fault(
    "The warehouse's own disk is full: a new try may succeed. If none does, make room there.",
    passes=True,
    kind="storage_full",
)
OTHER = Fault("The database, or its driver, gave up: run the source's query in the database itself.")

#: How a text that is not shown can be seen, when nothing better is known.
ANY_HISTORY = "run the source's query in the database, or look into its log, to see it"

Diagnosis = Callable[[BaseException], Fault | None]

#: SQLSTATE, the longest prefix first (PostgreSQL, appendix A).
_BY_STATE = (
    ("42501", FORBIDDEN),
    ("42P01", MISSING),
    ("42S02", MISSING),
    ("42703", COLUMN),
    ("42S22", COLUMN),
    ("3F", MISSING),
    ("3D", LOGIN),
    ("28", LOGIN),
    ("22", VALUES),
    ("23", VALUES),
    ("P0", RAISED),
    ("25P03", ENDED),
    ("42", BROKEN),
    ("08", AWAY),
    ("40", ENDED),
    ("53100", DISK),
    ("53", BUSY),
    ("55", ENDED),
    ("57", ENDED),
)

#: What the operating system says of files and disks: nothing that passes by itself.
_BY_ERRNO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), SPACE),
    **dict.fromkeys(
        (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP), FILES
    ),
}

#: Phrases of drivers that give no SQLSTATE, or none for connections.
_BY_TEXT = tuple(
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        (r"^out of memory error", MEMORY),
        # Sentences about values come first: what they quote may look like any other.
        (r"^(conversion|out of range|invalid input|mismatch type) error|could not (convert|decode|parse)", VALUES),
        (r"^(incorrect|truncated incorrect) [\w ]+ value|^data too long|out of range|overflow", VALUES),
        (r"^(\[[^\]]*\])*(conversion failed|error converting|string or binary data)|di(vision|vide) by zero", VALUES),
        (r"^ORA-(01476|017\d\d|018[0-6]\d|06502|12899)|cannot cast|malformed json", VALUES),
        (r"no such column|invalid column name|unknown column|column .* does not exist", COLUMN),
        (r"ORA-00904|^binder error: (referenced column .* not found|table .* does not have a column)", COLUMN),
        (r"^ORA-0165[0-9]|unable to extend .* tablespace", DISK),
        (r"no pg_hba\.conf entry|pg_hba\.conf rejects", CLOSED),
        (r"does not support SSL|certificate verify failed|root certificate file|does not match host name", ENCRYPTION),
        (r"^io error: cannot open (file|database)", PLACE),
        (r"^ORA-(01017|2800[0-3])|(authentication|login) failed|no password", LOGIN),
        (r"(role|database) .* does not exist", LOGIN),
        (r"too many (clients|connections)|remaining connection slots", BUSY),
        (r"permission denied|access denied|not authorized|insufficient privilege", FORBIDDEN),
        (r"no such table|invalid object name|table .* does not exist|schema .* does not exist|unknown table", MISSING),
        (r"could not set lock|database is locked|different configuration", IN_USE),
        (r"disk is full|no space left", SPACE),
        (r"unable to open database|cannot open (file|database)|no such file", PLACE),
        (r"syntax error|no such function|^(parser|binder|catalog) error", BROKEN),
        # DuckDB's, which come as an OSError out of an Arrow stream.
        (r"^(?!io|http|connection|interrupt)[a-z]+( [a-z]+){0,2} error: ", OTHER),
    )
)

#: Classes of PEP 249, and of the interpreter, when nothing else says more.
_BY_CLASS = {
    "DataError": VALUES,
    "OperationalError": AWAY,
    "InterfaceError": AWAY,
    "ProgrammingError": BROKEN,
    "NotSupportedError": BROKEN,
    "OSError": AWAY,
    "ArrowException": VALUES,
}
_OURS_OR_PYTHONS = sys.stdlib_module_names | {"airflow_provider_cdi", "__main__"}
_DRIVER_CLASSES = frozenset({"Error", "OSError", "ArrowException"})


def is_driver_error(error: BaseException, more: frozenset[str] = frozenset()) -> bool:
    """Whether the error comes from a driver, the network or the disk, and is no mistake of this package.

    :param more: names of further classes that are the driver's.
    """
    return bool(_class_names(error) & (_DRIVER_CLASSES | more)) or isinstance(error, pa.ArrowException)


def is_of_a_library(error: BaseException) -> bool:
    """Whether the error's class is neither Python's nor ours: some drivers do not keep to PEP 249's names."""
    return type(error).__module__.partition(".")[0] not in _OURS_OR_PYTHONS


def as_cdi_error(
    error: BaseException,
    *,
    doing: str,
    conn_id: str,
    secrets: Iterable[str] = (),
    diagnose: Diagnosis | None = None,
    history: str = ANY_HISTORY,
) -> CdiError:
    """Say in this package's terms what a driver's error means.

    :param error: what the driver raised.
    :param doing: what was going on, on what (``reading the table users``).
    :param conn_id: the Airflow connection's id.
    :param secrets: texts that must not be quoted.
    :param diagnose: what knows this driver's errors better; asked first.
    :param history: how to see in the database what is not shown here.
    :return: ``RetryLater`` when the same call may succeed later, ``SourceError`` otherwise.
    """
    fault = (diagnose(error) if diagnose else None) or _fault(error)
    told = _told(error, secrets) or f"Its text may hold a secret or values of rows, so it is not shown here: {history}."
    failed = f"{doing[:1].upper()}{doing[1:]} through the connection {conn_id!r} failed."
    words = f"The driver raised {name_of(error)}. {told}"
    meant = (RetryLater if fault.passes else SourceError)(f"{failed} {fault.advice} {words}").of_kind(fault.kind)
    meant.parts = (f"{failed} {words}", fault.advice)
    return meant


def _told(error: BaseException, secrets: Iterable[str]) -> str | None:
    """Repeat what the driver or the operating system says, as far as it may be repeated."""
    number = (error.errno if isinstance(error, OSError) else None) or 0
    words = known_words(error) or (os.strerror(number) if number in errno.errorcode else "")
    for secret in secrets:
        words = words.replace(secret, "***")
    return f"It says: {words}." if words else None


def _fault(error: BaseException) -> Fault:
    line = text_of(error).partition("\n")[0]
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""
    for prefix, fault in _BY_STATE:
        if state.startswith(prefix):
            return fault
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        return _BY_ERRNO[error.errno]
    for pattern, fault in _BY_TEXT:
        if pattern.search(line):
            return fault
    for name in (kind.__name__ for kind in type(error).__mro__):
        if name in _BY_CLASS:
            return _BY_CLASS[name]
    return OTHER


def _class_names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


#: Most drivers of MySQL raise one class for nearly all errors: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
_MYSQL_NUMBERS = {
    **dict.fromkeys((1044, 1045, 1049, 1698, 1820, 1862), LOGIN),
    **dict.fromkeys((1129, 1130), CLOSED),
    **dict.fromkeys((1142, 1143, 1227, 1370), FORBIDDEN),
    **dict.fromkeys((1051, 1109, 1146, 1356), MISSING),
    1054: COLUMN,
    **dict.fromkeys((1052, 1055, 1064, 1140, 1149, 1305), BROKEN),
    1644: RAISED,
    # Dates, numbers, texts and JSON that do not fit, a division by zero, more than one row for one value.
    **dict.fromkeys((1242, 1264, 1265, 1292, 1365, 1366, 1406, 1411, 1426, 1441, 1525, 1690, 3140, 3141, 3156), VALUES),
    **dict.fromkeys((1040, 1203, 1226), BUSY),
    **dict.fromkeys((1021, 1114), DISK),
    **dict.fromkeys((1053, 1205, 1213, 1317, 3024), ENDED),
    **dict.fromkeys((2002, 2003, 2006, 2013, 2055), AWAY),
}


def diagnose_mysql(error: BaseException) -> Fault | None:
    """Say what an error of MySQL means, by its number; None leaves it to the general table."""
    told = (getattr(error, "errno", None), error.args[0] if error.args else None)
    return next((_MYSQL_NUMBERS[one] for one in told if isinstance(one, int) and one in _MYSQL_NUMBERS), None)
