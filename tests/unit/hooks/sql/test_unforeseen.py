"""Errors that are no driver's: told by their class and place, with their traceback and without their text."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.leaks import VALUE, pieces_in, read_all, story_of
from support.sql_world import Database

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, SourceError, Unforeseen


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database("sqlite", tmp_path, monkeypatch)
    return made.run(
        "create table t (updated_at text, external_id text, payload text)",
        f"insert into t values ('2026-01-01T00:00:00Z', '{VALUE}', '{{}}')",
    )


def convert(_: object, rows: list[tuple[object, ...]]) -> None:
    int(str(rows[0][-2]))


def test_a_parser_of_values_is_not_quoted_while_rows_are_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_cdi.hooks.arrow.rows.RowShape.from_rows", convert)
    with pytest.raises(
        Unforeseen, match=r"failed in a way that nobody foresaw: ValueError in test_unforeseen"
    ) as raised:
        read_all(database.source)
    assert pieces_in(story_of(raised.value)) == []
    assert "in convert" in story_of(raised.value), "the traceback leads to the place"


def test_a_hook_that_fails_at_its_fields_is_not_quoted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise ValueError(VALUE)

    monkeypatch.setattr("airflow.providers.sqlite.hooks.sqlite.SqliteHook.get_conn", refuse)
    with pytest.raises(ConfigurationError, match="SqliteHook raised ValueError") as raised:
        database.source()
    assert pieces_in(story_of(raised.value)) == []
    assert "in refuse" in story_of(raised.value)


def test_a_driver_with_names_of_its_own_is_a_driver(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = type("StrangeDriverFailed", (Exception,), {"__module__": "strange_driver.errors"})

    def refuse(*_: object) -> None:
        raise strange(VALUE)

    monkeypatch.setattr("airflow_provider_cdi.hooks.arrow.rows.RowShape.from_rows", refuse)
    with pytest.raises(
        SourceError, match=r"The driver raised StrangeDriverFailed\. .*run the source's query"
    ) as raised:
        read_all(database.source)
    assert pieces_in(story_of(raised.value)) == []


def test_our_own_errors_pass_unchanged(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = CdiError("ours")

    def refuse(*_: object) -> None:
        raise ours

    monkeypatch.setattr("airflow_provider_cdi.hooks.arrow.rows.RowShape.from_rows", refuse)
    with pytest.raises(CdiError) as raised:
        read_all(database.source)
    assert raised.value is ours
