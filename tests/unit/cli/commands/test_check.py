"""``airflow cdi check``: what it prints where, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from airflow_provider_cdi.cli.parser import main


@pytest.fixture(autouse=True)
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table people (updated_at timestamp, external_id varchar, payload varchar)")
        connection.execute("insert into people values ('2026-01-01', 'a', '{}'), ('2026-01-01', 'b', '{}')")
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps({"conn_type": "duckdb", "host": str(path)}))


def check(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    return int(ended.value.code or 0)


def test_a_warehouse_alone_is_checked_and_told_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--warehouse-conn-id", "w", "--source", "people", "--data-type", "attributes") == 0
    out = capsys.readouterr().out
    assert "✓ source columns" in out
    assert "! UPDATED_AT ties" in out
    assert "destination key" not in out


def test_json_is_the_whole_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--warehouse-conn-id", "w", "--source", "nobody", "--output", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["sync_id"], told["state"]) == (None, "failed")
    assert next(one for one in told["findings"] if one["state"] == "failed")["step"] == "source table"


def test_a_warning_makes_the_exit_code_1_where_that_is_asked_for() -> None:
    words = ("--warehouse-conn-id", "w", "--source", "people", "--data-type", "attributes")
    assert check(*words, "--fail-on", "warning") == 1
    assert check(*words, "--fail-on", "warning", "--no-counts") == 0


@pytest.mark.parametrize(
    "words", [("--warehouse-conn-id", "w", "--report"), ("--warehouse-conn-id", "w", "--data-type", "people")]
)
def test_words_that_make_no_sense_are_wrong_usage(words: tuple[str, ...]) -> None:
    assert check(*words) == 2
