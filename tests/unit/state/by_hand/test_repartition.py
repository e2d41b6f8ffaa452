"""Another number of partitions: no row is lost, and what is sent again is what was told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.engine.reading.partition import Partition
from airflow_provider_cdi.engine.rows.watermark import EXACT_TIES, TieFilter, Ties, Watermark
from airflow_provider_cdi.state.by_hand.repartition import repartition

TIMES = [f"2026-01-01T00:00:0{second}.000000Z" for second in range(6)]
#: Rows as (digest, time); a row's hash is its place in the list.
ROWS = st.lists(st.tuples(st.integers(0, (1 << 32) - 1), st.sampled_from(TIMES)), max_size=40)


def has(part, digest):
    return part.begin <= digest < part.end


def delivered_by(part, mark, rows, handled):
    """The rows of an old part that are delivered: all below its watermark, and at it those that were handled."""
    mine = [number for number, (digest, _) in enumerate(rows) if has(part.range, digest)]
    return {n for n in mine if rows[n][1] < mark or (rows[n][1] == mark and n in handled)}


def sent_by(part, new, rows):
    """What the first run of a new part sends, as the engine reads: behind the watermark, and at it what is unknown."""
    known, sent = TieFilter(new.watermark.ties), set()
    for number, (digest, time) in enumerate(rows):
        if not has(part.range, digest) or time < new.watermark.position:
            continue
        if time > new.watermark.position or not known.is_handled(number):
            sent.add(number)
    return sent


@given(rows=ROWS, old=st.integers(1, 7), new=st.integers(1, 7), data=st.data())
def test_nothing_is_lost_and_what_is_sent_again_was_told(rows, old, new, data):
    old_parts, new_parts = ([Partition(index, of) for index in range(of)] for of in (old, new))
    handled = data.draw(st.sets(st.integers(0, max(len(rows) - 1, 0))))
    marks = {part: data.draw(st.sampled_from(TIMES)) for part in old_parts}
    delivered = {n for part, mark in marks.items() for n in delivered_by(part, mark, rows, handled)}
    stored = {}
    for part, mark in marks.items():
        ties = [n for n in delivered_by(part, mark, rows, handled) if rows[n][1] == mark]
        stored[part] = Watermark(mark, Ties(ties))
    begun = repartition(stored, new_parts)
    sent = {n for part, one in zip(new_parts, begun, strict=True) for n in sent_by(part, one, rows)}
    told = {
        n
        for one in begun
        for ahead in one.again
        for n, (digest, time) in enumerate(rows)
        if has(ahead.part, digest) and ahead.since <= time <= ahead.up_to
    }
    assert sent | delivered == set(range(len(rows)))
    assert sent & delivered <= told


@given(old=st.integers(1, 9), times=st.integers(1, 4))
def test_a_part_of_one_part_takes_its_watermark_and_its_ties(old, times):
    stored = {Partition(i, old): Watermark(TIMES[i % 6], Ties([i])) for i in range(old)}
    new = [Partition(i, old * times) for i in range(old * times)]
    for part, begun in zip(new, repartition(stored, new), strict=True):
        (whole,) = (one for one in stored if one.range.overlap(part.range))
        assert begun.watermark.to_json() == stored[whole].to_json()
        assert begun.again == ()


def test_ties_in_buckets_hold_for_just_the_rows_that_they_were_made_of():
    many = Watermark(TIMES[0], Ties(range(EXACT_TIES + 1)))
    (same,) = repartition({Partition(0, 1): many}, [Partition(0, 1)])
    assert len(same.watermark.ties) == EXACT_TIES + 1
    for begun in repartition({Partition(0, 1): many}, [Partition(0, 2), Partition(1, 2)]):
        assert len(begun.watermark.ties) == 0
        assert [(one.since, one.up_to) for one in begun.again] == [(TIMES[0], TIMES[0])]


def test_a_part_with_one_that_delivered_nothing_begins_at_the_beginning():
    stored = {Partition(0, 2): Watermark(TIMES[3], Ties()), Partition(1, 2): None}
    (begun,) = repartition(stored, [Partition(0, 1)])
    assert begun.watermark is None
    assert [one.up_to for one in begun.again] == [TIMES[3]]
