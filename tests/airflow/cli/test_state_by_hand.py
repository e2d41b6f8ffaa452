"""What `airflow cdi syncs` tells and `airflow cdi state` changes, and what the next real run makes of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
from airflow.models import Variable
from airflow.models.asset import AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select
from support.airflow_versions import airflow_version, register
from support.command_line import run as command

from airflow_provider_cdi.state.by_hand.changes import Write, change_now, changed_record, write_all
from airflow_provider_cdi.state.by_hand.found import find_state
from airflow_provider_cdi.state.by_hand.places import AssetPlace, ChangedMeanwhile
from airflow_provider_cdi.state.lease import LEASE_KEY, Lease
from airflow_provider_cdi.state.stores.variable_store import VariableStore
from airflow_provider_cdi.version_compat import cdi_command, put_asset_value

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"n":1}' as payload from range(10) as numbers(i)"""
HEAD = """
from datetime import UTC, datetime
from airflow.sdk import DAG
from airflow_provider_cdi import RedriveRejectsOperator, WarehouseToBrazeOperator, mapped_sync, partitions

with DAG({dag_id!r}, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    WarehouseToBrazeOperator"""
SYNC = "(task_id={task_id!r}, warehouse_conn_id='warehouse', source={source!r}, data_type='attributes'{more})"
MAPPED = """.partial(task_id='sync', warehouse_conn_id='warehouse', source={source!r}, data_type='attributes',
    **mapped_sync({dag_id!r}){more}).expand(partition=partitions({parts}))"""
#: Before 3.3 a task that never ran has no place for a state but a Variable.
KEPT = "" if airflow_version() >= (3, 3) else ", checkpoint='variable'"
AT_ONCE = ("--why", "a test", "--yes")


class Lab:
    """A folder of DAG files beside a real Airflow, and the commands."""

    def __init__(self, airflow, folder, capsys):
        self.airflow, self.folder, self._capsys = airflow, folder, capsys

    def dag(self, dag_id, *, task_id="sync", parts=None, more="", below="", source="users"):
        """Write the file of a DAG and let Airflow know it; return the DAG."""
        from airflow_provider_cdi.cli.syncs.dag_files import read_dag_files

        mapped = MAPPED.format(dag_id=dag_id, parts=parts, more=KEPT, source=source)
        plain = SYNC.format(task_id=task_id, more=more, source=source)
        file = self.folder / f"{dag_id}.py"
        file.write_text(HEAD.format(dag_id=dag_id) + (mapped if parts else plain) + f"\n    {below}\n")
        dag = read_dag_files(str(file)).dags[dag_id]
        register(dag)
        return dag

    def call(self, *words):
        return command(self._capsys, [*words, "--dag-file", str(self.folder)])

    def syncs(self, *words):
        ran = self.call("syncs", "--output", "json", *words)
        return ran.code, {one["sync_id"]: one for one in json.loads(ran.out)}

    def accepted(self, dag, task_id="sync"):
        """Run a DAG and return how many rows it sent."""
        from airflow.models.xcom import XComModel

        run = self.airflow.run(dag)
        with create_session() as session:
            kept = session.query(XComModel).filter_by(dag_id=dag.dag_id, run_id=run.run_id, key="return_value")
            values = [XComModel.deserialize_value(one) for one in kept]
        assert values, f"{run.run_id} sent nothing: {run.state}"
        return sum(value["accepted"] for value in values)

    @contextmanager
    def task_in_state(self, state, dag_id, task_id, run_id, **more):
        """Let Airflow's database say something of an instance for a while that has ended well."""
        from airflow.models.taskinstance import TaskInstance

        def say(**values):
            with create_session() as session:
                session.query(TaskInstance).filter_by(dag_id=dag_id, task_id=task_id, run_id=run_id).update(values)

        say(state=state, **more)
        try:
            yield
        finally:
            say(state="success")

    def hold_lease(self, lease):
        """Leave a lease where the sync keeps its own."""
        found = find_state().newest(lease.sync_id).place
        if not isinstance(found, AssetPlace):
            Variable.set(VariableStore(lease.sync_id).name(LEASE_KEY), json.dumps(lease.to_json()))
            return
        with create_session() as session:
            asset = session.scalar(select(AssetModel.id).where(AssetModel.name == found.asset))
            put_asset_value(session, asset, LEASE_KEY, json.dumps(lease.to_json()))

    def lease(self, sync_id):
        """What both commands say of the lease of a sync."""
        _, lines = self.syncs()
        (shown,) = json.loads(self.call("state", "show", "--sync-id", sync_id, "--output", "json").out)
        assert shown["lease"] == lines[sync_id]["lease"]
        return shown["lease"]


