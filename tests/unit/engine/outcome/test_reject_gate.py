"""A run whose first rows are all rejected for one reason stops, and its rows stay due."""

from __future__ import annotations

import logging

import pytest
from support.engine_world import Things, make_run

from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import AllRejected, RetryLater
from airflow_provider_cdi.forecast.examples import ExampleJournal
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row, position
from airflow_provider_cdi.testing.virtual_time import run_virtually

WIDE = DeliverySettings(max_in_flight=4)


def table(bad, good=0, *, start=-9_000.0):
    return [Row(start + n, f"c-{n}", "bad" if n < bad else "{}") for n in range(bad + good)]


def run(source, things=None, journal=None, part=None, settings=WIDE, progress=None, **kwargs):
    things, journal = things or Things(), journal or MemoryJournal()
    sync = make_run(
        source, things, journal, part or incremental(journal.progress), progress, settings=settings, **kwargs
    )
    return run_virtually(sync.run()), things, journal


def reached(journal):
    return journal.progress and journal.progress.watermark.position


def stopped(source, **kwargs):
    journal = kwargs.setdefault("journal", MemoryJournal())
    before = reached(journal)
    with pytest.raises(AllRejected) as raised:
        run(source, **kwargs)
    assert reached(journal) == before
    assert journal.rejects == []
    return str(raised.value)


def test_all_rows_rejected_for_one_reason_stop_the_run_and_stay_due():
    source = ListSource(table(5_000))
    message = stopped(source)
    assert "500 rows" in message
    assert "bad_row (The row is bad.)" in message
    assert "stop_if_all_rejected=None" in message
    source.rows = [Row(row.at, row.id) for row in source.rows]  # the choice was mended
    report, things, _ = run(source)
    assert report.totals.accepted == len(things.ids()) == 5_000


def test_the_first_rows_decide_although_later_ones_are_good():
    stopped(ListSource(table(500, good=100)))
    report, _, journal = run(ListSource(table(499, good=1)))
    assert (report.totals.rejected, len(journal.rejects)) == (499, 499)


@pytest.mark.parametrize("rows", [21, 300])
def test_all_rows_of_a_smaller_run_stop_it_too(rows):
    assert f"{rows} rows" in stopped(ListSource(table(rows)))


def test_a_few_rows_are_rejected_as_ever():
    report, _, journal = run(ListSource(table(20)))
    assert (report.totals.rejected, len(journal.rejects)) == (20, 20)
    assert journal.progress.watermark.position == position(-9_000 + 19)


@pytest.mark.parametrize(("first", "stops"), [(None, False), (50, True), (5_000, False)])
def test_the_number_of_first_rows_is_the_tasks_choice(first, stops):
    source = ListSource(table(60, good=40))
    if stops:
        stopped(source, stop_if_all_rejected=first)
    else:
        assert run(source, stop_if_all_rejected=first)[0].totals.rejected == 60


def test_rows_that_the_destination_refuses_count_together_with_those_that_never_left():
    rows = [Row(-9_000 + n, f"c-{n}", "bad" if n % 2 else "{}") for n in range(100)]
    both = Things(refuses={row.id for row in rows})
    report, _, _ = run(ListSource(rows), both)  # two codes: no one choice explains both
    assert report.totals.rejected == 100
    same = Things(refuses={row.id for row in table(0, good=100)})
    stopped(ListSource(table(0, good=100)), things=same)


def test_rows_that_were_delivered_before_do_not_count():
    source = ListSource([Row(-9_000, f"old-{n}") for n in range(30)])
    _, _, journal = run(source)
    source.rows += [Row(-9_000, f"new-{n}", "bad") for n in range(30)]
    message = stopped(source, journal=journal)
    assert "30 rows" in message


def test_a_window_and_a_try_that_goes_on_stop_as_well():
    window = Slice("window", up_to=position(0), since=position(-9_000), until=position(-8_000))
    stopped(ListSource(table(100)), part=window)
    # An earlier try came up to a bound at which nothing had an outcome yet but rows of the run before.
    source = ListSource([Row(-9_500, "first")])
    _, _, journal = run(source)
    source.rows += table(100)
    stopped(source, journal=journal)


def test_a_try_that_goes_on_behind_delivered_rows_has_come_through_the_gate():
    source, journal = ListSource([*table(0, good=50, start=-9_900), *table(100)]), MemoryJournal()
    # The first try breaks off behind the good rows.
    source.breaks = [1]
    with pytest.raises(RetryLater):
        run(source, journal=journal, settings=DeliverySettings(max_in_flight=4, reopen_reads=0))
    saved = journal.progress
    assert saved.totals.accepted == 50
    part = incremental().resumed_at(saved.watermark)
    report, _, _ = run(source, journal=journal, part=part, progress=saved)
    assert report.totals.rejected == 100


def test_a_dry_run_stops_as_the_real_one_would():
    with pytest.raises(AllRejected):
        run(ListSource(table(100)), journal=ExampleJournal(), part=incremental())


def test_a_window_that_is_smaller_than_the_gate_does_not_hang():
    stopped(ListSource(table(200)), settings=DeliverySettings(max_in_flight=2, window_rows=60))
    report, _, _ = run(ListSource(table(15, good=300)), settings=DeliverySettings(max_in_flight=2, window_rows=10))
    assert (report.totals.rejected, report.totals.accepted) == (15, 300)


def test_a_read_that_breaks_off_before_the_gate_has_decided_goes_on():
    report, _, journal = run(ListSource(table(120, good=200), breaks=(2, 1)))
    assert (report.totals.rejected, report.totals.accepted) == (120, 200)
    assert len(journal.rejects) == 120


def test_no_checkpoint_passes_the_rejects_before_the_gate_has_decided():
    slow = Things(delay=60.0)
    rows = [*table(100), *(Row(-500 + n, f"good-{n}") for n in range(10))]
    _, _, journal = run(ListSource(rows), slow, settings=DeliverySettings(max_in_flight=1, checkpoint_seconds=1))
    passed = [progress.totals for progress in journal.history]
    assert all(totals.accepted > 0 for totals in passed)
    assert passed[-1].rejected == 100


def test_the_first_ten_rejects_are_told_without_a_persons_data(caplog):
    caplog.set_level(logging.WARNING)
    run(ListSource(table(15, good=20)))
    told = [record.getMessage() for record in caplog.records if "A row is" in record.getMessage()]
    assert len(told) == 10
    assert told[0].startswith("A row is rejected: bad_row: The row is bad.")
    assert not any("c-" in line for line in told)
    assert "Further rejects of this run are counted and not shown here." in caplog.messages


def test_a_failed_request_among_the_first_rows_holds_nothing_up():
    report, _, _ = run(
        ListSource(table(30, good=30)), Things(fault=lambda _: Response(503, {}, b"") if _flip() else None)
    )
    assert report.totals.rows_read == 60


_turns = iter([True, False] * 100)


def _flip():
    return next(_turns)
