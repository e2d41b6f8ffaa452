"""``airflow cdi rejects retry`` triggers a run in a real metadata database, and the run sends what was chosen."""

from __future__ import annotations

import io
import json
import os
import shlex

import pytest
from support.airflow_versions import register, run_task
from support.command_line import run as command
from support.pages import DOCS, blocks, write_block

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

PAGE = DOCS / "cli" / "rejects.md"
#: Of twenty people five have a payload that is no JSON, five one that is no object.
USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id,
    case when i % 4 = 0 then 'bad' when i % 4 = 1 then '[1]' else '{"n":1}' end as payload
    from range(20) as numbers(i)"""
DAG = """
from datetime import UTC, datetime
from airflow.sdk import DAG
from airflow_provider_cdi import WarehouseToBrazeOperator, sync_params

with DAG({dag_id!r}, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False{params}):
    WarehouseToBrazeOperator(task_id="sync", warehouse_conn_id="warehouse", source="users", data_type="attributes",
        rejects_path={rejects!r}{more})
"""


class Terminal(io.StringIO):
    """A person who types an answer."""

    def isatty(self):
        return True


class Lab:
    """A DAG file whose sync has run once, beside a real Airflow, and the command."""

    def __init__(self, airflow, folder, capsys):
        self.airflow, self.folder, self._capsys = airflow, folder, capsys

    def deploy(self, dag_id, *, params="", more=""):
        from airflow_provider_cdi.cli.syncs.dag_files import read_dag_files

        self.file = self.folder / f"{dag_id}.py"
        rejects = str(self.airflow.rejects)
        self.file.write_text(DAG.format(dag_id=dag_id, params=params, rejects=rejects, more=more))
        self.dag = read_dag_files(str(self.file)).dags[dag_id]
        register(self.dag)

    def retry(self, *words):
        return command(
            self._capsys, ["rejects", "retry", "--dag-id", self.dag.dag_id, "--dag-file", str(self.file), *words]
        )

    def retried(self, *words):
        ran = self.retry("--yes", "--output", "json", *words)
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    def runs(self):
        """Return the ids of the runs that wait to be started."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session

        with create_session() as session:
            return [one.run_id for one in session.query(DagRun).filter_by(dag_id=self.dag.dag_id, state="queued")]

    def start(self, run_id):
        """Run the task of a run as a scheduler and a worker would; return the report."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from airflow.utils.state import DagRunState, TaskInstanceState

        with create_session() as session:
            run = session.query(DagRun).filter_by(dag_id=self.dag.dag_id, run_id=run_id).one()
            run.state = DagRunState.RUNNING
            instance = run.get_task_instance("sync", session=session)
            instance.try_number += 1
            instance.state = TaskInstanceState.SCHEDULED
            session.flush()
            session.expunge_all()
        run_task(instance, self.dag.get_task("sync"))
        with create_session() as session:
            session.query(DagRun).filter_by(dag_id=self.dag.dag_id, run_id=run_id).one().state = DagRunState.SUCCESS
        return self.airflow.report(run)


@pytest.fixture
def lab(airflow, tmp_path, capsys):
    folder = tmp_path / "dags"
    folder.mkdir()
    airflow.sql(USERS)
    return Lab(airflow, folder, capsys)


@pytest.mark.parametrize("params", ["", ", params=sync_params()"], ids=["no form", "form"])
def test_the_run_that_it_triggers_sends_the_chosen_rejects_and_a_second_retry_finds_none(lab, params):
    lab.deploy(f"retried_{len(params)}", params=params)
    assert lab.airflow.report(lab.airflow.run(lab.dag))["rejects"] == {"payload_not_json": 5, "payload_not_object": 5}
    lab.airflow.sql("update users set payload = '{\"n\":2}'")
    triggered = lab.retried("--code", "payload_not_json")
    assert (triggered["number"], lab.runs()) == (5, [triggered["run_id"]])
    report = lab.start(triggered["run_id"])
    assert (report["mode"], report["redrive"]["taken"], report["accepted"]) == ("rejects", 5, 5)
    received = set(lab.airflow.sandbox.received()["received"])
    assert received == {f"external_id:c-{i}" for i in range(20) if i % 4 != 1}
    again = lab.retry("--code", "payload_not_json", "--yes")
    assert (again.code, again.out, lab.runs()) == (0, "", [])
    assert "Nothing is to be taken, so no run was triggered." in again.err
    assert lab.retried()["number"] == 5


def test_the_page_shows_what_is_told(lab, monkeypatch):
    lab.deploy("users_to_braze")
    lab.airflow.run(lab.dag)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    block = next(block for block in blocks(PAGE, "bash") if "test_rejects_retry" in block.mark)
    words = shlex.split(block.text.removeprefix("airflow cdi "))
    ran = command(lab._capsys, [*words, "--dag-file", str(lab.file)])
    (run_id,) = lab.runs()
    told = f"{ran.out}{ran.err}".replace(run_id, "manual__2026-01-05T10:00:00.123456+00:00")
    told = told.replace("python -m airflow_provider_cdi", "airflow cdi")  # before Airflow 3.2
    shown = "\n".join(line.rstrip() for line in told.splitlines())
    place = next(one for one in blocks(PAGE, "text") if one.line > block.line)
    if os.environ.get("CDI_WRITE_PAGES"):
        write_block(PAGE, place, f"{shown}\n")
        place = next(one for one in blocks(PAGE, "text") if one.line > block.line)
    assert (ran.code, shown) == (0, place.text.rstrip())


def test_who_says_no_gets_no_run(lab, monkeypatch):
    lab.deploy("declined")
    lab.airflow.run(lab.dag)
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert (lab.retry().code, lab.runs()) == (1, [])


def test_a_paused_dag_gets_its_run_and_it_is_told_that_it_waits(lab):
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    lab.deploy("paused")
    lab.airflow.run(lab.dag)
    with create_session() as session:
        session.query(DagModel).filter_by(dag_id="paused").one().is_paused = True
    ran = lab.retry("--yes")
    (run_id,) = lab.runs()
    assert ran.code == 0
    assert f"Triggered: run {run_id} of the DAG paused." in ran.err
    assert "It waits until somebody unpauses the DAG" in ran.err
    assert f"A run for rejects was triggered before and has not ended: {run_id}." in lab.retry("--yes").err


def test_a_run_that_waits_to_be_started_hides_nothing_of_what_the_last_one_told(lab):
    lab.deploy("waiting")
    lab.airflow.run(lab.dag)
    lab.retried()
    ran = command(lab._capsys, ["syncs", "--dag-file", str(lab.file), "--output", "json"])
    (line,) = json.loads(ran.out)
    assert (line["status"], line["accepted"], line["rejected"]) == ("partial", 10, 10)


def test_a_dag_that_the_database_does_not_have_gets_no_run(lab):
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    lab.deploy("gone")
    lab.airflow.run(lab.dag)
    with create_session() as session:
        session.query(DagModel).filter_by(dag_id="gone").one().is_stale = True
    ran = lab.retry("--yes")
    assert (ran.code, lab.runs()) == (1, [])
    assert "does not have the DAG 'gone' yet" in ran.err