@pytest.fixture
def lab(airflow, tmp_path, capsys):
    folder = tmp_path / "dags"
    folder.mkdir()
    airflow.sql(USERS)
    return Lab(airflow, folder, capsys)


def audited(dag_id):
    """What Airflow's audit log has of a DAG."""
    from airflow.models.log import Log

    with create_session() as session:
        lines = session.query(Log).filter_by(event="cdi_state_set", dag_id=dag_id).all()
        session.expunge_all()
    return lines


def test_a_sync_is_listed_before_and_after_its_first_run(lab):
    dag = lab.dag("hand_listed")
    code, lines = lab.syncs()
    assert (code, lines["hand_listed.sync"]["status"]) == (0, "never ran")
    lab.airflow.run(dag)
    code, lines = lab.syncs("--status", "success")
    line = lines["hand_listed.sync"]
    assert (code, line["accepted"], line["rejected"]) == (0, 10, 0)
    assert line["watermark"] == "2026-01-01T00:00:09.000000Z"
    assert line["lag"] > 0
    assert line["last_success"]


def test_a_dry_run_is_not_taken_for_one_that_sent_something(lab):
    dag = lab.dag("hand_dry")
    lab.airflow.run(dag, dry_run=True)
    assert lab.syncs("--dag-id", "hand_dry")[1]["hand_dry.sync"]["dry_run"] is True
    assert "success (dry run)" in lab.call("syncs", "--dag-id", "hand_dry").out
    lab.airflow.run(dag)
    assert "(dry run)" not in lab.call("syncs", "--dag-id", "hand_dry").out


def test_a_state_whose_task_is_gone_is_listed_with_what_to_do(lab):
    lab.airflow.run(lab.dag("hand_gone"))
    ran = command(lab._capsys, ["syncs", "--status", "orphan", "--output", "json"])
    assert ran.code == 1
    assert "hand_gone.sync" in {one["sync_id"] for one in json.loads(ran.out)}
    assert f"{cdi_command('state move')} --sync-id 'hand_gone.sync'" in ran.err


@pytest.mark.parametrize("words", [("--dag-id", "no_such_dag"), ("--status", "parital")])
def test_a_name_that_nothing_has_is_wrong_usage_and_not_an_empty_list(lab, words):
    assert lab.call("syncs", *words).code == 2


def test_a_state_whose_dag_file_cannot_be_read_is_listed_and_not_called_an_orphan(lab):
    lab.airflow.run(lab.dag("hand_broken"))
    (lab.folder / "hand_broken.py").write_text("from airflow.sdk import DAG, no_such_name")
    overview_of_all = command(lab._capsys, ["syncs", "--output", "json"])
    assert overview_of_all.code == 1
    ran = lab.call("state", "reset", "--sync-id", "hand_broken.sync", *AT_ONCE)
    assert (ran.code, "hand_broken.py could not be read" in ran.err) == (2, True), ran.err


def test_what_a_newer_version_wrote_is_told_and_not_written_over(lab):
    lab.airflow.run(lab.dag("hand_newer", more=KEPT))
    found = find_state().newest("hand_newer.sync")
    with create_session() as session:
        found.place.replace(session, found.stored, found.stored | {"v": 2})
    code, lines = lab.syncs("--dag-id", "hand_newer")
    assert (code, lines["hand_newer.sync"]["status"]) == (1, "unreadable")
    ran = lab.call("state", "reset", "--dag-id", "hand_newer", *AT_ONCE)
    assert (ran.code, "written by a newer airflow-provider-cdi" in ran.err) == (1, True), ran.err


