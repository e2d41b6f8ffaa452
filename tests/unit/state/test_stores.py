"""What every store of a sync's state must do: the four of this package, and one that is written here, in one class."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from support.airflow_world import AirflowWorld, MemoryStore, NoAsset

from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, GuardTripped, Superseded
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.plan import Plan, PlanStore
from airflow_provider_cdi.state.record import Checkpoint
from airflow_provider_cdi.state.store import Instance, SharedStore, json_object
from airflow_provider_cdi.state.stores.asset_store import AssetStore
from airflow_provider_cdi.state.stores.choice import choose_stores
from airflow_provider_cdi.state.stores.task_store import TaskStore
from airflow_provider_cdi.state.stores.variable_store import VariableStore
from airflow_provider_cdi.state.stores.xcom_store import XComStore
from airflow_provider_cdi.state.sync_state import SyncState


class FileStore(SharedStore):
    """A fifth store: a JSON file for each key."""

    def __init__(self, folder, sync_id):
        self._folder = folder / sync_id.replace("/", "_")
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, key):
        path = self._path(key)
        return json_object(json.loads(path.read_text())) if path.exists() else None

    def set(self, key, value):
        self._path(key).write_text(json.dumps(value))

    def delete(self, key, of):
        self._path(key).unlink(missing_ok=True)

    def by_hand(self, key):
        return f"in the file {str(self._path(key))!r}"

    def _path(self, key):
        return self._folder / f"{key}.json"


@dataclass(frozen=True)
class Writer:
    """Who opens a store: which sync, in which run, in which instance of a mapped task."""

    sync_id: str = "a_sync"
    run_id: str = "run-1"
    map_index: int = -1

    @property
    def instance(self):
        return Instance(self.run_id, self.map_index)

    def says(self, **more):
        """Return a value as each kind of them is: it says whose it is."""
        return {"sync_id": self.sync_id, "run_id": self.run_id, "map_index": self.map_index} | more


ME = Writer()


class Assets:
    """The asset state store: an asset for each sync, in which mapped instances have a key each."""

    def __init__(self, *_):
        self.kept = {}

    def open(self, who):
        asset = self.kept.setdefault(who.sync_id, MemoryStore())
        return AssetStore(asset, f"cdi_sync:{who.sync_id}", f":{who.map_index}" if who.map_index >= 0 else "")

    def write(self, key, raw):
        self.kept.setdefault(ME.sync_id, MemoryStore()).kept[key] = json.dumps(raw)


class Tasks:
    """The task state store: one for each task instance."""

    def __init__(self, *_):
        self.kept = {}

    def open(self, who):
        return TaskStore(self.kept.setdefault(who, MemoryStore()))

    def write(self, key, raw):
        self.kept.setdefault(ME, MemoryStore()).kept[key] = json.dumps(raw)


class Variables:
    """Airflow's Variables, which all of an Airflow share."""

    def __init__(self, monkeypatch, _):
        self.kept = {}
        named = SimpleNamespace(get=lambda key, default=None: self.kept.get(key, default), set=self._set)
        monkeypatch.setattr("airflow.sdk.Variable", named)

    def _set(self, key, value, description):
        self.kept[key] = value

    def open(self, who):
        return VariableStore(who.sync_id if who.map_index < 0 else f"{who.sync_id}:{who.map_index}")

    def write(self, key, raw):
        self.kept[VariableStore(ME.sync_id).name(key)] = json.dumps(raw)


class XComs:
    """The XComs of all task instances: each sync is a task, and a mapped one has several instances."""

    def __init__(self, *_):
        self.kept = {}

    def open(self, who):
        return XComStore(_TaskInstance(self.kept, who), "in a Variable for {}".format, self._drop)

    def write(self, key, raw):
        self.kept[ME, key] = raw

    def _drop(self, ti, key, run_id, map_index):
        self.kept.pop((Writer(ti.task_id, run_id, map_index), key), None)


