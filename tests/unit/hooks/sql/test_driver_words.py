"""What is repeated of drivers that cannot all run here, by the forms of their messages."""

from __future__ import annotations

from typing import Any

import pytest
from support.leaks import VALUE, pieces_in

from airflow_provider_cdi.exceptions import CdiError, SourceError
from airflow_provider_cdi.hooks.snowflake.errors import diagnose as snowflakes
from airflow_provider_cdi.hooks.sql.driver_words import known_words
from airflow_provider_cdi.hooks.sql.errors import Diagnosis, as_cdi_error
from airflow_provider_cdi.hooks.sql.errors import diagnose_mysql as mysql


class Error(Exception):
    """As PEP 249 names it."""

    def __init__(self, *said: object, **fields: Any) -> None:
        super().__init__(*said)
        self.__dict__.update(fields)


class OperationalError(Error):
    pass


class ProgrammingError(Error):
    pass


class DataError(Error):
    pass


class DatabaseError(Error):
    pass


class TrinoUserError(Error):
    def __str__(self) -> str:
        return f'{type(self).__name__}(type=USER_ERROR, name={self.error_name}, message="{self.message}", query_id=x)'


def translate(error: BaseException, diagnose: Diagnosis | None = None) -> CdiError:
    return as_cdi_error(error, doing="reading the table users", conn_id="shop", diagnose=diagnose)


def odbc(state: str, number: int, said: str) -> Error:
    layers = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"
    return DataError(state, f"[{state}] {layers}{said} ({number}) (SQLExecDirectW)")


def snowflake(number: int, state: str, said: str) -> Error:
    text = f"{number:06d} ({state}): 01b2c3d4-0000-1111-2222-333344445555: {said}"
    return ProgrammingError(text, errno=number, sqlstate=state, sfqid="01b2c3d4-0000-1111-2222-333344445555")


def trino(name: str, said: str) -> Error:
    return TrinoUserError({}, error_name=name, message=said, query_id="20260105_090000_00001_abcde")


