"""Who is at work on a sync: taking, keeping and losing the lease."""

from __future__ import annotations

import logging

import pytest
from support.airflow_world import AirflowWorld, MemoryStore

from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater, Superseded
from airflow_provider_cdi.state.lease import Lease, LeasePlace
from airflow_provider_cdi.state.lease_keeper import DEAD_AFTER, WAIT_AT_MOST, LeaseKeeper
from airflow_provider_cdi.state.stores.asset_store import AssetStore
from airflow_provider_cdi.state.stores.xcom_store import XComStore

LOG = logging.getLogger("test")


class Time:
    """Stands still until somebody sleeps; what happens meanwhile is told beforehand."""

    def __init__(self, meanwhile=lambda: None):
        self.now = 0.0
        self.meanwhile = meanwhile

    def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


class Place:
    """The one store of a sync, or the XComs of its runs."""

    def __init__(self, kind):
        self.kind, self.store, self.world = kind, MemoryStore(), AirflowWorld("3.0")

    def of(self, lease):
        return LeasePlace(self._store(lease), lease.sync_id, is_shared=self.kind == "store")

    def _store(self, lease):
        if self.kind == "store":
            return AssetStore(self.store, "cdi_sync:a_sync")
        context = self.world.context(lease.run_id, try_number=lease.try_number, map_index=lease.map_index)
        return XComStore(context["ti"], str, self.drop)

    def drop(self, ti, key, run_id, map_index):
        self.world.xcoms.pop((run_id, key), None)


@pytest.fixture(params=["store", "xcoms"])
def place(request):
    return Place(request.param)


def lease(run_id="run-1", try_number=1, **more):
    return Lease("a_sync", run_id, try_number, **more)


def keeper(place, mine, state=None, time=None, **more):
    time = time or Time()
    return LeaseKeeper(
        place.of(mine), mine, state_of=lambda _: state, log=LOG, sleep=time.sleep, monotonic=lambda: time.now, **more
    )


def held(place, mine, **more):
    one = keeper(place, mine, **more)
    one.acquire()
    return one


def test_who_ends_in_order_leaves_the_place_free(place):
    held(place, lease()).release()
    time = Time()
    held(place, lease("run-2"), state="running", time=time)
    assert time.now == 0


def test_a_new_try_takes_over_at_once_and_the_stale_one_finds_out(place):
    stale = held(place, lease())
    time = Time()
    fresh = held(place, lease(try_number=2), state="running", time=time)
    assert time.now == 0
    fresh.check()
    with pytest.raises(Superseded, match=r"try 2 .*run 'run-1', try 1|another try"):
        stale.check()
    assert stale.is_lost


def test_a_stale_try_finds_out_also_when_its_successor_has_ended(place):
    stale = held(place, lease())
    held(place, lease(try_number=2)).release()
    with pytest.raises(Superseded):
        stale.check()


def test_a_stale_heartbeat_does_not_take_the_lease_back(place):
    stale = held(place, lease())
    fresh = held(place, lease(try_number=2))
    with pytest.raises(Superseded):
        stale.beat()
    stale.release()
    fresh.check()


def test_a_stale_try_that_comes_late_does_not_begin():
    place = Place("store")
    held(place, lease(try_number=2))
    with pytest.raises(Superseded):
        keeper(place, lease(try_number=1)).acquire()


def test_a_run_that_airflow_has_ended_is_not_waited_for(place):
    stale = held(place, lease())
    time = Time()
    held(place, lease("run-2"), state="failed", time=time)
    assert time.now == 0
    with pytest.raises(Superseded):
        stale.check()


def test_a_process_without_heartbeat_counts_as_dead_after_a_bound(place):
    held(place, lease())
    time = Time()
    held(place, lease("run-2"), state="running", time=time)
    assert DEAD_AFTER <= time.now < DEAD_AFTER + 10


def test_a_living_process_is_waited_for_until_it_ends(place):
    other = held(place, lease())
    time = Time(lambda: other.beat() if time.now < 30 else other.release())
    held(place, lease("run-2"), state="running", time=time)
    assert 30 <= time.now < 40


def test_a_process_that_goes_on_living_stops_the_run_with_both_named(place):
    other = held(place, lease())
    time = Time(other.beat)
    with pytest.raises(RetryLater, match=r"run 'run-1', try 1 .* and run 'run-2', try 1"):
        held(place, lease("run-2"), state="running", time=time)
    assert WAIT_AT_MOST <= time.now < WAIT_AT_MOST + 10
    other.check()


def test_a_deferred_task_holds_its_lease_without_a_process_and_goes_on_with_it(place):
    held(place, lease()).release(deferred=True)
    time = Time()
    with pytest.raises(RetryLater, match="run-1"):
        held(place, lease("run-2"), state="deferred", time=time)
    assert time.now == 0
    keeper(place, lease()).acquire(goes_on=True)


def test_a_deferred_task_that_somebody_ended_is_not_waited_for(place):
    held(place, lease()).release(deferred=True)
    held(place, lease("run-2"), state="failed")


def test_two_processes_of_one_try_do_not_work_at_once():
    place = Place("store")
    other = held(place, lease())
    with pytest.raises(RetryLater):
        held(place, lease(), state="running", time=Time(other.beat))


def test_instances_of_a_task_that_works_on_a_sync_of_another_take_turns():
    place = Place("store")
    first = held(place, lease(map_index=0))
    with pytest.raises(RetryLater, match=r"map index 0, try 1 .* is alive"):
        held(place, lease(map_index=1), state="running", time=Time(first.beat), take_turns=True)
    first.release()
    held(place, lease(map_index=1), take_turns=True)


def test_two_instances_with_one_name_stop_the_run_with_both_named():
    place = Place("store")
    held(place, lease(map_index=0))
    with pytest.raises(ConfigurationError, match=r"'a_sync': map index 0 and map index 1"):
        held(place, lease(map_index=1))


def test_heartbeats_after_the_end_write_nothing(place):
    one = held(place, lease())
    one.release()
    one.beat()
    assert keeper(place, lease("run-2"))._place.found().leases == []


def test_the_lease_of_a_later_version_is_read():
    stored = lease().to_json() | {"mood": "good"}
    assert Lease.from_json(stored).run_id == "run-1"
