"""Whose clock decides: writes and commits in any order, runs at any time, rows that the query itself stamps."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.engine_world import Things, make_run

from airflow_provider_cdi.engine.ports import Bounds, Counts
from airflow_provider_cdi.engine.reading.late_rows import LateRows
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.record import Checkpoint, StateRecord
from airflow_provider_cdi.testing.memory_runs import MemoryJournal
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import NOON, run_virtually
from airflow_provider_cdi.transfers.runs.plan import RunRequest, new_plan

PROPERTY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CONTEXT = {"dag_run": SimpleNamespace(clear_number=0)}
#: Seconds that each statement takes.
STATEMENT = 0.004


@dataclass(frozen=True)
class Written:
    """A row that keeps its time.

    :param at: its stamp, in seconds after noon by the warehouse's clock.
    :param late: seconds until it is committed.
    """

    at: float
    late: float


class LivingSource(ListSource):
    """A warehouse in which time goes on: each statement takes a moment and sees what is committed by then.

    :param written: rows that keep their time.
    :param computed: how many rows the query stamps.
    :param step: their resolution in seconds.
    """

    def __init__(self, written: Sequence[Written], computed: int = 0, step: float = 1e-6) -> None:
        super().__init__([], clock=self.time)
        self.written, self.computed, self.step = list(written), computed, step
        self.began = self.taken = 0.0

    #: What becomes of digits that the step has not.
    cut: Callable[[float], int] = staticmethod(math.floor)

    def begin(self, at: float) -> None:
        """Let a run begin then; time never goes back."""
        self.began, self.taken = max(at, self.began + self.taken), 0.0

    def time(self) -> float:
        try:
            passed = asyncio.get_running_loop().time()
        except RuntimeError:
            passed = 0.0
        return round(self.began + passed + self.taken, 6)

    def now(self) -> datetime:
        self._look()
        return super().now()

    def count(self, bounds: Bounds, **more: Any) -> Counts:
        self._look()
        return super().count(bounds, **more)

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        self._look()
        yield from super().read(bounds)

    def _look(self) -> None:
        self.taken += STATEMENT
        now = self.time()
        stamp = round(self.cut(round(now / self.step, 3)) * self.step, 6)
        self.rows = [Row(one.at, f"w{n}") for n, one in enumerate(self.written) if one.at + one.late <= now]
        self.rows += [Row(stamp, f"c{number}") for number in range(self.computed)]


def run_once(source: LivingSource, at: float, settle: float, journal: MemoryJournal) -> tuple[list[str], Any]:
    """One run as the operator makes it: the source's clock at the first look, the plan, the sync."""
    source.begin(at)
    progress = journal.progress
    record = progress and StateRecord(
        Identity("s", "things", "d"), 1, Checkpoint(progress.watermark, progress.totals), "r", ""
    )
    request = RunRequest("incremental", settle=timedelta(seconds=settle))
    plan = new_plan(request, "incremental", CONTEXT, record, source)
    things = Things()
    report = run_virtually(make_run(source, things, journal, plan.slice).run())
    return things.ids(), report


SETTLE = 5.0
#: Few seconds, with many rows at the same moment and at whole seconds.
MOMENTS = st.one_of(
    st.integers(0, 30).map(float), st.integers(0, 300).map(lambda tenth: tenth / 10), st.floats(0, 30)
).map(lambda at: round(at, 6))
WRITTEN = st.lists(
    st.builds(
        Written,
        at=MOMENTS,
        late=st.one_of(st.just(0.0), st.floats(0, SETTLE).map(lambda late: round(late, 3))),
    ),
    max_size=40,
)
RUNS = st.lists(MOMENTS, min_size=1, max_size=6).map(sorted)
STEPS = st.sampled_from([1e-6, 1e-3, 1.0])


@PROPERTY
@given(written=WRITTEN, runs=RUNS)
def test_a_row_that_is_committed_within_settle_is_sent_exactly_once(written, runs):
    source, journal, sent = LivingSource(written), MemoryJournal(), Counter[str]()
    for at in [*runs, 60.0]:
        ids, report = run_once(source, at, SETTLE, journal)
        sent.update(ids)
        assert report.totals.rows_read == report.totals.accepted + report.totals.skipped
    assert sent == Counter({f"w{number}": 1 for number in range(len(written))})


@PROPERTY
@given(written=WRITTEN, runs=RUNS)
def test_rows_that_wait_are_counted_and_none_is_sent_before_its_time(written, runs):
    source, journal = LivingSource(written), MemoryJournal()
    for at in runs:
        ids, report = run_once(source, at, SETTLE, journal)
        bound = source.began + STATEMENT - SETTLE
        assert all(written[int(name[1:])].at <= bound + 1e-6 for name in ids)
        waiting = [one for one in written if bound < one.at and one.at + one.late <= source.began]
        known = report.totals.skipped_because["settling"] + report.totals.skipped_because["future"]
        assert known >= len(waiting)


@PROPERTY
@given(late_free=st.lists(MOMENTS.map(lambda at: Written(at, 0.0)), max_size=40), runs=RUNS)
def test_rows_that_are_committed_at_once_need_not_settle(late_free, runs):
    source, journal, sent = LivingSource(late_free), MemoryJournal(), Counter[str]()
    for at in [*runs, 60.0]:
        sent.update(run_once(source, at, 0.0, journal)[0])
    assert sent == Counter({f"w{number}": 1 for number in range(len(late_free))})


