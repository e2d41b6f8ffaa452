"""A gate stops a run before anything is sent, lets just its maximum pass, and never stops a run that it let pass."""

from __future__ import annotations

import pytest
from support.airflow_world import AirflowWorld

from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.version_compat import AirflowFailException

QUICK = DeliverySettings(max_in_flight=1, window_rows=150, retry=RetryPolicy(attempts=2, first_wait=0.01))
USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{{"visits":' || i || ', "plan": "pro"}}' as payload from range({rows}) as numbers(i)"""
TOUCHED = "update users set updated_at = timestamp '2026-02-01' + interval ({n}) second where external_id like 'c-%'"
PASS = {"context": {"params": {"pass_gates": True}}}


def conf(**chosen):
    return {"context": {"params": chosen}}


@pytest.fixture
def users(lab):
    """Four hundred users, none of whom Braze knows."""
    lab.sql(USERS.format(rows=400))
    return lab


def sent(lab):
    """Count the requests that could have changed something."""
    return sum(one["method"] != "GET" and "export" not in one["path"] for one in lab.sandbox.requests(10_000))


def asked(lab):
    return sum(one["path"] == "/users/export/ids" for one in lab.sandbox.requests(10_000))


def is_stopped(lab, *words, **arguments):
    """Run into a gate: nothing is sent, no watermark saved, no reject written."""
    before, kept = sent(lab), dict(lab.world.asset.kept)
    with pytest.raises(AirflowFailException, match=".*".join(words)) as caught:
        lab.run(**arguments)
    assert sent(lab) == before
    assert lab.rejected() == []
    watermark = [value for key, value in lab.world.asset.kept.items() if key == "cdi_state"]
    assert watermark == [value for key, value in kept.items() if key == "cdi_state"]
    return str(caught.value)


#: An argument that lets all rows of ``users`` pass, with just the maximum.
EXACT = {"max_rows": 400, "max_data_points": 800, "max_new_profiles": 400}


@pytest.mark.parametrize(("gate", "most"), EXACT.items())
def test_a_gate_lets_its_maximum_pass_and_stops_one_more(users, gate, most):
    said = is_stopped(users, "This run would", f"{gate}={most - 1:,}", "Nothing was sent", **{gate: most - 1})
    assert 'conf {"pass_gates": true}' in said
    assert users.run(**{gate: most})["accepted"] == 400


@pytest.mark.parametrize("gate", EXACT)
def test_who_triggers_a_run_can_let_it_pass_once(users, gate):
    is_stopped(users, gate, **{gate: 5})
    assert users.run(**{gate: 5}, **conf(pass_gates=True))["accepted"] == 400
    users.sql(TOUCHED.format(n=0), "update users set external_id = 'd-' || external_id")
    is_stopped(users, gate, **{gate: 5})


def test_a_share_is_looked_at_from_the_second_run_on_and_above_a_few_rows(users):
    gate = {"max_share_of_source": 25}
    assert users.run(**gate)["accepted"] == 400
    users.sql("update users set updated_at = '2026-02-01' where external_id in (select 'c-' || i from range(101) n(i))")
    is_stopped(users, "101 of the source's 400 rows", "max_share_of_source=25", **gate)
    users.sql("delete from users where external_id = 'c-0'", "insert into users values ('2026-01-01', 'c-0', '{}')")
    assert users.run(**gate)["accepted"] == 100
    users.sql("update users set updated_at = '2026-03-01' where external_id in (select 'c-' || i from range(20) n(i))")
    assert users.run(max_share_of_source=1)["accepted"] == 20


def test_a_full_run_and_a_window_are_looked_at_as_any_other(users):
    users.run()
    is_stopped(users, "max_rows=399", max_rows=399, sync_mode="full")
    window = {"sync_mode": "window", "since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:01:40Z"}
    is_stopped(users, "100 rows", max_rows=99, **window)
    assert users.run(max_rows=100, **window)["accepted"] == 100


@pytest.mark.parametrize("gates", [{"max_rows": 400}, {"max_data_points": 800, "max_new_profiles": 399}])
def test_the_retry_of_a_run_that_passed_is_not_stopped_whatever_has_become_due_meanwhile(users, gates):
    passes = PASS if "max_new_profiles" in gates else {}
    users.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/track", "after": 3})
    with pytest.raises(RetryLater):
        users.run(run_id="run-1", delivery=QUICK, **gates, **passes)
    users.sandbox.clear_faults()
    users.sql("insert into users select updated_at, 'e-' || external_id, payload from users")
    assert users.run(run_id="run-1", delivery=QUICK, **gates, **passes)["accepted"] >= 400


