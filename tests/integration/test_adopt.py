"""Syncs are taken over from Braze's own CDI: what it has not sent is sent by the printed DAG, and nothing else."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from airflow_provider_cdi.cli.parser import main
from airflow_provider_cdi.cli.syncs.dag_files import read_dag_files

TABLE = "create table users (updated_at timestamp, external_id varchar, payload varchar)"


class OldSync:
    """What Braze's CDI does with a table: each run sends what came since the last one, and tells its numbers."""

    def __init__(self, lab):
        self.lab = lab
        self.sent = []
        self.jobs = []
        self.mark, self.tied = "", 0

    def run(self, hour, **more):
        rows = self._due()
        if rows:
            last = max(at for at, _ in rows)
            self.tied = len([1 for at, _ in rows if at == last])
            self.mark = last
        self.sent += [name for _, name in rows]
        job = {
            "sync_start_time": f"2026-01-05T{hour:02}:00:00.123456Z",
            "sync_finish_time": f"2026-01-05T{hour:02}:00:09Z",
            "last_timestamp_synced": self.mark.replace(" ", "T") + "Z" if self.mark else None,
            "rows_synced": len(rows),
        }
        self.jobs.append({**job, **more})

    def _due(self):
        import duckdb

        with duckdb.connect(str(self.lab.path)) as warehouse:
            rows = warehouse.execute(
                "select strftime(updated_at, '%Y-%m-%d %H:%M:%S.%f'), external_id from users"
            ).fetchall()
        has_grown = len([1 for at, _ in rows if at == self.mark]) > self.tied
        return [(at, name) for at, name in rows if at > self.mark or (has_grown and at == self.mark)]

    def integration(self, **more):
        usual = {"integration_name": "users hourly", "integration_status": "paused", "warehouse_type": "duckdb"}
        return {**usual, "jobs": self.jobs, **more}


@pytest.fixture
def old(lab):
    lab.sql(TABLE)
    return OldSync(lab)


def add(lab, at, *names):
    lab.sql(*(f"insert into users values ('2026-01-05 {at}', '{name}', '{{}}')" for name in names))


def adopt(capsys, *words):
    """Run the command; return its exit code, what it printed and what it told."""
    with pytest.raises(SystemExit) as ended:
        main(["adopt", *words])
    printed = capsys.readouterr()
    return SimpleNamespace(code=ended.value.code, file=printed.out, told=printed.err)


TABLE_KNOWN = ("--source", "users", "--warehouse-conn-id", "warehouse")


def tasks_of(text, tmp_path):
    """Save the file among the DAGs and let Airflow read it; return the tasks by the id of their DAG."""
    path = tmp_path / "from_braze_cdi.py"
    path.write_text(text)
    files = read_dag_files(str(path))
    assert files.errors == {}
    return {dag_id: dag.tasks for dag_id, dag in files.dags.items()}


def run_adopted(lab, file, tmp_path, run_id="run-1"):
    """Run the operator of the printed DAG; return whose rows have arrived in Braze so far."""
    ((operator,),) = tasks_of(file, tmp_path).values()
    operator.execute(lab.world.context(run_id))
    return {name.removeprefix("external_id:"): times for name, times in lab.arrivals()["received"].items()}


def test_an_adopted_sync_sends_exactly_what_the_old_one_had_not_ties_included(lab, old, capsys, tmp_path):
    add(lab, "08:00:00.5", "a", "b")
    old.run(9)
    add(lab, "09:30:00.123456", "tie-1", "tie-2")
    add(lab, "09:10:00", "c")
    old.run(10)
    old.run(11)
    lab.sandbox.set_integrations(old.integration())
    add(lab, "10:30:00", "new-1", "new-2")
    result = adopt(capsys, *TABLE_KNOWN)
    assert (result.code, 'initial="2026-01-05T09:30:00.123456Z, 2 rows delivered"' in result.file) == (0, True)
    sent = run_adopted(lab, result.file, tmp_path)
    assert sorted(old.sent) == ["a", "b", "c", "tie-1", "tie-2"]
    assert sent == {"new-1": 1, "new-2": 1}


def test_a_row_that_comes_after_the_take_over_with_the_last_timestamp_is_sent_alone(lab, old, capsys, tmp_path):
    add(lab, "09:30:00", "tie-1", "tie-2")
    old.run(10)
    lab.sandbox.set_integrations(old.integration())
    result = adopt(capsys, *TABLE_KNOWN)
    assert run_adopted(lab, result.file, tmp_path) == {}
    add(lab, "09:30:00", "tie-3")
    assert run_adopted(lab, result.file, tmp_path, "run-2") == {"tie-3": 1}


