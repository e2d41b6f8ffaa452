"""State in Airflow Variables, for versions without state stores."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import context
from airflow.sdk.execution_time.comms import ErrorResponse, PutVariable, VariableResult
from support.airflow_world import AirflowWorld

from airflow_provider_cdi import version_compat
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, GuardTripped, RetryLater, Superseded
from airflow_provider_cdi.state import airflow_calls
from airflow_provider_cdi.state.airflow_calls import calling, saving
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.plan import Plan, PlanStore
from airflow_provider_cdi.state.record import Checkpoint
from airflow_provider_cdi.state.records import STATE_KEY
from airflow_provider_cdi.state.stores.choice import choose_stores
from airflow_provider_cdi.state.stores.variable_store import VariableStore
from airflow_provider_cdi.state.sync_state import SyncState

try:
    from airflow.sdk.execution_time.secrets.execution_api import ExecutionAPISecretsBackend
except ImportError:  # Airflow 3.0 asks its API server itself
    ExecutionAPISecretsBackend = None

IDENTITY = Identity("a_dag.a_task", "attributes", "https://rest.iad-01.braze.com")
PLAN = Plan(Slice("incremental", "2026-01-05T12:00:00.000000Z"), clear_number=0)


class Variables:
    """What Airflow keeps, and what hides it on a worker."""

    def __init__(self):
        self.kept, self.hidden_by = {}, {}

    def get(self, key, default=None):
        return self.hidden_by.get(key, self.kept.get(key, default))

    def set(self, key, value, description=None):
        assert len(key) <= 250
        self.kept[key] = value


@pytest.fixture
def variables(monkeypatch):
    found = Variables()
    monkeypatch.setattr("airflow.sdk.Variable", found)
    monkeypatch.setattr(version_compat, "stored_variable", found.kept.get)
    return found


class Supervisor:
    """Airflow's side of a task, whose API server can go away."""

    def __init__(self):
        self.kept, self.is_away = {}, False
        self.backends = [ExecutionAPISecretsBackend()] if ExecutionAPISecretsBackend else []

    def send(self, message):
        if self.is_away:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 503}))
        if isinstance(message, PutVariable):
            self.kept[message.key] = message.value
            return None
        if message.key in self.kept:
            return VariableResult(key=message.key, value=self.kept[message.key])
        return ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"message": "not found"})


def written_and_raised(cls, key, value, description=None):
    context._set_variable(key, value, description)


def written_and_swallowed(cls, key, value, description=None):
    """As Airflow does before 3.3."""
    with suppress(AirflowRuntimeError):
        context._set_variable(key, value, description)


@pytest.fixture(params=[written_and_raised, written_and_swallowed], ids=["3.3", "3.0 to 3.2"])
def supervisor(request, monkeypatch):
    """Airflow's own ``Variable`` over a supervisor of the test's, with either way to take a write that failed."""
    from airflow.sdk.execution_time import supervisor, task_runner

    here, now = Supervisor(), [0.0]
    monkeypatch.setattr("airflow.sdk.Variable.set", classmethod(request.param))
    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: here.backends)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", here, raising=False)
    clock = SimpleNamespace(sleep=lambda seconds: now.__setitem__(0, now[0] + seconds), monotonic=lambda: now[0])
    monkeypatch.setattr(airflow_calls, "time", clock)
    return here


def state(world, run_id="run-1", **more):
    context = world.context(run_id, **more)
    stores = choose_stores(context, IDENTITY, in_variables=True)
    return SyncState(context["ti"], IDENTITY, "2026-01-05T12:00:00+00:00", stores)


def plans(world, run_id="run-1"):
    return PlanStore(choose_stores(world.context(run_id), IDENTITY, in_variables=True).plan, run_id, IDENTITY)


def checkpoint(day):
    return Checkpoint(Watermark(f"2026-01-{day:02}T00:00:00.000000Z", Ties()), Totals(accepted=3))


def test_what_is_set_is_got(variables):
    store = VariableStore("a_dag.a_task")
    store.set("cdi_state", {"gen": 1})
    assert store.get("cdi_state") == {"gen": 1}
    assert list(variables.kept) == ["cdi_state__a_dag.a_task"]


def test_nothing_kept_is_none(variables):
    assert VariableStore("s").get("cdi_state") is None


@pytest.mark.parametrize("sync_id", ["a/b c", 'd.t:"My Table":1/8', "é" * 300, "x" * 300, "?#%&"])
def test_any_sync_id_makes_a_key_that_fits_into_a_path(sync_id):
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", VariableStore(sync_id).name("cdi_state"))


def test_names_that_look_alike_get_keys_of_their_own():
    assert VariableStore("a/b").name("cdi_state") != VariableStore("a:b").name("cdi_state")


