"""``airflow cdi rejects``: finds what runs left, shows and exports it, deletes what is old; the page's commands run."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from support.command_line import run, write_dags
from support.pages import DOCS, blocks

from airflow_provider_cdi.cli.rejects import sync as rejects_sync
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.rejects.index import RejectIndex, RejectPlace
from airflow_provider_cdi.state.identity import default_sync_id

PAGE = DOCS / "cli" / "rejects.md"
SYNC = default_sync_id("users_to_braze", "attributes")
EARLY = datetime(2026, 1, 5, 10, tzinfo=UTC)


def row(second, code="payload_not_json", outcome="rejected", **changed):
    given = {
        "identifier": {"EXTERNAL_ID": f"c-{second}"},
        "payload": '{"email": "ana@acme-demo.io", "n": ',
        "columns": {"PHONE": "+4915112345678", "SCORE": -3},
    }
    at = f"2026-01-05T09:00:0{second}.000000Z"
    return RejectedRow(outcome, code, "PAYLOAD is not valid JSON.", updated_at=at, **{**given, **changed})


class Home:
    """A place where runs have left rejects."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self._capsys = capsys
        self.dags = write_dags(folder, users_to_braze='braze("attributes", source="USERS")')
        self.place = folder / "cdi_rejects" / "users_to_braze" / "attributes"

    def leave(self, run_id, *rows, at=EARLY, sync_id=SYNC, map_index=-1):
        whose = {"sync_id": sync_id, "run_id": run_id, "map_index": map_index, "try_number": 1}
        name = run_id if map_index < 0 else f"{run_id}.{map_index}"
        file = RejectFile(f"{self.place}/{name}.jsonl", whose=whose, now=lambda: at)
        file.write(rows)
        file.finish(file.join())
        for path in self.place.glob(f"{name}.*"):
            _set_time(path, at)

    def mark(self, fate="accepted", **only):
        index = RejectIndex(SYNC, RejectPlace(str(self.place)))
        index.mark([(one, fate) for one in index.entries()], run="again", at="2026-01-06T00:00:00+00:00")

    def __call__(self, line):
        words = shlex.split(line.removeprefix("airflow cdi rejects "))
        return run(self._capsys, ["rejects", words[0], "--dag-file", str(self.dags), *words[1:]])

    def rows(self, line):
        return json.loads(self(f"{line} --dag-id users_to_braze --output json").out)["rejects"]


def _set_time(path, at):
    os.utime(path, (at.timestamp(),) * 2)


@pytest.fixture
def home(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(rejects_sync, "_reports", lambda *_: [])
    home = Home(tmp_path, capsys)
    home.leave("run-1", row(1), row(2), row(3, "identifier_missing"))
    return home


# --- list -------------------------------------------------------------------------------------------------------------


def test_a_run_and_a_code_are_a_line_with_what_to_do(home):
    home.leave("run-2", row(4), row(5, "no_answer", "unknown"), at=EARLY + timedelta(days=1))
    assert [(one["run_id"], one["code"], one["outcome"], one["number"]) for one in home.rows("list")] == [
        ("run-1", "payload_not_json", "rejected", 2),
        ("run-1", "identifier_missing", "rejected", 1),
        ("run-2", "payload_not_json", "rejected", 1),
        ("run-2", "no_answer", "unknown", 1),
    ]
    first = home.rows("list")[0]
    assert (first["oldest"], first["what_to_do"]) == (
        row(1).updated_at,
        "Mend the text at the place that the reason names.",
    )


def test_the_page_shows_what_the_command_prints(home):
    ran = home("list --dag-id users_to_braze")
    shown = "\n".join(line.rstrip() for line in ran.out.splitlines())
    assert (ran.code, shown) == (0, blocks(PAGE, "text")[0].text.rstrip())
    assert "Rejects 3, of these sent again 0; runs 1." in ran.err


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("--code identifier_missing", 1),
        ("--code identifier_missing --code payload_not_json", 3),
        ("--run-id other", 0),
        ("--older-than 2026-01-05T09:00:00Z", 0),
        ("--older-than 7d", 3),
        ("--newer-than 2026-01-05T09:00:00", 3),
        ("--newer-than 1h", 0),
        ("--identifier c-2", 1),
        ("--identifier c", 0),
        ("--outcome unknown", 0),
    ],
)
def test_what_is_meant_can_be_chosen(home, options, found):
    assert sum(one["number"] for one in home.rows(f"list {options}")) == found
    assert len(home.rows(f"show {options}")) == found


