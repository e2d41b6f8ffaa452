"""Failures of the page "It is three in the morning": provoked, found by the page alone, mended, and run again."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.airflow_versions import DagBag, airflow_version, register
from support.command_line import HEAD as DAG_HEAD
from support.command_line import Ran, run, write_dags
from support.postgres_server import PostgresServer, why_not

from airflow_provider_cdi.cli.parser import make_parser
from airflow_provider_cdi.exceptions import KINDS
from airflow_provider_cdi.state import lease_keeper
from airflow_provider_cdi.state.lease_keeper import LeaseKeeper

pytestmark = [
    pytest.mark.filterwarnings("default"),  # Airflow's own warnings are not ours to mend
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]
PAGE = (Path(__file__).parents[2] / "docs" / "three-in-the-morning.md").read_text()
PASSWORD_ALONE = "host all cdi 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True)
class Line:
    """One failure of the page's table: the words to look for, the kinds, and the first command."""

    words: tuple[str, ...]
    kinds: tuple[str, ...]
    command: str

    def is_about(self, message: str) -> bool:
        patterns = (re.escape(words).replace("…", ".+") for words in self.words)
        return any(re.search(pattern, message) for pattern in patterns)


def read_lines() -> dict[int, Line]:
    """Read the page's table of failures, by the number that each line begins with."""
    found = {}
    for row in re.findall(r"^\| (\d+ \|.*) \|$", PAGE, re.MULTILINE):
        number, words, kinds, _, command, _ = row.split(" | ")
        codes = re.findall(r"`([^`]+)`", kinds), re.findall(r"`([^`]+)`", command)
        found[int(number)] = Line(tuple(re.findall(r"\*([^*]+)\*", words)), tuple(codes[0]), codes[1][0])
    return found


LINES = read_lines()


def test_each_command_of_the_page_is_one_that_there_is():
    """``airflow cdi …`` by our parser, which versions before 3.2 need, and ``airflow dags …`` by Airflow's own."""
    from airflow.cli.cli_parser import get_parser

    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        _, group, *words = shlex.split(line, comments=True)
        if group == "cdi":
            assert make_parser().parse_args(words).func
        else:
            assert get_parser().parse_args([group, *words]).func


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


