"""The rules of the house as properties: whatever the rows, the answers and the moment of a crash."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from random import Random

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.engine_world import Things, make_run

from airflow_provider_cdi.engine.outcome.row_block import BLOCK_ROWS
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.position import is_later
from airflow_provider_cdi.engine.rows.watermark import EXACT_TIES, TieFilter, Ties, Watermark, intact_buckets
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import CdiError, NoAnswer
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row, position
from airflow_provider_cdi.testing.virtual_time import NOON, run_virtually

WINDOW = 60
SETTINGS = DeliverySettings(max_in_flight=3, window_rows=WINDOW, retry=RetryPolicy(attempts=30, first_wait=0.1))
#: Few different times and people, so that ties and repeats are the rule and not the exception.
SMALL = st.lists(
    st.builds(
        Row,
        at=st.one_of(st.none(), st.integers(-6, 3).map(float)),
        id=st.integers(0, 25).map("p{}".format),
        payload=st.one_of(st.just("bad"), st.integers(0, 10_000).map('{{"n":{}}}'.format)),
    ),
    max_size=30,
)


def random_rows(seed, size, seconds):
    random = Random(seed)
    return [
        Row(
            at=None if random.random() < 0.02 else float(random.randint(-seconds, 3)),
            id=f"p{random.randint(0, 40)}",
            payload="bad" if random.random() < 0.1 else f'{{"n":{random.randint(0, 10_000)}}}',
        )
        for _ in range(size)
    ]


LARGE = st.builds(random_rows, seed=st.integers(0, 10**6), size=st.integers(100, 700), seconds=st.integers(0, 300))
ROWS = st.one_of(SMALL, LARGE)
FAULTS = st.lists(st.sampled_from(["fine", "fine", "fine", "500", "429", "lost", "never arrived"]), max_size=40)
PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def faults(script):
    """Answer the first requests as the script says, and all later ones well."""
    steps = iter(script)

    def fault(_objects):
        step = next(steps, "fine")
        if step == "500":
            return Response(500, {}, b"")
        if step == "429":
            return Response(429, {"wait": "2"}, b"")
        if step == "lost":
            return NoAnswer("reset", may_have_arrived=True)
        if step == "never arrived":
            return NoAnswer("refused", may_have_arrived=False)
        return None

    return fault


@dataclass
class MortalThings(Things):
    """Stops applying anything once the process that talks to it is dead."""

    dies_after: int = 10**9
    is_dead: bool = False

    async def send(self, request):
        if self.requests >= self.dies_after:
            self.is_dead = True
        if self.is_dead:
            raise CdiError("the process is dead")
        return await super().send(request)


@dataclass
class MortalJournal(MemoryJournal):
    """Saves nothing any more once the process is dead."""

    things: MortalThings = field(default_factory=MortalThings)

    async def commit(self, progress, rejects):
        if self.things.is_dead:
            raise CdiError("the process is dead")
        await super().commit(progress, rejects)


def due(rows):
    return [row for row in rows if row.at is not None and row.at <= 0]


def good(rows):
    return [row for row in due(rows) if row.payload != "bad"]


def sent(things):
    return Counter((thing["id"], thing["at"], thing["payload"]) for thing in things.applied)


def wanted(rows):
    return Counter(
        (row.id, (NOON.replace(tzinfo=None) + timedelta(seconds=row.at)).isoformat(), row.payload) for row in good(rows)
    )


@PROPERTY
@given(rows=ROWS, script=FAULTS)
def test_every_row_has_exactly_one_outcome(rows, script):
    source, things, journal = ListSource(rows), Things(fault=faults(script)), MemoryJournal()
    report = run_virtually(make_run(source, things, journal, incremental(), settings=SETTINGS).run())
    totals = report.totals
    assert totals.rows_read == len(rows) == totals.accepted + totals.rejected + totals.skipped + totals.unknown
    assert totals.accepted == len(good(rows))
    assert totals.rejected == len(journal.rejects) == len(due(rows)) - len(good(rows))
    assert sent(things) == wanted(rows)


@PROPERTY
@given(rows=ROWS, script=FAULTS, delays=st.lists(st.floats(0, 2), min_size=1, max_size=7))
def test_one_persons_rows_never_overlap_and_arrive_in_the_order_of_reading(rows, script, delays):
    calls = [0]

    def delay():
        calls[0] += 1
        return delays[calls[0] % len(delays)]

    things = Things(fault=faults(script), delay=delay)
    run_virtually(make_run(ListSource(rows), things, MemoryJournal(), incremental(), settings=SETTINGS).run())
    assert things.overlaps == 0
    for person in {row.id for row in rows}:
        stamps = [thing["at"] for thing in things.applied if thing["id"] == person]
        assert stamps == sorted(stamps)


@PROPERTY
@given(rows=ROWS, script=FAULTS)
def test_the_watermark_only_grows_and_never_passes_a_row_without_outcome(rows, script):
    source, things, journal = ListSource(rows), Things(fault=faults(script)), MemoryJournal()
    run_virtually(make_run(source, things, journal, incremental(), settings=SETTINGS).run())
    marks = [progress.watermark for progress in journal.history if progress.watermark]
    assert all(not is_later(earlier.position, later.position) for earlier, later in pairwise(marks))
    latest = max((row.at for row in due(rows)), default=None)
    assert (marks[-1].position if marks else None) == (position(latest) if latest is not None else None)


@PROPERTY
@given(rows=ROWS, deaths=st.lists(st.integers(0, 30), max_size=4))
def test_crashes_lose_nothing_and_send_again_no_more_than_the_window(rows, deaths):
    source = ListSource(rows)
    things = MortalThings()
    journal = MortalJournal(things=things)
    for more_requests in deaths:
        things.is_dead, things.dies_after = False, things.requests + more_requests
        before = sum(sent(things).values())
        saved = journal.progress
        resumed = incremental(saved)
        try:
            run_virtually(make_run(source, things, journal, resumed, saved, settings=SETTINGS).run())
        except CdiError:
            assert things.is_dead
        assert sum(sent(things).values()) >= before
    things.is_dead, things.dies_after = False, 10**9
    run_virtually(
        make_run(source, things, journal, incremental(journal.progress), journal.progress, settings=SETTINGS).run()
    )
    repeats = sent(things) - wanted(rows)
    assert not wanted(rows) - sent(things)
    assert repeats.total() <= (WINDOW + BLOCK_ROWS) * len(deaths)
    assert journal.progress.totals.accepted == len(good(rows))
    assert len(journal.rejects) == len(due(rows)) - len(good(rows))


@PROPERTY
@given(first=ROWS, second=ROWS, script=FAULTS, breaks=st.lists(st.integers(0, 6), max_size=4))
def test_a_read_that_breaks_off_costs_nothing_and_repeats_nothing(first, second, script, breaks):
    source, journal = ListSource(first, batch_rows=17), MemoryJournal()
    run_virtually(make_run(source, Things(), journal, incremental(), settings=SETTINGS).run())
    mark = max((row.at for row in due(first)), default=-100.0)
    new = [row for row in second if row.at is None or row.at >= mark]
    source.rows, source.breaks = [*first, *new], breaks
    things, rejects = Things(fault=faults(script)), len(journal.rejects)
    report = run_virtually(make_run(source, things, journal, incremental(journal.progress), settings=SETTINGS).run())
    assert sent(things) == wanted(new)
    assert report.totals.accepted == len(good(new))
    assert report.totals.rejected == len(journal.rejects) - rejects == len(due(new)) - len(good(new))


@PROPERTY
@given(first=ROWS, second=ROWS)
def test_a_later_run_sends_what_is_new_and_nothing_else(first, second):
    source, journal = ListSource(first), MemoryJournal()
    run_virtually(make_run(source, Things(), journal, incremental(), settings=SETTINGS).run())
    mark = max((row.at for row in due(first)), default=-100.0)
    new = [row for row in second if row.at is None or row.at >= mark]
    source.rows += new
    things = Things()
    run_virtually(make_run(source, things, journal, incremental(journal.progress), settings=SETTINGS).run())
    assert sent(things) == wanted(new)


@PROPERTY
@given(rows=ROWS)
def test_an_unchanged_table_costs_no_request(rows):
    source, journal = ListSource(rows), MemoryJournal()
    run_virtually(make_run(source, Things(), journal, incremental(), settings=SETTINGS).run())
    things = Things()
    run_virtually(make_run(source, things, journal, incremental(journal.progress), settings=SETTINGS).run())
    assert things.requests == 0


@given(hashes=st.lists(st.integers(0, 2**64 - 1), max_size=50), times=st.sampled_from([1, 60, 2_000]))
@settings(max_examples=30, deadline=None)
def test_the_watermark_survives_storage_and_stays_small(hashes, times):
    mark = Watermark("2026-01-05T12:00:00.000000Z", Ties(hashes * times))
    text = orjson.dumps(mark.to_json())
    again = Watermark.from_json(json.loads(text))
    assert len(text) < 32_000
    assert (again.position, len(again.ties), again.to_json()) == (mark.position, len(mark.ties), mark.to_json())


@given(seed=st.integers(0, 10**6), size=st.integers(1, 400), cut=st.integers(0, 400), extra=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_buckets_never_hide_a_row_that_was_not_handled(seed, size, cut, extra):
    random = Random(seed)
    group = sorted(random.getrandbits(64) for _ in range(EXACT_TIES + size))
    handled = group[: EXACT_TIES + 1 + min(cut, size - 1)]
    now = sorted(group + [random.getrandbits(64) for _ in range(extra)])
    ties = Ties(handled)
    tie_filter = TieFilter(ties, intact_buckets(ties, now))
    skipped = [row_hash for row_hash in now if tie_filter.is_handled(row_hash)]
    assert ties.exact is None
    assert set(skipped) <= set(handled)
    assert len(skipped) >= len(handled) - 12 * extra


@given(
    mode=st.sampled_from(["incremental", "full", "window"]),
    hashes=st.lists(st.integers(0, 2**64 - 1), max_size=5),
    since=st.none() | st.just("2026-01-01T00:00:00.000000Z"),
)
def test_a_slice_survives_storage(mode, hashes, since):
    after = Watermark("2026-01-05T12:00:00.000000Z", Ties(hashes)) if hashes else None
    part = Slice(mode, "2026-02-01T00:00:00.000000Z", after=after, since=since, moves_watermark=mode != "window")
    again = Slice.from_json(json.loads(orjson.dumps(part.to_json())))
    assert again.to_json() == part.to_json()
    assert again.bounds() == part.bounds()


def test_a_watermark_edited_by_hand_needs_no_ties():
    mark = Watermark.from_json({"position": "2026-01-05T12:00:00.000000Z"})
    assert (len(mark.ties), mark.has_rejects) == (0, False)


def test_the_harness_notices_a_lost_row():
    assert wanted([Row(-1.0, "p1")]) - sent(Things())
