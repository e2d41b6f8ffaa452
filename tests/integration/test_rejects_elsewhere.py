"""Tries on several machines without a shared disk: a reject that counts stays, and the report says where.

A machine is a home of its own and a name.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from support.airflow_versions import TaskDeferred
from support.airflow_world import AirflowWorld
from support.reject_lines import lines_below, lines_of

from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine import watch
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import RejectsNotWritten, RetryLater
from airflow_provider_cdi.transfers import warehouse_to_klaviyo
from airflow_provider_cdi.transfers.rejects.stored import reject_index
from airflow_provider_cdi.version_compat import AirflowFailException

ROWS = 9_000
USERS = f"""create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, case when i % 3 = 1 then 'bad' else '{{"n":' || i || '}}' end as payload
    from range({ROWS}) as numbers(i)"""
BAD = {f"c-{i}" for i in range(1, ROWS, 3)}
#: Small checkpoints, and a try that gives up at the first refused connection.
CAREFUL = DeliverySettings(max_in_flight=2, window_rows=1_000, retry=RetryPolicy(attempts=1))


class Machines:
    """Runs the tries of one run where they are sent."""

    def __init__(self, lab, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lab = lab
        self._folder = folder
        self._monkeypatch = monkeypatch
        self.tries = 0

    def home(self, name: str) -> Path:
        return self._folder / name

    def go_to(self, name: str, *, goes_on: bool = False):
        """Return the context of a try on a machine."""
        self._monkeypatch.setenv("AIRFLOW_HOME", str(self.home(name)))
        self.tries += not goes_on
        return self._lab.world.context("run-1", goes_on=goes_on, try_number=self.tries, hostname=name)

    def lines_on(self, name: str) -> list[dict]:
        return lines_below(self.home(name)) if self.home(name).exists() else []


@pytest.fixture
def machines(request, tmp_path, monkeypatch):
    lab = request.getfixturevalue("klaviyo_lab" if "klaviyo" in request.node.name else "lab")
    return Machines(lab, tmp_path, monkeypatch)


def ids(lines):
    return [line["identifier"]["EXTERNAL_ID"] for line in lines]


@pytest.mark.parametrize("path", ["A B A", "A B C", "A A B"])
def test_tries_on_several_machines_keep_every_reject_and_the_report_names_all_parts(lab, machines, path):
    lab.sql(USERS)
    *failing, last = path.split()
    for number, name in enumerate(failing, 1):
        lab.sandbox.set_faults({"kind": "answer", "status": 503, "after": 20})
        with pytest.raises(RetryLater):
            lab.make(rejects_path=None, delivery=CAREFUL).execute(machines.go_to(name))
        assert len(machines.lines_on(name)) >= 500 * path.split()[:number].count(name)
        lab.sandbox.clear_faults()
    report = lab.make(rejects_path=None, delivery=CAREFUL).execute(machines.go_to(last))
    assert (report["rows_read"], report["rejected"]) == (ROWS, 3_000)
    found = ids(lines_of(report["rejects_files"]))
    assert (len(found), set(found)) == (3_000, BAD)
    assert {part["host"] for part in report["rejects_files"]} == set(path.split())
    assert sum(len(machines.lines_on(name)) for name in set(path.split())) == 3_000


@pytest.fixture
def _slow_jobs(klaviyo_lab, monkeypatch):
    monkeypatch.setattr(warehouse_to_klaviyo, "PATIENCE", 0.05)
    monkeypatch.setattr(warehouse_to_klaviyo, "counts_deferred_tasks", lambda: True)
    monkeypatch.setattr(watch, "TICK", 0.05)
    klaviyo_lab.sandbox.change(klaviyo={"job_polls": [1, 0], "rates": {"M": [1000, 9000]}})


@pytest.mark.usefixtures("_slow_jobs")
@pytest.mark.parametrize("version", ["3.3", "3.0"])
def test_a_klaviyo_run_that_is_deferred_and_comes_back_elsewhere_keeps_every_reject(klaviyo_lab, machines, version):
    klaviyo_lab.world = AirflowWorld(version=version)
    klaviyo_lab.sql(
        """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
        case when i % 10 = 3 then 'nonsense' else 'c' || i || '@acme-demo.io' end as email, i as visits,
        'c-' || i as external_id from range(1500) as numbers(i)"""
    )
    settings = DeliverySettings(max_in_flight=4, window_rows=300)
    made = {
        "rejects_path": None,
        "deferrable": True,
        "limits": KlaviyoLimits(import_profiles=100),
        "delivery": settings,
    }
    stints, report, go_on = 0, None, lambda operator, context: operator.execute(context)
    while report is None:
        context = machines.go_to("ABC"[stints % 3], goes_on=stints > 0)
        stints += 1
        try:
            report = go_on(klaviyo_lab.make(**made), context)
        except TaskDeferred as deferred:
            go_on = klaviyo_lab.after(deferred)
    assert stints > 3
    assert (report["accepted"], report["rejected"]) == (1_350, 150)
    assert len(lines_of(report["rejects_files"])) == 150
    hosts = [part["host"] for part in report["rejects_files"]]
    assert len(hosts) == len(set(hosts)) > 1
    assert sum(len(machines.lines_on(name)) for name in "ABC") == 150


def test_a_machine_that_is_gone_takes_its_part_with_it_and_the_report_still_says_where_it_was(lab, machines):
    lab.sql(USERS)
    lab.sandbox.set_faults({"kind": "answer", "status": 503, "after": 20})
    with pytest.raises(RetryLater):
        lab.make(rejects_path=None, delivery=CAREFUL).execute(machines.go_to("A"))
    gone = len(machines.lines_on("A"))
    shutil.rmtree(machines.home("A"))
    lab.sandbox.clear_faults()
    report = lab.make(rejects_path=None, delivery=CAREFUL).execute(machines.go_to("B"))
    first, second = report["rejects_files"]
    assert (first["host"], first["rows"], second["host"]) == ("A", gone, "B")
    assert len(lines_of([second])) == second["rows"] == 3_000 - gone


# --- the proof and the failure in the middle --------------------------------------------------------------------------

EVENTS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id,
    case when i = 2500 then 'bad' else '{"name":"seen","time":"2026-01-01T00:00:00Z"}' end as payload
    from range(5000) as numbers(i)"""


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("{folder}/file/run.jsonl", "Not a directory|File exists"),
        ("/proc/nowhere/run.jsonl", "No such file or directory"),
        ("abfs://box/run.jsonl", "pip install 'apache-airflow-providers-microsoft-azure'"),
        ("s4://bucket/run.jsonl", "no file system for s4://"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_path_that_takes_no_rejects_is_refused_before_anything_is_sent(lab, tmp_path, path, words, dry_run):
    (tmp_path / "file").touch()
    lab.sql(USERS)
    if path.startswith("/proc") and dry_run:
        pytest.skip("what cannot be seen without trying")
    with pytest.raises(AirflowFailException, match=f"(?s)({words}).*Nothing was sent|Nothing was sent.*({words})"):
        lab.run(rejects_path=path.format(folder=tmp_path), dry_run=dry_run)
    assert lab.arrivals()["requests"] == 0


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("a disk of its own needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave not a byte."""
    with (folder / "filler").open("wb", buffering=0) as filler:
        for size in (65_536, 1):
            try:
                while filler.write(bytes(size)):
                    pass
            except OSError:
                continue
    return folder / "filler"


def test_a_disk_that_is_full_stops_the_run_before_anything_is_sent(lab, small_disk):
    lab.sql(EVENTS)
    fill(small_disk)
    with pytest.raises(RejectsNotWritten, match=r"No space left on device\. Nothing was sent\. Make room"):
        lab.run(data_type="events", rejects_path=str(small_disk / "r" / "run.jsonl"))
    assert lab.arrivals()["requests"] == 0


def test_a_disk_that_fills_up_in_the_middle_makes_no_event_count_three_times(lab, small_disk):
    lab.sql(EVENTS)
    made = {
        "data_type": "events",
        "rejects_path": str(small_disk / "run.jsonl"),
        "delivery": DeliverySettings(max_in_flight=1),
    }
    lab.sandbox.at_request(0, lambda: fill(small_disk))
    with pytest.raises(RejectsNotWritten, match="No space left on device"):
        lab.run(run_id="run-1", **made)
    sent = lab.arrivals()["accepted_objects"]
    for _ in range(2):
        with pytest.raises(RejectsNotWritten, match="Nothing was sent"):
            lab.run(run_id="run-1", **made)
    assert lab.arrivals()["accepted_objects"] == sent <= 4_999
    (small_disk / "filler").unlink()
    report = lab.run(run_id="run-1", **made)
    assert (report["accepted"], report["rejected"]) == (4_999, 1)
    assert ids(lines_of(report["rejects_files"])) == ["c-2500"]
    # What was acknowledged before the row that could not be written down is saved, and not repeated.
    assert lab.arrivals()["accepted_objects"] == sent + 2_499


def test_a_limit_on_the_size_of_files_is_found_by_the_proof(tmp_path):
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from airflow_provider_cdi.rejects.file import RejectFile\n"
        f"RejectFile({str(tmp_path / 'run.jsonl')!r}).prove()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "RejectsNotWritten" in done.stderr
    assert "File too large. Nothing was sent." in done.stderr


def test_a_run_that_finds_nothing_due_asks_nothing_of_the_place(lab, tmp_path):
    lab.sql(USERS)
    lab.run(run_id="run-1")
    report = lab.run(run_id="run-2", rejects_path=str(tmp_path / "unused" / "run.jsonl"))
    assert (report["rows_read"], (tmp_path / "unused").exists()) == (0, False)


# --- found again, and kept as long as the sync says -------------------------------------------------------------------


def test_the_rejects_of_runs_are_found_again_and_the_old_ones_go_at_the_end_of_a_run_that_has_some(lab, tmp_path):
    made = {"rejects_path": f"{tmp_path}/rejects/users.jsonl", "rejects_keep": timedelta(days=30)}
    lab.sql("create table users as select timestamp '2026-01-01' as updated_at, 'c-1' as external_id, '[]' as payload")
    lab.run(run_id="run-1", **made)
    lab.sql("insert into users values (timestamp '2026-01-02', 'c-2', '{}')")
    (old,) = (tmp_path / "rejects").rglob("*.jsonl")
    old.write_text(re.sub(r'"at":"20\d\d', '"at":"2020', old.read_text()))
    os.utime(old, (0, 0))
    lab.run(run_id="run-2", **made)
    index = reject_index(lab.make(**made))
    assert [one.run_id for one in index.entries()] == ["run-1"]  # a run without rejects costs nothing, and deletes none
    lab.sql("insert into users values (timestamp '2026-01-03', 'c-3', '[]')")
    lab.run(run_id="run-3", **made)
    assert [(one.run_id, one.code, one.identifier) for one in index.entries()] == [
        ("run-3", "payload_not_object", {"EXTERNAL_ID": "c-3"})
    ]