def test_a_dag_with_several_syncs_is_not_changed_as_a_whole(lab):
    lab.dag("hand_two", below="WarehouseToBrazeOperator" + SYNC.format(task_id="other", more="", source="users"))
    ran = lab.call("state", "reset", "--dag-id", "hand_two", *AT_ONCE)
    assert (ran.code, "2 syncs are named: hand_two.other, hand_two.sync" in ran.err) == (2, True), ran.err


def test_the_database_is_asked_as_often_for_many_syncs_as_for_one(lab):
    from airflow.settings import engine
    from sqlalchemy import event

    def asked():
        statements = []
        event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
        lab.syncs()
        return len(statements)

    lab.dag("hand_many_0")
    few = asked()
    for number in range(1, 5):
        lab.dag(f"hand_many_{number}")
    assert 0 < asked() <= few


def test_what_somebody_else_changed_meanwhile_is_not_written_over(lab):
    lab.airflow.run(lab.dag("hand_race"))
    found = find_state().newest("hand_race.sync")
    change = change_now("a test", "before")
    write = Write(found.place, found.stored, changed_record(found.record, found.record.identity, None, change))
    write_all([write], event="cdi_state_reset", why="first")
    with pytest.raises(ChangedMeanwhile, match="was changed by a run or by somebody else"):
        write_all([write], event="cdi_state_reset", why="second")
    assert find_state().newest("hand_race.sync").record.gen == 2


def test_of_people_who_change_a_state_at_the_same_moment_one_is_let_through(lab):
    lab.airflow.run(lab.dag("hand_at_once"))
    found = find_state().newest("hand_at_once.sync")
    together = Barrier(4)

    def change(why):
        made = changed_record(found.record, found.record.identity, None, change_now(why, "before"))
        together.wait()
        try:
            write_all([Write(found.place, found.stored, made)], event="cdi_state_reset", why=why)
        except ChangedMeanwhile:
            return None
        return why

    with ThreadPoolExecutor(4) as people:
        (written,) = filter(None, people.map(change, ("ada", "bob", "cy", "dan")))
    (kept,) = find_state().newest("hand_at_once.sync").record.changed
    assert kept.why == written


def test_a_sync_whose_run_failed_is_not_good(lab):
    dag = lab.dag("hand_failed", more=", columns={'EXTERNAL_ID': 'nowhere'}")
    lab.airflow.run(dag)
    code, lines = lab.syncs("--not-good", "--dag-id", "hand_failed")
    assert (code, lines["hand_failed.sync"]["status"]) == (1, "config_error")


@pytest.mark.parametrize("checkpoint", ["auto", "variable"])
def test_the_next_run_sends_from_a_watermark_that_was_set_back(lab, checkpoint):
    name = f"hand_set_{checkpoint}"
    dag = lab.dag(name, more=f", checkpoint={checkpoint!r}")
    assert lab.accepted(dag) == 10
    ran = lab.call("state", "set", "--dag-id", name, "--watermark", "2026-01-01T00:00:07Z", *AT_ONCE)
    assert (ran.code, "3 rows that were delivered will be sent again" in ran.err) == (0, True), ran.err
    assert [lab.accepted(dag), lab.accepted(dag)] == [3, 0]
    assert [one.why for one in find_state().newest(f"{name}.sync").record.changed] == ["a test"]
    assert [(line.task_id, json.loads(line.extra)["why"]) for line in audited(name)] == [("sync", "a test")]


def test_a_watermark_over_rows_that_are_due_is_refused_with_their_number(lab):
    dag = lab.dag("hand_over")
    lab.airflow.run(dag)
    lab.airflow.sql("insert into users select now(), 'new-' || i, '{}' from range(4) as numbers(i)")
    words = ("state", "set", "--dag-id", "hand_over", *AT_ONCE, "--watermark")
    ran = lab.call(*words, "2026-11-01T00:00:00Z")
    assert ran.code == 0  # nothing lies between
    lab.airflow.sql("insert into users select timestamp '2026-11-02', 'more-' || i, '{}' from range(4) as numbers(i)")
    ran = lab.call(*words, "2026-11-20T00:00:00Z")
    assert (ran.code, "4 rows lie between" in ran.err) == (1, True), ran.err
    assert "2026-11-01" in find_state().newest("hand_over.sync").record.watermark.position
    ran = lab.call(*words, "2999-01-01T00:00:00Z")
    assert (ran.code, "lies in the future" in ran.err) == (1, True)


