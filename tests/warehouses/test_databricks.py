"""What is Databricks' own: tokens, Cloud Fetch and its links, polling, cancellation, query tags, what is logged."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from support.sql_world import ATTRIBUTES, EVERYTHING, NOW, read
from support.waiting import wait_until
from warehouses.worlds.base import World
from warehouses.worlds.databricks import DatabricksWorld

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.exceptions import ConfigurationError, Interrupted, RetryLater, SourceError
from airflow_provider_cdi.hooks.connections import find_connection
from airflow_provider_cdi.hooks.databricks.errors import BrokenResult, diagnose
from airflow_provider_cdi.hooks.databricks.hook import DEFAULTS, TAG, DatabricksWarehouseHook
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

COLUMNS = {"updated_at": "timestamp_tz", "external_id": "text", "payload": "text"}
ROWS = 30_000
INLINE = {"use_cloud_fetch": False}


@pytest.fixture
def world(worlds: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    found: DatabricksWorld = worlds["databricks"]
    found.begin(monkeypatch)
    return found


@pytest.fixture
def rows(world: World) -> World:
    """More rows than fit into one file, each with a time of its own, in a table called many."""
    columns = {
        "updated_at": pa.array(range(ROWS), pa.timestamp("us", tz="UTC")),
        "external_id": [f"user-{number:05d}" for number in range(ROWS)],
        "payload": [f'{{"n":{number}}}' for number in range(ROWS)],
    }
    world.load("many", pa.table(columns))
    return world


def source_of(table: str | None = "many", **arguments: Any) -> SqlSource:
    source = get_warehouse_hook("w", "dag.task").source(table, **{"contract": ATTRIBUTES, **arguments})
    assert isinstance(source, SqlSource)
    return source


def ids(source: SqlSource, bounds: Bounds = EVERYTHING) -> list[str]:
    return collect(source, [], bounds)


def collect(source: SqlSource, found: list[str], bounds: Bounds = EVERYTHING) -> list[str]:
    for batch in source.read(bounds):
        assert batch.num_rows > 0
        found += batch.column("EXTERNAL_ID").to_pylist()
    return found


EVERYBODY = [f"user-{number:05d}" for number in range(ROWS)]


def read_until_it_breaks(source: SqlSource) -> list[str]:
    """Return what came, then what comes from the last row on, as the engine does it."""
    found: list[str] = []
    with pytest.raises(RetryLater, match=r"broke off.*new try"):
        collect(source, found)
    assert found, "it broke before the first row"
    last = len(found) - 1
    return collect(source, found, Bounds(after=f"1970-01-01T00:00:00.{last:06d}Z", up_to=NOW))


# --- logins ---------------------------------------------------------------------------------------------


@pytest.fixture
def principal(rows: DatabricksWorld) -> DatabricksWorld:
    rows.connect(**rows.stand_in.principal_connection())
    return rows


def test_a_service_principal_reads(principal: DatabricksWorld) -> None:
    assert ids(source_of()) == EVERYBODY


def test_a_principals_token_that_is_refused_before_its_time_is_fetched_again(principal: DatabricksWorld) -> None:
    source = source_of()
    principal.stand_in.control("revoke_tokens")
    assert len(ids(source)) == ROWS


def test_a_token_that_expires_in_the_middle_breaks_the_read_off_and_no_more(principal: DatabricksWorld) -> None:
    source = source_of()
    # Opened, zone set, query sent, rows fetched.
    principal.fault("unauthorized", after=3)
    assert read_until_it_breaks(source) == EVERYBODY


def test_a_read_whose_end_cannot_even_be_told_breaks_off_like_others(rows: World) -> None:
    source = source_of()
    rows.fault("unauthorized", after=3, times=1000)
    with pytest.raises(RetryLater, match="broke off"):
        ids(source)


def test_a_token_that_stays_refused_is_a_matter_for_a_person(rows: World) -> None:
    source = source_of()
    rows.fault("unauthorized", times=1000, status=401)
    with pytest.raises(SourceError, match="login is refused"):
        ids(source)


def test_a_token_in_the_extra_is_a_token_too(rows: World) -> None:
    token = rows.connection()["password"]
    rows.connect(password=None, extra={"token": token})
    assert len(ids(source_of())) == ROWS


# --- results in pieces ----------------------------------------------------------------------------------


@pytest.fixture(params=["cloud fetch", "inline"])
def pieces(request: pytest.FixtureRequest, rows: DatabricksWorld) -> DatabricksWorld:
    """Results come in several pieces of either kind."""
    hasty = {"_retry_delay_max": 0.1}
    rows.connect(extra=hasty if request.param == "cloud fetch" else {**hasty, **INLINE})
    rows.monkeypatch.setattr("airflow_provider_cdi.hooks.databricks.reader.ANSWER_ROWS", 10_000)
    return rows


@pytest.mark.parametrize("fault", ["chunk_503", "chunk_slow", "slow_states"])
def test_the_connector_gets_over_it(pieces: DatabricksWorld, fault: str) -> None:
    source = source_of()
    pieces.fault(fault, after=1, seconds=0.1)
    assert ids(source) == EVERYBODY
    assert pieces.stand_in.control("taken")[fault] > 0


def test_a_link_that_is_cut_is_fetched_again(rows: World) -> None:
    source = source_of()
    rows.fault("drop", after=1)
    assert ids(source) == EVERYBODY


@pytest.mark.parametrize(("fault", "after"), [("expired", 2), ("expired_link", 1)])
def test_a_link_that_has_expired_breaks_the_read_off(rows: World, fault: str, after: int) -> None:
    source = source_of()
    rows.fault(fault, after=after)
    assert read_until_it_breaks(source) == EVERYBODY


@pytest.mark.parametrize("fault", ["drop", "lost", "expired"])
def test_an_answer_that_is_cut_or_lost_or_whose_session_is_gone_breaks_the_read_off(rows: World, fault: str) -> None:
    rows.connect(extra=INLINE)
    rows.monkeypatch.setattr("airflow_provider_cdi.hooks.databricks.reader.ANSWER_ROWS", 5_000)
    source = source_of()
    rows.fault(fault, after=1)
    assert read_until_it_breaks(source) == EVERYBODY


def test_a_session_that_is_gone_when_a_statement_is_sent_is_another_try(rows: World) -> None:
    source = source_of()
    rows.fault("expired_session", after=1)
    with pytest.raises(RetryLater):
        ids(source)
    assert len(ids(source)) == ROWS


def test_a_count_runs_while_a_read_is_open(rows: World) -> None:
    source = source_of()
    reading = source.read(EVERYTHING)
    first = next(reading)
    assert source.count(EVERYTHING, position=None, now=NOW).in_bounds == ROWS
    assert first.num_rows + sum(batch.num_rows for batch in reading) == ROWS


def test_a_read_that_is_given_up_leaves_nothing_in_the_warehouse(rows: DatabricksWorld) -> None:
    reading = source_of().read(EVERYTHING)
    next(reading)
    assert rows.stand_in.control("held")["files"] > 0
    reading.close()  # type: ignore[attr-defined]  # a generator
    assert rows.stand_in.control("held") == {"operations": 0, "files": 0, "sessions": 0}


# --- cancellation ---------------------------------------------------------------------------------------


def when_running(world: World, act: Any) -> threading.Thread:
    """Do something, in another thread, when the warehouse runs the query."""

    def wait() -> None:
        wait_until(lambda: any(one["state"] == "running" and "updated_at" in one["text"] for one in world.statements()))
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def last_state(world: World) -> str:
    return str(world.statements()[-1]["state"])


def test_a_query_whose_answer_has_not_come_yet_is_cancelled_too(rows: World) -> None:
    source = source_of()
    rows.forget()
    rows.fault("stall", after=1, seconds=600)
    thread = when_running(rows, source.cancel)
    with pytest.raises(Interrupted):
        ids(source)
    thread.join()
    assert last_state(rows) == "cancelled"


def test_a_signal_handler_of_the_reading_thread_cancels(rows: World) -> None:
    source = source_of(None, sql=rows.slow_query())
    rows.forget()
    before = signal.signal(signal.SIGUSR1, lambda *_: source.cancel())
    try:
        thread = when_running(rows, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(Interrupted):
            ids(source)
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert last_state(rows) == "cancelled"


def test_a_read_that_is_cancelled_between_two_batches_is_interrupted(rows: World) -> None:
    source = source_of()
    reading = source.read(EVERYTHING)
    next(reading)
    source.cancel()
    with pytest.raises(Interrupted):
        list(reading)


def test_a_connection_that_was_stopped_between_two_statements_asks_nothing_more(rows: World) -> None:
    hook = DatabricksWarehouseHook(find_connection("w"))
    connection = hook.make_hook(find_connection("w"), "").get_conn()
    reader = hook.dialect.reader
    reader.execute(connection, "select 1")
    reader.stop(connection)
    with pytest.raises(BrokenResult):
        reader.execute(connection, "select 2")
    connection.close()
    assert [one["text"] for one in rows.statements()] == ["select 1"]


# --- names and types ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["workspace.default.many", "DEFAULT.Many", 'workspace."default".many'])
def test_a_name_may_have_three_parts_in_any_case(rows: World, name: str) -> None:
    assert len(ids(source_of(name))) == ROWS


def test_catalog_and_schema_may_stand_in_the_extra(rows: World) -> None:
    rows.connect(extra={"catalog": "workspace", "schema": "default"})
    assert len(ids(source_of())) == ROWS


@pytest.mark.parametrize("call", ["no_such_function(1)", "no_such_schema.f(1)", "upper(1, 2, 3)", "trim(array(1))"])
def test_a_function_that_is_not_there_is_a_matter_for_a_person(world: World, call: str) -> None:
    columns = f"timestamp '2026-01-01 00:00:00' as updated_at, {call} as external_id, '{{}}' as payload"
    with pytest.raises(SourceError, match=r"the query.*mend it"):
        source_of(None, sql=f"select {columns}")


def test_a_query_may_ask_for_the_sessions_time_zone(world: World) -> None:
    columns = "timestamp '2026-01-01 00:00:00' as updated_at, current_timezone() as external_id, '{}' as payload"
    assert ids(source_of(None, sql=f"select {columns}")) == ["UTC"]


def test_a_struct_with_a_variant_in_it_is_json(world: World) -> None:
    world.run(
        "create table t (updated_at timestamp, external_id string, address struct<zip:string,more:variant>)",
        "insert into t select cast('2026-01-01 00:00:00' as timestamp), 'a', "
        "named_struct('zip', '01', 'more', parse_json('{\"floor\": 3}'))",
    )
    (row,) = read(source_of("t", payload_columns=["address"]))
    assert json.loads(row["PAYLOAD"]["address"]) == {"zip": "01", "more": {"floor": 3}}


def test_a_value_that_cannot_be_cast_is_not_quoted(world: World) -> None:
    world.create("t", COLUMNS, ("2026-01-01 00:00:00+00:00", "alice@example.com", "{}"))
    with pytest.raises(SourceError, match="cannot be read or converted") as error:
        read(source_of(None, sql="select updated_at, cast(external_id as int) as external_id, payload from t"))
    assert "alice" not in str(error.value)


# --- what the connection is opened with -----------------------------------------------------------------


def opened_with(world: World, monkeypatch: pytest.MonkeyPatch, tag: str = "dag.task", **extra: Any) -> dict[str, Any]:
    """Return the arguments of ``databricks.sql.connect``."""
    from databricks import sql

    seen: dict[str, Any] = {}

    def connect(*_: Any, **arguments: Any) -> Any:
        seen.update(arguments)
        raise sql.OperationalError("enough")

    monkeypatch.setattr(sql, "connect", connect)
    world.connect(extra={"_retry_delay_max": None, **extra})
    with pytest.raises(RetryLater):
        get_warehouse_hook("w", tag).source("t", contract=ATTRIBUTES)
    return seen


def test_retries_and_memory_are_bounded_and_nothing_is_told_to_the_vendor(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = opened_with(world, monkeypatch)
    assert {name: seen[name] for name in DEFAULTS} == dict(DEFAULTS)
    assert seen["enable_telemetry"] is False


def test_what_the_connections_extra_says_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened_with(world, monkeypatch, max_download_threads=7)["max_download_threads"] == 7


def test_a_query_tag_stands_beside_the_persons_own_and_is_escaped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = opened_with(world, monkeypatch, "a:b,c", session_configuration={"query_tags": "team:x", "ansi_mode": "true"})
    assert seen["session_configuration"] == {"query_tags": f"team:x,{TAG}:a\\:b\\,c", "ansi_mode": "true"}


def test_a_cluster_gets_no_query_tag_because_it_knows_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = opened_with(world, monkeypatch, http_path="/sql/protocolv1/o/0/0123-456789-abc")
    assert seen["session_configuration"] is None


def test_a_warehouse_without_query_tags_is_read_without(rows: World) -> None:
    rows.fault("no_tags", times=1000)
    assert ids(source_of()) == EVERYBODY
    assert {one["tag"] for one in rows.statements()} == {""}


def test_the_module_loads_no_vendor_code() -> None:
    program = (
        "import sys, airflow_provider_cdi.hooks.databricks.hook; "
        "print([name for name in sys.modules if name.partition('.')[0] in ('databricks', 'airflow', 'pandas')])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def test_without_the_provider_the_message_says_what_to_install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.databricks.hooks.databricks_sql", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'airflow-provider-cdi\[databricks\]'"):
        get_warehouse_hook("w")


# --- what errors mean -----------------------------------------------------------------------------------

_NO_STORAGE = "HTTP request failed: HTTPSConnectionPool(host='s3', port=443): Max retries exceeded with url: /r?sig=1"
_CLOSED = "Error during request to server: BAD_REQUEST: Invalid SessionHandle: Session [01f0] is closed."


@pytest.mark.parametrize(
    ("text", "code", "passes", "advice"),
    [
        ("PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'main.x'.", None, False, "grant it USE CATALOG"),
        ("[NO_SUCH_CATALOG_EXCEPTION] Catalog 'x' was not found. SQLSTATE: 42704", None, False, "check the name"),
        ("[UNRESOLVED_COLUMN] no such column. SQLSTATE: 42703", None, False, "mend it"),
        ("[UNRESOLVED_ROUTINE] Cannot resolve routine `f` on search path. SQLSTATE: 42883", None, False, "mend it"),
        ("Undefined function: 'f'. This function is neither a registered temporary function", None, False, "mend it"),
        ("[INTERNAL_ERROR] a stage failed. SQLSTATE: XX000", None, True, "ended the query by itself"),
        ("[NEVER_HEARD_OF] what is this? SQLSTATE: 99999", None, False, "query history"),
        ("Job aborted due to stage failure", None, False, "query history"),
        (_NO_STORAGE, None, True, "use_cloud_fetch"),
        (_CLOSED, 400, True, "broke off"),
        ("Error during request to server", 404, False, "copy host and http_path"),
        ("API requests to Databricks failed 3 times (last error: reset). Giving up.", None, True, "did not answer"),
    ],
)
def test_an_error_says_what_to_do(text: str, code: int | None, passes: bool, advice: str) -> None:
    from databricks.sql.exc import ServerOperationError

    fault = diagnose(ServerOperationError(text, {} if code is None else {"http-code": code}))
    assert fault is not None
    assert (fault.passes, advice in fault.advice) == (passes, True), fault


# --- what is logged -------------------------------------------------------------------------------------


class Everything(logging.Handler):
    """Keeps what reaches the root logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    # What Airflow's logging configuration does to loggers that exist already.
    logging.getLogger("databricks.sql.unsafe").propagate = True
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(level)


def test_neither_rows_nor_links_that_open_them_are_logged(rows: World, logged: list[str]) -> None:
    rows.connect(extra={"_retry_delay_max": 0.1})
    source = source_of()
    rows.fault("chunk_503", times=1)
    rows.fault("drop", times=1)
    ids(source)
    rows.fault("expired", after=1)
    with pytest.raises(RetryLater):
        ids(source)
    assert any("/results/" in line for line in logged)
    assert not [line for line in logged if "signature=" in line or "user-0" in line]
