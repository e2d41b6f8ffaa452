from __future__ import annotations

import sqlite3
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cdi.exceptions import CdiError, RetryLater, SourceError
from airflow_provider_cdi.hooks.sql.errors import as_cdi_error, diagnose_mysql, is_driver_error


class DriverError(sqlite3.Error):
    sqlstate: str | None = None


NOT_LET_IN = 'FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "cdi", database "shop", no encryption'

NO_FILE = 'IO Error: Cannot open database "/data/w.duckdb" in read-only mode: database does not exist'


def translate(error: BaseException, **kwargs: Any) -> CdiError:
    return as_cdi_error(error, doing="reading the table users", conn_id="shop", **kwargs)


def with_state(state: str) -> DriverError:
    error = DriverError("gone wrong")
    error.sqlstate = state
    return error


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        (with_state("42P01"), SourceError, "check the name"),
        (with_state("42501"), SourceError, "grant it SELECT"),
        (with_state("42601"), SourceError, "mend it"),
        (with_state("28P01"), SourceError, "check the connection's login"),
        (with_state("08006"), RetryLater, "a new try"),
        (with_state("57014"), RetryLater, "a new try"),
        (with_state("53300"), RetryLater, "a new try"),
        (sqlite3.OperationalError("no such table: users"), SourceError, "check the name"),
        (sqlite3.OperationalError("database is locked"), RetryLater, "may be free later"),
        (sqlite3.OperationalError("database or disk is full"), SourceError, "TMPDIR"),
        (sqlite3.OperationalError("server closed the connection unexpectedly"), RetryLater, "a new try"),
        (sqlite3.OperationalError("server does not support SSL, but SSL was required"), SourceError, "sslmode"),
        (sqlite3.OperationalError("SSL error: certificate verify failed"), SourceError, "sslrootcert"),
        (sqlite3.OperationalError("SSL connection has been closed unexpectedly"), RetryLater, "a new try"),
        (sqlite3.OperationalError('FATAL:  too many connections for role "cdi"'), RetryLater, "no resources"),
        (sqlite3.OperationalError(NOT_LET_IN), SourceError, "egress address"),
        (OSError(28, "No space left on device"), SourceError, "TMPDIR"),
        (FileNotFoundError(2, "No such file or directory"), SourceError, "TMPDIR"),
        (PermissionError(13, "Permission denied"), SourceError, "closed to the worker"),
        (OSError(30, "Read-only file system"), SourceError, "closed to the worker"),
        (OSError(122, "Disk quota exceeded"), SourceError, "no space left"),
        (ConnectionResetError(104, "Connection reset by peer"), RetryLater, "a new try"),
        (TimeoutError("timed out"), RetryLater, "a new try"),
        (sqlite3.Error(NO_FILE), SourceError, "check the connection's host, path"),
        (pa.ArrowInvalid("Out of Memory Error: failed"), SourceError, "memory_limit"),
        (sqlite3.Error("odd"), SourceError, "in the database itself"),
    ],
)
def test_an_error_says_whether_to_mend_or_to_wait(error: Exception, kind: type[CdiError], advice: str) -> None:
    translated = translate(error)
    assert type(translated) is kind
    assert advice in str(translated)
    assert str(translated).startswith("Reading the table users through the connection 'shop' failed.")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (with_state("42P01"), "missing"),
        (with_state("42703"), "missing"),
        (sqlite3.OperationalError("no such column: plan"), "missing"),
        (sqlite3.Error('Binder Error: Referenced column "plan" not found in FROM clause!'), "missing"),
        (sqlite3.Error('Binder Error: Table "u" does not have a column named "plan"'), "missing"),
        (sqlite3.Error("[42S22] [Microsoft][ODBC Driver 18] Invalid column name 'plan'."), "missing"),
        (sqlite3.Error('ORA-00904: "U"."PLAN": invalid identifier'), "missing"),
        (sqlite3.Error("ORA-01017: invalid username/password; logon denied"), "connection"),
        (with_state("28P01"), "connection"),
        (with_state("08006"), "connection"),
        (with_state("42501"), "permission"),
        (with_state("42601"), "configuration"),
        (with_state("22P02"), "configuration"),
        (with_state("53300"), "resources"),
        (with_state("53200"), "resources"),
        (with_state("53100"), "storage_full"),
        (with_state("40001"), "transient"),
        (with_state("55P03"), "transient"),
        (with_state("57014"), "transient"),
        (with_state("57P01"), "transient"),
        (OSError(28, "No space left on device"), "storage_full"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection"),
    ],
)
def test_an_error_has_the_kind_that_says_whom_to_wake(error: Exception, kind: str) -> None:
    assert translate(error).kind == kind


@pytest.mark.parametrize(
    ("number", "kind"),
    [(1045, "connection"), (1862, "connection"), (1130, "connection"), (2003, "connection"), (1142, "permission"),
     (1146, "missing"), (1054, "missing"), (1040, "resources"), (1226, "resources"), (1021, "storage_full"),
     (1205, "transient"), (1213, "transient"), (1064, "configuration")],
)  # fmt: skip
def test_a_number_of_mysql_has_its_kind(number: int, kind: str) -> None:
    assert translate(sqlite3.OperationalError(number, "said by MySQL"), diagnose=diagnose_mysql).kind == kind


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.DataError("bad value jane@example.com"),
        pa.ArrowInvalid("Conversion Error: jane@example.com is no number"),
    ],
)
def test_a_text_that_may_hold_a_row_is_not_quoted(error: Exception) -> None:
    assert "jane" not in str(translate(error))


def test_only_the_first_line_is_quoted() -> None:
    error = sqlite3.ProgrammingError("syntax error\nDETAIL: Key (email)=(jane@example.com)")
    assert "jane" not in str(translate(error))


def test_secrets_are_struck_out() -> None:
    error = sqlite3.OperationalError("cannot reach md:x?motherduck_token=tok-123")
    assert "tok-123" not in str(translate(error, secrets=["tok-123"]))


def test_a_mistake_of_this_package_is_no_driver_error() -> None:
    assert not is_driver_error(TypeError())
    assert is_driver_error(sqlite3.OperationalError())