class Night:
    """A sync of a table in PostgreSQL to Braze, and the person on call with the page open."""

    def __init__(self, airflow: Any, server: PostgresServer, capsys: Any, monkeypatch: Any, dag_id: str) -> None:
        self.airflow, self.server, self.dag_id = airflow, server, dag_id
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.deploy()
        self.connect_warehouse()

    def deploy(self, **arguments: Any) -> None:
        usual = {"source": "users", "sync_id": self.dag_id, "rejects_path": str(self.airflow.rejects), **arguments}
        said = ", ".join(f"{name}={value!r}" for name, value in usual.items())
        folder = self.airflow.path.parent
        self.file = write_dags(folder, **{self.dag_id: f"braze('sync', {said})"})

    def also(self, dag_id: str, **arguments: Any) -> None:
        """Deploy another DAG with the same sync under another name, in a file of both."""
        ours = self.file.read_text()
        self.dag_id, before = dag_id, self.dag_id
        self.deploy(**arguments)
        self.file.write_text(ours + self.file.read_text().partition(DAG_HEAD)[2])
        register(DagBag(dag_folder=str(self.file)).dags[dag_id])
        self.dag_id = before

    def tasks_are(self, state: str) -> None:
        """Let Airflow believe that all tries of the sync are in a state."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session() as session:
            session.query(TaskInstance).filter_by(dag_id=self.dag_id).update({"state": state})

    def connect_warehouse(self, **fields: Any) -> None:
        where = {"host": "127.0.0.1", "port": self.server.port, "schema": "postgres"}
        connection = {"conn_type": "postgres", **where, "login": "cdi", "password": "old", **fields}
        self._monkeypatch.setenv("AIRFLOW_CONN_WH", json.dumps(connection))

    def connect_braze(self, **fields: Any) -> None:
        sandbox = self.airflow.sandbox
        connection = {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key, **fields}
        self._monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(connection))

    def sql(self, *statements: str) -> None:
        self.server.run(*statements)

    def insert(self, *names: str, at: str = "2026-01-01", payload: str = "{}") -> None:
        rows = ", ".join(f"('{at}', '{name}', '{payload}')" for name in names)
        self.sql(f"insert into users values {rows}")

    def run(self, **conf: Any) -> tuple[str, dict[str, Any]]:
        """Run the DAG once; return the state of the run and its report, wherever that was left."""
        dag = DagBag(dag_folder=str(self.file)).dags[self.dag_id]
        register(dag)
        ended = self.airflow.run(dag, **conf)
        state = str(ended.state)
        return state, self.airflow.report(ended, key="return_value" if state == "success" else "report")

    def fail(self, number: int, **conf: Any) -> dict[str, Any]:
        """Run the DAG, which fails; find its message by the page alone, and check that the page's line is about it."""
        state, report = self.run(**conf)
        message = report["error"]
        first = next((one for one in LINES if LINES[one].is_about(message)), None)
        assert (state, first) == ("failed", number), message
        assert report["kind"] in LINES[number].kinds, report["kind"]
        return report

    def first_command(self, number: int) -> Ran:
        """Do what the page says first."""
        words = shlex.split(LINES[number].command.replace("SYNC", self.dag_id))
        assert words[:2] == ["airflow", "cdi"]
        return run(self._capsys, [*words[2:], "--dag-file", str(self.file)])

    def command(self, *words: str) -> Ran:
        """Call a command about the sync."""
        return run(self._capsys, [*words, "--sync-id", self.dag_id, "--dag-file", str(self.file)])

    def arrived(self) -> set[str]:
        return {name.removeprefix("external_id:") for name in self.airflow.sandbox.received()["received"]}

    def is_over(self, *names: str) -> bool:
        """Whether the next run ends well, everything has arrived, and nothing is due: the page's last section."""
        state, report = self.run()
        outcomes = sum(report[one] for one in ("accepted", "rejected", "skipped", "unknown"))
        assert (state, report["status"], report["rows_read"]) == ("success", "success", outcomes)
        assert self.arrived() == set(names)
        assert self.command("check").code == 0
        previewed = self.command("preview", "--output", "json")
        return (previewed.code, json.loads(previewed.out)["due"]) == (0, 0)


@pytest.fixture
def night(
    airflow: Any, server: PostgresServer, capsys: Any, monkeypatch: Any, request: pytest.FixtureRequest
) -> Iterator[Night]:
    night = Night(airflow, server, capsys, monkeypatch, request.node.name.removeprefix("test_")[:60])
    night.sql(
        "drop owned by cdi" if _has_login(server) else "create role cdi login password 'old'",
        "alter role cdi password 'old' connection limit -1",
        "drop table if exists users, moved, moved_users",
        "create table users (updated_at timestamp, external_id text, payload text)",
        "grant select on users to cdi",
    )
    night.insert("ann")
    assert night.run()[1]["accepted"] == 1
    night.insert("bob", at="2026-01-02")
    yield night
    _set_logins(server, "")


def _has_login(server: PostgresServer) -> bool:
    with server.connected() as connection:
        return connection.execute("select 1 from pg_roles where rolname = 'cdi'").fetchone() is not None


def _set_logins(server: PostgresServer, first: str) -> None:
    """Let the server ask logins for their passwords, or believe them."""
    path = server.folder / "cluster" / "pg_hba.conf"
    path.write_text(first + path.read_text().removeprefix(PASSWORD_ALONE))
    server.reload()


def test_every_kind_of_error_is_on_the_page():
    assert set(re.findall(r"^\| `(\w+)` \| [a-z]", PAGE, re.MULTILINE)) - {"kind"} == set(KINDS)


def test_every_kind_that_a_line_names_is_one():
    assert {kind for line in LINES.values() for kind in line.kinds} <= set(KINDS)


def test_the_key_of_braze_has_expired(night):
    night.connect_braze(password="revoked-this-night")
    night.fail(1)
    checked = night.first_command(1)
    assert checked.code == 1
    assert "✗ destination key" in checked.out
    night.connect_braze()
    assert night.is_over("ann", "bob")