@PROPERTY
@given(
    computed=st.integers(1, 30),
    step=STEPS,
    cut=st.sampled_from([math.floor, round]),
    runs=RUNS,
    settle=st.sampled_from([0.0, SETTLE]),
)
def test_rows_that_the_query_stamps_are_sent_by_every_run(computed, step, cut, runs, settle):
    source, journal = LivingSource([], computed, step), MemoryJournal()
    source.cut = cut
    for at in runs:
        ids, report = run_once(source, at, settle, journal)
        assert Counter(ids) == Counter({f"c{number}": 1 for number in range(computed)})
        assert report.totals.rows_read == report.totals.accepted == computed


@PROPERTY
@given(written=WRITTEN, computed=st.integers(1, 5), step=STEPS, runs=RUNS)
@example(written=[Written(at=0.0, late=1.0)], computed=1, step=1.0, runs=[0.0])
def test_beside_them_rows_that_keep_their_time_are_sent_once(written, computed, step, runs):
    source, journal, sent = LivingSource(written, computed, step), MemoryJournal(), Counter[str]()
    for at in [*runs, 60.0]:
        ids, _ = run_once(source, at, SETTLE, journal)
        stamped = {name for name in ids if name[0] == "c"}
        assert stamped in (set(), {f"c{n}" for n in range(computed)})
        if not are_hidden(written, computed, source.began):
            assert stamped
        sent.update(ids)
    once = {f"w{number}" for number in range(len(written))}
    at_whole_seconds = {f"w{number}" for number, one in enumerate(written) if one.at == int(one.at)}
    assert {name for name in sent if name[0] == "w"} == once
    assert {name for name in once if sent[name] > 1} <= at_whole_seconds


def are_hidden(written: Sequence[Written], computed: int, began: float) -> bool:
    """Whether as many rows of the last second were committed while a run looked for rows that move.

    They take the places of those that moved, so that the number is the same; the next run looks anew.
    """
    looks_until = began + 1.2
    came = [one for one in written if int(began) <= one.at <= began + 0.1 and began < one.at + one.late <= looks_until]
    return len(came) >= computed


@pytest.mark.parametrize("step", [1e-6, 1e-3])
@pytest.mark.parametrize("statement", range(1, 9))
def test_a_row_that_is_written_between_two_statements_of_a_run_is_sent_once(step, statement):
    """Whichever statement it comes before: the read itself, too."""
    written = [Written(round(10.0 + (statement - 0.5) * STATEMENT + 0.0005, 6), 0.0003)]
    source, journal, sent = LivingSource(written, 3, step), MemoryJournal(), Counter[str]()
    for at in (10.0, 20.0, 30.0):
        sent.update(run_once(source, at, 0.0, journal)[0])
    assert sent == {"w0": 1, "c0": 3, "c1": 3, "c2": 3}


@PROPERTY
@given(written=WRITTEN, computed=st.integers(0, 40), step=STEPS, breaks=st.lists(st.integers(0, 3), max_size=4))
def test_a_read_that_breaks_off_loses_none_of_them(written, computed, step, breaks):
    source, journal = LivingSource(written, computed, step), MemoryJournal()
    source.batch_rows, source.breaks = 7, list(breaks)
    ids, _ = run_once(source, 60.0, 0.0, journal)
    assert set(ids) == {f"w{n}" for n in range(len(written))} | {f"c{n}" for n in range(computed)}
    assert {Counter(ids)[f"w{number}"] for number in range(len(written))} <= {1}


@PROPERTY
@given(early=st.lists(MOMENTS, max_size=20), late=st.lists(MOMENTS, max_size=10), new=st.lists(MOMENTS, max_size=10))
def test_what_is_counted_as_late_is_late(early, late, new):
    """Where nothing is changed or deleted, the number is exact."""
    source, journal = ListSource([Row(-100 + at, f"e{n}") for n, at in enumerate(early)]), MemoryJournal()
    run_virtually(make_run(source, Things(), journal, slice_up_to(journal), late=LateRows(source, None)).run())
    mark = max(early, default=None)
    source.rows += [Row(-100 + at, f"l{n}") for n, at in enumerate(late)]
    source.rows += [Row(-50 + at, f"n{n}") for n, at in enumerate(new)]
    counted = LateRows(source, journal.progress.below)
    run_virtually(make_run(source, Things(), journal, slice_up_to(journal), late=counted).run())
    assert counted.number == (None if mark is None else sum(at < mark for at in late))
    again = LateRows(source, journal.progress.below)
    run_virtually(make_run(source, Things(), journal, slice_up_to(journal), late=again).run())
    assert again.number in (0, None)


def slice_up_to(journal: MemoryJournal) -> Any:
    progress = journal.progress
    record = progress and StateRecord(
        Identity("s", "things", "d"), 1, Checkpoint(progress.watermark, progress.totals), "r", ""
    )
    return new_plan(RunRequest("incremental"), "incremental", CONTEXT, record, SimpleNamespace(opened_at=NOON)).slice


def test_a_read_of_stamped_rows_that_always_breaks_off_ends():
    source, journal = LivingSource([], 400), MemoryJournal()
    source.breaks = [6] * 50
    try:
        run_once(source, 10.0, 0.0, journal)
    except RetryLater:
        return
    raise AssertionError("it went on for ever")
