"""How records become batches, and who waits for whom."""

from __future__ import annotations

from airflow_provider_cdi.engine.lanes import ENVELOPE_BYTES, Lanes
from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.records import Record


def make(records=3, body_bytes=10_000, *, unique_keys=False):
    ready = []
    return Lanes(BatchLimits(records, body_bytes, unique_keys), ready.append), ready


def keys(batch):
    return [record.key for record in batch.records]


def add(lanes, *named, group="", size=2):
    for key in named:
        lanes.add(Record(key, b"x" * size, group))


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


def test_a_unique_key_opens_a_new_batch():
    lanes, ready = make(unique_keys=True)
    add(lanes, "a", "b", "a")
    assert [keys(batch) for batch in ready] == [["a", "b"]]


def test_it_is_idle_only_when_nothing_is_open_on_its_way_or_waiting():
    lanes, ready = make()
    assert lanes.is_idle
    add(lanes, "a")
    assert not lanes.is_idle
    lanes.flush()
    assert not lanes.is_idle
    lanes.finish(ready[0])
    assert lanes.is_idle
