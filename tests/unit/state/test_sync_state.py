"""The record that is carried from run to run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from support.airflow_world import AirflowWorld

from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, GuardTripped, RetryLater, Superseded
from airflow_provider_cdi.state.identity import Identity, Reading
from airflow_provider_cdi.state.lease import LeasePlace
from airflow_provider_cdi.state.record import Checkpoint, StateRecord
from airflow_provider_cdi.state.records import STATE_KEY
from airflow_provider_cdi.state.stores.choice import choose_stores
from airflow_provider_cdi.state.sync_state import SyncState

IDENTITY = Identity("a_dag.a_task", "attributes", "https://rest.iad-01.braze.com")


#: An upgrade test: never change this text, add another for the next version.
OLD_RECORD = {
    "v": 1,
    "sync_id": "a_dag.a_task",
    "data_type": "attributes",
    "destination": "https://rest.iad-01.braze.com",
    "owner": "a_dag.a_task",
    "gen": 7,
    "run_id": "scheduled__2026-01-05",
    "at": "2026-01-05T12:00:00+00:00",
    "watermark": {"position": "2026-01-05T11:59:59.123456Z", "rows": "AQAAAAAAAAACAAAAAAAAAA=="},
    "totals": {
        "rows_read": 5,
        "accepted": 3,
        "rejected": 1,
        "skipped": 1,
        "unknown": 0,
        "rejects": {"payload_not_json": 1},
        "skipped_because": {"future": 1},
    },
    "rejects_written": 120,
}


def opened(context, identity=IDENTITY, at="2026-01-05T12:00:00+00:00", drop_xcom=None):
    return SyncState(context["ti"], identity, at, choose_stores(context, identity, drop_xcom=drop_xcom))


def state(world, run_id="run-1", identity=IDENTITY, **more):
    return opened(world.context(run_id, **more), identity)


def checkpoint(day, *hashes):
    return Checkpoint(Watermark(f"2026-01-{day:02}T00:00:00.000000Z", Ties(hashes)), Totals(accepted=3))


def commit(world, day, run_id="run-1", **more):
    one = state(world, run_id)
    one.load()
    one.commit(checkpoint(day), **more)
    one.push()


@pytest.mark.parametrize("version", ["3.0", "3.3"])
def test_the_next_run_finds_what_the_last_one_committed(version):
    world = AirflowWorld(version)
    commit(world, 5)
    record = state(world, "run-2").load()
    assert (record.watermark.position, record.gen, record.run_id) == ("2026-01-05T00:00:00.000000Z", 1, "run-1")


def test_of_many_copies_the_one_with_the_highest_generation_counts():
    world = AirflowWorld("3.0")
    for run, day in (("run-1", 5), ("run-2", 6), ("run-3", 7)):
        commit(world, day, run)
    oldest, middle, newest = world.xcoms.items()
    world.xcoms = dict([middle, newest, oldest])  # Airflow promises no order
    assert state(world, "run-4").load().watermark.position.startswith("2026-01-07")


def test_a_deleted_asset_state_is_made_good_by_the_xcom():
    world = AirflowWorld()
    commit(world, 5)
    world.asset.kept.clear()
    assert state(world, "run-2").load().watermark.position.startswith("2026-01-05")


def test_each_save_keeps_the_lease_young_where_no_thread_can(monkeypatch):
    monkeypatch.setattr("airflow_provider_cdi.state.sync_state.has_thread_safe_calls", lambda: False)
    one = state(AirflowWorld())
    one.begin()
    for day in (5, 6):
        one.commit(checkpoint(day))
    place = LeasePlace(one.stores.first, IDENTITY.sync_id, is_shared=True)
    (lease,) = place.found().leases
    assert lease.beats == 2
    one.end()
    assert place.found().leases == []


def test_a_record_of_another_sync_is_not_ours():
    world = AirflowWorld("3.0")
    commit(world, 5)
    assert state(world, "run-2", Identity("another", "attributes", "x")).load() is None


def test_a_sync_that_never_ran_has_no_state():
    assert state(AirflowWorld()).load() is None


def test_a_lost_state_is_an_error_that_says_how_to_go_on():
    world = AirflowWorld(successes=4)
    with pytest.raises(GuardTripped, match="succeeded 4 times before") as caught:
        state(world).load()
    assert "sync_mode=full" in str(caught.value)


def test_a_lost_state_does_not_matter_to_a_run_that_starts_over():
    assert state(AirflowWorld(successes=4)).load(starting_over=True) is None


@pytest.mark.parametrize(
    ("identity", "named"),
    [
        (Identity(IDENTITY.sync_id, "events", IDENTITY.destination), "data type 'attributes'"),
        (Identity(IDENTITY.sync_id, "attributes", "https://rest.fra-01.braze.eu"), "destination 'https://rest.iad"),
    ],
)
def test_a_changed_data_type_or_destination_is_an_error_that_names_both(identity, named):
    world = AirflowWorld()
    commit(world, 5)
    with pytest.raises(ConfigurationError, match=named):
        state(world, "run-2", identity).load()


def test_two_tasks_with_one_sync_id_are_an_error_that_names_both():
    world = AirflowWorld()
    one = state(world, identity=replace(IDENTITY, owner="a_dag.a_task"))
    one.load()
    one.commit(checkpoint(5))
    with pytest.raises(ConfigurationError, match=r"'a_dag.a_task', and task 'another_dag.a_task'"):
        state(world, "run-2", replace(IDENTITY, owner="another_dag.a_task")).load()


def test_a_renamed_task_takes_over_once_the_owner_was_removed_by_hand():
    world = AirflowWorld("3.3")
    one = state(world, identity=replace(IDENTITY, owner="a_dag.a_task"))
    one.load()
    one.commit(checkpoint(5))
    kept = world.asset.get(STATE_KEY)
    del kept["owner"]
    world.asset.set(STATE_KEY, kept)
    assert state(world, "run-2", replace(IDENTITY, owner="a_dag.renamed")).load() is not None


def test_mapped_tasks_share_the_asset_and_have_a_record_each():
    world = AirflowWorld()
    for part, day in (("0/2", 5), ("1/2", 6)):
        one = state(world, identity=replace(IDENTITY, sync_id=f"s:{part}", asset_id="s"))
        one.load()
        one.commit(checkpoint(day))
    found = state(world, "run-2", replace(IDENTITY, sync_id="s:1/2", asset_id="s")).load()
    assert found.watermark.position.startswith("2026-01-06")
    assert sorted(world.asset.kept) == ["cdi_state:s:0/2", "cdi_state:s:1/2"]


def test_a_mapped_task_without_its_asset_is_an_error_with_the_cure():
    world = AirflowWorld()
    context = world.context()
    del context["asset_state_store"]
    with pytest.raises(ConfigurationError, match="mapped_sync"):
        opened(context, IDENTITY, "").load()


def test_a_task_that_is_given_a_new_sync_id_starts_a_new_sync():
    world = AirflowWorld()
    commit(world, 5)
    world.successes = 4
    world.asset.kept.clear()  # the new name has an asset of its own
    assert state(world, "run-2", replace(IDENTITY, sync_id="a_new_name")).load() is None


def test_another_number_of_partitions_is_no_silent_start_from_the_beginning():
    world = AirflowWorld("3.0", successes=4)
    one = state(world, identity=replace(IDENTITY, sync_id="s:0/2", asset_id="s"))
    one.load(starting_over=True)
    one.commit(checkpoint(5))
    with pytest.raises(GuardTripped):
        state(world, "run-2", replace(IDENTITY, sync_id="s:0/4", asset_id="s")).load()


def test_the_watermark_never_goes_back():
    world = AirflowWorld()
    commit(world, 9)
    commit(world, 5, "run-2")
    record = state(world, "run-3").load()
    assert (record.watermark.position, record.gen) == ("2026-01-09T00:00:00.000000Z", 2)


def test_a_run_without_a_watermark_does_not_erase_one():
    world = AirflowWorld()
    commit(world, 9)
    one = state(world, "run-2")
    one.load()
    one.commit(Checkpoint(None, Totals()))
    assert state(world, "run-3").load().watermark.position.startswith("2026-01-09")


def test_starting_over_may_go_back():
    world = AirflowWorld()
    commit(world, 9)
    commit(world, 5, "run-2", starting_over=True)
    assert state(world, "run-3").load().watermark.position.startswith("2026-01-05")


def test_a_run_that_does_not_move_the_watermark_keeps_the_copies_young():
    world = AirflowWorld("3.0")
    commit(world, 5)
    one = state(world, "run-2")
    one.load()
    one.touch()
    one.push()
    assert world.xcoms["run-2", STATE_KEY]["watermark"]["position"].startswith("2026-01-05")


def test_a_first_run_that_moves_nothing_leaves_a_trace_so_that_the_guard_stays_calm():
    world = AirflowWorld()
    one = state(world)
    one.load(starting_over=True)
    one.touch()
    world.successes = 1
    record = state(world, "run-2").load()
    assert (record.watermark, record.gen) == (None, 0)


@pytest.mark.parametrize("run", [{"needs_watermark": False}, {"starting_over": True}])
def test_a_run_that_needs_no_watermark_leaves_no_trace_that_hides_a_lost_state(run):
    world = AirflowWorld("3.0", successes=4)
    one = state(world)
    assert one.load(**run) is None
    one.touch()
    one.push()
    with pytest.raises(GuardTripped):
        state(world, "run-2").load()


def test_before_3_3_a_lost_state_is_written_by_hand_into_a_variable():
    with pytest.raises(GuardTripped, match=r"in the Variable 'cdi_state__a_dag\.a_task' and give the task checkpoint="):
        state(AirflowWorld("3.0", successes=4)).load()


@pytest.mark.parametrize(
    "watermark", ["2026-01-05", "2026-01-05T00:00:00+00:00", {"position": "2026-01-05T00:00:00.000000Z"}]
)
def test_a_watermark_written_by_hand_is_understood(watermark):
    world = AirflowWorld()
    world.asset.set(STATE_KEY, {"sync_id": IDENTITY.sync_id, "watermark": watermark})
    assert state(world).load().watermark.position == "2026-01-05T00:00:00.000000Z"


@pytest.mark.parametrize(
    "damage",
    [
        {"gen": "x"},
        {"gen": None},
        {"totals": {}},
        {"owner": 7},
        {"watermark": {"position": 3}},
        {"watermark": ["2026-01-05"]},
        {"watermark": "0001-01-01T00:00:00+02:00"},
        {"copies": [1]},
        {"reads": "users"},
        {"v": "2"},
    ],
)
def test_a_damaged_record_stops_the_run_and_says_what_to_write(damage):
    world = AirflowWorld()
    commit(world, 9)
    world.asset.set(STATE_KEY, world.asset.get(STATE_KEY) | damage)
    with pytest.raises(ConfigurationError, match=r"is damaged|is not a timestamp") as stopped:
        state(world, "run-2").load()
    assert '"2026-01-05T00:00:00Z"' in str(stopped.value)


def test_a_watermark_edited_within_the_record_wins_over_its_xcom_copy():
    world = AirflowWorld()
    commit(world, 9)
    edited = world.asset.get(STATE_KEY) | {"watermark": "2026-01-02"}
    world.asset.set(STATE_KEY, edited)
    assert state(world, "run-2").load().watermark.position.startswith("2026-01-02")


def run(world, day, run_id):
    """Hold the lease, save once and end in order."""
    one = state(world, run_id)
    with one.at_work(sends=True):
        one.load()
        one.commit(checkpoint(day))


def world_with_a_late_write():
    """Return what a worker leaves that stood still in the middle of a save, after another run has ended."""
    world = AirflowWorld()
    run(world, 5, "run-1")
    old = world.asset.get(STATE_KEY)
    run(world, 9, "run-2")
    world.asset.set(STATE_KEY, old)
    return world


def test_a_record_that_was_written_late_does_not_count_and_is_told(caplog):
    world = world_with_a_late_write()
    assert state(world, "run-3").load().watermark.position.startswith("2026-01-09")
    assert "is older than the one that was saved last (generation 1, saved was 2)" in caplog.text
    assert "of run 'run-2'" in caplog.text


def test_a_record_that_was_written_late_is_mended_also_by_a_run_that_moves_nothing():
    world = world_with_a_late_write()
    one = state(world, "run-3")
    with one.at_work(sends=True):
        one.load()
        one.touch()
    assert world.asset.get(STATE_KEY)["watermark"]["position"].startswith("2026-01-09")


def test_a_late_record_of_which_no_newer_copy_is_left_goes_on_from_there():
    world = world_with_a_late_write()
    world.xcoms.clear()
    assert state(world, "run-3").load().watermark.position.startswith("2026-01-05")


def test_a_late_record_is_noticed_also_after_a_run_that_was_killed_before_it_saved():
    world = world_with_a_late_write()
    state(world, "run-3").lease.acquire()
    assert state(world, "run-4").load().watermark.position.startswith("2026-01-09")


def test_what_a_person_wrote_counts_and_goes_on_counting_when_the_next_run_is_killed():
    world = AirflowWorld()
    run(world, 5, "run-1")
    run(world, 9, "run-2")
    world.asset.set(STATE_KEY, {"sync_id": IDENTITY.sync_id, "watermark": "2026-01-02"})
    killed = state(world, "run-3")
    killed.lease.acquire()
    killed.load()
    killed.commit(checkpoint(3))
    assert state(world, "run-4").load().watermark.position.startswith("2026-01-03")


def test_nonsense_written_by_hand_is_an_error_that_says_what_to_write():
    world = AirflowWorld()
    world.asset.set(STATE_KEY, {"sync_id": IDENTITY.sync_id, "watermark": "soon"})
    with pytest.raises(ConfigurationError, match="2026-01-05T00:00:00Z"):
        state(world).load()


def test_a_record_of_a_newer_version_is_refused():
    world = AirflowWorld()
    world.asset.set(STATE_KEY, {"v": 99, "sync_id": IDENTITY.sync_id})
    with pytest.raises(ConfigurationError, match="newer airflow-provider-cdi"):
        state(world).load()


READS = Reading("users", "warehouse")


def reading(**changes):
    return replace(IDENTITY, reads=replace(READS, **changes))


def with_record_of(identity, world=None):
    world = world or AirflowWorld()
    one = state(world, identity=identity)
    one.load()
    one.commit(checkpoint(5))
    one.push()
    return world


@pytest.mark.parametrize("version", ["3.0", "3.3"])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"source": "orders"}, "source was 'users' and is now 'orders'"),
        ({"connection": "other"}, "connection was 'warehouse' and is now 'other'"),
        ({"updated_at": "loaded_at"}, "'UPDATED_AT' and is now 'loaded_at'"),
        ({"timezone": "Europe/Berlin"}, "'UTC' and is now 'Europe/Berlin'"),
    ],
)
def test_another_source_is_an_error_that_names_both_and_the_ways_out(version, change, named):
    world = with_record_of(reading(), AirflowWorld(version))
    with pytest.raises(ConfigurationError, match=named) as caught:
        state(world, "run-2", reading(**change)).load()
    assert all(way in str(caught.value) for way in ("sync_id", "sync_mode=full", "same_source="))


@pytest.mark.parametrize("needs_watermark", [True, False])
def test_a_window_of_another_source_is_refused_too(needs_watermark):
    world = with_record_of(reading())
    with pytest.raises(ConfigurationError, match="orders"):
        state(world, "run-2", reading(source="orders")).load(needs_watermark=needs_watermark)


def test_a_renamed_source_goes_on_once_a_person_has_said_so_and_is_remembered():
    world = with_record_of(reading())
    renamed = reading(source="people", same_source="people")
    one = state(world, "run-2", renamed)
    assert one.load().watermark is not None
    one.commit(checkpoint(6))
    assert state(world, "run-3", reading(source="people")).load().watermark.position.startswith("2026-01-06")


def test_starting_over_takes_another_source():
    world = with_record_of(reading())
    one = state(world, "run-2", reading(source="orders"))
    one.load(starting_over=True)
    one.commit(checkpoint(2), starting_over=True)
    assert state(world, "run-3", reading(source="orders")).load().watermark.position.startswith("2026-01-02")


def test_a_dry_run_of_everything_does_not_give_the_watermark_to_another_source():
    world = with_record_of(reading())
    one = state(world, "run-2", reading(source="orders"))
    one.load(starting_over=True)
    one.touch()
    one.push()
    with pytest.raises(ConfigurationError, match="orders"):
        state(world, "run-3", reading(source="orders")).load()


def test_a_record_of_version_1_takes_the_source_of_its_next_run():
    world = AirflowWorld()
    world.asset.set(STATE_KEY, OLD_RECORD)
    one = state(world, "run-2", reading())
    assert one.load().watermark.position == "2026-01-05T11:59:59.123456Z"
    one.commit(checkpoint(6))
    with pytest.raises(ConfigurationError, match="orders"):
        state(world, "run-3", reading(source="orders")).load()


DOTTED = Identity(
    "crm.users/sync",
    "attributes",
    IDENTITY.destination,
    "crm.users/sync",
    reads=READS,
    former_names=("crm.users.sync",),
    former_owner="crm.users.sync",
)


def old_record(name, gen=7, day=5):
    watermark = {"position": f"2026-01-{day:02}T00:00:00.000000Z", "rows": ""}
    return OLD_RECORD | {"sync_id": name, "owner": name, "gen": gen, "watermark": watermark}


@pytest.mark.parametrize("version", ["3.0", "3.3"])
def test_a_task_whose_name_is_new_goes_on_with_its_own_copy_of_the_old_record(version):
    world = AirflowWorld(version, successes=3)
    world.xcoms["run-1", STATE_KEY] = old_record("crm.users.sync")
    one = state(world, "run-2", DOTTED)
    assert one.load().watermark.position.startswith("2026-01-05")
    one.commit(checkpoint(6))
    one.push()
    again = state(world, "run-3", DOTTED).load()
    assert (again.identity.sync_id, again.watermark.position[:10]) == ("crm.users/sync", "2026-01-06")


def test_of_two_tasks_whose_names_met_each_goes_on_with_what_it_had_itself():
    """The asset has what the other one wrote last; the task's own XCom has its own."""
    world = AirflowWorld(successes=3)
    world.asset.set(STATE_KEY, old_record("crm.users.sync", gen=9, day=9))
    world.xcoms["run-1", STATE_KEY] = old_record("crm.users.sync", gen=7, day=5)
    kept = replace(DOTTED, sync_id="crm.users.sync", owner="crm.users.sync", former_names=())
    one = opened(
        world.context("run-2") | {"ti": replace(world.context("run-2")["ti"], task_id="users.sync")}, kept, "now"
    )
    assert one.load().watermark.position.startswith("2026-01-05")


