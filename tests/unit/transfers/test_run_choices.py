"""What a person chose for a run is done as it was chosen, or the run stops before anything is read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.definitions.param import ParamsDict

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.params import sync_params
from airflow_provider_cdi.transfers.runs.choices import RunChoices, choose, declared_params
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

SINCE, UNTIL = "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"


def chosen(
    conf: dict[str, Any] | None = None,
    *,
    params: dict[str, Any] | None = None,
    task_params: dict[str, Any] | None = None,
    run_type: str = "manual",
    overrides: bool = True,
    kind: type = WarehouseToBrazeOperator,
    **arguments: Any,
) -> RunChoices:
    """Return the choices of a run, its Params made as Airflow makes them."""
    with DAG("form", schedule=None, params=sync_params() if params is None else params) as dag:
        task = kind(
            **{"task_id": "t", "warehouse_conn_id": "w", "source": "s", "data_type": "events", "params": task_params}
            | arguments
        )
    merged = ParamsDict()
    for params_dict in (dag.params, task.params):
        merged.update(params_dict)
    if overrides:
        merged.update(conf or {})
    context = {
        "dag": dag,
        "dag_run": SimpleNamespace(run_type=run_type, conf=conf),
        "params": {name: merged[name] for name in merged},
    }
    said = {"sync_mode": task.sync_mode, "since": task.since, "until": task.until, "dry_run": task.is_dry_run}
    locked = task.data_type in task.deleting_data_types if task.lock_run_choices is None else task.lock_run_choices
    return choose(said, context, declared_params(context, task), is_locked=locked)


def refused(words: str, *conf: Any, **more: Any) -> str:
    with pytest.raises(ConfigurationError, match=words) as caught:
        chosen(*conf, **more)
    return str(caught.value)


@pytest.mark.parametrize("params", [None, {}], ids=["form", "no form"])
@pytest.mark.parametrize("run_type", ["manual", "scheduled", "backfill"])
def test_a_run_without_a_choice_is_an_ordinary_one(params, run_type):
    assert chosen(params=params, run_type=run_type) == RunChoices()


@pytest.mark.parametrize("params", [None, {}], ids=["form", "no form"])
def test_a_choice_is_done_whether_or_not_the_dag_declares_the_params(params):
    conf = {"sync_mode": "window", "since": SINCE, "until": UNTIL, "dry_run": True}
    assert chosen(conf, params=params) == RunChoices("window", SINCE, UNTIL, True)


@pytest.mark.parametrize("word", [True, "true", "TRUE", "yes", "Y", "on", "1", 1, " True "])
def test_words_that_mean_yes(word):
    assert chosen({"dry_run": word}, params={}).dry_run is True
    assert chosen(dry_run=word).dry_run is True


@pytest.mark.parametrize("word", [False, "false", "No", "n", "OFF", "0", 0])
def test_words_that_mean_no(word):
    assert chosen({"dry_run": word}, params={}).dry_run is False
    assert chosen(dry_run=word).dry_run is False


@pytest.mark.parametrize("word", ["ture", "maybe", "yep", "ja", "2", 2, [True], {"a": 1}, "tru e", "None", 0.0])
def test_any_other_word_stops_the_run(word):
    refused("dry_run is", {"dry_run": word}, params={})


@pytest.mark.parametrize("bounds", [{"since": SINCE}, {"until": UNTIL}, {"since": SINCE, "until": UNTIL}])
def test_bounds_alone_mean_a_window(bounds):
    assert chosen(bounds) == RunChoices(**{"sync_mode": "window", "since": "", "until": ""} | bounds)


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("bounds", [{"since": SINCE}, {"until": UNTIL}])
def test_bounds_with_another_kind_of_run_stop_it(mode, bounds):
    assert mode in refused("mean a window", {"sync_mode": mode} | bounds)
    refused("mean a window", bounds, sync_mode=mode)
    refused("mean a window", {"sync_mode": mode}, **bounds)


@pytest.mark.parametrize("choice", [{"since": SINCE}, {"until": UNTIL}, {"sync_mode": "full"}])
def test_a_backfill_refuses_what_each_of_its_runs_would_do_again(choice):
    assert "backfill" in refused("each run of it", choice, run_type="backfill")
    refused("each run of it", run_type="backfill", **choice)


@pytest.mark.parametrize("mode", ["auto", "window", "incremental"])
def test_a_backfill_takes_what_goes_with_it(mode):
    assert chosen({"sync_mode": mode, "dry_run": True}, run_type="backfill").dry_run is True


@pytest.mark.parametrize("choice", [{"dry_run": True}, {"sync_mode": "full"}, {"since": SINCE}])
@pytest.mark.parametrize("params", [None, {}], ids=["form", "no form"])
def test_a_choice_that_airflow_does_not_hand_on_stops_the_run(choice, params):
    refused("dag_run_conf_overrides_params", choice, params=params, overrides=False)


def test_what_a_form_repeats_of_its_defaults_is_no_choice():
    untouched = {"sync_mode": "auto", "since": None, "until": "", "dry_run": False}
    assert chosen(untouched, overrides=False) == RunChoices()


def test_a_param_of_the_dags_own_with_the_same_name_is_not_read():
    own = {"since": Param("2020-01-01"), "until": "2021-01-01", "sync_mode": Param("fast")}
    assert chosen({"since": "2022-01-01"}, params=own) == RunChoices()
    assert chosen(params=sync_params() | own, task_params={"mine": 1}) == RunChoices()


def test_a_param_of_the_tasks_own_goes_before_the_dags():
    assert chosen(task_params={"since": Param("2020-01-01")}) == RunChoices()


def test_a_dry_run_of_the_dags_own_does_not_send_what_its_form_says_is_not_sent():
    own = {"dry_run": Param(False, type="boolean")}
    assert chosen(params=own) == RunChoices()
    refused("Param dry_run of its own", {"dry_run": True}, params=own)
    assert chosen({"dry_run": True}, params=own, dry_run=False) == RunChoices()
    assert chosen({"dry_run": True}, params=own, dry_run="true").dry_run is True  # what its own template gave


@pytest.mark.parametrize("key", ["dryrun", "dryRun", "DRY_RUN", "dry-run", "Since", "syncMode", "sync mode"])
def test_a_misspelt_choice_stops_the_run(key):
    refused("nobody reads", {key: "x"})


def test_other_keys_of_conf_are_somebody_elses():
    assert chosen({"reason": "late", "runs": 3}) == RunChoices()


def test_defaults_of_the_form_are_what_scheduled_runs_do():
    params = sync_params(sync_mode="full", dry_run=True)
    assert chosen(params=params, run_type="scheduled") == RunChoices("full", dry_run=True)
    assert chosen({"sync_mode": "auto", "dry_run": False}, params=params) == RunChoices()


def test_what_the_task_says_itself_holds_until_a_person_chooses_otherwise():
    assert chosen(sync_mode="full") == RunChoices("full")
    assert chosen({"sync_mode": "full"}, sync_mode="full") == RunChoices("full")
    refused("the task says sync_mode='full' itself", {"sync_mode": "incremental"}, sync_mode="full")
    refused("the task says since", {"since": "2026-02-01"}, since=date(2026, 1, 1))
    refused("the task says dry_run=False itself", {"dry_run": True}, dry_run=False)
    refused("the task says dry_run=False itself", params=sync_params(dry_run=True), dry_run=False)
    assert chosen(params=sync_params(sync_mode="full"), sync_mode="incremental") == RunChoices("incremental")


def test_bounds_of_the_task_may_be_datetimes():
    assert chosen(since=datetime(2026, 1, 5, tzinfo=UTC), until=date(2026, 1, 6)) == RunChoices(
        "window", "2026-01-05T00:00:00+00:00", "2026-01-06"
    )


# --- a lock -------------------------------------------------------------------------------------------------


DELETING = [
    {"data_type": "user_deletes"},
    {"data_type": "privacy_deletions", "kind": WarehouseToKlaviyoOperator},
    {"lock_run_choices": True},
]


@pytest.mark.parametrize("task", DELETING)
@pytest.mark.parametrize("choice", [{"sync_mode": "full"}, {"since": SINCE, "until": UNTIL}, {"sync_mode": "window"}])
@pytest.mark.parametrize("params", [None, {}], ids=["form", "no form"])
def test_a_locked_task_stops_a_run_that_chose(task, choice, params):
    refused("lock_run_choices", choice, params=params, **task)


@pytest.mark.parametrize("task", DELETING)
def test_a_locked_task_can_be_tried_without_sending(task):
    assert chosen({"dry_run": True}, **task).dry_run is True


@pytest.mark.parametrize("task", DELETING)
def test_a_locked_task_does_what_its_author_made_the_default(task):
    params = sync_params(sync_mode="incremental")
    assert chosen({"sync_mode": "incremental"}, params=params, **task) == RunChoices("incremental")
    assert chosen(sync_mode="full", **task) == RunChoices("full")


def test_the_lock_can_be_taken_off():
    assert chosen({"sync_mode": "full"}, data_type="user_deletes", lock_run_choices=False) == RunChoices("full")


def test_who_triggers_a_run_cannot_ask_for_a_sample_in_the_log():
    refused("dry_run_sample=10", {"dry_run": True, "dry_run_sample": 5})
    refused("dry_run_sample=10", {"dry_run_sample": 5}, params={})


# --- gates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [True, "true", "yes", 1])
def test_a_run_can_be_let_pass_its_gates_and_stays_the_kind_of_run_that_it_is(said):
    assert chosen({"pass_gates": said}, params={}) == RunChoices(pass_gates=True)
    window = {"since": SINCE, "until": UNTIL, "pass_gates": said}
    assert chosen(window, params={}) == RunChoices("window", SINCE, UNTIL, pass_gates=True)


def test_the_form_has_a_box_for_it():
    assert chosen({"pass_gates": True}) == RunChoices(pass_gates=True)


def test_no_run_passes_its_gates_unless_it_is_said():
    assert not chosen().pass_gates
    assert not chosen({"pass_gates": False, "sync_mode": "full"}).pass_gates


def test_a_locked_task_cannot_be_let_pass():
    refused("lock_run_choices", {"pass_gates": True}, data_type="user_deletes")


def test_a_gate_stands_where_the_dag_has_a_param_of_that_name_for_something_else():
    assert not chosen(params={"pass_gates": Param(True, type="boolean")}).pass_gates


def test_what_is_no_yes_and_no_no_is_refused_for_the_gates_too():
    refused("pass_gates is 'maybe'", {"pass_gates": "maybe"}, params={})
    refused("Write 'pass_gates'", {"passGates": True})