class _TaskInstance:
    """Pulls as Airflow does: the XComs of all instances of the task, one alone, or None."""

    def __init__(self, kept, who):
        self._kept, self._who = kept, who
        self.task_id, self.run_id, self.map_index = who.sync_id, who.run_id, who.map_index

    def xcom_push(self, key, value):
        self._kept[self._who, key] = json.loads(json.dumps(value))

    def xcom_pull(self, *, task_ids, key, include_prior_dates):
        found = [
            value
            for (who, name), value in self._kept.items()
            if (who.sync_id, name) == (task_ids, key) and (include_prior_dates or who.run_id == self.run_id)
        ]
        return found if len(found) > 1 else next(iter(found), None)


class _ForgetfulTaskInstance(_TaskInstance):
    """Pulls as Airflow 3.0.3 does: without ``map_indexes`` it forgets the prior runs, with it there is one value."""

    def xcom_pull(self, *, include_prior_dates, map_indexes=None, **which):
        found = super().xcom_pull(include_prior_dates=include_prior_dates and map_indexes is not None, **which)
        return found[-1] if map_indexes is not None and isinstance(found, list) else found


class Files:
    """What is put together here out of files."""

    def __init__(self, _, folder):
        self._folder = folder

    def open(self, who):
        return FileStore(self._folder, who.sync_id if who.map_index < 0 else f"{who.sync_id}-{who.map_index}")

    def write(self, key, raw):
        (self._folder / ME.sync_id).mkdir(exist_ok=True)
        (self._folder / ME.sync_id / f"{key}.json").write_text(json.dumps(raw))


@pytest.fixture(params=[Assets, Tasks, Variables, XComs, Files])
def place(request, monkeypatch, tmp_path):
    return request.param(monkeypatch, tmp_path)


VALUE = ME.says(gen=7, totals={"rows_read": 5, "rejects": {}}, rows=["AQAA", None, 1.5, True], name="caf\u00e9")


def test_a_value_is_read_as_it_was_written(place):
    place.open(ME).set("cdi_state", VALUE)
    assert place.open(ME).get("cdi_state") == VALUE
    assert place.open(ME).seen("cdi_state") == [VALUE]


def test_what_was_never_written_is_none(place):
    assert place.open(ME).get("cdi_state") is None
    assert place.open(ME).seen("cdi_state") == []


def test_the_last_value_counts(place):
    for gen in (1, 2):
        place.open(ME).set("cdi_state", ME.says(gen=gen))
    assert [value["gen"] for value in place.open(ME).seen("cdi_state")] == [2]


def test_what_is_deleted_is_gone_and_can_be_written_again(place):
    store = place.open(ME)
    store.set("cdi_lease", VALUE)
    store.delete("cdi_lease", ME.instance)
    assert (store.get("cdi_lease"), store.seen("cdi_lease")) == (None, [])
    store.set("cdi_lease", VALUE)
    assert store.get("cdi_lease") == VALUE


def test_to_delete_what_is_not_there_changes_nothing(place):
    store = place.open(ME)
    store.set("cdi_state", VALUE)
    store.delete("cdi_lease", ME.instance)
    assert store.get("cdi_state") == VALUE


def test_keys_do_not_touch_each_other(place):
    store = place.open(ME)
    for key in ("cdi_state", "cdi_lease"):
        store.set(key, ME.says(key=key))
    store.delete("cdi_lease", ME.instance)
    assert (store.get("cdi_state"), store.get("cdi_lease")) == (ME.says(key="cdi_state"), None)


@pytest.mark.parametrize("foreign", ["yesterday", 5, True, None, [], [1, "two"]])
def test_what_no_code_of_ours_wrote_is_no_value(place, foreign):
    place.write("cdi_state", foreign)
    assert (place.open(ME).get("cdi_state"), place.open(ME).seen("cdi_state")) == (None, [])


def test_foreign_content_can_be_written_over(place):
    place.write("cdi_state", "yesterday")
    place.open(ME).set("cdi_state", VALUE)
    assert place.open(ME).get("cdi_state") == VALUE


def test_two_syncs_have_a_value_each(place):
    other = replace(ME, sync_id="another_sync")
    for who in (ME, other):
        place.open(who).set("cdi_state", who.says())
    place.open(other).delete("cdi_state", other.instance)
    assert place.open(ME).seen("cdi_state") == [ME.says()]
    assert place.open(other).get("cdi_state") is None


