"""A sync through a real sshd to a real PostgreSQL: rows, errors, and what is left afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import postgres_server, ssh_server
from support.postgres_server import PostgresServer
from support.sql_world import ATTRIBUTES, read
from support.ssh_server import SshdServer
from support.waiting import BOUND, wait_until

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, RetryLater
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

REASON = postgres_server.why_not() or ssh_server.why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
ROWS, MANY = 20_000, 100_000
TESTS = Path(__file__).parent.parent
ENVIRONMENT = {"PYTHONPATH": str(TESTS)}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        server.run(
            f"""create table many as select timestamp '2026-01-01' + interval '1 second' * (i / 50) as updated_at,
            'c-' || i as external_id, '{{"n":' || i || '}}' as payload from generate_series(1, {MANY}) i""",
            f"create table users as select * from many order by updated_at limit {ROWS}",
            "create table few as select * from users order by updated_at limit 100",
        )
        yield server


@pytest.fixture(scope="module")
def sshd() -> Iterator[SshdServer]:
    with SshdServer() as server:
        yield server


class Way:
    """The connections ``warehouse`` and ``bastion``, the first through the second."""

    def __init__(self, postgres: PostgresServer, sshd: SshdServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.postgres, self.sshd = postgres, sshd
        self._monkeypatch = monkeypatch
        self.to_bastion()
        self.to_warehouse()

    def to_bastion(self, **fields: Any) -> None:
        self._monkeypatch.setenv("AIRFLOW_CONN_BASTION", json.dumps(self.sshd.connection(**fields)))

    def to_warehouse(self, **fields: Any) -> None:
        extra = {"ssh_conn_id": "bastion", **fields.pop("extra", {})}
        where = {"host": "localhost", "port": self.postgres.port, "login": "postgres", "schema": "postgres"}
        connection = {"conn_type": "postgres", **where, **fields, "extra": extra}
        self._monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))

    def source(self, table: str = "few", **kwargs: Any) -> SqlSource:
        source = get_warehouse_hook("warehouse", **kwargs).source(table, contract=ATTRIBUTES)
        assert isinstance(source, SqlSource)
        return source

    def refusal(self, kind: type[CdiError] = ConfigurationError) -> str:
        """Look at the source, which must fail, and return what is said."""
        with pytest.raises(kind) as raised:
            self.source()
        assert "PRIVATE KEY" not in repr(raised.getrepr(style="long"))
        return str(raised.value)


@pytest.fixture
def way(postgres: PostgresServer, sshd: SshdServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    before = sockets() | threads()
    yield Way(postgres, sshd, monkeypatch)
    # What earlier tests left to the garbage collector may go meanwhile: nothing new may stay.
    wait_until(lambda: (sockets() | threads()) <= before, lambda: (sockets() | threads()) - before)
    wait_until(lambda: sshd.sessions() == [], sshd.log)


def sockets() -> set[str]:
    """Name the sockets of this process, each by a number that no other one has."""
    found = set[str]()
    for one in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile
            found.add(os.readlink(f"/proc/self/fd/{one}"))
    return {one for one in found if one.startswith("socket:")}


def threads() -> set[str]:
    """Name the threads that belong to tunnels."""
    shown = (f"{thread!r} {id(thread)}" for thread in threading.enumerate())
    return {one for one in shown if "ssh" in one or "Transport" in one}


@pytest.mark.parametrize("driver", ["psycopg 3", "psycopg 2"])
def test_rows_come_through(way: Way, monkeypatch: pytest.MonkeyPatch, driver: str) -> None:
    monkeypatch.setattr("airflow.providers.postgres.hooks.postgres.USE_PSYCOPG3", driver == "psycopg 3")
    assert len(read(way.source())) == 100


def test_the_argument_counts_before_the_extra(way: Way) -> None:
    way.to_warehouse(extra={"ssh_conn_id": "nowhere"})
    assert len(read(way.source(ssh_conn_id="bastion"))) == 100


def test_the_connection_test_goes_through_it(way: Way) -> None:
    assert get_warehouse_hook("warehouse").test_connection()[0]
    way.to_bastion(host="127.0.0.2", extra={"conn_timeout": 1})
    works, sentence = get_warehouse_hook("warehouse").test_connection()
    assert not works
    assert "The SSH server of the connection 'bastion' (127.0.0.2" in sentence


def test_connections_that_are_open_together_share_one_tunnel(way: Way) -> None:
    source = way.source("users")
    rows = source.read(Bounds())
    next(rows)
    source.now()
    assert len(way.sshd.sessions()) in {1, 2}  # with and without a process of less privilege
    rows.close()


def test_a_read_that_waits_holds_up_no_other_connection(way: Way) -> None:
    source = way.source("users")
    rows = source.read(Bounds())
    next(rows)  # the rest fills every buffer on the way
    source.cancel()
    with pytest.raises(RetryLater, match="was stopped"):
        list(rows)


def test_a_host_key_that_nobody_knows_is_refused_with_the_way_to_get_it(way: Way) -> None:
    way.to_bastion(extra={"host_key": None})
    said = way.refusal()
    assert "no host key that is known here" in said
    assert f"ssh-keyscan -p {way.sshd.port}" in said


def test_another_host_key_is_refused_with_both_fingerprints(way: Way, tmp_path: Path) -> None:
    other = (way.sshd.make_key(f"other-{tmp_path.name}").with_suffix(".pub")).read_text()
    way.to_bastion(extra={"host_key": other})
    said = way.refusal()
    assert said.count("SHA256:") == 2
    assert "somebody stands between" in said


def test_no_host_key_check_takes_any_key_for_it_says_so(way: Way) -> None:
    way.to_bastion(extra={"host_key": None, "no_host_key_check": True})
    assert len(read(way.source())) == 100


def test_a_change_of_the_host_key_is_not_taken_in_silence(way: Way) -> None:
    way.to_bastion(extra={"allow_host_key_change": True})
    assert "takes any host key" in way.refusal()


def test_a_wrong_key_is_refused_once(way: Way, tmp_path: Path) -> None:
    wrong = way.sshd.make_key(f"wrong-{tmp_path.name}").read_text()
    before = way.sshd.log().count("Connection closed by authenticating user")
    way.to_bastion(extra={"private_key": wrong, "look_for_keys": "false"})
    assert "refuses the login" in way.refusal()
    assert way.sshd.log().count("Connection closed by authenticating user") <= before + 1


def test_a_key_with_a_passphrase_is_opened_by_it(way: Way, tmp_path: Path) -> None:
    key = way.sshd.make_key(f"locked-{tmp_path.name}", "hunter2-phrase")
    with (way.sshd.folder / "authorized_keys").open("a") as allowed:
        allowed.write(key.with_suffix(".pub").read_text())
    way.to_bastion(extra={"private_key": key.read_text(), "private_key_passphrase": "hunter2-phrase"})
    assert len(read(way.source())) == 100
    way.to_bastion(extra={"private_key": key.read_text(), "private_key_passphrase": "hunter2-wrong"})
    said = way.refusal()
    assert "private_key_passphrase" in said
    assert "hunter2" not in said


def test_a_server_that_is_away_may_come_back(way: Way) -> None:
    way.to_bastion(port=1)
    assert "cannot be reached: Connection refused" in way.refusal(RetryLater)


def test_a_database_that_the_server_cannot_reach_is_told_apart_from_one_that_is_away(way: Way) -> None:
    way.to_warehouse(port=1)
    said = way.refusal(RetryLater)
    assert "reaches no database at localhost, port 1" in said
    assert "as the SSH server sees them" in said


def test_a_server_that_forwards_nothing_is_for_a_person_to_mend(postgres: PostgresServer, monkeypatch: Any) -> None:
    with SshdServer() as sshd:
        sshd.kill()
        sshd.start(AllowTcpForwarding="no")
        assert "AllowTcpForwarding" in Way(postgres, sshd, monkeypatch).refusal()


def test_a_tunnel_that_dies_in_the_middle_is_a_passing_trouble_and_a_new_try_has_a_new_one(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = threads()
    with SshdServer() as sshd:
        way = Way(postgres, sshd, monkeypatch)
        source = way.source("users")
        rows = source.read(Bounds())
        next(rows)
        sshd.kill()
        with pytest.raises(RetryLater, match="SSH server of 'bastion' broke off"):
            list(rows)
        sshd.start()
        assert source.now().year >= 2026
    wait_until(lambda: threads() <= before, threads)


def test_a_proxy_command_is_used_and_ended(way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import socket, sys, threading, os\n"
        f"far = socket.create_connection(('127.0.0.1', {way.sshd.port}))\n"
        "def up():\n"
        "    while piece := os.read(0, 65536): far.sendall(piece)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=up).start()\n"
        "while piece := far.recv(65536): os.write(1, piece)\n"
    )
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(f"Host inner\n  ProxyCommand {sys.executable} {relay}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    way.to_bastion(host="inner")
    assert get_warehouse_hook("warehouse").test_connection()[0]
    assert (
        "relay.py"
        not in subprocess.run(
            ["ps", "-o", "args", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
        ).stdout
    )


def test_a_whole_sync_goes_through_it_and_leaves_nothing(way: Way, lab: Any, places: Places) -> None:
    way.to_warehouse()  # the lab has set its own
    report = lab.run(source="many")
    assert (report["rows_read"], report["accepted"]) == (MANY, MANY)
    assert lab.arrivals()["distinct_accepted"] == MANY
    wait_until(lambda: way.sshd.sessions() == [], way.sshd.log)
    assert places.files() == []


class Places:
    """The temporary directory and the home of a test alone, where keys and sockets might be put."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folders = folder / "tmp", folder / "home"
        for one in self._folders:
            one.mkdir()
        monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
        monkeypatch.setattr(tempfile, "tempdir", str(folder / "tmp"))
        monkeypatch.setenv("HOME", str(folder / "home"))

    def files(self) -> list[Path]:
        found = (one for folder in self._folders for one in folder.rglob("*"))
        return [one for one in found if "ssh" in one.name or "key" in one.name]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    return Places(tmp_path, monkeypatch)


