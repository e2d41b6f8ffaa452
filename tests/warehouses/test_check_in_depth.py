"""The check in depth against every stand-in, as a person would run it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.leaks import VALUE, pieces_in
from warehouses.conftest import Worlds
from warehouses.worlds.base import World

from airflow_provider_cdi.checks.depth import steps
from airflow_provider_cdi.checks.depth.checked_warehouse import CheckedWarehouse
from airflow_provider_cdi.checks.depth.profiles import PROFILES
from airflow_provider_cdi.checks.findings import State, found
from airflow_provider_cdi.cli.parser import main

#: Where the login of each world may create a table.
SCHEMAS = {
    "snowflake": "INGESTION",
    "redshift": "public",
    "bigquery": "ds",
    "databricks": "default",
    "postgres": "public",
    "duckdb": "main",
}
COLUMNS = {"updated_at": "timestamp", "external_id": "text", "payload": "text"}
SECRET_VALUE = "somebody-at-home"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CANCEL_AFTER", 0.3)


@pytest.fixture
def duckdb(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> World:
    world = worlds["duckdb"]
    world.begin(monkeypatch)
    return world


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["check", "--warehouse-conn-id", "w", "--in-depth", "--report", *arguments])
    # Before it stands what Airflow logs in tests.
    _, heading, rest = capsys.readouterr().out.rpartition("# Check in depth")
    return int(ended.value.code or 0), heading + rest


def lines(text: str, state: str) -> list[str]:
    return re.findall(rf"^\| ([^|]*) \| {state} \|", text, re.MULTILINE)


def test_it_passes_writes_one_table_alone_and_shows_neither_rows_nor_secrets(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"2026-01-0{day} 00:00:00", SECRET_VALUE, '{"n":1}') for day in (1, 2, 3)]
    world.create("people", COLUMNS, *rows)
    if world.is_observed:
        world.forget()
    code, text = checked(capsys, "--source", "people", "--create-in", SCHEMAS[world.name])
    assert (code, lines(text, "failed")) == (0, [])
    expected = {"count: your table", "types: the sample, as a query", "types: the sample, as a table", "session zone"}
    assert expected <= set(lines(text, "ok"))
    # The stand-ins have no histories, and Snowflake's no generator that takes its time.
    assert set(lines(text, "skipped")) <= {"query tag", "cancel"}
    assert [hidden for hidden in (*secrets_of(world), SECRET_VALUE) if hidden in text] == []
    if world.is_observed:
        verbs = [one["text"].split()[0].lower() for one in world.statements()]
        assert [verbs.count(verb) for verb in ("create", "drop", "insert", "update", "delete")] == [1, 1, 0, 0, 0]


def secrets_of(world: World) -> list[str]:
    """Return what of the connection must not be shown; shorter texts stand in every other word."""
    fields = world.connection()
    texts = [fields.get("host"), fields.get("login"), fields.get("password"), *(fields.get("extra") or {}).values()]
    return [text for text in texts if isinstance(text, str) and len(text) > 8]


def test_a_table_that_is_not_there_fails_the_check_and_keeps_its_name_out(
    duckdb: World, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = checked(capsys, "--source", "missing_people")
    assert (code, lines(text, "failed")) == (1, ["describe: your table"])
    assert "missing_people" not in text


def test_a_session_that_is_not_in_utc_is_found(
    duckdb: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROFILES, "duckdb", replace(PROFILES["duckdb"], zone="select 'Asia/Tokyo'"))
    code, text = checked(capsys)
    assert (code, lines(text, "failed")) == (1, ["session zone"])


def test_a_time_that_differs_from_the_warehouses_own_text_is_found(
    duckdb: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = replace(PROFILES["duckdb"], time_text="strftime({}, '%Y-%m-%d %H:%M:%S')")
    monkeypatch.setitem(PROFILES, "duckdb", cut)
    code, text = checked(capsys)
    assert (code, lines(text, "failed")) == (1, ["precision: the sample, as a query"])


def test_a_query_that_runs_is_cancelled(world: World) -> None:
    if not world.is_observed:
        pytest.skip(f"{world.name} is cancelled in the test of everything")
    world.create("t", COLUMNS)
    warehouse = CheckedWarehouse("w", replace(PROFILES[world.name], slow=world.slow_query()), "cdi_check")
    assert "after it was cancelled" in steps.cancelled(warehouse)


def test_credentials_that_do_not_work_end_the_check_at_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    if not world.broken_credentials:
        pytest.skip(f"{world.name} has no logins")
    broken = world.broken_credentials[0]
    world.connect(variables=broken.variables, **broken.fields)
    code, text = checked(capsys)
    assert (code, lines(text, "failed"), lines(text, "ok")) == (1, ["connect"], [])
    assert broken.sentence in text


def test_a_connection_of_which_nothing_is_known_is_no_check_in_depth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_W", '{"conn_type": "sqlite"}')
    with pytest.raises(SystemExit) as ended:
        main(["check", "--warehouse-conn-id", "w", "--in-depth"])
    assert ended.value.code == 2
    assert "a check in depth is there for snowflake" in capsys.readouterr().err


def test_an_error_that_no_step_foresaw_is_a_finding_without_its_text() -> None:
    def look() -> str:
        return str(int(VALUE))

    finding = found("read", look)
    assert finding.state is State.FAILED
    assert "nobody foresaw: ValueError" in finding.message
    assert pieces_in(finding.message) == []