def test_the_instances_of_a_mapped_task_have_a_value_each(place):
    both = [replace(ME, map_index=index) for index in (0, 1)]
    for who in both:
        place.open(who).set("cdi_state", who.says())
    assert [place.open(who).get("cdi_state") for who in both] == [who.says() for who in both]
    place.open(both[0]).delete("cdi_state", both[0].instance)
    assert [place.open(who).get("cdi_state") for who in both] == [None, both[1].says()]


def test_keys_that_are_written_at_once_are_all_kept(place):
    """The heartbeat writes the lease from a thread of its own."""
    store = place.open(ME)
    keys = [f"key_{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: store.set(key, ME.says(key=key)), keys))
    assert [store.get(key) for key in keys] == [ME.says(key=key) for key in keys]


def test_a_person_is_told_which_place_to_write(place):
    store = place.open(ME)
    assert "cdi_state" in store.by_hand("cdi_state")
    assert store.by_hand("cdi_state") != store.by_hand("cdi_lease")


# --- what sees the values of other runs ---------------------------------------------------------------


@pytest.mark.parametrize("place", [Assets, Variables, XComs, Files], indirect=True)
def test_a_later_run_sees_what_an_earlier_one_wrote(place):
    place.open(ME).set("cdi_state", VALUE)
    assert place.open(replace(ME, run_id="run-2")).seen("cdi_state") == [VALUE]


@pytest.mark.parametrize("place", [Assets, Variables, XComs, Files], indirect=True)
def test_a_later_run_can_delete_what_an_earlier_one_left(place):
    place.open(ME).set("cdi_lease", VALUE)
    place.open(replace(ME, run_id="run-2")).delete("cdi_lease", ME.instance)
    assert place.open(ME).get("cdi_lease") is None


def test_a_run_does_not_take_the_xcom_of_another_for_its_own():
    place, later = XComs(), replace(ME, run_id="run-2")
    place.open(ME).set("cdi_lease", VALUE)
    place.open(later).set("cdi_lease", later.says())
    assert place.open(later).get("cdi_lease") == later.says()
    assert sorted(value["run_id"] for value in place.open(later).seen("cdi_lease")) == ["run-1", "run-2"]


def test_where_airflow_forgets_prior_runs_the_latest_value_is_asked_for_and_none_is_told_twice(monkeypatch):
    monkeypatch.setattr("airflow_provider_cdi.version_compat.lists_prior_xcoms", lambda: False)
    kept, later = {}, replace(ME, run_id="run-2")
    store = XComStore(_ForgetfulTaskInstance(kept, later), str)
    kept[ME, "cdi_state"] = VALUE
    assert store.seen("cdi_state") == [VALUE]
    store.set("cdi_state", later.says())
    assert store.seen("cdi_state") == [later.says()]


def test_the_task_store_is_told_to_keep_a_plan_as_long_as_its_run(monkeypatch):
    """By itself Airflow forgets it after 30 days."""
    monkeypatch.setattr("airflow_provider_cdi.state.stores.task_store.never_expire", lambda: "for ever")
    told = []
    airflows = SimpleNamespace(set=lambda key, value, *, retention: told.append((key, retention)))
    TaskStore(airflows).set("cdi_plan", {})
    assert told == [("cdi_plan", "for ever")]


def test_only_xcoms_may_miss_a_value_that_is_there(place):
    assert bool(place.open(ME).may_miss) == isinstance(place, XComs)


# --- nobody asks which store it is --------------------------------------------------------------------

IDENTITY = Identity("a_dag.a_task", "attributes", "https://rest.iad-01.braze.com")


def state_in_files(world, folder, **more):
    """Return the state of a run that keeps everything in files."""
    context = world.context(**more)
    file = FileStore(folder, IDENTITY.sync_id)
    stores = replace(choose_stores(context, IDENTITY, drop_xcom=world.drop_xcom), shared=(file,), plan=file)
    return SyncState(context["ti"], IDENTITY, "2026-01-05T12:00:00+00:00", stores)


def checkpoint(day):
    return Checkpoint(Watermark(f"2026-01-{day:02}T00:00:00.000000Z", Ties()), Totals(accepted=3))


@pytest.mark.parametrize("version", ["3.0", "3.3"])
def test_a_sync_runs_on_a_fifth_store(tmp_path, version):
    world = AirflowWorld(version)
    for run, day in (("run-1", 5), ("run-2", 6)):
        one = state_in_files(world, tmp_path, run_id=run)
        with one.at_work(sends=True):
            one.load()
            one.commit(checkpoint(day))
    world.xcoms.clear()
    record = state_in_files(world, tmp_path, run_id="run-3").load()
    assert (record.gen, record.watermark.position[:10]) == (2, "2026-01-06")
    assert world.asset.kept == {}


def test_a_stale_try_learns_of_its_successor_on_a_fifth_store(tmp_path):
    world = AirflowWorld()
    stale, fresh = (state_in_files(world, tmp_path, try_number=number) for number in (1, 2))
    stale.begin()
    fresh.begin()
    with pytest.raises(Superseded):
        stale.commit(checkpoint(5))
    stale.end()
    fresh.end()


def test_a_lost_record_is_to_be_written_into_the_fifth_store(tmp_path):
    with pytest.raises(GuardTripped, match=r"in the file '.*cdi_state\.json'"):
        state_in_files(AirflowWorld(successes=4), tmp_path).load()


def test_a_fifth_store_that_keeps_the_plan_of_the_latest_run_gives_it_to_no_other(tmp_path):
    plan, store = Plan(Slice("incremental", "2026-01-05T12:00:00.000000Z"), clear_number=0), FileStore(tmp_path, "s")
    PlanStore(store, "run-1", IDENTITY).save(plan)
    assert [PlanStore(store, run, IDENTITY).load() for run in ("run-1", "run-2")] == [plan, None]


# --- which stores there are ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "in_variables", "shared", "plan"),
    [
        ("3.3", False, [AssetStore], TaskStore),
        ("3.3", True, [AssetStore, VariableStore], TaskStore),
        ("3.0", True, [VariableStore], VariableStore),
    ],
)
def test_the_stores_follow_from_the_version_and_the_wish(version, in_variables, shared, plan):
    stores = choose_stores(AirflowWorld(version).context(), IDENTITY, in_variables=in_variables)
    assert [type(store) for store in stores.shared] == shared
    assert (type(stores.copies), type(stores.plan)) == (XComStore, plan)