#: Messages as the databases' manuals and public reports have them, with the value of a row in its place.
ABOUT_VALUES = {
    "MySQL 1292, a date": OperationalError(1292, f"Incorrect datetime value: '{VALUE}' for column 'seen_at' at row 1"),
    "MySQL 1292, a number": OperationalError(1292, f"Truncated incorrect DOUBLE value: '{VALUE}'"),
    "MySQL 1411": OperationalError(1411, f"Incorrect datetime value: '{VALUE}' for function str_to_date"),
    "MySQL 1366": DataError(1366, f"Incorrect integer value: '{VALUE}' for column 'age' at row 1"),
    "MySQL 1062": DatabaseError(1062, f"Duplicate entry '{VALUE}' for key 'users.email'"),
    "MySQL 1406": DataError(1406, "Data too long for column 'email' at row 1"),
    "MySQL 1690": OperationalError(1690, f"BIGINT UNSIGNED value is out of range in '({VALUE} - 1)'"),
    "MySQL 1644, SIGNAL": OperationalError(1644, f"no such person: {VALUE}"),
    "MySQL 3141": OperationalError(3141, f"Invalid JSON text in argument 1 to function json_extract: {VALUE}"),
    "MySQL's own connector": DatabaseError(
        f"1292 (22007): Incorrect DATE value: '{VALUE}'", errno=1292, sqlstate="22007", msg=VALUE
    ),
    "Trino, a cast": trino("INVALID_CAST_ARGUMENT", f"Cannot cast '{VALUE}' to INT"),
    "Trino, a date": trino("INVALID_CAST_ARGUMENT", f"Value cannot be cast to date: {VALUE}"),
    "Trino, JSON": trino("INVALID_FUNCTION_ARGUMENT", f"Cannot convert value to JSON: '{VALUE}'"),
    "Trino, fail()": trino("GENERIC_USER_ERROR", VALUE),
    "SQL Server 22018": odbc(
        "22018", 245, f"Conversion failed when converting the varchar value '{VALUE}' to data type int."
    ),
    "SQL Server 8114": odbc("42000", 8114, "Error converting data type varchar to numeric."),
    "SQL Server 2628": odbc(
        "22001",
        2628,
        f"String or binary data would be truncated in table 'dbo.users', column 'name'. Truncated value: '{VALUE}'.",
    ),
    "SQL Server, RAISERROR": odbc("42000", 50000, f"no such person {VALUE}"),
    "SQL Server by pymssql": OperationalError(
        245, f"Conversion failed when converting the varchar value '{VALUE}' to data type int.DB-Lib error".encode()
    ),
    "Oracle 01722": DatabaseError("ORA-01722: invalid number"),
    "Oracle 01722 of 23ai": DatabaseError(
        f"ORA-01722: unable to convert string value containing '{VALUE}' to a number: name"
    ),
    "Oracle 01861": DatabaseError("ORA-01861: literal does not match format string"),
    "Oracle 12899": DatabaseError(
        'ORA-12899: value too large for column "SHOP"."USERS"."NAME" (actual: 21, maximum: 10)'
    ),
    "Oracle 20001": DatabaseError(f"ORA-20001: no such person {VALUE}\nORA-06512: at line 1"),
    "Snowflake 100038": snowflake(100038, "22018", f"Numeric value '{VALUE}' is not recognized"),
    "Snowflake 100035": snowflake(100035, "22007", f"Timestamp '{VALUE}' is not recognized"),
    "Snowflake 100078": snowflake(100078, "22000", f"String '{VALUE}' is too long and would be truncated"),
    "Snowflake 100069": snowflake(100069, "22P02", f"Error parsing JSON: {VALUE}"),
    "Snowflake 100071": snowflake(100071, "22000", f'Failed to cast variant value "{VALUE}" to FIXED'),
    "Snowflake 100132": snowflake(
        100132, "P0000", f"JavaScript execution error: Uncaught no person {VALUE} in NAME_OF at '  throw' position 2"
    ),
    "Snowflake 100357": snowflake(100357, "P0000", f"Python Interpreter Error:\nValueError: {VALUE}\n in function F"),
    "Redshift P0001": Error(f"no such person {VALUE}", sqlstate="P0001"),
    "Redshift 1204": Error(f"Invalid digit, Value '{VALUE[0]}', Pos 0, Type: Integer, {VALUE}", sqlstate="XX000"),
    "Redshift 1216": Error(f"Invalid timestamp {VALUE}", sqlstate="22007"),
    "BigQuery, an error of its function": Error(f"400 {VALUE}; reason: invalidQuery, message: {VALUE}", code=400),
    "BigQuery, a cast": Error(f"400 Bad int64 value: {VALUE}", code=400, errors=[{"reason": "invalidQuery"}]),
    "BigQuery, storage": Error(f"400 request failed: Row has {VALUE}", code=400),
    "Databricks": Error(f"[CAST_INVALID_INPUT] The value '{VALUE}' of the type \"STRING\" cannot. SQLSTATE: 22018"),
    "Databricks, raise_error": Error(f"[USER_RAISED_EXCEPTION] {VALUE} SQLSTATE: P0001"),
    "PostgreSQL's detail": DatabaseError(f"duplicate key\nDETAIL:  Key (email)=({VALUE}) already exists."),
    "ClickHouse": DatabaseError(f"Code: 6. DB::Exception: Cannot parse string '{VALUE}' as Int32: syntax error at end"),
    "Exasol": DatabaseError(f"data exception - invalid character value for cast; Value: '{VALUE}'"),
    "Db2": DatabaseError(f'[IBM][CLI Driver][DB2] SQL0420N  Invalid character found in "{VALUE}". SQLSTATE=22018'),
    "Teradata": DatabaseError(f"[Version 1] [Session 2] [Error 2621] Bad character in format of {VALUE}."),
    "Arrow": type("ArrowInvalid", (Error,), {})(
        f"Could not convert '{VALUE}' with type str: tried to convert to int64"
    ),
    "an unknown one": Error(VALUE),
    "a value that looks like a table": Error(f"table {VALUE} does not exist"),
    "a value behind a clean name": Error(f'relation "users.{VALUE}" does not exist'),
    "a value in place of a name": Error(f"permission denied for table {VALUE}"),
    "a value in place of a column": Error(f'column "{VALUE}" does not exist'),
    "a value in place of a user": OperationalError(1045, f"Access denied for user '{VALUE}'@'10.0.0.1'"),
    "bytes": Error(b"\xff" + VALUE.encode()),
    "several": Error(VALUE, VALUE, VALUE),
    "a number that is a value": Error(491701234567, f"bad {VALUE}"),
}


