"""Order over all identifiers of a record, as properties: whatever comes, and in whatever order requests come back."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.engine.delivery.lanes import ENVELOPE_BYTES, Batch, Lanes
from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.rows.records import Record

#: Few identifiers, so that chains (a-b, b-c, c-d) are the rule and not the exception.
KEY_SETS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True).map(sorted)
RECORDS = st.tuples(
    KEY_SETS, st.sampled_from(["", "", "other"]), st.sampled_from(["", "once", "u1"]), st.integers(1, 60)
)
#: A record that comes, a flush, or the place of a request among those on their way that comes back.
STEPS = st.lists(st.one_of(RECORDS, RECORDS, RECORDS, st.just("flush"), st.integers(0, 5)), max_size=60)
PROPERTY = settings(max_examples=300, deadline=None)


def newest(older: Record, newer: Record) -> Merge | None:
    kept = Record(newer.key, newer.body, newer.group, newer.unique, newer.others)
    kept.row = newer.row
    return Merge(kept, older, "superseded") if newer.unique == "once" else None


@dataclass
class World:
    """The lanes, and what the simplest possible book-keeping knows about each record, by its number."""

    ready: list[Batch] = field(default_factory=list)
    keys: list[frozenset[str]] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.lanes = Lanes(BatchLimits(3, ENVELOPE_BYTES + 130), self.ready.append, newest)
        self.out: list[Batch] = []
        self.handed_out: list[int] = []

    def step(self, step) -> None:
        if step == "flush":
            self.lanes.flush()
        elif isinstance(step, int):
            if self.out:
                self.finish(self.out[step % len(self.out)])
        else:
            keys, group, unique, size = step
            record = Record(keys[0], b"x" * size, group, unique, tuple(keys[1:]))
            record.row = len(self.keys)
            self.keys.append(frozenset(keys))
            self.lanes.add(record)
        self.take_ready()

    def finish(self, batch: Batch) -> None:
        self.out.remove(batch)
        self.finished |= set(rows_of(batch))
        self.lanes.finish(batch)

    def take_ready(self) -> None:
        for batch in self.ready:
            self.check(batch)
            self.out.append(batch)
            self.handed_out += rows_of(batch)
        self.ready.clear()

    def check(self, batch: Batch) -> None:
        mine = set(rows_of(batch))
        for row in mine:
            earlier = {other for other in self.related(row) if other < row}
            assert earlier <= self.finished | mine, "a newer row travels before an older one has its outcome"
        for one, other in combinations(batch.records, 2):
            shared = self.keys[one.row] & self.keys[other.row]
            assert not shared or self.keys[one.row] == self.keys[other.row], "only some of the identifiers in common"
            assert not shared or not one.unique or one.unique != other.unique
            # What was merged stands where the older one stood.
            assert not shared or min(rows(one)) < min(rows(other))
        for other in self.out:
            assert not keys_of(self, batch) & keys_of(self, other), "one identifier in two requests on their way"

    def related(self, row: int) -> set[int]:
        return {other for other, keys in enumerate(self.keys) if keys & self.keys[row]}

    def end(self) -> None:
        while not self.lanes.is_idle:
            self.lanes.flush()
            self.take_ready()
            assert self.out, "records wait for each other"
            self.finish(self.out[0])
            self.take_ready()


def rows(record: Record) -> list[int]:
    return [one.row for one in record.rows()]


def rows_of(batch: Batch) -> list[int]:
    return [row for record in batch.records for row in rows(record)]


def keys_of(world: World, batch: Batch) -> set[str]:
    return {key for row in rows_of(batch) for key in world.keys[row]}


@PROPERTY
@given(steps=STEPS)
def test_rows_that_share_an_identifier_never_travel_at_once_and_each_is_handed_out_once(steps):
    world = World()
    for step in steps:
        world.step(step)
    world.end()
    assert sorted(world.handed_out) == list(range(len(world.keys)))


@PROPERTY
@given(steps=STEPS)
def test_nobody_waits_but_for_an_earlier_row_of_the_same_identifier(steps):
    world = World()
    for step in steps:
        world.step(step)
    world.step("flush")
    for row in set(range(len(world.keys))) - set(world.handed_out):
        assert {other for other in world.related(row) if other < row} - world.finished


@PROPERTY
@given(steps=STEPS)
def test_the_newer_of_two_that_become_one_is_what_is_sent(steps):
    world = World()
    for step in steps:
        world.step(step)
        for batch in world.out:
            for record in batch.records:
                assert all(follower.row < record.row for follower, _ in record.followers)
