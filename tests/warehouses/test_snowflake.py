"""Snowflake as a source: the real connector and Airflow's own hook against a local server that speaks its protocol."""

from __future__ import annotations

import base64
import itertools
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pytest
from standins.snowflake import KEY_LOGIN, PASSPHRASE, PASSWORD, TOKEN, TOKEN_LOGIN, SnowflakeStandIn
from support.sql_world import ATTRIBUTES, CATALOG, EVERYTHING, NOW, read
from support.waiting import BOUND, wait_until

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.exceptions import Interrupted, RetryLater, SourceError
from airflow_provider_cdi.hooks.link_logs import hide_signatures
from airflow_provider_cdi.hooks.snowflake.errors import diagnose
from airflow_provider_cdi.hooks.snowflake.hook import CHUNK_MEGABYTES, LINK_LOGGERS, session_parameters
from airflow_provider_cdi.hooks.snowflake.reader import PREFETCHED, SnowflakeReader
from airflow_provider_cdi.hooks.sql.errors import as_cdi_error
from airflow_provider_cdi.hooks.sql.reader import Statement
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

TABLE = "create table t (updated_at {}, external_id varchar, payload varchar)"
TIE = "2026-01-02T00:00:00.000000001Z"
CHUNK_ROWS = 300
ROWS = 2000


@pytest.fixture(scope="module")
def standin() -> Iterator[SnowflakeStandIn]:
    with SnowflakeStandIn(chunk_rows=CHUNK_ROWS) as standin:
        yield standin