def test_before_3_3_without_variables_a_record_is_in_xcoms_alone_and_a_plan_nowhere():
    stores = choose_stores(AirflowWorld("3.0").context(), IDENTITY)
    plans = PlanStore(stores.plan, "run-1", IDENTITY)
    plans.save(Plan(Slice("incremental", "2026-01-05T12:00:00.000000Z"), clear_number=0))
    assert (stores.shared, stores.first is stores.copies, plans.load()) == ((), True, None)


def test_places_of_earlier_versions_are_read_and_not_written():
    identity = replace(IDENTITY, sync_id="a%3Ab:c", asset_id="a:b", former_names=("a:b:c",))
    world = AirflowWorld()
    stores = choose_stores(world.context(), identity)
    world.asset.set("cdi_state:a:b:c", VALUE)
    stores.first.set("cdi_state", ME.says())
    assert [store.get("cdi_state") for store in stores.shared] == [ME.says(), VALUE]


def test_a_mapped_task_that_has_only_other_assets_is_an_error_with_the_cure():
    context = AirflowWorld().context() | {"asset_state_store": NoAsset()}
    with pytest.raises(ConfigurationError, match="mapped_sync"):
        choose_stores(context, IDENTITY)


def test_a_plan_of_an_earlier_version_that_names_no_run_is_read():
    plan, kept = Plan(Slice("incremental", "2026-01-05T12:00:00.000000Z"), clear_number=0), MemoryStore()
    kept.set("cdi_plan", plan.to_json())
    assert PlanStore(TaskStore(kept), "run-1", IDENTITY).load() == plan