def test_a_retry_before_the_first_checkpoint_is_not_stopped_either(users):
    users.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/track"})
    with pytest.raises(RetryLater):
        users.run(run_id="run-1", delivery=QUICK, max_rows=400)
    users.sandbox.clear_faults()
    users.sql("insert into users select updated_at, 'e-' || external_id, payload from users")
    assert users.run(run_id="run-1", max_rows=400)["accepted"] == 800


def test_a_run_that_was_stopped_is_looked_at_again_when_it_is_cleared(users):
    is_stopped(users, "max_rows", run_id="run-1", max_rows=399)
    is_stopped(users, "max_rows", run_id="run-1", max_rows=399)
    users.sql("delete from users where external_id = 'c-7'")
    assert users.run(run_id="run-1", max_rows=399)["accepted"] == 399


def test_a_cleared_run_that_had_finished_is_looked_at_again(users):
    users.run(run_id="run-1", max_rows=400)
    is_stopped(users, "max_rows=399", run_id="run-1", max_rows=399, context={"clear_number": 1})


def test_without_a_state_store_a_run_is_stopped_and_let_pass_too(users):
    users.world = AirflowWorld("3.0")
    is_stopped(users, "max_rows", max_rows=399)
    assert users.run(max_rows=399, **PASS)["accepted"] == 400


def test_rows_that_are_rejected_delivered_or_ahead_do_not_count(users):
    users.run()
    users.sql(
        "insert into users values ('2026-01-01 00:06:39', 'new', '{\"plan\": \"pro\"}'), "
        "('2026-01-02', 'broken', 'no json'), ('2999-01-01', 'ahead', '{\"plan\": \"pro\"}')"
    )
    assert users.run(max_data_points=1, max_new_profiles=1)["accepted"] == 1


def test_people_whom_braze_knows_do_not_count_and_each_person_counts_once(users):
    users.run()
    users.sql(
        TOUCHED.format(n=0),
        "insert into users select timestamp '2026-03-01' + interval (i) second, 'n-' || i % 3, '{}' "
        "from range(90) n(i)",
    )
    is_stopped(users, "3 new profiles", max_new_profiles=2)
    assert users.run(max_new_profiles=3)["accepted"] == 490


def test_nobody_is_asked_where_there_are_no_more_rows_than_new_people_are_allowed(users):
    users.run(max_new_profiles=400)
    assert asked(users) == 0


def test_the_look_stops_as_soon_as_it_is_over(users):
    users.sql("insert into users select updated_at + interval 1 hour * i, external_id || '-' || i, payload "
              "from users, range(1, 30) as n(i)")  # fmt: skip
    said = is_stopped(users, "new profiles or more", max_new_profiles=100)
    assert asked(users) <= 8
    assert "c-" not in said


def test_a_limit_of_the_questions_is_waited_for_and_not_a_failure(users):
    users.sandbox.set_faults({"kind": "answer", "status": 429, "path": "/users/export/ids", "times": 2})
    is_stopped(users, "max_new_profiles", max_new_profiles=399)


def test_a_key_that_may_not_ask_stops_the_run_and_names_the_permission(users):
    users.sandbox.set_faults({"kind": "answer", "status": 403, "path": "/users/export/ids"})
    is_stopped(users, r"users\.export\.ids", max_new_profiles=399)


def test_a_sync_that_makes_nobody_asks_nobody(users):
    users.run(max_new_profiles=0, update_existing_only=True)
    assert asked(users) == 0


def test_a_dry_run_tells_what_would_stop_the_real_one_and_does_not_fail(users):
    report = users.run(dry_run=True, max_rows=399, max_data_points=799)
    assert (report["status"], report["accepted"]) == ("guarded", 400)
    for word in ("max_rows=399", "max_data_points=799", "pass_gates"):
        assert word in report["stopped_by"]
    passed = users.run(dry_run=True, max_rows=400, max_data_points=800)
    assert (passed["status"], passed["stopped_by"]) == ("success", None)
    assert sent(users) == 0