def killed(way: Way, lab: Any, folder: Path, places: Places, told: signal.Signals) -> list[str]:
    """Let a try in a process of its own be killed while it reads; return the command of the next one."""
    way.to_warehouse()
    command, open_then = [sys.executable, "-m", "support.killable", str(folder)], list[int]()
    process = subprocess.Popen(command, env=ENVIRONMENT | os.environ, stderr=subprocess.DEVNULL)

    def kill() -> None:
        open_then.extend(way.sshd.sessions())
        process.send_signal(told)

    lab.sandbox.at_request(20, kill)
    process.wait(BOUND)
    assert open_then != []
    wait_until(lambda: way.sshd.sessions() == [], way.sshd.log)
    assert places.files() == []
    return command


def test_kill_9_leaves_nothing(way: Way, lab: Any, tmp_path: Path, places: Places) -> None:
    killed(way, lab, tmp_path, places, signal.SIGKILL)
    assert 0 < lab.arrivals()["accepted_objects"] < ROWS


def test_kill_15_leaves_nothing_and_the_next_try_repeats_nothing(
    way: Way, lab: Any, tmp_path: Path, places: Places
) -> None:
    command = killed(way, lab, tmp_path, places, signal.SIGTERM)
    subprocess.run(command, env=ENVIRONMENT | os.environ, stderr=subprocess.DEVNULL, check=True)
    assert json.loads((tmp_path / "report.json").read_text())["accepted"] == ROWS
    arrived = lab.arrivals()
    assert (arrived["distinct_accepted"], arrived["accepted_objects"]) == (ROWS, ROWS)


def test_an_sshd_that_dies_in_the_middle_is_come_back_to_and_every_row_arrives_once(
    postgres: PostgresServer, lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with SshdServer() as sshd:
        way = Way(postgres, sshd, monkeypatch)
        way.to_warehouse()

        def restart() -> None:
            sshd.kill()
            sshd.start()

        lab.sandbox.at_request(20, restart)
        report = lab.run(source="users")
        assert "SSH server of 'bastion' broke off" in caplog.text
    arrived = lab.arrivals()
    assert (report["accepted"], arrived["distinct_accepted"], arrived["accepted_objects"]) == (ROWS, ROWS, ROWS)