def test_the_password_of_the_warehouse_was_changed(night):
    _set_logins(night.server, PASSWORD_ALONE)
    night.sql("alter role cdi password 'new'")
    night.fail(2)
    checked = night.first_command(2)
    assert checked.code == 1
    assert "✗ warehouse log-in" in checked.out
    night.connect_warehouse(password="new")
    assert night.is_over("ann", "bob")


def test_the_table_was_renamed(night):
    night.sql("alter table users rename to moved")
    night.fail(3)
    checked = night.first_command(3)
    assert checked.code == 1
    assert "✗ source table" in checked.out
    night.sql("alter table moved rename to users")
    assert night.is_over("ann", "bob")


def test_the_grant_was_taken_away(night):
    night.sql("revoke select on users from cdi")
    night.fail(4)
    checked = night.first_command(4)
    assert checked.code == 1
    assert "✗ source table" in checked.out
    night.sql("grant select on users to cdi")
    assert night.is_over("ann", "bob")


def test_the_warehouse_takes_no_more_connections(night):
    night.sql("alter role cdi connection limit 0")
    night.fail(5)
    checked = night.first_command(5)
    assert checked.code == 1
    assert "✗ warehouse log-in" in checked.out
    night.sql("alter role cdi connection limit -1")
    assert night.is_over("ann", "bob")


def test_rows_are_rejected(night):
    night.deploy(max_reject_percent=20)
    night.insert("cem", at="2026-01-03", payload="no JSON")
    night.insert("dan", at="2026-01-04")
    report = night.fail(6)
    assert (report["accepted"], report["rejects"], report["status"]) == (2, {"payload_not_json": 1}, "partial")
    assert "payload_not_json" in night.first_command(6).out
    night.sql("update users set payload = '{}' where external_id = 'cem'")
    triggered = night.command("rejects", "retry", "--yes", "--output", "json")
    assert triggered.code == 0, triggered.err
    assert night.run(**json.loads(triggered.out)["conf"])[1]["redrive"]["accepted"] == 1
    assert night.is_over("ann", "bob", "cem", "dan")


def test_the_form_of_all_rows_has_changed(night):
    night.deploy(stop_if_all_rejected=2)
    night.sql("delete from users where external_id = 'bob'")
    night.insert("bob", "cem", at="2026-01-03", payload="no JSON")
    report = night.fail(7)
    assert (report["accepted"], report["status"]) == (0, "guarded")
    assert "payload_not_json" in night.first_command(7).out
    night.sql("update users set payload = '{}'")
    assert night.is_over("ann", "bob", "cem")


def test_the_state_was_cleaned_away(night):
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.query(XComModel).filter_by(dag_id=night.dag_id).delete()
        if airflow_version() >= (3, 3):
            from airflow.models.asset_state_store import AssetStateStoreModel

            session.query(AssetStateStoreModel).delete()
    assert night.fail(8)["status"] == "guarded"
    assert night.arrived() == {"ann"}
    night.first_command(8)
    if airflow_version() >= (3, 3):
        known = ("--watermark", "2026-01-01T00:00:00Z", "--delivered", "1", "--why", "cleaned away", "--yes")
        assert night.command("state", "set", *known).code == 0
        assert night.run()[1]["accepted"] == 1
    else:
        assert night.run(sync_mode="full")[0] == "success"
    assert night.is_over("ann", "bob")


def test_the_place_of_the_reject_files_is_away(night):
    place = night.airflow.rejects.parent / "mount"
    night.deploy(rejects_path=f"{place}/rejects.jsonl")
    place.write_text("a file where the folder was")
    night.fail(10)
    assert night.arrived() == {"ann"}
    assert str(place) in night.first_command(10).err
    place.unlink()
    assert night.is_over("ann", "bob")


def test_another_tool_eats_the_rate_limit(night):
    limited = {
        "kind": "answer",
        "status": 429,
        "headers": {"Retry-After": "7200"},
        "body": '{"message":"Rate limited"}',
    }
    night.airflow.sandbox.set_faults({**limited, "path": "/users/track"})
    night.fail(11)
    checked = night.first_command(11)
    assert checked.code == 1
    assert "429" in checked.out
    night.airflow.sandbox.clear_faults()
    assert night.is_over("ann", "bob")