def test_rows_that_are_delivered_at_the_new_watermark_are_not_sent_again(lab):
    dag = lab.dag("hand_ties")
    lab.airflow.run(dag)
    words = ("state", "set", "--dag-id", "hand_ties", *AT_ONCE, "--watermark", "2026-01-01T00:00:07Z", "--delivered")
    assert lab.call(*words, "2").code == 1
    assert lab.call(*words, "1").code == 0
    assert lab.accepted(dag) == 2


@pytest.mark.parametrize(("words", "rows"), [((), 0), (("--to-beginning",), 10)])
def test_a_sync_that_was_reset_starts_as_a_new_one(lab, words, rows):
    name = f"hand_reset_{rows}"
    lab.airflow.run(lab.dag(name))
    dag = lab.dag(name, more=", initial='now'")
    ran = lab.call("state", "reset", "--dag-id", name, "--skip-rows", *words, *AT_ONCE)
    assert ran.code == 0, ran.err
    assert lab.accepted(dag) == rows


def test_a_state_is_not_changed_while_its_task_is_at_work(lab):
    run = lab.airflow.run(lab.dag("hand_busy"))
    with lab.task_in_state("running", "hand_busy", "sync", run.run_id):
        ran = lab.call("state", "reset", "--dag-id", "hand_busy", *AT_ONCE)
        assert (ran.code, "is running in run" in ran.err) == (1, True), ran.err
        assert find_state().newest("hand_busy.sync").record.changed == ()


@pytest.fixture
def redriven(lab, request):
    """A sync whose rejects a task of its own has sent again, and whose lease that task still has; DAG and run."""
    name = f"hand_{request.node.name[7:60]}"
    dag = lab.dag(name, more=KEPT, below="RedriveRejectsOperator(task_id='again', sync='sync')")
    run = lab.airflow.run(dag)
    lab.hold_lease(Lease(f"{name}.sync", run.run_id, 1, dag_id=name, task_id="again"))
    return name, run.run_id


def test_a_state_is_not_changed_while_another_task_holds_the_lease_of_the_sync(lab, redriven):
    name, run_id = redriven
    with lab.task_in_state("running", name, "again", run_id):
        ran = lab.call("state", "reset", "--dag-id", name, *AT_ONCE)
        assert (ran.code, f"Task again of DAG {name!r} is running" in ran.err) == (1, True), ran.err
    assert lab.call("state", "reset", "--dag-id", name, *AT_ONCE).code == 0


def test_a_lease_of_another_task_is_told_as_held_while_that_task_is_at_work(lab, redriven):
    name, run_id = redriven
    with lab.task_in_state("running", name, "again", run_id):
        assert lab.lease(f"{name}.sync").startswith("task 'again', run")
    assert lab.lease(f"{name}.sync").startswith("left behind by task 'again', run")


def test_nothing_is_changed_before_somebody_said_yes_and_then_the_record_shows_it(lab):
    lab.airflow.run(lab.dag("hand_shown"))
    ran = lab.call("state", "reset", "--dag-id", "hand_shown", "--why", "a test")
    assert (ran.code, "add --yes" in ran.err) == (2, True)
    assert find_state().newest("hand_shown.sync").record.changed == ()
    lab.call("state", "reset", "--dag-id", "hand_shown", *AT_ONCE)
    (shown,) = json.loads(lab.call("state", "show", "--sync-id", "hand_shown.sync", "--output", "json").out)
    assert (shown["watermark"], shown["changed"][0]["why"]) == (None, "a test")
    assert "becomes a new sync" in lab.call("state", "show", "--sync-id", "hand_shown.sync").out


def test_a_dag_and_a_task_with_new_names_go_on_where_the_old_one_was(lab):
    lab.airflow.run(lab.dag("hand_rename", task_id="old", more=KEPT))
    dag = lab.dag("hand_renamed", task_id="new", more=KEPT)
    words = ("--sync-id", "hand_rename.old", "--to-dag-id", "hand_renamed", "--to-task-id", "new")
    ran = lab.call("state", "move", *words, *AT_ONCE)
    assert ran.code == 0, ran.err
    lab.airflow.sql("insert into users values (now(), 'one more', '{}')")
    assert lab.accepted(dag) == 1


