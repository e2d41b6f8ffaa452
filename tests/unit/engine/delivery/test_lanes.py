"""How records become batches, and who waits for whom."""

from __future__ import annotations

from airflow_provider_cdi.engine.delivery.lanes import ENVELOPE_BYTES, Lanes
from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.rows.records import Record


def make(records=3, body_bytes=10_000):
    ready = []
    return Lanes(BatchLimits(records, body_bytes), ready.append), ready


def keys(batch):
    return [record.key for record in batch.records]


def add(lanes, *named, group="", size=2, unique=""):
    for key in named:
        lanes.add(Record(key, b"x" * size, group, unique))


def test_a_batch_is_handed_out_when_it_is_full():
    lanes, ready = make()
    add(lanes, "a", "b", "c", "d")
    assert [keys(batch) for batch in ready] == [["a", "b", "c"]]


def test_flush_hands_out_the_rest():
    lanes, ready = make()
    add(lanes, "a")
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["a"]]


def test_records_of_one_key_share_an_open_batch_in_their_order():
    lanes, ready = make()
    add(lanes, "a", "a", "b")
    assert keys(ready[0]) == ["a", "a", "b"]


def test_a_key_that_is_on_its_way_waits_and_nobody_else_does():
    lanes, ready = make()
    add(lanes, "a", "b", "c")
    add(lanes, "a", "d", "e", "f")
    assert [keys(batch) for batch in ready] == [["a", "b", "c"], ["d", "e", "f"]]
    lanes.finish(ready[0])
    lanes.flush()
    assert keys(ready[2]) == ["a"]


def test_those_who_waited_keep_their_order():
    lanes, ready = make(records=2)
    first, second, third = (Record("a", b"%d" % number) for number in range(3))
    lanes.add(first)
    lanes.flush()
    lanes.add(second)
    lanes.add(third)
    lanes.finish(ready[0])
    assert ready[1].records == [second, third]


def test_a_batch_that_is_full_by_its_bytes_keeps_the_next_record_of_its_key_waiting():
    lanes, ready = make(records=10, body_bytes=ENVELOPE_BYTES + 100)
    add(lanes, "a", size=80)
    add(lanes, "a", size=80)
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["a"]]
    lanes.finish(ready[0])
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["a"], ["a"]]


def test_a_record_larger_than_a_request_travels_alone():
    lanes, ready = make(body_bytes=ENVELOPE_BYTES + 100)
    add(lanes, "a")
    add(lanes, "b", size=500)
    add(lanes, "c")
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["a"], ["b"], ["c"]]


def test_a_key_that_changes_its_group_waits_for_the_other_group():
    lanes, ready = make()
    add(lanes, "a", group="PUT")
    add(lanes, "a", group="DELETE")
    lanes.flush()
    assert [batch.group for batch in ready] == ["PUT"]
    lanes.finish(ready[0])
    lanes.flush()
    assert [batch.group for batch in ready] == ["PUT", "DELETE"]


def test_what_may_stand_only_once_in_a_request_opens_a_new_batch():
    lanes, ready = make()
    add(lanes, "a", "b", "a", unique="id")
    assert [keys(batch) for batch in ready] == [["a", "b"]]


def test_records_of_one_key_share_a_batch_when_they_differ_in_what_must_be_unique():
    lanes, ready = make()
    add(lanes, "a", unique="order-1")
    add(lanes, "a", unique="order-2")
    add(lanes, "b", unique="order-1")
    assert [keys(batch) for batch in ready] == [["a", "a", "b"]]


def test_a_group_may_have_a_smaller_number_of_records():
    ready = []
    lanes = Lanes(BatchLimits(3, 10_000, {"single": 1}), ready.append)
    add(lanes, "a", "b", group="single")
    add(lanes, "c")
    assert [keys(batch) for batch in ready] == [["a"], ["b"]]


# --- records with several keys --------------------------------------------------------------------------


def person(*keys, unique="", size=2):
    return Record(keys[0], b"x" * size, "", unique, keys[1:])


def test_rows_that_share_only_some_of_their_keys_never_share_a_request():
    lanes, ready = make()
    lanes.add(person("email:old", "id:1"))
    lanes.add(person("email:new", "id:1"))
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["email:old"]]
    lanes.finish(ready[0])
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["email:old"], ["email:new"]]


