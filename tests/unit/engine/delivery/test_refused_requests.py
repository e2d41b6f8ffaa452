"""A refusal that names no record: the fault of the rows, or of the request?"""

from __future__ import annotations

import asyncio

import pytest
from support.engine_world import REFUSED_ROW, ThingDestination, Things, make_run

from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.engine.verdicts import BatchRejected, Response
from airflow_provider_cdi.exceptions import DestinationRefused
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row, position
from airflow_provider_cdi.testing.virtual_time import run_virtually

SETTINGS = DeliverySettings(max_in_flight=8)


def rows(count, payload="{}"):
    return [Row(-1_000 + n, f"c-{n}", payload) for n in range(count)]


def refusing(*bad):
    """Refuse every request that carries one of these, or all requests."""
    return Things(
        fault=lambda sent: Response(413, {}, b"") if not bad or {thing["id"] for thing in sent} & {*bad} else None
    )


def run(table, things, *, records=75, journal=None, destination=None, progress=None):
    journal = journal or MemoryJournal()
    destination = destination or ThingDestination(BatchLimits(records=records, body_bytes=10**6))
    sync = make_run(
        ListSource(table), things, journal, incremental(), progress, destination=destination, settings=SETTINGS
    )
    return run_virtually(sync.run()), journal


def stopped(table, things, **kwargs):
    journal = MemoryJournal()
    with pytest.raises(DestinationRefused) as raised:
        run(table, things, journal=journal, **kwargs)
    assert journal.rejects == []
    assert journal.progress is None
    return str(raised.value)


@pytest.mark.parametrize("count", [75, 200, 3])
def test_rows_that_are_all_refused_alone_for_one_reason_stop_the_run_and_stay_due(count):
    message = stopped(rows(count), refusing())
    assert "for a reason that names no row: refused_row" in message
    assert "stay due" in message


def test_a_row_that_is_refused_alone_beside_accepted_ones_is_a_reject():
    report, journal = run(rows(75), refusing("c-7", "c-8"))
    assert (report.totals.accepted, report.totals.rejected) == (73, 2)
    assert [reject.identifier["EXTERNAL_ID"] for reject in journal.rejects] == ["c-7", "c-8"]


def test_a_large_request_that_is_refused_throughout_stops_the_run_although_others_were_accepted():
    things = refusing(*(f"c-{n}" for n in range(75, 150)))
    journal = MemoryJournal()
    with pytest.raises(DestinationRefused, match="Each of the 75 rows"):
        run(rows(200), things, journal=journal)
    assert journal.rejects == []
    assert journal.progress.watermark.position == position(-1_000 + 74)


@pytest.mark.parametrize("last", [1, 5])
def test_a_small_request_is_cleared_by_others_also_by_those_on_their_way(last):
    count = 75 + last
    report, journal = run(rows(count), refusing(*(f"c-{n}" for n in range(75, count))))
    assert (report.totals.accepted, report.totals.rejected) == (75, last)
    assert len(journal.rejects) == last


def test_the_slow_answer_that_clears_a_small_request_is_waited_for():
    delays = iter([30.0, *[0.01] * 100])
    things = refusing("c-75")
    things.delay = lambda: next(delays)
    report, _ = run(rows(76), things)
    assert (report.totals.accepted, report.totals.rejected) == (75, 1)


def test_the_only_row_of_a_run_is_not_set_aside_for_a_refusal_that_names_it_not():
    assert "The only row of a request was refused" in stopped(rows(1), refusing())
    report, journal = run(rows(2), refusing("c-0"))  # the next run, in which it has company
    assert (report.totals.accepted, len(journal.rejects)) == (1, 1)


def test_several_small_requests_that_are_all_refused_do_not_wait_for_each_other_for_ever():
    stopped(rows(12), refusing(), records=3)


def test_requests_of_another_group_clear_nothing():
    table = [Row(-1_000 + n, f"c-{n}", "group-a" if n < 3 else "group-b") for n in range(50)]
    assert "refused" in stopped_after_some(table, refusing("c-0", "c-1", "c-2"))


def stopped_after_some(table, things):
    journal = MemoryJournal()
    with pytest.raises(DestinationRefused) as raised:
        run(table, things, journal=journal)
    assert journal.rejects == []
    return str(raised.value)


class Certain(ThingDestination):
    """The other side says in documented words that a row is at fault; which one, only where it stands alone."""

    def interpret_response(self, answer, records):
        if answer.status == 413:
            return BatchRejected(REFUSED_ROW, {0: REFUSED_ROW} if len(records) == 1 else {})
        return super().interpret_response(answer, records)


def test_a_refusal_that_names_a_row_that_stands_alone_rejects_it_whatever_becomes_of_the_others():
    report, journal = run(rows(3), refusing(), destination=Certain())
    assert (report.totals.rejected, len(journal.rejects)) == (3, 3)


def test_what_an_earlier_try_delivered_clears_a_small_request_too():
    first, journal = ListSource(rows(10)), MemoryJournal()
    report = run_virtually(make_run(first, Things(), journal, incremental(), settings=SETTINGS).run())
    assert report.totals.accepted == 10
    first.rows.append(Row(-1, "late"))
    part, saved = incremental().resumed_at(journal.progress.watermark), journal.progress
    report = run_virtually(make_run(first, refusing("late"), journal, part, saved, settings=SETTINGS).run())
    assert (report.totals.accepted, report.totals.rejected) == (10, 1)


def test_a_run_that_is_told_to_end_while_it_waits_for_evidence_ends():
    things = refusing("c-75")
    delays = iter([10**6, *[0.01] * 100])
    things.delay = lambda: next(delays)

    async def main():
        sync = make_run(
            ListSource(rows(76)),
            things,
            MemoryJournal(),
            incremental(),
            destination=ThingDestination(BatchLimits(records=75, body_bytes=10**6)),
            settings=SETTINGS,
        )
        task = asyncio.create_task(sync.run())
        await asyncio.sleep(5)
        task.cancel()
        return await asyncio.gather(task, return_exceptions=True)

    (error,) = run_virtually(main())
    assert "told to end" in str(error)
