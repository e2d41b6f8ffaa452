"""Which records go along with a sync to another name or number of parts, and which only look as if they would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.state.by_hand import moves
from airflow_provider_cdi.state.by_hand.found import FoundRecord, FoundState
from airflow_provider_cdi.state.by_hand.moves import Target, renamed, repartitioned
from airflow_provider_cdi.state.by_hand.places import AssetPlace, VariablePlace, XComPlace
from airflow_provider_cdi.state.identity import Identity, Reading, mapped_name
from airflow_provider_cdi.state.record import Change, Checkpoint, StateRecord

CHANGE = Change("ada@host", "2026-01-07T00:00:00Z", "a test", "before")


def in_asset(name, sync_id):
    return AssetPlace(sync_asset(sync_id).name, "cdi_state" if name == sync_id else f"cdi_state:{name}")


def in_variable(name, sync_id):
    return VariablePlace(f"cdi_state__{name}")


def stored(*names, place=in_asset, second=1):
    """A state of syncs and instances, each given as (name, sync_id, map index)."""
    state = FoundState()
    for name, sync_id, map_index in names:
        identity = Identity(name, "attributes", "https://x", "dag.sync", reads=Reading("users", "warehouse"))
        mark = Watermark(f"2026-01-01T00:00:0{second}.000000Z", Ties())
        record = StateRecord(identity, 1, Checkpoint(mark, Totals()), "run", "2026-01-01T00:00:00Z", map_index)
        state.records[name] = [FoundRecord(record, place(name, sync_id), record.to_json())]
    return state


def names(move):
    return [one.record.identity.sync_id for one in move.writes]


@pytest.mark.parametrize("place", [in_asset, in_variable])
def test_a_sync_whose_name_only_begins_like_another_does_not_go_along(place):
    state = stored(("users", "users", None), ("users:eu", "users:eu", None), place=place)
    assert names(renamed(state, "users", Target("people"), CHANGE)) == ["people", "users"]


@pytest.mark.parametrize("place", [in_asset, in_variable])
@pytest.mark.parametrize("sync_id", ["users", "a:b", "100%"])
def test_the_instances_of_a_sync_go_along_whatever_signs_its_name_has(place, sync_id):
    parts = [(mapped_name(sync_id, "users", f"{index}/2"), sync_id, index) for index in range(2)]
    moved = renamed(stored(*parts, place=place), sync_id, Target("c:d"), CHANGE)
    assert names(moved)[::2] == ["c%3Ad:users:0/2", "c%3Ad:users:1/2"]
    assert [one.record.map_index for one in moved.writes] == [0, 0, 1, 1]
    again = repartitioned(stored(*parts, place=place), sync_id, 4, CHANGE)
    assert names(again)[:4] == [mapped_name(sync_id, "users", f"{index}/4") for index in range(4)]
    assert [one.record.map_index for one in again.writes] == [0, 1, 2, 3, 0, 1]


def test_what_is_left_of_an_earlier_number_of_parts_makes_way():
    state = FoundState()
    state.records |= stored(("users", "users", None), second=1).records
    newer = stored(*((f"users:users:{index}/2", "users", index) for index in range(2)), second=5).records
    for name, (found,) in newer.items():
        state.records[name] = [replace(found, record=replace(found.record, at="2026-01-02T00:00:00Z"))]
    back = repartitioned(state, "users", None, CHANGE)
    assert [(one.record.identity.sync_id, one.record.moved_to) for one in back.writes] == [
        ("users", ()),
        ("users:users:0/2", ("users",)),
        ("users:users:1/2", ("users",)),
    ]
    assert back.writes[0].record.watermark.position == "2026-01-01T00:00:05.000000Z"
    on = repartitioned(state, "users", 4, CHANGE)
    assert on.writes[-1].record.moved_to == tuple(f"users:users:{index}/4" for index in range(4))
    tidied = repartitioned(state, "users", 2, CHANGE)
    assert names(tidied) == ["users"]
    assert tidied.writes[0].record.moved_to == ("users:users:0/2", "users:users:1/2")


def test_parts_that_do_not_make_a_whole_are_not_moved():
    state = stored(("users:users:0/2", "users", 0))
    with pytest.raises(ConfigurationError, match="do not make one whole"):
        repartitioned(state, "users", 4, CHANGE)


def test_several_sources_do_not_become_one_task_without_partitions():
    state = stored(("users:users:0/1", "users", 0), ("users:people:0/1", "users", 1))
    (found,) = state.records["users:people:0/1"]
    reads = Reading("people", "warehouse")
    identity = replace(found.record.identity, reads=reads)
    state.records["users:people:0/1"] = [replace(found, record=replace(found.record, identity=identity))]
    with pytest.raises(UsageError, match="reads 2 sources"):
        repartitioned(state, "users", None, CHANGE)


@pytest.mark.parametrize(
    "move", [lambda s: renamed(s, "users", Target("people"), CHANGE), lambda s: repartitioned(s, "users", 2, CHANGE)]
)
def test_before_3_3_a_state_in_xcoms_takes_no_other_name_and_the_cure_is_told(move, monkeypatch):
    monkeypatch.setattr(moves, "has_asset_state", lambda: False)
    state = stored(("users", "users", None), place=lambda *_: XComPlace("dag", "sync", "run", -1, "cdi_state"))
    with pytest.raises(ConfigurationError, match=r'initial="2026-01-01T00:00:01.000000Z"'):
        move(state)


def test_a_sync_is_not_moved_to_where_it_is():
    with pytest.raises(UsageError, match="is called so already"):
        renamed(stored(("users", "users", None)), "users", Target("users"), CHANGE)