def test_more_deletions_are_due_than_the_cap_allows(night):
    night.dag_id = f"{night.dag_id}_deletes"
    cap = "from airflow_provider_cdi import DeleteCap"
    night.deploy(data_type="user_deletes")
    text = night.file.read_text().replace(
        "data_type='user_deletes'", "data_type='user_deletes', delete_cap=DeleteCap(rows=1)"
    )
    night.file.write_text(f"{cap}\n{text}")
    night.sql("alter table users drop column payload")
    assert night.fail(12)["status"] == "guarded"
    planned = night.first_command(12)
    assert planned.code == 1
    assert LINES[12].is_about(planned.out + planned.err)


def test_more_rows_are_due_than_the_gate_allows(night):
    night.deploy(max_rows=1)
    night.insert("cem", at="2026-01-03")
    assert night.fail(13)["status"] == "guarded"
    assert night.arrived() == {"ann"}
    planned = night.first_command(13)
    assert planned.code == 1
    assert LINES[13].is_about(planned.out + planned.err)
    assert night.run(pass_gates=True)[0] == "success"
    assert night.is_over("ann", "bob", "cem")


def test_the_host_speaks_no_tls(night):
    night.dag_id = f"{night.dag_id}_from_the_first_run"
    night.deploy()
    night.connect_braze(host=night.airflow.sandbox.url.replace("http://", "https://"))
    night.fail(14)
    checked = night.first_command(14)
    assert checked.code == 1
    assert "✗ destination TLS" in checked.out
    night.connect_braze()
    assert night.is_over("ann", "bob")