def test_a_variable_that_is_hidden_by_the_environment_is_an_error_that_says_what_to_remove(variables):
    store = VariableStore("a_dag.a_task")
    variables.hidden_by[store.name("cdi_state")] = '{"gen": 0}'
    with pytest.raises(ConfigurationError, match=r"AIRFLOW_VAR_CDI_STATE__A_DAG\.A_TASK"):
        store.set("cdi_state", {"gen": 1})


def test_what_is_set_is_got_by_airflows_own_words(supervisor):
    store = VariableStore("s")
    assert store.get("cdi_state") is None
    store.set("cdi_state", {"gen": 1})
    assert store.get("cdi_state") == {"gen": 1}


def test_a_server_that_is_away_while_a_variable_is_written_is_told_as_that(supervisor):
    supervisor.is_away = True
    with (
        pytest.raises(RetryLater, match=r"API server did not save the state of sync 's' \(API_SERVER_ERROR"),
        saving("s"),
    ):
        VariableStore("s").set("cdi_state", {"gen": 1})


def test_a_server_that_is_away_while_a_variable_is_read_is_not_taken_for_none(supervisor):
    VariableStore("s").set("cdi_state", {"gen": 1})
    supervisor.is_away = True
    with pytest.raises(RetryLater, match="API server did not answer"), calling():
        VariableStore("s").get("cdi_state")


def test_a_server_that_comes_back_is_asked_once_more(supervisor, monkeypatch):
    supervisor.is_away = True
    monkeypatch.setattr(airflow_calls.time, "sleep", lambda seconds: setattr(supervisor, "is_away", False))
    VariableStore("s").set("cdi_state", {"gen": 1})
    assert VariableStore("s").get("cdi_state") == {"gen": 1}


def test_a_variable_that_airflow_did_not_write_is_tried_again_later(variables, monkeypatch):
    monkeypatch.setattr(variables, "set", lambda *_, **__: None)
    with pytest.raises(RetryLater, match="did not write the Variable 'cdi_state__s'"):
        VariableStore("s").set("cdi_state", {"gen": 1})


def test_a_variable_without_json_is_an_error_that_names_it(variables):
    variables.kept["cdi_state__s"] = "yesterday"
    with pytest.raises(ConfigurationError, match="cdi_state__s"):
        VariableStore("s").get("cdi_state")


def test_a_retry_finds_the_plan_of_its_run(variables):
    world = AirflowWorld("3.0")
    plans(world, "run-1").save(PLAN)
    assert plans(world, "run-1").load() == PLAN


def test_another_run_does_not_take_the_plan_over(variables):
    world = AirflowWorld("3.0")
    plans(world, "run-1").save(PLAN)
    assert plans(world, "run-2").load() is None


def test_a_retry_finds_the_checkpoint_although_its_xcoms_are_gone(variables):
    world = AirflowWorld("3.0")
    first = state(world)
    first.load()
    first.commit(checkpoint(5))
    world.xcoms.clear()
    assert state(world).load().checkpoint.to_json() == checkpoint(5).to_json()


def test_state_stores_are_preferred_where_there_are_any(variables):
    world = AirflowWorld("3.3")
    one = state(world)
    one.load()
    one.commit(checkpoint(5))
    plans(world, "run-1").save(PLAN)
    assert (variables.kept, world.asset.get(STATE_KEY)["gen"]) == ({}, 1)


def test_the_variable_is_still_read_after_an_upgrade_to_state_stores(variables):
    old = state(AirflowWorld("3.0"))
    old.load()
    old.commit(checkpoint(5))
    assert state(AirflowWorld("3.3", successes=3)).load().watermark.position.startswith("2026-01-05")


def test_lost_state_is_an_error_that_names_the_variable_to_write(variables):
    with pytest.raises(GuardTripped, match=r"in the Variable 'cdi_state__a_dag\.a_task'") as caught:
        state(AirflowWorld("3.0", successes=4)).load()
    assert "checkpoint=" not in str(caught.value)


def test_a_watermark_written_by_hand_is_understood(variables):
    written = {"sync_id": IDENTITY.sync_id, "watermark": "2026-01-05T00:00:00Z"}
    variables.kept["cdi_state__a_dag.a_task"] = json.dumps(written)
    assert state(AirflowWorld("3.0", successes=4)).load().watermark.position == "2026-01-05T00:00:00.000000Z"


def test_the_lease_is_kept_in_a_variable_that_all_runs_see(variables):
    world = AirflowWorld("3.0")
    stale, fresh = state(world), state(world, try_number=2)
    stale.begin()
    stale.load()
    fresh.begin()
    fresh.load()
    fresh.commit(checkpoint(6))
    with pytest.raises(Superseded):
        stale.commit(checkpoint(5))
    stale.end()
    fresh.end()
    assert state(world, "run-2").load().watermark.position.startswith("2026-01-06")
    state(world, "run-2").begin()