def test_a_run_under_the_old_name_says_that_the_sync_has_moved(lab):
    old = lab.dag("hand_moved", more=KEPT)
    lab.airflow.run(old)
    lab.dag("hand_moved_too", more=f", sync_id='hand_new'{KEPT}")
    ran = lab.call("state", "move", "--sync-id", "hand_moved.sync", "--to-sync-id", "hand_new", *AT_ONCE)
    assert ran.code == 0, ran.err
    run = lab.airflow.run(old)
    assert "was moved to hand_new" in lab.airflow.report(run, "report")["error"]
    assert lab.syncs()[1]["hand_moved.sync"]["status"] == "config_error"


def test_a_mapped_source_with_a_template_is_named_as_its_runs_name_it(lab, monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_HAND_TABLE", "users")
    dag = lab.dag("hand_filled", parts=2, source="{{ var.value.hand_table }}")
    lab.airflow.run(dag)
    _, lines = lab.syncs()
    assert {name: line["status"] for name, line in lines.items()} == {
        "hand_filled:users:0/2": "success",
        "hand_filled:users:1/2": "success",
    }
    words = ("--dag-id", "hand_filled", "--watermark", "2026-01-01T00:00:00Z", "--map-index")
    assert lab.call("state", "set", *words, "0", *AT_ONCE).code == 0
    assert lab.call("state", "set", *words, "1", *AT_ONCE).code == 0
    assert lab.accepted(dag) == 10


def test_a_watermark_of_another_zone_is_told_so_that_it_can_be_given_back(lab):
    dag = lab.dag("hand_zone", more=", watermark_timezone='Europe/Berlin'")
    lab.airflow.run(dag)
    (told,) = json.loads(lab.call("state", "show", "--dag-id", "hand_zone", "--output", "json").out)
    assert told["watermark"] == lab.syncs()[1]["hand_zone.sync"]["watermark"] == "2026-01-01T00:00:09.000000"
    ran = lab.call("state", "set", "--dag-id", "hand_zone", "--watermark", told["watermark"], *AT_ONCE)
    assert f"becomes watermark {told['watermark']}." in ran.err
    assert lab.accepted(dag) == 1


def test_a_sync_whose_source_only_a_run_knows_is_set_without_a_count(lab):
    dag = lab.dag("hand_run_only", source="{{ run_id and 'users' }}")
    lab.airflow.run(dag)
    words = ("state", "set", "--dag-id", "hand_run_only", "--watermark", "2026-01-01T00:00:07Z", *AT_ONCE)
    ran = lab.call(*words)
    assert (ran.code, "leave the count out" in ran.err.lower()) == (2, True), ran.err
    assert lab.call(*words, "--no-count", "--skip-rows").code == 0
    assert lab.accepted(dag) == 3


@pytest.mark.parametrize(("old", "new"), [(None, 2), (3, 2), (2, None)])
def test_another_number_of_partitions_loses_nothing_and_sends_again_what_it_told(lab, old, new):
    name = f"hand_parts_{old}_{new}"
    lab.airflow.run(lab.dag(name, parts=old, more=f", sync_id={name!r}{KEPT}"))
    dag = lab.dag(name, parts=new, more=f", sync_id={name!r}{KEPT}")
    ran = lab.call("state", "move", "--sync-id", name, "--to-partitions", str(new or "none"), *AT_ONCE)
    assert ran.code == 0, ran.err
    told = int(ran.err.split(" rows that were delivered")[0].split()[-1])
    lab.airflow.sql("insert into users select now(), 'new-' || i, '{}' from range(5) as numbers(i)")
    assert lab.accepted(dag) == 5 + told
    assert told == (0 if old is None else told)


def test_a_command_about_one_sync_leaves_another_alone_whose_name_begins_alike(lab):
    lab.dag("hand_alike", more=f", sync_id='hand_users'{KEPT}")
    lab.airflow.run(lab.dag("hand_alike_too", more=f", sync_id='hand_users:eu'{KEPT}"))
    assert lab.call("state", "reset", "--sync-id", "hand_users", *AT_ONCE).code == 0
    assert find_state().newest("hand_users:eu").record.changed == ()