def test_a_mapped_record_under_its_old_name_is_found():
    world = AirflowWorld()
    world.asset.set("cdi_state:a:b:c:0/2", old_record("a:b:c:0/2"))
    identity = replace(IDENTITY, sync_id="a%3Ab:c:0/2", asset_id="a:b", former_names=("a:b:c:0/2",))
    assert state(world, "run-2", identity).load().watermark.position.startswith("2026-01-05")


def test_two_instances_of_one_run_with_one_name_stop_with_both_named():
    world = AirflowWorld()
    identity = replace(IDENTITY, sync_id="s:users", asset_id="s")
    one = state(world, identity=identity, map_index=0)
    one.load()
    one.commit(checkpoint(5))
    with pytest.raises(ConfigurationError, match="map index 0 and map index 1"):
        state(world, identity=identity, map_index=1).load()
    assert state(world, "run-2", identity, map_index=1).load() is not None


# --- what it costs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", ["everything", "nothing yet"])
def test_where_the_store_has_the_record_no_xcom_is_read(found):
    world = with_record_of(reading())
    context = world.context("run-2")
    context["ti"].xcom_pull = None
    assert opened(context, reading(), "now").load() is not None


@pytest.mark.parametrize("version", ["3.0", "3.3"])
def test_copies_in_xcoms_do_not_pile_up(version):
    world = AirflowWorld(version)
    for number in range(60):
        one = opened(world.context(f"run-{number}"), reading(), f"{number:03}", drop_xcom=world.drop_xcom)
        one.load()
        one.commit(checkpoint(5))
        one.push()
    assert [run_id for run_id, _ in world.xcoms] == [f"run-{number}" for number in range(40, 60)]
    assert len(json.dumps(world.xcoms["run-59", STATE_KEY])) < 32_000