def test_nothing_is_lost_where_a_row_came_with_the_last_timestamp_before_the_take_over(lab, old, capsys, tmp_path):
    add(lab, "09:30:00", "tie-1", "tie-2")
    old.run(10)
    add(lab, "09:30:00", "tie-3")
    lab.sandbox.set_integrations(old.integration())
    result = adopt(capsys, *TABLE_KNOWN)
    assert "read 2 rows, and the table has 3" in result.told
    assert "those go out once more" in result.told
    assert run_adopted(lab, result.file, tmp_path) == {"tie-1": 1, "tie-2": 1, "tie-3": 1}


def test_rows_that_the_old_sync_sent_again_because_their_number_grew_are_known_by_their_number(
    lab, old, capsys, tmp_path
):
    add(lab, "09:30:00", "tie-1")
    old.run(10)
    add(lab, "09:30:00", "tie-2")
    old.run(11)
    lab.sandbox.set_integrations(old.integration())
    add(lab, "10:00:00", "new")
    result = adopt(capsys, *TABLE_KNOWN)
    assert run_adopted(lab, result.file, tmp_path) == {"new": 1}


def test_digits_that_braze_does_not_write_do_not_matter(lab, old, capsys, tmp_path):
    add(lab, "09:10:00.987654", "first")
    old.run(10)
    add(lab, "09:30:00.123456", "second")
    old.run(11)
    for job in old.jobs:
        job["last_timestamp_synced"] = job["last_timestamp_synced"][:19] + "Z"
    lab.sandbox.set_integrations(old.integration())
    add(lab, "09:30:01", "new")
    assert run_adopted(lab, adopt(capsys, *TABLE_KNOWN).file, tmp_path) == {"new": 1}


def test_without_a_look_at_the_table_the_rows_of_the_last_timestamp_go_out_once_more(lab, old, capsys, tmp_path):
    add(lab, "09:30:00", "tie-1")
    add(lab, "09:20:00", "earlier")
    old.run(10)
    lab.sandbox.set_integrations(old.integration())
    result = adopt(capsys, *TABLE_KNOWN, "--no-count")
    assert "the table was not counted" in result.told
    assert run_adopted(lab, result.file, tmp_path) == {"tie-1": 1}


def test_a_timestamp_ahead_of_its_run_is_told_and_what_the_old_sync_passed_over_is_sent(lab, old, capsys, tmp_path):
    add(lab, "08:00:00", "a")
    lab.sql("insert into users values ('2026-03-01', 'ahead', '{}')")
    old.run(9)
    add(lab, "09:30:00", "passed over")
    lab.sandbox.set_integrations(old.integration())
    result = adopt(capsys, *TABLE_KNOWN)
    assert "lay ahead when it was synced" in result.told
    assert "passed over" in run_adopted(lab, result.file, tmp_path)


def test_events_that_may_count_twice_are_told_and_the_word_of_a_person_goes_before(lab, old, capsys, tmp_path):
    lab.sql("""insert into users values ('2026-01-05 09:30:00', 'e-1', '{"name":"seen"}')""")
    old.run(10, rows_synced=7)
    lab.sandbox.set_integrations(old.integration(integration_type="custom_events"))
    assert "counts twice" in adopt(capsys, *TABLE_KNOWN).told
    result = adopt(capsys, *TABLE_KNOWN, "--ties-delivered")
    assert 'initial="2026-01-05T09:30:00.000000Z, 1 row delivered"' in result.file
    assert run_adopted(lab, result.file, tmp_path) == {}


def test_every_integration_is_told_whatever_state_it_is_in(lab, old, capsys, tmp_path):
    add(lab, "09:30:00", "a")
    old.run(10, rows_failed_with_errors=3)
    failed = {"sync_start_time": "2026-01-05T11:00:00Z", "sync_finish_time": "2026-01-05T11:00:09Z"}
    lab.sandbox.set_integrations(
        old.integration(integration_name="paused"),
        old.integration(integration_name="active", integration_status="active"),
        {"integration_name": "never ran", "warehouse_type": "duckdb"},
        old.integration(integration_name="in error", jobs=[*old.jobs, {**failed, "job_status": "error"}]),
        old.integration(integration_name="accounts", integration_type="accounts"),
        old.integration(integration_name="without a table"),
        old.integration(integration_name="files", warehouse_type="s3"),
        *({"integration_name": f"page two, {number}", "integration_type": "?"} for number in range(5)),
    )
    given = [f"--source={name}=users" for name in ("paused", "active", "never ran", "in error", "accounts", "files")]
    connections = [f"--warehouse-conn-id={name}=warehouse" for name in ("paused", "active", "never ran", "in error")]
    result = adopt(capsys, *given, *connections, "--warehouse-conn-id=without a table=warehouse", "--output", "json")
    found = {one["integration"]: one for one in json.loads(result.file)["integrations"]}
    assert (result.code, len(found)) == (1, 12)
    assert {name for name, one in found.items() if one["dag_id"]} == {"paused", "active", "never ran", "in error"}
    assert found["never ran"]["initial"] == "everything"
    assert "Its last run ended with error" in str(found["in error"]["remarks"])
    assert "It is active in Braze" in str(found["active"]["remarks"])
    assert "left 3 of them with errors" in str(found["paused"]["remarks"])
    assert "'accounts' is none that is known" in found["accounts"]["trouble"]
    assert "name it with --source" in found["without a table"]["trouble"]
    assert "'s3' is none of the four warehouses" in found["files"]["trouble"]
    written = json.loads(result.file)["dag_file"]
    assert written.count("# Left out: ") == 8
    assert len(tasks_of(written, tmp_path)) == 4