def test_rows_of_just_the_same_keys_share_a_request_in_their_order():
    lanes, ready = make()
    for size in (1, 2, 3):
        lanes.add(person("email:a", "id:1", size=size))
    assert [len(record.body) for record in ready[0].records] == [1, 2, 3]


def test_a_key_alone_and_the_same_key_beside_another_never_share_a_request():
    for first, second in [(("a",), ("a", "b")), (("a", "b"), ("a",)), (("a", "b"), ("b",))]:
        lanes, ready = make()
        lanes.add(person(*first))
        lanes.add(person(*second))
        lanes.flush()
        assert [keys(batch) for batch in ready] == [[first[0]]]


def test_a_chain_of_keys_is_walked_link_by_link_and_strangers_do_not_wait():
    lanes, ready = make()
    for pair in ("ab", "bc", "cd"):
        lanes.add(person(*pair))
    add(lanes, "d", "x")
    for place in range(4):
        lanes.flush()
        assert len(ready) == place + 1
        lanes.finish(ready[place])
    assert [keys(batch) for batch in ready] == [["a", "x"], ["b"], ["c"], ["d"]]


def test_requests_stay_full_where_many_rows_share_only_some_of_their_keys():
    lanes, ready = make(records=100, body_bytes=1_000_000)
    for row in range(1_000):
        lanes.add(person(f"email:{row}", f"id:{row // 2}", unique="profile"))
    assert [len(batch.records) for batch in ready] == [100] * 5


def test_who_waits_for_one_key_keeps_later_rows_of_its_other_keys_behind():
    lanes, ready = make()
    add(lanes, "a")
    lanes.flush()
    lanes.add(person("a", "b"))
    add(lanes, "b")
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["a"]]
    lanes.finish(ready[0])
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["a"], ["a"]]
    lanes.finish(ready[1])
    lanes.flush()
    assert [keys(batch) for batch in ready] == [["a"], ["a"], ["b"]]
    lanes.finish(ready[2])
    assert lanes.is_idle


# --- records that become one ----------------------------------------------------------------------------


def one(key, body, row):
    record = Record(key, body, unique="id")
    record.row = row
    return record


def newest(older, newer):
    return Merge(newer, older, "superseded")


def test_the_merged_record_takes_the_place_of_the_older_one_and_the_other_row_is_passed_over():
    ready = []
    lanes = Lanes(BatchLimits(3, 10_000), ready.append, newest)
    for row, (key, body) in enumerate([("a", b"old"), ("b", b"b"), ("a", b"new"), ("c", b"c")]):
        lanes.add(one(key, body, row))
    assert [record.body for record in ready[0].records] == [b"new", b"b", b"c"]
    assert [(follower.row, reason) for follower, reason in ready[0].records[0].followers] == [(0, "superseded")]


def test_a_record_on_its_way_stays_as_it_is_and_those_who_wait_for_it_become_one():
    ready = []
    lanes = Lanes(BatchLimits(3, 10_000), ready.append, newest)
    for row, body in enumerate([b"1", b"2", b"3"]):
        lanes.add(one("a", body, row))
        if row == 0:
            lanes.flush()
    lanes.finish(ready[0])
    lanes.flush()
    assert [[record.body for record in batch.records] for batch in ready] == [[b"1"], [b"3"]]
    assert [(follower.row, reason) for follower, reason in ready[1].records[0].followers] == [(1, "superseded")]


def test_records_that_would_not_fit_as_one_travel_one_after_the_other():
    ready = []
    lanes = Lanes(BatchLimits(3, ENVELOPE_BYTES + 10), ready.append, newest)
    lanes.add(one("a", b"x", 0))
    lanes.add(one("a", b"x" * 20, 1))
    assert [record.body for record in ready[0].records] == [b"x"]
    assert ready[0].records[0].followers == ()


def test_it_is_idle_only_when_nothing_is_open_on_its_way_or_waiting():
    lanes, ready = make()
    assert lanes.is_idle
    add(lanes, "a")
    assert not lanes.is_idle
    lanes.flush()
    assert not lanes.is_idle
    lanes.finish(ready[0])
    assert lanes.is_idle