def test_copies_that_earlier_versions_left_are_cleared_away_step_by_step():
    world = AirflowWorld("3.0")
    for number in range(200):
        world.xcoms[f"old-{number}", STATE_KEY] = OLD_RECORD | {"gen": number, "run_id": f"old-{number}"}
    for number in range(4):
        one = opened(world.context(f"run-{number}"), reading(), f"{number:03}", drop_xcom=world.drop_xcom)
        one.load()
        one.commit(checkpoint(6 + number))
        one.push()
    assert len(world.xcoms) == 20
    assert state(world, "run-5").load().watermark.position.startswith("2026-01-09")


# --- a stale try --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["3.0", "3.3"])
def test_a_stale_try_writes_over_nothing(version):
    world = AirflowWorld(version)
    stale = opened(world.context(), IDENTITY, "1", drop_xcom=world.drop_xcom)
    stale.begin()
    stale.load()
    fresh = opened(world.context(try_number=2), IDENTITY, "2", drop_xcom=world.drop_xcom)
    fresh.begin()
    fresh.load()
    fresh.commit(checkpoint(9))
    for act in (lambda: stale.commit(checkpoint(5)), stale.confirm):
        with pytest.raises(Superseded):
            act()
    stale.end()
    fresh.end()
    assert state(world, "run-2").load().watermark.position.startswith("2026-01-09")