class Account:
    """The stand-in and the Airflow connection ``w`` to it."""

    def __init__(self, standin: SnowflakeStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        self.standin = standin
        self._monkeypatch = monkeypatch
        for name, value in standin.environment.items():
            monkeypatch.setenv(name, value)
        self.connect()

    def connect(self, **fields: Any) -> Account:
        self._monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(self.standin.connection(**fields)))
        return self

    def run(self, *statements: str) -> list[list[Any]]:
        return self.standin.sql(*statements)

    def load_many(self, name: str = "many") -> None:
        """Three rows share a second; ids are in the order in which the rows are to come."""
        seconds = pa.array([1_767_225_600 + step // 3 for step in range(ROWS)], pa.timestamp("s"))
        ids = [f"{step:06d}" for step in range(ROWS)]
        columns = {"updated_at": seconds.cast(pa.timestamp("us")), "external_id": ids, "payload": ["{}"] * ROWS}
        self.standin.load(name, pa.table(columns))

    def source(self, table: str | None = "t", **arguments: Any) -> SqlSource:
        source = get_warehouse_hook("w", tag="dag.task").source(table, **{"contract": ATTRIBUTES, **arguments})
        assert isinstance(source, SqlSource)
        return source

    def body(self, columns: str) -> dict[str, Any]:
        """What Braze would get of one row whose payload is built from ``columns``; numbers as their digits."""
        self.run(f"create view v as select '2026-01-01'::timestamp_ntz as updated_at, 'a' as external_id, {columns}")
        source = get_warehouse_hook("w").source("v", contract=ATTRIBUTES, payload_columns={"THING": "thing"})
        (record,) = braze_destination("attributes").encode(next(iter(source.read(Bounds()))))
        assert isinstance(record, Record), record
        return json.loads(record.body, parse_float=str, parse_int=str)


@pytest.fixture
def account(standin: SnowflakeStandIn, monkeypatch: pytest.MonkeyPatch) -> Account:
    standin.heal()
    standin.clean()
    standin.forget()
    return Account(standin, monkeypatch)


def stamps(*texts: str, unit: str = "us") -> pa.Array:
    return pa.array(texts).cast(pa.timestamp(unit))


def ids(source: SqlSource, bounds: Bounds = EVERYTHING) -> list[str]:
    return [row["EXTERNAL_ID"] for row in read(source, bounds)]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector tries a chunk twice instead of ten times, and waits for nothing."""
    from snowflake.connector import connection, result_batch

    monkeypatch.setattr(result_batch, "MAX_DOWNLOAD_RETRY", 2)
    policy = (lambda: itertools.repeat(0), connection.DEFAULT_CONFIGURATION["backoff_policy"][1])
    monkeypatch.setitem(connection.DEFAULT_CONFIGURATION, "backoff_policy", policy)


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t", "T", "ingestion.t", "cdi_db.ingestion.t", '"CDI_DB".INGESTION."T"'])
def test_a_table_is_found_by_one_to_three_names(account: Account, name: str) -> None:
    account.run(TABLE.format("timestamp_ntz"), "insert into t values ('2026-01-01', 'a', '{}')")
    assert ids(account.source(name)) == ["a"]


def test_a_table_of_another_schema_needs_its_name(account: Account) -> None:
    row = "'2026-01-01'::timestamp_ntz as updated_at, 'o' as external_id, '{}' as payload"
    account.run(f"create table other.sales.t as select {row}")
    assert ids(account.source("other.sales.t")) == ["o"]


def test_a_name_in_quotes_keeps_its_case(account: Account) -> None:
    account.run('create table "t" ("updated_at" timestamp_ntz, "External_Id" varchar, "PAYLOAD" varchar)')
    account.run("insert into \"t\" values ('2026-01-01', 'small', '{}')")
    assert ids(account.source('"t"')) == ["small"]
    with pytest.raises(SourceError, match="check the name"):
        account.source("t")


# --- times ----------------------------------------------------------------------------------------------

NANOSECONDS = ["2026-01-02 00:00:00", "2026-01-02 00:00:00.000000001", "2026-01-02 00:00:00.000000002"]


@pytest.fixture(params=["timestamp_ntz", "timestamp_ltz", "timestamp_tz"])
def nanoseconds(account: Account, request: pytest.FixtureRequest) -> Account:
    """Four rows, two of which share a nanosecond; those with a zone are given on the clock of Paris."""
    is_zoned = request.param != "timestamp_ntz"
    times = [time.replace("02 00", "02 01") + " +01:00" if is_zoned else time for time in NANOSECONDS]
    account.run(TABLE.format(request.param))
    for row, time in enumerate([*times, times[1]]):
        account.run(f"insert into t values ('{time}', '{row}', '{{}}')")
    return account


def test_nanoseconds_bound_and_tie_exactly(nanoseconds: Account) -> None:
    source = nanoseconds.source()
    assert ids(source, Bounds(after=TIE, up_to=NOW)) == ["2"]
    assert ids(source, Bounds(since=TIE, up_to=NOW)) == ["1", "3", "2"]
    assert ids(source, Bounds(until=TIE)) == ["0"]
    assert ids(source, Bounds(up_to=TIE)) == ["0", "1", "3"]
    assert source.count(EVERYTHING, position=TIE, now=TIE) == Counts(4, 2, 1, 0)


def test_nanoseconds_come_out_in_utc(nanoseconds: Account) -> None:
    found = [row["UPDATED_AT"] for row in read(nanoseconds.source())]
    assert found[1:] == [f"{NANOSECONDS[1]}", f"{NANOSECONDS[1]}", f"{NANOSECONDS[2]}"]


def test_the_moment_counts_and_not_the_offset_that_a_time_was_written_with(account: Account) -> None:
    account.run(TABLE.format("timestamp_tz"), "insert into t values ('2026-01-02 01:00:00 +01:00', 'a', '{}')")
    shown = account.run("select t.updated_at::timestamp_ntz from t")
    assert shown == [["2026-01-02 02:00:00.000000000"]], "the stand-in shows every offset as two hours"
    assert read(account.source())[0]["UPDATED_AT"] == "2026-01-02 00:00:00.000000000"


def test_a_column_of_milliseconds_is_bound_by_nanoseconds_all_the_same(account: Account) -> None:
    account.run(TABLE.format("timestamp_ntz(3)"), "insert into t values ('2026-01-02 00:00:00.001', 'a', '{}')")
    source = account.source()
    assert ids(source, Bounds(after="2026-01-02T00:00:00.000999999Z", up_to=NOW)) == ["a"]
    assert ids(source, Bounds(after="2026-01-02T00:00:00.001000001Z", up_to=NOW)) == []


def test_the_end_of_time_in_another_column_breaks_nothing(account: Account) -> None:
    account.standin.load(
        "t",
        pa.table(
            {
                "updated_at": stamps("2026-01-01 00:00:00.123456789", unit="ns"),
                "external_id": ["a"],
                "valid_to": stamps("9999-12-31 23:59:59"),
            }
        ),
    )
    (batch,) = account.source(payload_columns=["VALID_TO"]).read(EVERYTHING)
    assert batch.column("UPDATED_AT").cast(pa.string()).to_pylist() == ["2026-01-01 00:00:00.123456789"]
    (record,) = braze_destination("attributes").encode(batch)
    assert isinstance(record, Record)
    assert b"9999-12-31T23:59:59.000Z" in record.body


def test_the_year_one_in_updated_at_is_read_where_there_are_only_microseconds(account: Account) -> None:
    account.run(TABLE.format("timestamp_ntz(6)"))
    account.run("insert into t values ('0001-01-01', 'a', '{}'), ('2026-01-01 00:00:00.123456', 'b', '{}')")
    assert [row["UPDATED_AT"] for row in read(account.source())] == [
        "0001-01-01 00:00:00.000000",
        "2026-01-01 00:00:00.123456",
    ]


def test_the_year_one_in_updated_at_of_nanoseconds_is_counted_and_takes_no_digit_from_others(account: Account) -> None:
    times = stamps("0001-01-01 00:00:00", "2026-01-01 00:00:00.123456")
    account.standin.load("t", pa.table({"updated_at": times, "external_id": ["a", "b"], "payload": ["{}", "{}"]}))
    assert ids(account.source(), EVERYTHING) == ["b"]
    counts = account.source().count(EVERYTHING, position=None, now=NOW)
    assert (counts.in_bounds, counts.future, counts.without_time) == (1, 0, 1)


def test_the_year_one_beside_nanoseconds_is_refused_before_digits_are_lost(account: Account) -> None:
    account.run(TABLE.format("timestamp_ntz"))
    account.run("insert into t values ('2026-01-01', 'a', '{}'), ('2026-01-01 00:00:00.123456789', 'b', '{}')")
    source = account.source()
    account.standin.fault("ancient_time")
    with pytest.raises(SourceError, match=r"timestamp_ntz\(6\).*1 rows"):
        read(source)


# --- values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("9007199254740993.01::number(18, 2)", "9007199254740993.01"),
        ("1.10::number(12, 2)", "1.10"),
        ("0::number(3, 0)", "0"),
        ("'10:30:00.5'::time", "10:30:00.500000"),
        ("'2026-01-05 09:00:00 +02:00'::timestamp_ltz", "2026-01-05T07:00:00.000Z"),
        ("'2026-01-05 09:00:00.1234'::timestamp_ntz(3)", "2026-01-05T09:00:00.123Z"),
        ("parse_json('{\"a\": [1.10, 12345678901234567890]}')", {"a": ["1.10", "12345678901234567890"]}),
        ("parse_json('null')", None),
        ("object_construct('a', 1)", {"a": "1"}),
        ("array_construct(1, 2)", ["1", "2"]),
    ],
)
def test_a_value_of_a_built_payload_arrives_without_loss(account: Account, column: str, expected: Any) -> None:
    assert account.body(f"{column} as thing")["thing"] == expected


def test_numbers_of_any_width_identify_alike(account: Account) -> None:
    account.run("create table t (updated_at timestamp_ntz, id number(38, 0), payload varchar)")
    values = ["1", "300", "70000", "5000000000", "12345678901234567890123456789012345678"]
    for value in values:
        account.run(f"insert into t values ('2026-01-01', {value}, '{{}}')")
    assert sorted(row["ID"] for row in read(account.source(contract=CATALOG))) == sorted(values)


def test_a_result_of_many_chunks_is_whole_and_in_order(account: Account) -> None:
    account.load_many()
    assert ids(account.source("many")) == [f"{step:06d}" for step in range(ROWS)]


# --- sessions -------------------------------------------------------------------------------------------


def test_a_session_is_in_utc_with_small_chunks_and_the_syncs_name() -> None:
    assert session_parameters(None, "dag.task") == {
        "CLIENT_RESULT_CHUNK_SIZE": CHUNK_MEGABYTES,
        "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
        "QUERY_TAG": "dag.task",
        "TIMEZONE": "UTC",
    }


def test_the_connections_own_parameters_win_but_for_the_zone() -> None:
    given = {"query_tag": "cost-centre 7", "timezone": "Asia/Tokyo", "LOCK_TIMEOUT": 5}
    found = session_parameters(given, "dag.task")
    assert (found["QUERY_TAG"], found["TIMEZONE"], found["LOCK_TIMEOUT"]) == ("cost-centre 7", "UTC", 5)


def test_a_connection_fetches_few_chunks_ahead_and_keeps_decimals(account: Account) -> None:
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    with SnowflakeHook(snowflake_conn_id="w").get_conn() as connection:
        SnowflakeReader.prepare(connection)
        assert (connection.client_prefetch_threads, connection.arrow_number_to_decimal) == (PREFETCHED, True)


def test_a_session_sends_no_statement_of_its_own(account: Account) -> None:
    account.run(TABLE.format("timestamp_ntz"))
    source = account.source()
    account.standin.forget()
    read(source)
    assert len(account.standin.statements()) == 1


def test_the_server_keeps_nothing_of_a_result_that_was_read_or_given_up(account: Account) -> None:
    account.load_many()
    source = account.source("many")
    read(source)
    batches = source.read(EVERYTHING)
    next(iter(batches))
    assert account.standin.kept() > 0
    batches.close()  # type: ignore[attr-defined]  # a generator
    assert account.standin.kept() == 0


def login_fields(standin: SnowflakeStandIn, name: str) -> dict[str, Any]:
    def key(password: str, **extra: str) -> dict[str, Any]:
        return {"login": KEY_LOGIN, "password": password, "extra": extra}

    in_base64 = base64.b64encode(standin.encrypted_key.encode()).decode()
    return {
        "password": {},
        "key": key("", private_key_content=standin.private_key),
        "key with passphrase": key(PASSPHRASE, private_key_content=standin.encrypted_key),
        "key in base64": key(PASSPHRASE, private_key_content=in_base64),
        "key in a file": key(PASSPHRASE, private_key_file=str(standin.private_key_file)),
        "access token": {
            "login": TOKEN_LOGIN,
            "password": TOKEN,
            "extra": {"authenticator": "programmatic_access_token"},
        },
        "wrong access token": {
            "login": TOKEN_LOGIN,
            "password": "secret-token",
            "extra": {"authenticator": "programmatic_access_token"},
        },
        "no passphrase": key("", private_key_content=standin.encrypted_key),
        "no such file": key("", private_key_file="/nowhere/key.p8"),
        "two keys": key("", private_key_file="/nowhere/key.p8", private_key_content="not a key"),
        "no key at all": key("", private_key_content="garbage"),
        "key of nobody": key("", private_key_content=standin.strange_key),
        "no password": {"password": ""},
        "no account": {"extra": {"account": None}},
        "wrong role": {"extra": {"role": "BOSS"}},
        "no server": {"extra": {"port": 1}},
    }[name]


@pytest.mark.parametrize(
    "name", ["password", "key", "key with passphrase", "key in base64", "key in a file", "access token"]
)
def test_a_login_works_in_each_of_its_forms(account: Account, name: str) -> None:
    account.connect(**login_fields(account.standin, name))
    assert get_warehouse_hook("w").test_connection() == (
        True,
        "The Snowflake database of the connection 'w' answers.",
    )


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("wrong access token", "put a new one"),
        ("no passphrase", "passphrase"),
        ("no such file", "private_key_file"),
        ("two keys", "mutually exclusive"),
        ("no key at all", "base64"),
        ("key of nobody", "ALTER USER"),
        ("no password", "fill in"),
        ("no account", "fill in"),
        ("wrong role", "check role"),
    ],
)
def test_a_login_that_fails_names_the_step_and_no_secret(account: Account, name: str, step: str) -> None:
    account.connect(**login_fields(account.standin, name))
    works, sentence = get_warehouse_hook("w").test_connection()
    assert not works
    assert step in sentence
    for secret in ("secret-token", PASSWORD, PASSPHRASE, "PRIVATE KEY-----"):
        assert secret not in sentence


def test_a_server_that_is_away_is_for_later(account: Account, hasty: None) -> None:
    account.connect(**login_fields(account.standin, "no server"))
    with pytest.raises(RetryLater, match="a new try may succeed"):
        account.source()


def test_a_refused_account_is_told_apart(account: Account) -> None:
    account.standin.fault("unauthorized_login")
    with pytest.raises(SourceError, match="check account"):
        account.source()


@pytest.mark.parametrize(
    ("missing", "advice"), [("warehouse", "name one as warehouse"), ("database", "put database into")]
)
def test_what_a_connection_lacks_is_named(account: Account, missing: str, advice: str) -> None:
    account.run(TABLE.format("timestamp_ntz"))
    account.connect(extra={missing: None})
    with pytest.raises(SourceError, match=advice):
        read(account.source())


# --- what goes wrong on the way -------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["chunk_503", "chunk_slow", "drop", "expired", "link_expired"])
def test_trouble_that_passes_is_the_connectors_own_business(account: Account, hasty: None, trouble: str) -> None:
    account.load_many()
    source = account.source("many")
    account.standin.fault(trouble, seconds=0.1)
    assert len(ids(source)) == ROWS


@pytest.mark.parametrize("trouble", ["chunk_503", "drop", "link_expired", "unauthorized_chunk"])
def test_trouble_that_stays_is_for_later_and_quotes_no_link(account: Account, hasty: None, trouble: str) -> None:
    account.load_many()
    source = account.source("many")
    account.standin.fault(trouble, times=100, after=2)
    batches = source.read(EVERYTHING)
    assert next(batches).num_rows > 0
    with pytest.raises(RetryLater, match="did not hand out a part of the result") as caught:
        list(batches)
    assert "/results/" not in str(caught.value)


def test_a_request_that_is_refused_on_the_way_is_for_later(account: Account) -> None:
    account.load_many()
    source = account.source("many")
    account.standin.fault("unauthorized", after=1)
    with pytest.raises(RetryLater, match="a new try may succeed"):
        read(source)


def test_a_session_that_cannot_be_renewed_is_for_later(account: Account) -> None:
    account.load_many()
    source = account.source("many")
    account.standin.fault("renewal_refused", times=100)
    account.standin.fault("expired")
    with pytest.raises(RetryLater, match="a new try may succeed"):
        read(source)


def test_a_statement_that_somebody_stopped_is_for_later(account: Account) -> None:
    account.run(TABLE.format("timestamp_ntz"))
    source = account.source()
    account.standin.fault("statement_slow", seconds=600)
    thread = threading.Thread(target=stop_what_runs, args=(account,))
    thread.start()
    with pytest.raises(RetryLater, match="Somebody stopped"):
        read(source)
    thread.join()


def stop_what_runs(account: Account) -> None:
    """Stop what runs, again and again: a statement that was taken and has not begun yet is not there to be stopped."""
    wait_until(lambda: one_runs(account))

    def stopped() -> bool:
        account.standin.control("cancel_all")
        return not one_runs(account)

    wait_until(stopped)


def one_runs(account: Account) -> bool:
    return any(one["state"] == "running" for one in account.standin.statements())


def test_a_value_that_cannot_be_converted_is_not_quoted(account: Account) -> None:
    account.run("create table t (updated_at timestamp_ntz, external_id varchar, payload varchar)")
    account.run("insert into t values ('2026-01-01', 'secret@example.com', '{}')")
    source = account.source(None, sql="select t.*, external_id::number(9, 0) as braze_id from t")
    with pytest.raises(SourceError, match="cast the column") as caught:
        read(source)
    assert "secret@example.com" not in str(caught.value)


def test_cancelling_between_two_batches_ends_the_read(account: Account) -> None:
    account.load_many()
    source = account.source("many")
    batches = source.read(EVERYTHING)
    next(iter(batches))
    source.cancel()
    with pytest.raises(Interrupted):
        list(batches)


def test_cancelling_a_count_ends_it_in_snowflake(account: Account) -> None:
    account.run(TABLE.format("timestamp_ntz"))
    source, seen = account.source(), list[BaseException]()
    account.standin.fault("statement_slow", seconds=600)
    account.standin.forget()

    def counting() -> None:
        try:
            source.count(EVERYTHING, position=None, now=NOW)
        except Interrupted as error:
            seen.append(error)

    thread = threading.Thread(target=counting)
    thread.start()
    wait_until(lambda: one_runs(account))
    source.cancel()
    thread.join(BOUND)
    assert [type(error) for error in seen] == [Interrupted]
    assert [one["state"] for one in account.standin.statements()] == ["cancelled"]


def test_a_statement_that_was_just_sent_when_the_run_was_stopped_is_cancelled_too() -> None:
    class Cursor:
        sfqid = "the-id"
        execute_async = Mock()
        abort_query = Mock()
        query_result = Mock(side_effect=InterruptedError)

    connection, reader = Mock(cursor=Cursor, is_still_running=Mock(return_value=False)), SnowflakeReader()
    reader.stop(connection)
    with pytest.raises(InterruptedError):
        reader.fetch(connection, Statement("select 1"))
    Cursor.abort_query.assert_called_once_with("the-id")


# --- what errors mean -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text", "advice", "passes"),
    [
        (2003, "Object 'X' does not exist or not authorized.", "grant the role SELECT", False),
        (3001, "Insufficient privileges to operate on schema 'S'", "lacks a privilege", False),
        (606, "No active warehouse selected", "No warehouse computes", False),
        (630, "Statement reached its statement or warehouse timeout", "STATEMENT_TIMEOUT_IN_SECONDS", False),
        (90073, "Warehouse cannot be resumed because resource monitor has exceeded its quota", "quota", False),
        (390422, "Incoming request with IP 1.2.3.4 is not allowed", "network policy", False),
        (250001, "Failed to connect to DB: x. Incoming request with IP/Token 1.2.3.4 is not allowed", "network", False),
        (250001, "Could not connect to Snowflake backend after 2 attempt(s). Aborting", "may succeed", True),
        (390114, "Authentication token has expired.", "may succeed", True),
        (290404, "404 Not Found: post https://x/session/v1/login-request", "check account", False),
        (290403, "HTTP 403: Forbidden", "a part of the result", True),
        (290503, "HTTP 503: Service Unavailable", "a part of the result", True),
        (390999, "User temporarily locked.", "mend in Snowflake", False),
    ],
)
def test_a_number_of_snowflakes_says_what_to_do(number: int, text: str, advice: str, passes: bool) -> None:
    from snowflake.connector.errors import ProgrammingError

    fault = diagnose(ProgrammingError(msg=text, errno=number))
    assert fault is not None
    assert advice in fault.advice
    assert fault.passes is passes


def test_an_error_that_holds_a_link_is_not_quoted() -> None:
    error = OSError("HTTPSConnectionPool(host='b'): Max retries exceeded with url: /r?X-Amz-Signature=c0ffee")
    told = as_cdi_error(error, doing="reading", conn_id="w", diagnose=diagnose)
    assert isinstance(told, RetryLater)
    assert "c0ffee" not in str(told)


def test_a_link_is_logged_without_its_signature(caplog: pytest.LogCaptureFixture) -> None:
    hide_signatures(*LINK_LOGGERS)
    logger = logging.getLogger("snowflake.connector.result_batch")
    link = "https://bucket.example/results/1?X-Amz-Signature=c0ffee"
    try:
        raise OSError(link)
    except OSError:
        logger.error("giving up for the reason: '%s'", link, exc_info=True)
    assert "giving up" in caplog.text
    assert "c0ffee" not in caplog.text


def test_the_module_loads_nothing_of_snowflakes() -> None:
    code = (
        "import sys, airflow_provider_cdi.hooks.snowflake.hook; print([m for m in sys.modules if 'snowflake.c' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the stand-in itself --------------------------------------------------------------------------------


def test_a_plain_cursor_waits_for_a_statement_that_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    with SnowflakeStandIn(patience=0.05) as standin:
        Account(standin, monkeypatch)
        standin.fault("statement_slow", seconds=0.3)
        with SnowflakeHook(snowflake_conn_id="w").get_conn() as connection:
            assert connection.cursor().execute("select 1 as one").fetchall() == [(1,)]


def test_a_statement_that_computes_is_interrupted(account: Account) -> None:
    account.load_many()
    product = "select count(*) as n from many a, many b, many c where md5(a.external_id || b.external_id) > c.payload"
    source = account.source(None, sql=f"select t.* from many t, ({product}) p where p.n > 0")
    thread = threading.Thread(target=stop_what_runs, args=(account,))
    thread.start()
    with pytest.raises(RetryLater, match="Somebody stopped"):
        read(source)
    thread.join()
    assert [one["state"] for one in account.standin.statements() if "order by" in one["text"]] == ["cancelled"]


def test_the_accounts_own_zone_is_not_utc(account: Account) -> None:
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    account.run("create table t (l timestamp_ltz)", "insert into t values ('2026-01-02 00:00:00 +00:00')")
    with SnowflakeHook(snowflake_conn_id="w").get_conn() as connection:
        rows = connection.cursor().execute("select l::timestamp_ntz from t where l > %s", ("2026-01-01",)).fetchall()
    assert [str(row[0]) for row in rows] == ["2026-01-01 16:00:00"]


@pytest.mark.parametrize(
    ("kind", "text", "moment"),
    [
        ("timestamp_ntz(9)", "00:00:00.000000001", "2026-01-02 00:00:00.000000001"),
        ("timestamp_ntz(6)", "00:00:00.5", "2026-01-02 00:00:00.5"),
        ("timestamp_ltz", "00:00:00.000000001 +02:00", "2026-01-01 22:00:00.000000001"),
        ("timestamp_tz", "00:00:00.000000001 +02:00", "2026-01-01 22:00:00.000000001"),
        ("timestamp_tz", "00:00:00", "2026-01-02"),
    ],
)
def test_text_that_is_put_together_becomes_a_time(account: Account, kind: str, text: str, moment: str) -> None:
    account.run("create table h (hour varchar)", f"insert into h values ('{text}')")
    columns = f"cast('2026-01-02 ' || hour as {kind}) as updated_at, 'a' as external_id, '{{}}' as payload"
    account.run(f"create view v as select {columns} from h")
    (row,) = read(account.source("v"))
    assert row["UPDATED_AT"].rstrip("0").removesuffix(" 00:00:00.") == moment


def test_a_date_becomes_a_time(account: Account) -> None:
    columns = "'2026-01-02'::date::timestamp_ntz as updated_at, 'a' as external_id, '{}' as payload"
    account.run(f"create view v as select {columns}")
    assert [row["UPDATED_AT"][:19] for row in read(account.source("v"))] == ["2026-01-02 00:00:00"]


@pytest.mark.parametrize("statement", ["commit", "rollback", "commit work"])
def test_the_end_of_a_transaction_that_was_never_begun_is_accepted(account: Account, statement: str) -> None:
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    with SnowflakeHook(snowflake_conn_id="w").get_conn() as connection:
        assert connection.cursor().execute(statement).fetchall() == [("Statement executed successfully.",)]


def test_a_transaction_cannot_be_begun(account: Account) -> None:
    with pytest.raises(RuntimeError, match="knows no transactions"):
        account.run("begin")
