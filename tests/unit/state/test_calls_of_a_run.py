"""What a run costs Airflow: the calls for its lease, its record and its plan, in order, however old the sync is."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from support.airflow_world import AirflowWorld, AnyAsset

from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.plan import Plan, PlanStore
from airflow_provider_cdi.state.record import Checkpoint
from airflow_provider_cdi.state.stores.choice import choose_stores
from airflow_provider_cdi.state.sync_state import SyncState

IDENTITY = Identity("a_dag.a_task", "attributes", "https://rest.iad-01.braze.com")
PLAN = Plan(Slice("incremental", "2026-01-05T12:00:00.000000Z"), clear_number=0)


@dataclass
class Noted:
    """Notes the calls of an object of Airflow's."""

    real: object
    name: str
    notes: list[str]
    noted: tuple[str, ...] = ("get", "set", "delete", "xcom_pull", "xcom_push", "get_ti_count", "get_task_states")
    renamed: dict[str, str] = field(default_factory=lambda: {"xcom_pull": "get", "xcom_push": "set"})

    def __getattr__(self, name):
        found = getattr(self.real, name)
        if name not in self.noted:
            return found

        def call(*args, **kwargs):
            key = next(iter(args), kwargs.get("key", "")).split("__")[0].removeprefix("cdi_")
            self.notes.append(f"{self.name} {self.renamed.get(name, name)} {key}")
            return found(*args, **kwargs)

        return call


class Airflow:
    """Runs of one sync, and what each of them asks."""

    def __init__(self, version, monkeypatch):
        self.world, self.notes = AirflowWorld(version), []
        kept = {}
        variables = SimpleNamespace(
            get=lambda key, default=None: kept.get(key, default),
            set=lambda key, value, description: kept.update({key: value}),
        )
        monkeypatch.setattr("airflow.sdk.Variable", Noted(variables, "variable", self.notes))
        # Where there is no heartbeat of its own (Airflow 3.0) each save is one, and writes the lease.
        monkeypatch.setattr("airflow_provider_cdi.state.sync_state.has_thread_safe_calls", lambda: True)

    def run(self, run_id, *, in_variables):
        """Return the calls of a run that saves its plan once and its progress twice."""
        self.notes.clear()
        context = self._context(run_id)
        stores = choose_stores(context, IDENTITY, in_variables=in_variables, drop_xcom=self._drop)
        state, plans = SyncState(context["ti"], IDENTITY, "now", stores), PlanStore(stores.plan, run_id, IDENTITY)
        with state.at_work(sends=True):
            state.load()
            plans.load()
            plans.save(PLAN)
            for day in (1, 2):
                state.commit(Checkpoint(Watermark(f"2026-01-0{day}T00:00:00.000000Z", Ties()), Totals(accepted=1)))
        return list(self.notes)

    def _context(self, run_id):
        context = self.world.context(run_id)
        context["ti"] = Noted(context["ti"], "xcom", self.notes)
        if "task_state_store" in context:
            context["asset_state_store"] = AnyAsset(Noted(self.world.asset, "asset", self.notes))
            context["task_state_store"] = Noted(context["task_state_store"], "task", self.notes)
        return context

    def _drop(self, ti, key, run_id, map_index):
        self.notes.append(f"xcom delete {key.removeprefix('cdi_')}")
        self.world.drop_xcom(ti, key, run_id, map_index)


def through(place, *, plan):
    """Return the calls of a run whose record and lease are in a place that all runs share."""
    begin = [f"{place} get lease", f"{place} set lease", f"{place} get state"]
    save = [f"{place} get lease", f"{place} set state"]
    end = [f"{place} get lease", "xcom set state", f"{place} get lease", f"{place} set lease"]
    return begin + plan + save + save + end


IN_XCOMS = [
    *("xcom get lease", "xcom set lease", "xcom get state"),
    *("xcom get lease", "xcom set state") * 2,
    *("xcom get lease", "xcom set state", "xcom get lease", "xcom delete lease"),
]
#: A Variable is read back whenever it was written, and stays when it is deleted.
IN_VARIABLES = [
    *("variable get lease", "variable set lease", "variable get lease", "variable get state"),
    *("variable get plan", "variable set plan", "variable get plan"),
    *("variable get lease", "variable set state", "variable get state") * 2,
    *("variable get lease", "xcom set state", "variable get lease", "variable set lease", "variable get lease"),
]


@pytest.mark.parametrize(
    ("version", "in_variables", "expected"),
    [
        ("3.3", False, through("asset", plan=["task get plan", "task set plan"])),
        ("3.0", False, IN_XCOMS),
        ("3.0", True, IN_VARIABLES),
    ],
)
def test_a_run_asks_airflow_for_nothing_else(version, in_variables, expected, monkeypatch):
    airflow = Airflow(version, monkeypatch)
    for number in range(20):
        airflow.run(f"run-{number}", in_variables=in_variables)
    oldest = ["xcom delete state"]
    calls = airflow.run("run-20", in_variables=in_variables)
    assert [call for call in calls if call not in oldest] == expected
    assert calls.count(*oldest) == 1


def test_the_first_run_reads_the_xcoms_and_counts_earlier_successes(monkeypatch):
    calls = Airflow("3.3", monkeypatch).run("run-0", in_variables=False)
    assert calls[2:5] == ["asset get state", "xcom get state", "xcom get_ti_count "]