@pytest.mark.parametrize(
    ("status", "error"), [(404, Superseded), (403, Superseded), (500, RetryLater), (None, RetryLater)]
)
def test_what_airflow_says_to_a_save_decides_whether_the_try_is_over(status, error):
    world = AirflowWorld()
    one = state(world)
    one.begin()
    one.load()
    world.asset.refuses_with = AirflowRuntimeError(
        ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status, "message": "no"})
    )
    with pytest.raises(RetryLater) as caught:
        one.commit(checkpoint(5))
    assert (type(caught.value), one.lease.is_lost) == (error, error is Superseded)


def test_the_record_of_version_1_is_read_as_it_was_written():
    record = StateRecord.from_json(OLD_RECORD)
    assert record.watermark.ties.exact == [1, 2]
    assert [(part.path, part.rows) for part in record.checkpoint.rejects] == [("", 1)]
    # It said how long the one file of the run was, and not where it lay.
    kept = {name: value for name, value in OLD_RECORD.items() if name != "rejects_written"}
    totals = kept["totals"] | {"adjusted": {}}  # it did not adjust anything
    assert record.to_json() == kept | {"totals": totals, "reject_parts": [["", "", 0, 1]]}


def test_a_record_that_names_the_parts_of_its_rejects_is_read_as_it_was_written():
    stored = {
        "watermark": None,
        "totals": {**Totals().to_json(), "rows_read": 3, "rejected": 3, "rejects": {"bad": 3}},
        "reject_parts": [["/r/run.try1-3f9a1c2b.jsonl", "worker-a", 2, 2], ["s3://b/run.try2-0a.jsonl", "", 1, 1]],
    }
    assert Checkpoint.from_json(stored).to_json() == stored