def test_a_dry_run_asks_about_people_where_a_gate_wants_to_know_and_tells_what_would_stop_the_run(users):
    users.sql("insert into users select timestamp '2026-03-01', external_id, payload from users limit 50")
    stopped = users.run(dry_run=True, max_new_profiles=399)
    assert (stopped["status"], stopped["accepted"], stopped["plan"]["distinct"]["new"]) == ("guarded", 450, None)
    assert "400 new profiles" in stopped["stopped_by"]
    assert stopped["plan"]["distinct"]["new_told_by"] == "more than max_new_profiles=399"
    passed = users.run(dry_run=True, max_new_profiles=400)
    assert (passed["status"], passed["plan"]["distinct"]["new"]) == ("success", 400)
    assert sent(users) == 0
    before = asked(users)
    assert users.run(dry_run=True, max_new_profiles=399, **PASS)["stopped_by"] is None
    assert users.run(dry_run=True, max_new_profiles=450)["plan"]["distinct"]["new"] is None
    assert asked(users) == before > 0


def test_a_dry_run_that_may_not_ask_says_that_the_run_would_stop_and_one_without_an_answer_that_nobody_knows(users):
    users.sandbox.set_faults({"kind": "answer", "status": 403, "path": "/users/export/ids"})
    refused = users.run(dry_run=True, max_new_profiles=1)
    assert (refused["status"], refused["accepted"], "users.export.ids" in refused["stopped_by"]) == (
        "guarded",
        400,
        True,
    )
    users.sandbox.clear_faults()
    users.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/export/ids"})
    silent = users.run(dry_run=True, max_new_profiles=1, delivery=QUICK)
    assert (silent["status"], silent["accepted"], silent["stopped_by"]) == ("success", 400, None)
    assert "could not be asked: " in silent["plan"]["distinct"]["new_told_by"]


def test_the_delete_cap_can_be_passed_once_where_the_task_is_not_locked(users):
    deletes = {"data_type": "user_deletes", "source": "gone", "delete_cap": DeleteCap(rows=5)}
    users.sql("create table gone as select updated_at, external_id from users")
    assert "only the DAG's author" in is_stopped(users, "would delete 400 users", **deletes)
    is_stopped(users, "locked against choices", **deletes, **PASS)
    assert users.run(**deletes, lock_run_choices=False, **PASS)["accepted"] == 400


def test_a_sync_that_adds_up_sends_everything_or_nothing(users):
    for gate, most in EXACT.items():
        for bound in (0, 1, most - 1):
            is_stopped(users, gate, **{gate: bound})
    assert users.sandbox.state()["users"] == 0
    assert users.run(**EXACT)["accepted"] == users.sandbox.state()["users"] == 400


def test_new_profiles_of_klaviyo(klaviyo_lab):
    lab = klaviyo_lab
    lab.sql("create table users as select timestamp '2026-01-01' + interval (i) second as updated_at, "
            "'p' || i || '@acme-demo.io' as email from range(150) as n(i)")  # fmt: skip
    before = lab.submissions()
    with pytest.raises(AirflowFailException, match=r"150 new profiles .* max_new_profiles=149"):
        lab.run(max_new_profiles=149)
    assert lab.submissions() == before
    assert lab.run(max_new_profiles=150)["accepted"] == 150
    lab.sql("update users set updated_at = updated_at + interval 1 day",
            "insert into users values ('2026-03-01', 'q@acme-demo.io')")  # fmt: skip
    with pytest.raises(AirflowFailException, match="1 new profiles"):
        lab.run(max_new_profiles=0)
    assert lab.run(max_new_profiles=1)["accepted"] == 151


def test_each_partition_is_looked_at_by_itself(users):
    for part in range(4):
        said = {"partition": f"{part}/4", "sync_id": f"part-{part}"}
        users.world = AirflowWorld()
        rows = users.run(dry_run=True, **said)["accepted"]
        assert 0 < rows < 400
        is_stopped(users, f"{rows} rows", max_rows=rows - 1, **said)
        assert users.run(max_rows=rows, **said)["accepted"] == rows


def test_a_query_has_gates_too(users):
    query = {"source": None, "sql": "select * from users where external_id <> 'c-0'"}
    users.run(**query)
    users.sql(TOUCHED.format(n=0))
    is_stopped(users, "399 of the source's 399 rows", max_share_of_source=99, **query)