def test_what_was_sent_again_is_shown_when_asked_for(home):
    home.mark()
    assert (home.rows("list"), home.rows("show")) == ([], [])
    assert [(one["number"], one["redriven"]) for one in home.rows("list --all")] == [(2, 2), (1, 1)]
    assert {one["redriven"]["fate"] for one in home.rows("show --all")} == {"accepted"}


def test_mapped_instances_are_one_sync_and_one_of_them_can_be_chosen(home):
    home.dags = write_dags(
        home.folder,
        users_to_braze="""
    WarehouseToBrazeOperator.partial(
        task_id="attributes", warehouse_conn_id="wh", source="S", data_type="attributes", **mapped_sync("all")
    ).expand(partition=partitions(2))""",
    )
    for instance in (0, 1):
        home.leave("run-2", row(4 + instance), sync_id=f"all:S:{instance}/2", map_index=instance)
    assert [one["identifier"]["EXTERNAL_ID"] for one in home.rows("show")] == ["c-4", "c-5"]
    assert [one["identifier"]["EXTERNAL_ID"] for one in home.rows("show --map-index 1")] == ["c-5"]


@pytest.mark.parametrize("age", ["soon", "7 weeks", "2026-13-01", "99999999999d"])
def test_a_time_that_is_none_is_refused(home, age):
    ran = home(f"list --dag-id users_to_braze --older-than '{age}'")
    assert (ran.code, ran.out) == (2, "")
    assert "--older-than" in ran.err


def test_without_a_sync_those_that_there_are_are_named(home):
    ran = home("list")
    assert ran.code == 2
    assert "users_to_braze attributes" in ran.err


# --- what cannot be read ----------------------------------------------------------------------------------------------


def test_what_lies_on_another_machine_is_named_and_the_exit_code_says_so(home, monkeypatch):
    away = {"path": "/home/b/run-9.try1-aa.*.jsonl", "host": "worker-b", "files": 2, "rows": 70}
    monkeypatch.setattr(rejects_sync, "_reports", lambda *_: [{"rejects_files": [away]}, "an XCom of before"])
    ran = home("list --dag-id users_to_braze --output json")
    assert (ran.code, json.loads(ran.out)["elsewhere"]) == (
        1,
        [{"host": "worker-b", "path": away["path"], "rows": 70}],
    )
    assert "70 rejects on the disk of worker-b, /home/b/run-9.try1-aa.*.jsonl" in ran.err


def test_a_broken_line_is_named_and_the_exit_code_says_so(home):
    (file,) = home.place.glob("run-1.*.jsonl")
    file.write_bytes(file.read_bytes() + b"{torn")
    ran = home("show --dag-id users_to_braze --output json")
    assert (ran.code, len(json.loads(ran.out)["rejects"])) == (1, 3)
    assert "Line 4 of" in ran.err


# --- show -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["table", "plain", "json", "csv"])
def test_what_is_masked_is_in_no_output(home, output):
    assert "acme-demo" not in home(f"show --dag-id users_to_braze --mask email --output {output}").out
    ran = home(f"show --dag-id users_to_braze --mask all --output {output}")
    assert not {word for word in ("acme-demo", "c-1", "12345678") if word in ran.out}


def test_as_many_are_shown_as_asked_for_and_that_there_are_more_is_told(home):
    ran = home("show --dag-id users_to_braze --rows 2 --output json")
    assert len(json.loads(ran.out)["rejects"]) == 2
    assert "There are more than these 2" in ran.err
    assert len(home.rows("show --rows 0")) == 3