def test_a_connection_was_deleted(night, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_BRAZE_DEFAULT")
    night.fail(15)
    listed = night.first_command(15)
    assert listed.code == 1
    assert "braze_default" in listed.out
    night.connect_braze()
    assert night.is_over("ann", "bob")


def test_the_dag_reads_another_table_than_its_watermark_is_for(night):
    night.sql("create table moved_users as select * from users", "grant select on moved_users to cdi")
    night.deploy(source="moved_users")
    night.fail(16)
    looked = night.first_command(16)
    assert looked.code == 1
    assert LINES[16].is_about(looked.out + looked.err)
    night.deploy()
    assert night.is_over("ann", "bob")


def test_a_green_run_leaves_a_row_of_the_future_and_says_so(night):
    night.insert("cem", at="2126-01-01")
    state, report = night.run()
    assert (state, report["skipped_because"]["future"]) == ("success", 1)
    assert "`future`" in PAGE
    assert "stamped later than now" in night.command("preview", "--output", "plain").out
    night.sql("update users set updated_at = '2026-01-03' where external_id = 'cem'")
    assert night.is_over("ann", "bob", "cem")


def test_a_killed_worker_has_left_its_lease(night, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(LeaseKeeper, "release", lambda *_, **__: None)  # as kill -9 does
        night.airflow.sandbox.set_faults({"kind": "answer", "status": 401, "path": "/users/track"})
        night.run()
        night.airflow.sandbox.clear_faults()
    night.tasks_are("running")  # nobody has told Airflow yet
    with monkeypatch.context() as alive:
        alive.setattr(LeaseKeeper, "_is_alive", lambda *_: True)
        night.fail(9)
    listed = night.first_command(9)
    assert f"process {os.getpid()} on {socket.gethostname()}" in listed.out
    monkeypatch.setattr(lease_keeper, "LOOK_EVERY", 0)
    monkeypatch.setattr(lease_keeper, "DEAD_AFTER", 0)
    assert night.is_over("ann", "bob")


def test_the_sync_was_moved_and_the_old_task_still_runs(night):
    new = f"{night.dag_id}_to_another_name"
    night.deploy(checkpoint="variable")
    night.insert("cem", at="2026-01-03")
    assert night.run()[0] == "success"
    night.insert("dan", at="2026-01-04")
    night.also(new, checkpoint="variable")
    moved = night.command("state", "move", "--to-sync-id", new, "--to-dag-id", new, "--why", "its own name", "--yes")
    assert moved.code == 0, moved.err
    night.fail(17)
    shown = night.first_command(17)
    assert new in shown.out + shown.err
    night.dag_id = new
    assert night.is_over("ann", "bob", "cem", "dan")


def test_the_view_has_lost_a_column(night):
    night.sql("alter table users rename column updated_at to modified_at")
    assert night.fail(19)["kind"] == "missing"
    assert "✗ source columns" in night.first_command(19).out
    night.sql("alter table users rename column modified_at to updated_at")
    assert night.is_over("ann", "bob")


def test_a_migration_has_changed_the_type_of_a_column(night):
    night.sql("alter table users alter column updated_at type text using updated_at::text")
    night.fail(19)
    assert night.first_command(19).code == 1
    night.sql("alter table users alter column updated_at type timestamp using updated_at::timestamp")
    assert night.is_over("ann", "bob")


def test_the_key_may_not_do_this(night):
    night.airflow.sandbox.set_faults({"kind": "answer", "status": 403, "path": "/users/track"})
    night.fail(20)
    night.first_command(20)
    night.airflow.sandbox.clear_faults()
    assert night.is_over("ann", "bob")


def test_a_load_holds_the_table(night):
    night.sql("alter role cdi set lock_timeout = '50ms'")
    with night.server.connected() as loader, loader.transaction():
        loader.execute("lock table users in access exclusive mode")
        night.fail(22)
        assert night.first_command(22).code == 1
    night.sql("alter role cdi reset lock_timeout")
    assert night.is_over("ann", "bob")


def test_the_catalog_was_deleted(night):
    night.dag_id = f"{night.dag_id}_of_items"
    night.sql(
        "drop table if exists items", "create table items as select updated_at, external_id as id, payload from users"
    )
    night.sql('update items set payload = \'{"title": "a coat"}\'', "grant select on items to cdi")
    night.deploy(source="items", data_type="catalog_items", catalog="products")
    night.fail(23)
    checked = night.first_command(23)
    assert checked.code == 1
    assert "✗ destination catalog" in checked.out
    night.airflow.sandbox.create_catalog("products", title="string")
    assert night.run()[1]["accepted"] == 2


def test_the_dag_was_renamed(night):
    sync_id = night.dag_id
    night.dag_id = f"{sync_id}_to_something_else"
    night.deploy(sync_id=sync_id, checkpoint="variable")
    night.fail(24)
    night.dag_id, renamed = sync_id, night.dag_id  # SYNC of the commands
    assert "owner" in night.first_command(24).out
    moved = ("state", "move", "--to-dag-id", renamed, "--to-task-id", "sync", "--why", "renamed", "--yes")
    assert night.command(*moved).code == 0
    night.dag_id = renamed
    assert night.run()[1]["accepted"] == 1
    assert night.arrived() == {"ann", "bob"}


def test_a_field_of_the_connection_makes_no_sense(night):
    night.connect_braze(host="US-99")
    night.fail(26)
    assert night.first_command(26).code == 1
    night.connect_braze()
    assert night.is_over("ann", "bob")


def test_rows_without_a_time_are_never_sent_and_the_check_says_so(night):
    night.sql("insert into users values (null, 'cem', '{}')")
    state, report = night.run()
    assert (state, report["skipped_because"]["no_updated_at"]) == ("success", 1)
    assert "`no_updated_at`" in PAGE
    assert "! UPDATED_AT filled" in night.command("check").out
    night.sql("update users set updated_at = '2026-01-03' where external_id = 'cem'")
    assert night.is_over("ann", "bob", "cem")


def test_the_reject_files_were_deleted(night):
    night.insert("cem", at="2026-01-03", payload="no JSON")
    assert night.run()[1]["rejected"] == 1
    for file in night.airflow.rejects.parent.glob("rejects*"):
        file.unlink()
    listed = night.command("rejects", "list")
    assert "Not there any more: 1 rejects" in listed.err
    assert "trigger the DAG with a window" in listed.err


@pytest.mark.parametrize("number", [18, 21, 25])
def test_messages_that_other_tests_provoke_have_the_words_of_the_page(number):
    """A warehouse or a vendor that is away, a record that was edited: tests of the errors and of the stores."""
    package = Path(__file__).parents[2] / "airflow_provider_cdi"
    text = "".join(path.read_text() for path in package.rglob("*.py"))
    assert all(words in text for words in LINES[number].words)
