"""What sets one SQL database apart from another, as declarations."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_cdi.hooks.arrow.column_types import MYSQL_FIELD_TYPES, POSTGRES_OIDS, ColumnType, column_type_of
from airflow_provider_cdi.hooks.duckdb.names import NO_VARIABLES, check_is_table
from airflow_provider_cdi.hooks.duckdb.spill import SPILL, keep_spill_private
from airflow_provider_cdi.hooks.sql.errors import ANY_HISTORY, Diagnosis, diagnose_mysql
from airflow_provider_cdi.hooks.sql.postgres_types import read_as_text
from airflow_provider_cdi.hooks.sql.reader import (
    DuckDbReader,
    FetchManyReader,
    NamedCursorReader,
    Reader,
    SqliteReader,
    Statement,
)
from airflow_provider_cdi.hooks.sql.server_clock import ANSI_CLOCK, ServerClock, local_text
from airflow_provider_cdi.hooks.sql.timestamp_text import utc_text

#: What text with a year of four digits can say, and what nanoseconds in 64 bits can.
EARLIEST, EARLIEST_NANOSECOND = "0001-01-01T00:00:00.000000Z", "1677-09-22T00:00:00.000000Z"
LATEST, LATEST_NANOSECOND = "9999-12-31T23:59:59.999999Z", "2262-04-11T00:00:00.000000Z"


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How a position is bound so that the database compares it at the column's own precision.

    :param cast: SQL around the placeholder ``{}``.
    :param digits: digits of a second that the type holds.
    :param zone: what follows the clock in the bound text.
    :param earliest: position before which no time can be read: ``-infinity`` is.
    :param latest: position after which none can: ``infinity`` is.
    """

    cast: str
    digits: int = 6
    zone: str = ""
    earliest: str = EARLIEST
    latest: str = LATEST


