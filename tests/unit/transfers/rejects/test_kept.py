"""Rejects that are older than the sync keeps them go, and nothing else does."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.rejects.index import RejectIndex, RejectPlace
from airflow_provider_cdi.transfers.rejects.kept import kept_for, remove_old_rejects
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Runs:
    def __init__(self, folder):
        self.folder = folder

    def sync(self, **arguments):
        given = {"rejects_keep": timedelta(days=30), "rejects_path": f"{self.folder}/{{{{ run_id }}}}.jsonl"}
        return WarehouseToBrazeOperator(
            task_id="users",
            warehouse_conn_id="wh",
            source="USERS",
            data_type="attributes",
            sync_id="users",
            **{**given, **arguments},
        )

    def leave(self, run, *days, sync_id="users", modified=None):
        """Write a file of a run for each age."""
        parts = ()
        for number, age in enumerate(days, 1):
            at = NOW - timedelta(days=age)
            whose = {"sync_id": sync_id, "run_id": run, "map_index": -1, "try_number": number}
            before = set(self.folder.glob("*"))
            file = RejectFile(f"{self.folder}/{run}.jsonl", try_number=number, whose=whose, now=lambda at=at: at)
            file.write([RejectedRow("rejected", "c", "r", {"EXTERNAL_ID": "1"}, "2026-01-05T00:00:00Z", None)])
            file.finish(())
            self.date(set(self.folder.glob("*")) - before, modified if modified is not None else age)
            parts = (*parts, *file.parts)
        return parts

    def date(self, paths, age):
        for path in paths:
            os.utime(path, ((NOW - timedelta(days=age)).timestamp(),) * 2)

    def left(self):
        return sorted({path.name.partition(".")[0] for path in self.folder.iterdir()})


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def test_a_run_all_of_whose_rejects_are_older_goes_with_its_marks(runs):
    runs.leave("old", 40)
    runs.leave("young", 20)
    index = RejectIndex("users", RejectPlace(str(runs.folder)))
    index.mark([(one, "accepted") for one in index.entries()], run="again", at=NOW.isoformat())
    assert remove_old_rejects(runs.sync(), now=NOW) == 1
    assert runs.left() == ["young"]


def test_where_all_runs_have_one_name_marks_go_when_all_that_they_may_mark_is_gone(runs):
    for age in (50, 40, 20):
        runs.leave("all", age)
        index = RejectIndex("users", RejectPlace(str(runs.folder), begins=f"{runs.folder}/all."))
        before = set(runs.folder.glob("*"))
        index.mark([(one, "accepted") for one in index.entries()], run="again", at=NOW.isoformat())
        runs.date(set(runs.folder.glob("*")) - before, age - 1)
    assert remove_old_rejects(runs.sync(rejects_path=f"{runs.folder}/all.jsonl"), now=NOW) == 2
    assert len(list(runs.folder.glob("*.marks"))) == 1
    assert not list(index.entries())


def test_a_run_one_of_whose_tries_is_young_stays_whole(runs):
    runs.leave("slow", 40, 20)
    assert remove_old_rejects(runs.sync(), now=NOW) == 0
    assert len(list(runs.folder.glob("*.jsonl"))) == 2


def test_a_line_that_is_young_in_a_file_that_looks_old_stays(runs):
    runs.leave("copied", 20, modified=40)
    assert remove_old_rejects(runs.sync(), now=NOW) == 0
    assert runs.left() == ["copied"]


def test_what_another_sync_wrote_stays(runs):
    runs.leave("foreign", 40, sync_id="others")
    runs.leave("nobodys", 40, sync_id="")
    assert remove_old_rejects(runs.sync(), now=NOW) == 0
    assert runs.left() == ["foreign", "nobodys"]


def test_what_the_record_names_stays(runs):
    parts = runs.leave("waiting", 40)
    assert remove_old_rejects(runs.sync(), needed=parts, now=NOW) == 0
    assert runs.left() == ["waiting"]


def test_without_a_word_everything_stays(runs):
    runs.leave("old", 4_000)
    assert remove_old_rejects(runs.sync(rejects_keep=None), now=NOW) == 0
    assert runs.left() == ["old"]


def test_files_that_are_young_are_not_read(runs, monkeypatch):
    runs.leave("young", 1)
    for path in runs.folder.iterdir():
        path.chmod(0)
    from airflow_provider_cdi.rejects.storage import LocalFolder

    def refuse(*_):
        raise AssertionError("a young file is read")

    monkeypatch.setattr(LocalFolder, "lines", refuse)
    assert remove_old_rejects(runs.sync(), now=NOW) == 0


def test_a_storage_that_is_away_is_told_and_fails_nothing(runs, caplog, monkeypatch):
    runs.leave("old", 40)

    def away(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "lstat", away)
    assert remove_old_rejects(runs.sync(), now=NOW) == 0


@pytest.mark.parametrize(
    ("option", "given", "kept"),
    [
        ("", None, None),
        ("30", None, timedelta(days=30)),
        ("30", timedelta(days=7), timedelta(days=7)),
        ("30", timedelta.max, None),
        ("9999999", None, None),
    ],
)
def test_the_sync_says_how_long_else_the_option(monkeypatch, option, given, kept):
    monkeypatch.setenv("AIRFLOW__CDI__REJECTS_KEEP_DAYS", option)
    assert kept_for(given) == kept


@pytest.mark.parametrize("option", ["0", "-1", "a month", "1.5"])
def test_an_option_that_is_no_number_of_days_is_refused(monkeypatch, option):
    monkeypatch.setenv("AIRFLOW__CDI__REJECTS_KEEP_DAYS", option)
    with pytest.raises(ConfigurationError, match="whole number of days"):
        kept_for(None)