@pytest.mark.parametrize("form", ABOUT_VALUES)
def test_no_form_of_a_message_tells_the_value(form: str) -> None:
    told = str(translate(ABOUT_VALUES[form]))
    assert pieces_in(told) == []
    assert "491701234567" not in told
    assert "It says" in told or "not shown here: run the source's query" in told


#: What knows a driver's errors better than the general table, by the first word of a form.
DIAGNOSES: dict[str, Diagnosis | None] = {"MySQL": mysql, "Snowflake": snowflakes, "Oracle": None, "SQL": None}


@pytest.mark.parametrize("form", [form for form in ABOUT_VALUES if form.partition(" ")[0] in DIAGNOSES])
def test_a_value_does_not_mend_itself(form: str) -> None:
    assert isinstance(translate(ABOUT_VALUES[form], DIAGNOSES[form.partition(" ")[0]]), SourceError)


@pytest.mark.parametrize(
    ("form", "named"),
    [
        (
            "MySQL 1292, a date",
            "OperationalError (error 1292). It says: Incorrect datetime value … for column 'seen_at'",
        ),
        ("MySQL's own connector", "(SQLSTATE 22007, error 1292)"),
        ("Trino, a cast", "(INVALID_CAST_ARGUMENT, query id 20260105_090000_00001_abcde)"),
        (
            "SQL Server 22018",
            "(SQLSTATE 22018). It says: Conversion failed when converting the varchar value … to data",
        ),
        ("SQL Server by pymssql", "(error 245)"),
        ("Oracle 01722 of 23ai", "DatabaseError (ORA-01722)"),
        ("Oracle 12899", 'column "SHOP"."USERS"."NAME" (actual: 21, maximum: 10)'),
        ("Snowflake 100038", "(SQLSTATE 22018, error 100038, query id 01b2c3d4-0000-1111-2222-333344445555)"),
        ("Redshift P0001", "A function or procedure that it calls raised an error of its own"),
        ("BigQuery, a cast", "(HTTP 400, invalidQuery)"),
        ("Databricks", "(CAST_INVALID_INPUT, SQLSTATE 22018)"),
    ],
)
def test_an_error_is_named_by_its_codes(form: str, named: str) -> None:
    assert named in str(translate(ABOUT_VALUES[form]))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Error('relation "shop.users" does not exist\nLINE 1: select'), 'relation "shop.users" does not exist'),
        (Error("permission denied for table users"), "permission denied for table users"),
        (Error('syntax error at or near "ann"\nLINE 3: ann'), "syntax error … LINE 3"),
        (Error("function f(text, integer) does not exist"), "function f(text, integer) does not exist"),
        (
            Error('connection to server at "10.0.0.5", port 5432 failed: FATAL:  database "x" does not exist\n'),
            'connection to server at "10.0.0.5", port 5432 failed: FATAL: database "x" does not exist',
        ),
        (Error("no such table: main.users"), "no such table: main.users"),
        (Error('near "ann": syntax error'), "syntax error"),
        (OperationalError(1146, "Table 'shop.users' doesn't exist"), "Table 'shop.users' doesn't exist"),
        (OperationalError(1054, "Unknown column 'x' in 'field list'"), "Unknown column 'x' in 'field list'"),
        (
            ProgrammingError(1064, "You have an error in your SQL syntax; check near 'ann@x' at line 7"),
            "You have an error in your SQL syntax … at line 7",
        ),
        (
            OperationalError(1045, "Access denied for user 'etl'@'10.0.0.1' (using password: YES)"),
            "Access denied for user 'etl'@'10.0.0.1' (using password: YES)",
        ),
        (odbc("42S02", 208, "Invalid object name 'dbo.users'."), "Invalid object name 'dbo.users'"),
        (odbc("42000", 102, "Incorrect syntax near 'ann'."), "Incorrect syntax"),
        (DatabaseError('ORA-00904: "U"."X": invalid identifier'), 'ORA-00904: "U"."X": invalid identifier'),
        (
            trino("TABLE_NOT_FOUND", "line 1:15: Table 'hive.shop.users' does not exist"),
            "line 1:15: Table 'hive.shop.users' does not exist",
        ),
        (trino("SYNTAX_ERROR", "line 2:9: mismatched input 'ann'. Expecting: 'x'"), "line 2:9 … mismatched input"),
        (
            snowflake(2003, "42S02", "SQL compilation error:\nObject 'DB.PUBLIC.T' does not exist or not authorized."),
            "SQL compilation error: Object 'DB.PUBLIC.T' does not exist or not authorized",
        ),
        (
            snowflake(1003, "42000", "SQL compilation error:\nsyntax error line 3 at position 7 unexpected 'ann'."),
            "SQL compilation error: syntax error line 3 at position 7",
        ),
        (
            snowflake(904, "42000", "SQL compilation error: error line 1 at position 7\ninvalid identifier 'X'"),
            "SQL compilation error: error line 1 at position 7 invalid identifier 'X'",
        ),
        (
            snowflake(606, "57P03", "No active warehouse selected in the current session.  Select an active one."),
            "No active warehouse selected in the current session",
        ),
        (
            Error("404 Not found: Table p-1:d.users was not found in location EU\n\nLocation: EU\nJob ID: x"),
            "Not found: Table p-1:d.users was not found in location EU",
        ),
        (
            Error("400 GET https://bigquery/x: Syntax error: Unexpected string literal 'ann' at [2:9]"),
            "Syntax error … at [2:9]",
        ),
        (
            Error("403 Access Denied: Table p:d.t: User does not have permission to query table p:d.t, or perhaps"),
            "Access Denied: Table p:d.t: User does not have permission to query table p:d.t",
        ),
        (
            Error("[TABLE_OR_VIEW_NOT_FOUND] The table or view `main`.`shop`.`users` cannot be found. Verify"),
            "The table or view `main`.`shop`.`users` cannot be found",
        ),
        (
            Error("[PARSE_SYNTAX_ERROR] Syntax error at or near 'ann'. SQLSTATE: 42601 (line 3, pos 7)\n== SQL =="),
            "Syntax error … (line 3, pos 7)",
        ),
        (
            Error("An error occurred (AccessDenied) when calling the GetClusterCredentials operation: User: arn"),
            "An error occurred (AccessDenied) when calling the GetClusterCredentials operation",
        ),
    ],
)
def test_names_and_places_are_repeated(error: Error, words: str) -> None:
    assert known_words(error) == words


def test_a_number_that_may_be_a_value_is_no_code() -> None:
    assert "Error." in str(translate(Error(491701234567, "bad")))


def test_an_error_whose_text_cannot_be_told_is_named() -> None:
    silent = type("Error", (Exception,), {"__str__": lambda self: None})()
    assert "The driver raised Error." in str(translate(silent))