def test_a_run_that_goes_on_is_to_be_waited_for(lab, old, capsys):
    old.run(9, sync_finish_time="2999-01-01T00:00:00Z", last_timestamp_synced=None)
    lab.sandbox.set_integrations(old.integration())
    result = adopt(capsys, *TABLE_KNOWN)
    assert (result.code, "a run of it goes on" in result.told) == (1, True)


def test_a_catalog_is_the_one_that_is_called_like_its_integration_unless_told(lab, old, capsys):
    lab.sql("create table items (updated_at timestamp, id varchar, payload varchar)")
    lab.sandbox.set_integrations(old.integration(integration_name="Shops", integration_type="catalog_items"))
    known = ("--source", "items", "--warehouse-conn-id", "warehouse")
    assert 'catalog="Shops"' in adopt(capsys, *known).file
    assert 'catalog="shops_eu"' in adopt(capsys, *known, "--catalog", "shops_eu").file


def test_names_cannot_leave_their_comments(lab, old, capsys, tmp_path):
    name = 'x"""\nraise SystemExit\u2028 \u0000 🙂'
    unknown = old.integration(integration_name=f"{name} too", integration_type="unknown")
    lab.sandbox.set_integrations(old.integration(integration_name=name), unknown)
    result = adopt(capsys, f"--source={name}=users", f"--warehouse-conn-id={name}=warehouse")
    assert list(tasks_of(result.file, tmp_path)) == ["x_raise_systemexit_to_braze"]
    assert result.file.count("SystemExit") == 2


def test_a_name_that_cannot_be_a_catalog_is_told(lab, old, capsys):
    lab.sandbox.set_integrations(old.integration(integration_name="no catalog!", integration_type="catalog"))
    result = adopt(capsys, *TABLE_KNOWN)
    assert (result.code, "catalog is 'no catalog!'" in result.told) == (1, True)


def test_a_name_that_no_integration_has_is_wrong_usage(lab, old, capsys):
    lab.sandbox.set_integrations(old.integration())
    result = adopt(capsys, "--source", "other=users")
    assert (result.code, result.file) == (2, "")
    assert "There are: users hourly" in result.told


def test_a_key_without_the_permission_is_told_which_one_it_needs(lab, old, capsys):
    lab.sandbox.set_faults({"kind": "answer", "status": 403, "path": "/cdi/integrations/*"})
    lab.sandbox.set_integrations(old.integration())
    result = adopt(capsys, *TABLE_KNOWN)
    assert (result.code, "the permission cdi.integration_job_status" in result.told) == (1, True)
    assert lab.sandbox.key not in result.told


def test_a_table_that_is_missing_leaves_only_its_own_integration_out(lab, old, capsys):
    add(lab, "09:30:00", "a")
    old.run(10)
    lab.sandbox.set_integrations(old.integration(), old.integration(integration_name="gone"))
    connection = ("--warehouse-conn-id", "warehouse")
    result = adopt(capsys, "--source", "users hourly=users", "--source", "gone=no_such_table", *connection)
    assert (result.code, 'dag_id="users_hourly_to_braze"' in result.file) == (1, True)
    assert "no_such_table" in result.told


def test_words_that_cannot_both_be_meant_are_refused(lab, old, capsys):
    lab.sandbox.set_integrations(old.integration())
    assert adopt(capsys, *TABLE_KNOWN, "--no-count", "--ties-delivered").code == 2
    result = adopt(capsys, *TABLE_KNOWN, "--catalog", "shops")
    assert (result.code, "catalog goes with catalog_items only" in result.told) == (1, True)


def test_no_secret_is_in_what_is_printed_or_told(lab, old, capsys, monkeypatch):
    add(lab, "09:30:00", "a")
    old.run(10)
    lab.sandbox.set_integrations(old.integration())
    secret = "s3cret-of-the-warehouse"
    connection = {"conn_type": "duckdb", "host": str(lab.path), "password": secret}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    for words in (TABLE_KNOWN, (*TABLE_KNOWN, "--output", "json", "--verbose"), ("--source", "gone", *TABLE_KNOWN[2:])):
        result = adopt(capsys, *words)
        assert not {secret, lab.sandbox.key} & set((result.file + result.told).replace('"', " ").split())
        assert secret not in result.file + result.told
