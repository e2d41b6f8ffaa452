"""A worker stands still past its heartbeat time-out and wakes up: it sends nothing old over what its successor sent.

It may have stood still in the middle of a save, whose old record it then writes: the next run does not go back to it.

Real processes over real sockets. Nothing refuses the stale process what it writes, as with the XComs of Airflow 3.0 to
3.2; its lease alone holds it back.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.airflow_world import AirflowWorld, make_operator
from support.killable import FileStore
from support.waiting import BOUND

from airflow_provider_cdi.engine.sentry import LONGEST_GAP
from airflow_provider_cdi.engine.settings import DeliverySettings

TESTS = Path(__file__).parent.parent
PEOPLE = 6_000


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    """A database in which one process may write while another one stands still with a query open."""
    path = tmp_path / "warehouse.sqlite"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode=wal")
    connection.execute("create table users (updated_at text, external_id text, payload text)")
    yield connection
    connection.close()


def write(connection, version, day):
    rows = ((f"2026-01-{day:02} 00:{i // 600:02}:{i % 60:02}", f"c-{i}", f'{{"v":{version}}}') for i in range(PEOPLE))
    connection.executemany("insert into users values (?, ?, ?)", sorted(rows))
    connection.commit()


def start_try(folder):
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "support.killable", str(folder)]
    with (folder / "stderr").open("a") as errors:
        return subprocess.Popen(command, env=environment, stderr=errors)


def freeze_at_request(number, process, sandbox):
    """Let the process stand still after so many requests, and return when that was."""
    is_frozen = threading.Event()

    def freeze():
        os.kill(process.pid, signal.SIGSTOP)
        is_frozen.set()

    sandbox.at_request(number, freeze)
    assert is_frozen.wait(BOUND), "the try ended before it was frozen"
    return time.monotonic()


def values_of(sandbox):
    return {user["external_id"]: user["custom_attributes"]["v"] for user in sandbox.users()}


def test_a_worker_that_wakes_up_leaves_every_person_as_its_successor_left_them(lab, warehouse, tmp_path):
    write(warehouse, 1, day=1)
    lab.sandbox.change(latency=0.05)
    frozen = start_try(tmp_path)
    frozen_at = freeze_at_request(40, frozen, lab.sandbox)
    assert start_try(tmp_path).wait() == 0
    write(warehouse, 2, day=2)
    world = AirflowWorld(asset=FileStore(tmp_path / "asset"))
    delivery = DeliverySettings(max_in_flight=8)
    make_operator(rejects_path=str(tmp_path / "r.jsonl"), delivery=delivery).execute(world.context("run-2"))
    lab.sandbox.settle()
    assert set(values_of(lab.sandbox).values()) == {2}
    before = lab.arrivals()["accepted_objects"]
    while time.monotonic() < frozen_at + LONGEST_GAP + 1:
        time.sleep(0.1)
    os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.wait(BOUND) != 0
    lab.sandbox.settle()
    assert lab.arrivals()["accepted_objects"] == before
    assert set(values_of(lab.sandbox).values()) == {2}
    assert "Superseded" in (tmp_path / "stderr").read_text()
    make_operator(rejects_path=str(tmp_path / "r.jsonl"), delivery=delivery).execute(world.context("run-3"))
    assert lab.arrivals()["accepted_objects"] == before