def test_a_spreadsheet_gets_flat_columns_and_runs_no_formula(home):
    formula = row(
        4,
        identifier={"EXTERNAL_ID": '=HYPERLINK("x")', "ALIAS_NAME": "@a", "ALIAS_LABEL": "\uff1d1"},
        payload={"ä": [1]},
    )
    home.leave("run-2", formula, at=EARLY + timedelta(days=1))
    out = home("show --dag-id users_to_braze --output csv").out
    assert out.startswith("\ufeffrun_id,")
    rows = list(csv.DictReader(io.StringIO(out.removeprefix("\ufeff"), newline="")))
    assert len(rows) == 4
    assert {
        name: rows[3][name] for name in ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL", "PHONE", "SCORE", "payload")
    } == {
        "EXTERNAL_ID": '\'=HYPERLINK("x")',
        "ALIAS_NAME": "'@a",
        "ALIAS_LABEL": "'\uff1d1",
        "PHONE": "'+4915112345678",
        "SCORE": "-3",
        "payload": '{"ä": [1]}',
    }
    assert rows[0]["what_to_do"] == "Mend the text at the place that the reason names."


# --- retry (what it triggers: tests/airflow/cli/test_rejects_retry.py) ---------------------------------------------


@pytest.mark.parametrize("options", ["--code other", "--run-id other", "--older-than 2026-01-05T09:00:00Z"])
def test_where_nothing_is_chosen_no_run_is_triggered(home, options):
    ran = home(f"retry --dag-id users_to_braze --yes --output json {options}")
    assert (ran.code, json.loads(ran.out)["run_id"], json.loads(ran.out)["number"]) == (0, None, 0)
    assert "no run was triggered" in ran.err


def test_rejects_that_name_nobody_are_counted_and_trigger_no_run(home):
    home.mark()
    home.leave("run-2", row(4, "identifier_missing", identifier={}), at=EARLY + timedelta(days=1))
    ran = home("retry --dag-id users_to_braze --yes --output json")
    found = json.loads(ran.out)
    assert (ran.code, found["run_id"], found["number"], found["without_key"]) == (0, None, 0, 1)


def test_events_that_may_have_arrived_are_left_unless_they_are_asked_for(home):
    home.dags = write_dags(home.folder, users_to_braze='braze("attributes", source="USERS", data_type="events")')
    home.mark()
    home.leave("run-2", row(4, "no_answer", "unknown"), at=EARLY + timedelta(days=1))
    ran = home("retry --dag-id users_to_braze --yes --output json")
    assert (ran.code, json.loads(ran.out)["in_doubt"]) == (0, 1)
    assert "--unknown takes them" in ran.err


def test_a_locked_task_gets_no_run(home):
    home.dags = write_dags(home.folder, users_to_braze='braze("attributes", source="USERS", lock_run_choices=True)')
    ran = home("retry --dag-id users_to_braze --yes")
    assert (ran.code, ran.out) == (1, "")
    assert "none was triggered" in ran.err
    assert "lock_run_choices" in ran.err


# --- prune ------------------------------------------------------------------------------------------------------------


def test_what_is_old_is_shown_first_and_deleted_with_yes(home):
    home.mark()
    for path in home.place.iterdir():
        _set_time(path, EARLY)
    home.leave("run-2", row(4), at=datetime.now(UTC))
    ran = home("prune --dag-id users_to_braze --older-than 30d")
    assert "3 rejects of 1 runs" in ran.err
    assert len(home.rows("list --all")) == 3
    ran = home("prune --dag-id users_to_braze --older-than 30d --yes")
    assert (ran.code, "Deleted: 3 rejects of 1 runs." in ran.err) == (0, True)
    assert {path.name.partition(".")[0] for path in home.place.iterdir()} == {"run-2"}


def test_what_is_not_this_syncs_own_stays(home):
    home.leave("foreign", row(4), sync_id="another")
    home("prune --dag-id users_to_braze --older-than 30d --yes")
    assert {path.name.partition(".")[0] for path in home.place.iterdir()} == {"foreign"}


# --- the page ---------------------------------------------------------------------------------------------------------

HERE = "run by tests/unit/cli/commands/test_rejects.py"
COMMANDS = [line for block in blocks(PAGE, "bash") if block.mark == HERE for line in block.text.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_of_the_page_runs(home, line):
    ran = home(line.partition(" > ")[0])
    assert (ran.code, "Not read" in ran.err) == (0, False)