_ANSI_TIMES: Mapping[ColumnType, TimeForm] = {
    ColumnType.TIMESTAMP: TimeForm("cast({} as timestamp)"),
    ColumnType.TIMESTAMP_TZ: TimeForm("cast({} as timestamp with time zone)", zone="+00:00"),
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One SQL dialect.

    :param name: for messages.
    :param quote: the character around an identifier; doubled inside it.
    :param folds: what the database does to an identifier that is not quoted.
    :param session: statements for every new connection, where the session has a zone of its own: it is UTC.
    :param tag: the statement that puts a name on all that a connection asks, so that the database's own history
        shows which sync it was; ``{}`` stands for the name as a literal.
    :param times: how positions are bound, by the kind of ``UPDATED_AT``.
    :param clock: how the database is asked for its own time.
    :param type_codes: the driver's own type codes, where they are numbers.
    :param computed_time: where ``UPDATED_AT`` is text because there is no timestamp type: the relation that
        has ``cdi_time``, in UTC and comparable, computed once a row from the column ``{time}``, and ``{others}``.
    :param zoned_as_utc: SQL that turns a timestamp with zone into one without, in UTC.
    :param read_as: SQL by the kind of a column that is not read as it stands: JSON and far times in the database's own
        text, so that no driver parses them, or fails at one.
    :param digest: SQL of a text's MD5 as hexadecimal digits in lower case, compared byte by byte.
    :param text: SQL that turns any value into text.
    :param whole: SQL that makes a whole number of 64 bits of a bound text.
    :param prepare: what else a new connection needs.
    :param around: what begins before a connection is opened and ends after it is closed.
    :param check_table: raises where a name, as quoted SQL, is no table or view of a connection; the last argument says
        what is done with it. Databases that take a name for nothing else have none.
    :param file_formats: what stands before the path of a file where the name of a schema would (``parquet.`/data```).
    :param first_rows: what follows the order of a statement of which only the first ``{}`` rows are wanted; empty where
        it is not known.
    :param reader: how rows are streamed.
    :param line_comments: what begins a comment that lasts to the end of the line.
    :param has_backslashes: whether a backslash in a text of SQL hides the quote behind it.
    :param errors: names of exception classes that are the driver's, beside those of PEP 249.
    :param diagnose: what the driver's errors mean, where the general table does not know.
    :param scan: asks what a statement will scan, before it is run: bytes, None where they cannot be known, and how that
        was found out; None for a database that does not tell.
    :param history: how to see what the database said of a query that failed; its words stay out of our logs.
    """

    name: str
    quote: str = '"'
    folds: Callable[[str], str] = str
    session: tuple[str, ...] = ()
    tag: str | None = None
    times: Mapping[ColumnType, TimeForm] = field(default_factory=lambda: _ANSI_TIMES)
    clock: ServerClock = ANSI_CLOCK
    type_codes: Mapping[int, ColumnType] = field(default_factory=dict)
    computed_time: str | None = None
    zoned_as_utc: str = "{}"
    read_as: Mapping[ColumnType, str] = field(default_factory=dict)
    digest: str = "md5({})"
    text: str = "cast({} as varchar)"
    whole: str = "cast({} as bigint)"
    prepare: Callable[[Any], None] | None = None
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    check_table: Callable[[Any, str, str], None] | None = None
    file_formats: frozenset[str] = frozenset()
    first_rows: str = ""
    reader: Reader = field(default_factory=FetchManyReader)
    line_comments: tuple[str, ...] = ("--",)
    has_backslashes: bool = False
    errors: frozenset[str] = frozenset()
    diagnose: Diagnosis | None = None
    scan: Callable[[Any, Statement], tuple[int | None, str]] | None = None
    history: str = ANY_HISTORY

    def quoted(self, name: str) -> str:
        """Return the name as one quoted identifier."""
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def tagging(self, tag: str) -> str | None:
        """Return the statement that names a connection after a sync; None when there is none."""
        if not tag or self.tag is None:
            return None
        # Redshift reads a backslash in a literal as the beginning of an escape, PostgreSQL as itself.
        escaped = tag.replace("\\", "/").replace("'", "''")
        return self.tag.format(f"'{escaped}'")

    def kind(self, type_code: object) -> ColumnType:
        """Say what a column holds from the type code in a cursor's description."""
        return column_type_of(type_code, self.type_codes)


def _register_functions(connection: Any) -> None:
    connection.create_function("cdi_utc", 1, utc_text, deterministic=True)
    connection.create_function("cdi_local", 2, local_text, deterministic=True)
    connection.create_function("md5", 1, _md5, deterministic=True)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


ANSI = Dialect("SQL")

#: The words that most databases have for it.
LIMIT = "limit {}"

#: Milliseconds are what SQLite has; CURRENT_TIMESTAMP has whole seconds.
_SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"

#: Airflow connection type -> dialect; every other type is taken for plain ANSI SQL. PostgreSQL, SQLite and
#: DuckDB are tested against the real thing; Trino and MySQL are declared from their manuals (and MySQL's
#: default cursor holds a whole result: set ``"cursor": "sscursor"`` in the connection's extra).
DIALECTS: Mapping[str, Dialect] = {
    "postgres": Dialect(
        "PostgreSQL",
        folds=str.lower,
        session=("SET TIME ZONE 'UTC'", "SET DateStyle TO ISO"),
        tag="SET application_name TO {}",
        # now() is the moment at which the transaction began.
        clock=ServerClock(
            "(clock_timestamp() at time zone 'UTC')", "(clock_timestamp() at time zone '{zone}')", "clock_timestamp()"
        ),
        type_codes=POSTGRES_OIDS,
        zoned_as_utc="timezone('UTC', {})",
        read_as={ColumnType.JSON: "cast({} as text)"},
        prepare=read_as_text,
        digest='md5({}) collate "C"',
        first_rows=LIMIT,
        reader=NamedCursorReader(),
        history="the server's log has it, with the sync's id as application_name",
    ),
    "sqlite": Dialect(
        "SQLite",
        times={ColumnType.TIMESTAMP: TimeForm("{}")},
        clock=ServerClock(
            f"cdi_utc({_SQLITE_NOW})", f"cdi_local({_SQLITE_NOW}, '{{zone}}')", f"cdi_utc({_SQLITE_NOW})"
        ),
        # Without the limit SQLite would merge the two queries and compute the time for every comparison.
        history="run the source's query in SQLite to see it",
        computed_time="(select cdi_utc({time}) as cdi_time{others} from {relation} limit -1) cdi_timed",
        prepare=_register_functions,
        first_rows=LIMIT,
        reader=SqliteReader(),
    ),
    "duckdb": Dialect(
        "DuckDB",
        session=("SET TimeZone = 'UTC'", NO_VARIABLES),
        prepare=keep_spill_private,
        around=SPILL.borrowed,
        check_table=check_is_table,
        clock=ServerClock("(now() at time zone 'UTC')", "(now() at time zone '{zone}')", "now()"),
        # Arrow has no such types: DuckDB would hand out other numbers, or bytes, or times without their zone.
        read_as={
            ColumnType.NUMBER: "cast({} as varchar)",
            ColumnType.SPELLED: "cast({} as varchar)",
            ColumnType.NESTED: "cast(to_json({}) as varchar)",
        },
        times={
            **_ANSI_TIMES,
            ColumnType.TIMESTAMP_NS: TimeForm(
                "cast({} as timestamp_ns)", digits=9, earliest=EARLIEST_NANOSECOND, latest=LATEST_NANOSECOND
            ),
        },
        first_rows=LIMIT,
        reader=DuckDbReader(),
        history="run the source's query in DuckDB to see it",
    ),
    "trino": Dialect(
        "Trino",
        folds=str.lower,
        times={
            ColumnType.TIMESTAMP: TimeForm("cast({} as timestamp(6))"),
            ColumnType.TIMESTAMP_TZ: TimeForm("cast({} as timestamp(6) with time zone)", zone=" UTC"),
        },
        clock=ServerClock(
            "cast(current_timestamp(6) at time zone 'UTC' as timestamp(6))",
            "cast(current_timestamp(6) at time zone '{zone}' as timestamp(6))",
            "current_timestamp(6)",
        ),
        read_as={
            ColumnType.DATE: "cast({} as varchar)",
            ColumnType.TIMESTAMP: "cast(cast({} as timestamp(6)) as varchar)",
            ColumnType.TIMESTAMP_TZ: "cast(cast({} at time zone 'UTC' as timestamp(6)) as varchar)",
        },
        digest="lower(to_hex(md5(to_utf8({}))))",
        first_rows=LIMIT,
        history="Trino's web interface and system.runtime.queries have it under the query id",
    ),
    "mysql": Dialect(
        "MySQL",
        quote="`",
        session=("SET time_zone = '+00:00'",),
        times={ColumnType.TIMESTAMP: TimeForm("cast({} as datetime(6))")},
        clock=ServerClock("utc_timestamp(6)", "convert_tz(utc_timestamp(6), '+00:00', '{zone}')", "utc_timestamp(6)"),
        text="cast({} as char)",
        whole="cast({} as signed)",
        first_rows=LIMIT,
        # Some drivers make NULL of a zero date, and some fail.
        read_as={ColumnType.DATE: "cast({} as char)", ColumnType.TIMESTAMP: "cast({} as char)"},
        type_codes=MYSQL_FIELD_TYPES,
        line_comments=("--", "#"),
        has_backslashes=True,
        diagnose=diagnose_mysql,
    ),
}
