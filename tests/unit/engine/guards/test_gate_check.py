"""A run with gates sends everything or nothing, whatever its rows are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_world import make_run
from support.town import Town, TownDestination

from airflow_provider_cdi.engine.guards.gates import Gates
from airflow_provider_cdi.exceptions import GuardTripped, RetryLater
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import run_virtually


def run(source, town, journal, gates, **more):
    destination = more.pop("destination", None) or TownDestination()
    part = incremental(journal.progress)
    return run_virtually(make_run(source, town, journal, part, gates=gates, destination=destination, **more).run())


ROWS = st.lists(
    st.tuples(st.integers(-50, 5), st.sampled_from("abcdefgh"), st.sampled_from(["{}", "bad"])), max_size=40
).map(lambda rows: [Row(at, f"{key}", payload=payload) for at, key, payload in rows])


@settings(deadline=None)
@given(before=ROWS, after=ROWS, gate=st.sampled_from(["max_rows", "max_data_points", "max_new_profiles"]),
       most=st.integers(0, 30))  # fmt: skip
def test_a_run_sends_everything_or_nothing(before, after, gate, most):
    town, journal = Town(), MemoryJournal()
    source = ListSource(before)
    run(source, town, journal, None)
    source.rows = sorted([*before, *after], key=lambda row: row.at)
    requests, applied, progress = town.requests, len(town.applied), journal.progress
    known = set(town.ids())
    try:
        run(source, town, journal, Gates(**{gate: most}))
    except GuardTripped:
        assert (town.requests, journal.progress) == (requests, progress)
    else:
        sent = town.applied[applied:]
        new = len({thing["id"] for thing in sent} - known)
        counted = {"max_rows": len(sent), "max_data_points": len(sent), "max_new_profiles": new}
        assert counted[gate] <= most
        assert run(source, town, journal, None).totals.accepted == 0


def test_the_look_before_keeps_the_order_and_the_ties_of_the_run():
    source, town, journal = ListSource([Row(-5, f"tie-{number}") for number in range(50)]), Town(), MemoryJournal()
    run(source, town, journal, None)
    source.rows += [Row(-5, "tie-new"), Row(-4, "later")]
    run(source, town, journal, Gates(max_data_points=2, max_new_profiles=2))
    assert town.ids()[50:] == ["tie-new", "later"]
    source.rows += [Row(-4, "x"), Row(-3, "y")]
    with pytest.raises(GuardTripped, match="2 data points"):
        run(source, town, journal, Gates(max_data_points=1))


def test_a_try_that_goes_on_behind_a_checkpoint_is_not_looked_at():
    source, town, journal = (
        ListSource([Row(-100 + number, str(number)) for number in range(60)]),
        Town(),
        MemoryJournal(),
    )
    run(source, town, journal, None)
    source.rows += [Row(-10 + number / 100, f"n{number}") for number in range(500)]
    report = run(source, town, journal, Gates(max_rows=1, max_data_points=1), progress=journal.progress)
    assert report.totals.accepted >= 500


class Breaks(ListSource):
    """A source whose reads break off behind their first row, the first few times or always."""

    times = 1_000

    def read(self, bounds):
        for number, rows in enumerate(super().read(bounds)):
            yield rows.slice(0, 1) if self.times > 0 else rows
            if self.times > 0 and not number:
                self.times -= 1
                raise RetryLater("the warehouse went away")


@pytest.mark.parametrize("gate", ["max_data_points", "max_new_profiles"])
def test_a_read_that_breaks_off_during_the_look_is_begun_again_and_nothing_counts_twice(gate):
    for most, is_let_through in ((3, True), (2, False)):
        source, town = Breaks([Row(-5, "a"), Row(-4, "b"), Row(-3, "c")]), Town()
        source.times = 4
        if is_let_through:
            assert run(source, town, MemoryJournal(), Gates(**{gate: most})).totals.accepted == 3
        else:
            with pytest.raises(GuardTripped, match="3 "):
                run(source, town, MemoryJournal(), Gates(**{gate: most}))
        assert (source.times, town.ids()) == (0, ["a", "b", "c"] if is_let_through else [])


def test_a_read_that_always_breaks_off_during_the_look_sends_nothing_and_may_be_tried_again():
    town = Town()
    with pytest.raises(RetryLater, match="went away"):
        run(Breaks([Row(-5, "a"), Row(-4, "b")]), town, MemoryJournal(), Gates(max_data_points=5))
    assert town.requests == 0


def test_what_needs_no_row_is_looked_at_before_anything_is_prepared():
    prepared = []
    with pytest.raises(GuardTripped):
        run(ListSource([Row(-5, "a")]), Town(), MemoryJournal(), Gates(max_rows=0), prepare=lambda: prepared.append(1))
    assert prepared == []
