"""What one run does, seen from outside: rows in a list, things applied, report and watermark."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from support.engine_world import ThingDestination, Things, make_run

from airflow_provider_cdi.engine.delivery.traffic import Traffic
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.guards.gates import Gates
from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.watermark import EXACT_TIES, Watermark
from airflow_provider_cdi.engine.run import BATCHES_AHEAD
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import (
    DestinationRefused,
    GuardTripped,
    Interrupted,
    NoAnswer,
    RetryLater,
    SourceError,
)
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row, position
from airflow_provider_cdi.testing.virtual_time import run_virtually


def rows(count, *, start=-1000.0, step=1.0, prefix="c"):
    return [Row(start + number * step, f"{prefix}-{number}") for number in range(count)]


def run(source, things=None, journal=None, part=None, **kwargs):
    things, journal = things or Things(), journal or MemoryJournal()
    report = run_virtually(make_run(source, things, journal, part or incremental(journal.progress), **kwargs).run())
    return report, things, journal


def test_first_run_delivers_every_row_once():
    report, things, _ = run(ListSource(rows(333)))
    assert sorted(things.ids()) == sorted(row.id for row in rows(333))
    assert report.totals.to_json()["rows_read"] == report.totals.accepted == 333


def test_second_run_over_an_unchanged_table_reads_nothing_and_sends_nothing():
    source = ListSource(rows(30))
    _, _, journal = run(source)
    source.reads.clear()
    report, things, _ = run(source, journal=journal)
    assert (source.reads, things.requests, report.totals.rows_read) == ([], 0, 0)


def test_a_new_row_with_the_watermarks_own_timestamp_is_sent_alone():
    source = ListSource([Row(-5, f"tie-{number}") for number in range(1000)])
    _, _, journal = run(source)
    source.rows.append(Row(-5, "tie-0500b"))
    report, things, _ = run(source, journal=journal)
    assert things.ids() == ["tie-0500b"]
    assert report.totals.to_json()["skipped_because"] == {"already_delivered": 1000}


def test_a_new_row_in_a_tie_group_too_large_to_remember_drags_at_most_its_bucket_with_it():
    count = 20 * EXACT_TIES
    source = ListSource([Row(-5, f"tie-{number:06}") for number in range(count)], batch_rows=4096)
    wide = ThingDestination(BatchLimits(records=500, body_bytes=10_000_000))
    _, _, journal = run(source, destination=wide)
    source.rows.append(Row(-5, "tie-000500b"))
    _, things, _ = run(source, journal=journal, destination=wide)
    assert "tie-000500b" in things.ids()
    assert len(things.ids()) < count / 100


def test_a_tie_group_too_large_to_remember_is_not_read_again_while_its_count_stays():
    source = ListSource([Row(-5, f"tie-{number}") for number in range(EXACT_TIES + 1)])
    _, _, journal = run(source)
    source.rows.append(Row(-4, "later"))
    _, things, _ = run(source, journal=journal)
    assert things.ids() == ["later"]
    assert source.reads[-1].after == position(-5)


def test_a_row_replaced_at_the_watermarks_timestamp_is_found_with_the_next_new_row():
    source = ListSource([Row(-5, "a"), Row(-5, "b")])
    _, _, journal = run(source)
    source.rows = [Row(-5, "a"), Row(-5, "replaced"), Row(-4, "new")]
    _, things, _ = run(source, journal=journal)
    assert sorted(things.ids()) == ["new", "replaced"]


def test_a_second_equal_row_at_the_watermark_is_a_row_of_its_own():
    source = ListSource([Row(-5, "a")])
    _, _, journal = run(source)
    source.rows.append(Row(-5, "a"))
    _, things, _ = run(source, journal=journal)
    assert things.ids() == ["a"]


def test_ties_that_were_deleted_are_forgotten_so_that_the_next_run_reads_nothing():
    source = ListSource([Row(-5, "a"), Row(-5, "b")])
    _, _, journal = run(source)
    source.rows.pop()
    run(source, journal=journal)
    source.reads.clear()
    run(source, journal=journal)
    assert source.reads == []


@pytest.mark.parametrize(("bad_at", "is_known"), [(-5, True), (-6, False)])
def test_the_watermark_knows_whether_a_row_at_its_time_was_rejected_as_long_as_it_stands_there(bad_at, is_known):
    source = ListSource([Row(bad_at, "a", "bad"), Row(-5, "b")])
    _, _, journal = run(source)
    kept = Watermark.from_json(journal.progress.watermark.to_json())
    assert kept.has_rejects is is_known
    source.rows.append(Row(-5, "c"))
    _, _, journal = run(source, journal=journal)
    assert journal.progress.watermark.has_rejects is is_known
    source.rows.append(Row(-4, "d"))
    _, _, journal = run(source, journal=journal)
    assert not journal.progress.watermark.has_rejects


def test_a_row_stamped_tomorrow_is_skipped_counted_and_stops_nobody():
    source = ListSource([Row(-10, "today"), Row(86_400, "tomorrow")])
    report, things, journal = run(source)
    assert things.ids() == ["today"]
    assert report.totals.to_json()["skipped_because"] == {"future": 1}
    source.rows.append(Row(10, "later today"))
    _, things, _ = run(source, journal=journal, part=incremental(journal.progress, up_to=60))
    assert things.ids() == ["later today"]


def test_a_row_stamped_in_the_future_goes_out_once_its_time_has_come():
    source = ListSource([Row(3_600, "an hour ahead")])
    _, _, journal = run(source)
    _, things, _ = run(source, journal=journal, part=incremental(journal.progress, up_to=3_600))
    assert things.ids() == ["an hour ahead"]


def test_rows_without_a_time_are_counted_and_never_sent():
    report, things, _ = run(ListSource([Row(None, "timeless"), Row(-1, "timed")]))
    assert things.ids() == ["timed"]
    assert report.totals.to_json()["skipped_because"] == {"no_updated_at": 1}


def test_rows_refused_inside_a_success_answer_are_named_also_when_others_were_taken_out_before():
    table = [Row(-1000 + n, f"c-{n}", "bad" if n % 7 == 3 else "{}") for n in range(700)]
    refuses = {f"c-{n}" for n in range(0, 700, 70)}
    report, things, journal = run(ListSource(table), Things(refuses=refuses))
    assert report.totals.rejects == {"bad_row": 100, "refused_row": 10}
    assert {reject.identifier["EXTERNAL_ID"] for reject in journal.rejects if reject.code == "refused_row"} == refuses
    assert len(things.ids()) == report.totals.accepted == 590


def test_a_reject_carries_what_is_needed_to_send_it_again():
    _, _, journal = run(ListSource([Row(-2, "c-1", "bad")]))
    (reject,) = journal.rejects
    assert (reject.outcome, reject.code, reject.identifier) == ("rejected", "bad_row", {"EXTERNAL_ID": "c-1"})
    assert (reject.updated_at, reject.payload) == (position(-2), "bad")


def test_a_refused_batch_is_split_until_the_culprit_stands_alone():
    things = Things(fault=lambda objects: Response(413, {}, b"") if any(o["id"] == "c-3" for o in objects) else None)
    report, _, journal = run(ListSource(rows(10)), things)
    assert [reject.identifier["EXTERNAL_ID"] for reject in journal.rejects] == ["c-3"]
    assert report.totals.accepted == 9
    assert sorted(things.ids()) == sorted(f"c-{n}" for n in range(10) if n != 3)


def test_two_requests_never_carry_one_person_at_once_and_the_newer_row_comes_last():
    table = [Row(-1000 + n, f"c-{n % 7}", f'{{"n":{n}}}') for n in range(500)]
    _, things, _ = run(ListSource(table), Things(delay=iter_delays()))
    assert things.overlaps == 0
    for person in {row.id for row in table}:
        sent = [thing["payload"] for thing in things.applied if thing["id"] == person]
        assert sent == [row.payload for row in table if row.id == person]


def iter_delays():
    state = [0]

    def delay():
        state[0] = (state[0] * 7 + 3) % 11
        return 0.01 + state[0] / 50

    return delay


def test_a_person_in_every_batch_does_not_hold_up_the_others():
    table = [Row(-1000 + n, "hot" if n % 5 == 0 else f"c-{n}") for n in range(500)]
    _, things, _ = run(ListSource(table), Things(delay=1.0))
    assert things.overlaps == 0
    assert max(things.times) < 0.7 * 500 / 5


def test_records_of_different_groups_never_share_a_request():
    seen = []

    def remember(objects):
        seen.append({thing["payload"] for thing in objects})

    table = [Row(-100 + n, f"c-{n}", f"group {n % 2}") for n in range(40)]
    run(ListSource(table), Things(fault=remember))
    assert all(len(groups) == 1 for groups in seen)


def test_a_key_stands_only_once_in_a_request_when_the_destination_says_so():
    seen = []
    destination = ThingDestination(once=True)
    table = [Row(-100 + n, f"c-{n % 3}", str(n)) for n in range(30)]
    _, things, _ = run(
        ListSource(table),
        Things(fault=lambda objects: seen.append([o["id"] for o in objects])),
        destination=destination,
    )
    assert all(len(set(ids)) == len(ids) for ids in seen)
    assert [t["payload"] for t in things.applied if t["id"] == "c-0"] == [r.payload for r in table if r.id == "c-0"]


def test_batches_keep_the_byte_limit():
    sizes = []
    destination = ThingDestination(BatchLimits(records=50, body_bytes=1_000))
    source = ListSource([Row(-100 + n, f"c-{n}", "x" * 200) for n in range(20)])
    run(source, Things(fault=lambda objects: sizes.append(len(objects))), destination=destination)
    assert max(sizes) == 2


def test_a_busy_answer_holds_back_every_sender_for_the_time_it_names():
    answers = iter([Response(429, {"wait": "30"}, b"")])
    things = Things(fault=lambda _: next(answers, None), delay=0.001)
    report, things, _ = run(ListSource(rows(200)), things)
    before = [time for time in things.times if time < 30]
    assert len(before) <= 4  # those that were on their way
    assert max(things.times) >= 30
    assert report.totals.accepted == 200
    assert report.traffic.held_back == 1


def test_a_busy_answer_that_asks_for_too_long_ends_the_try_and_loses_nothing():
    settings = DeliverySettings(max_in_flight=2, retry=RetryPolicy(rate_limit_seconds=60))
    source, journal = ListSource(rows(50)), MemoryJournal()
    with pytest.raises(RetryLater, match="rate_limit_seconds=60"):
        run(source, Things(fault=lambda _: Response(429, {"wait": "3000"}, b"")), journal, settings=settings)
    _, things, _ = run(source, journal=journal)
    assert len(things.ids()) == 50


@pytest.mark.parametrize("trouble", [Response(503, {}, b""), NoAnswer("reset", may_have_arrived=True)])
def test_trouble_that_passes_costs_repeats_and_no_row(trouble):
    troubles = iter([trouble] * 3)
    report, things, _ = run(ListSource(rows(40)), Things(fault=lambda _: next(troubles, None)))
    assert sorted(things.ids()) == sorted(row.id for row in rows(40))
    assert report.traffic.retries == 3


def test_trouble_that_stays_ends_the_try_after_the_bounded_attempts():
    things = Things(fault=lambda _: Response(503, {}, b""))
    settings = DeliverySettings(max_in_flight=1, retry=RetryPolicy(attempts=4))
    with pytest.raises(RetryLater, match="4 attempts"):
        run(ListSource(rows(3)), things, settings=settings)
    assert things.requests == 4


def test_the_wait_between_attempts_grows():
    things = Things(fault=lambda _: Response(503, {}, b""), delay=0.0)
    settings = DeliverySettings(max_in_flight=1, retry=RetryPolicy(attempts=6, first_wait=1))
    with pytest.raises(RetryLater):
        run(ListSource(rows(3)), things, settings=settings)
    waits = [later - earlier for earlier, later in zip(things.times, things.times[1:], strict=False)]
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(waits))


def test_the_default_repeats_a_request_soon_and_has_patience_for_half_a_minute_at_least():
    things = Things(fault=lambda _: Response(503, {}, b""), delay=0.0)
    with pytest.raises(RetryLater):
        run(ListSource(rows(1)), things, settings=DeliverySettings(max_in_flight=1))
    assert things.times[1] - things.times[0] <= 0.125
    assert 30 <= things.times[-1] - things.times[0] <= 64


def test_a_sync_level_refusal_ends_the_run_and_keeps_what_was_acknowledged():
    class Refusing(ThingDestination):
        def interpret_response(self, answer, records):
            if answer.status == 401:
                raise DestinationRefused("The key is wrong.")
            return super().interpret_response(answer, records)

    answered = []
    things = Things(fault=lambda _: answered.append(1) or (Response(401, {}, b"") if len(answered) > 60 else None))
    journal, source = MemoryJournal(), ListSource(rows(1000))
    with pytest.raises(DestinationRefused):
        run(source, things, journal, destination=Refusing())
    assert journal.progress is not None
    _, rest, _ = run(source, journal=journal)
    assert set(things.ids()) | set(rest.ids()) == {row.id for row in source.rows}
    assert len(things.ids()) + len(rest.ids()) <= 1000 + 256 + 100


def test_an_unknown_outcome_of_something_that_must_not_be_repeated_is_kept_aside_when_asked():
    destination = ThingDestination(repeat_is_harmless=False)
    lost = iter([NoAnswer("timed out", may_have_arrived=True)])
    things = Things(fault=lambda _: next(lost, None), applies_before_fault=True)
    settings = DeliverySettings(max_in_flight=1, on_unknown="reject")
    report, things, journal = run(ListSource(rows(20)), things, destination=destination, settings=settings)
    assert (report.totals.unknown, report.totals.accepted) == (5, 15)
    assert {(reject.outcome, reject.code) for reject in journal.rejects} == {("unknown", "no_answer")}
    assert max(things.ids().count(row.id) for row in rows(20)) == 1


def test_a_request_that_never_arrived_is_repeated_whatever_the_policy():
    lost = iter([NoAnswer("connection refused", may_have_arrived=False)])
    settings = DeliverySettings(max_in_flight=1, on_unknown="reject")
    destination = ThingDestination(repeat_is_harmless=False)
    report, _, _ = run(
        ListSource(rows(20)), Things(fault=lambda _: next(lost, None)), destination=destination, settings=settings
    )
    assert report.totals.accepted == 20


def test_an_error_that_names_no_row_is_traced_by_halves_where_a_repeat_is_harmless():
    things = Things(fault=lambda objects: Response(207, {}, b"") if any(o["id"] == "c-3" for o in objects) else None)
    report, _, journal = run(ListSource(rows(10)), things)
    assert [(reject.identifier["EXTERNAL_ID"], reject.code) for reject in journal.rejects] == [("c-3", "unattributed")]
    assert report.totals.accepted == 9
    assert report.to_json()["remarks"] == {"somebody is refused": 4}  # of 5, 3 and 2, and alone


def bad(*named, without="c-3"):
    """Refuse a row without saying which it is, and name others."""

    def fault(objects):
        ids = [one["id"] for one in objects]
        places = [ids.index(name) for name in named if name in ids]
        return Response(207, {}, json.dumps(places).encode()) if without in ids else None

    return fault


def test_rows_that_are_named_keep_their_code_beside_an_error_that_names_none():
    report, things, journal = run(ListSource(rows(10)), Things(fault=bad("c-1", "c-4")))
    assert {reject.identifier["EXTERNAL_ID"]: reject.code for reject in journal.rejects} == {
        "c-1": "refused_row",
        "c-4": "refused_row",
        "c-3": "unattributed",
    }
    assert sorted(things.ids()) == sorted({row.id for row in rows(10)} - {"c-1", "c-3", "c-4"})
    assert report.totals.rows_read == 10


def test_rows_that_are_named_are_rejected_and_the_others_unknown_where_a_repeat_would_count_double():
    report, _, journal = run(
        ListSource(rows(10)),
        Things(fault=bad("c-1")),
        destination=ThingDestination(repeat_is_harmless=False),
        settings=DeliverySettings(max_in_flight=1),
    )
    assert {(reject.identifier["EXTERNAL_ID"], reject.outcome, reject.code) for reject in journal.rejects} == {
        ("c-1", "rejected", "refused_row"),
        *((f"c-{n}", "unknown", "unattributed") for n in (0, 2, 3, 4)),
    }
    assert (report.totals.rejected, report.totals.unknown, report.totals.accepted) == (1, 4, 5)
    assert report.traffic.requests == 2


def test_an_answer_that_names_all_rows_and_more_rejects_them():
    report, _, _ = run(ListSource(rows(5)), Things(fault=bad(*(f"c-{n}" for n in range(5)))))
    assert (report.totals.rejects, report.traffic.requests) == ({"refused_row": 5}, 1)


def test_remarks_of_answers_are_counted_told_once_and_bounded(caplog):
    traffic = Traffic()
    for number in range(30):
        traffic.note({f"remark {number}": 1, "the same": 2})
    assert traffic.remarks["the same"] == 60
    assert traffic.remarks["further remarks"] == 11
    assert len(traffic.remarks) == 21
    assert len(caplog.records) == 20


def test_an_error_that_names_no_row_leaves_the_whole_batch_unknown_where_a_repeat_would_count_double():
    things = Things(fault=lambda objects: Response(207, {}, b"") if any(o["id"] == "c-3" for o in objects) else None)
    report, _, journal = run(ListSource(rows(10)), things, destination=ThingDestination(repeat_is_harmless=False))
    assert (report.totals.unknown, report.totals.accepted) == (5, 5)
    assert {(reject.outcome, reject.code) for reject in journal.rejects} == {("unknown", "unattributed")}


def test_the_delete_cap_stops_a_run_before_anything_is_sent():
    things = Things()
    with pytest.raises(GuardTripped, match="would delete 30 users"):
        run(ListSource(rows(30)), things, gates=Gates(delete_cap=DeleteCap(rows=29)))
    assert things.requests == 0


def test_a_large_share_of_deletes_stops_a_later_run_but_not_the_first_one():
    source = ListSource(rows(100))
    _, _, journal = run(source, gates=Gates(delete_cap=DeleteCap()))
    source.rows = [replace(row, at=row.at + 500) for row in source.rows]
    with pytest.raises(GuardTripped, match="re-stamped"):
        run(source, journal=journal, gates=Gates(delete_cap=DeleteCap()))


def test_a_source_out_of_order_stops_the_run():
    class Disordered(ListSource):
        def read(self, bounds):
            yield from reversed(list(super().read(bounds)))

    with pytest.raises(SourceError, match="order of UPDATED_AT"):
        run(Disordered(rows(100)))


def test_a_stop_request_saves_what_was_acknowledged_and_a_new_try_goes_on_from_there():
    asked = []
    things = Things(fault=lambda _: asked.append(1) and None)
    source, journal = ListSource(rows(2000, start=-5000)), MemoryJournal()
    with pytest.raises(Interrupted):
        run(source, things, journal, stop_requested=lambda: len(asked) > 200)
    assert source.cancelled == 1
    done = journal.progress.totals.accepted
    assert 500 < done < 2000
    _, rest, _ = run(source, journal=journal)
    assert set(things.ids()) | set(rest.ids()) == {row.id for row in source.rows}
    assert len(things.ids()) + len(rest.ids()) <= 2000 + 100 + 256


def test_a_retry_of_a_small_run_sends_no_acknowledged_row_again():
    answered = []
    things = Things(fault=lambda _: answered.append(1) or (Response(503, {}, b"") if len(answered) == 4 else None))
    settings = DeliverySettings(max_in_flight=1, retry=RetryPolicy(attempts=1))
    source, journal = ListSource(rows(40)), MemoryJournal()
    with pytest.raises(RetryLater):
        run(source, things, journal, settings=settings)
    assert journal.progress.totals.accepted == 15
    part = incremental().resumed_at(journal.progress.watermark)
    run_virtually(make_run(source, things, journal, part, journal.progress, settings=settings).run())
    assert sorted(things.ids()) == sorted(row.id for row in rows(40))


def test_the_report_of_a_resumed_run_counts_the_rows_of_all_its_tries():
    source, journal = ListSource(rows(900)), MemoryJournal()
    asked = []
    with pytest.raises(Interrupted):
        run(source, Things(fault=lambda _: asked.append(1) and None), journal, stop_requested=lambda: len(asked) > 80)
    part = incremental().resumed_at(journal.progress.watermark)
    report = run_virtually(make_run(source, Things(), journal, part, journal.progress).run())
    assert report.totals.rows_read == report.totals.accepted == 900


def test_no_more_rows_than_the_window_are_beyond_the_last_checkpoint():
    most = [0]

    class Watching(MemoryJournal):
        async def commit(self, progress, rejects):
            await super().commit(progress, rejects)
            most[0] = max(most[0], len(things.applied) - progress.totals.accepted)

    things = Things()
    run(
        ListSource(rows(3000, start=-5000)),
        things,
        Watching(),
        settings=DeliverySettings(max_in_flight=8, window_rows=300),
    )
    assert most[0] <= 300 + 256


def test_a_window_slice_reads_just_the_window():
    part = Slice("window", up_to=position(0), since=position(-10), until=position(-5), moves_watermark=False)
    _, things, _ = run(ListSource(rows(100, start=-50)), part=part)
    assert sorted(things.ids()) == [f"c-{n}" for n in range(40, 45)]


def test_a_start_position_includes_the_rows_that_carry_it():
    from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark

    part = Slice("incremental", up_to=position(0), after=Watermark(position(-3), Ties()))
    _, things, _ = run(ListSource(rows(10, start=-8)), part=part)
    assert sorted(things.ids()) == ["c-5", "c-6", "c-7", "c-8"]


def test_a_read_that_breaks_off_is_opened_again_behind_the_rows_that_came():
    source = ListSource(rows(1000), breaks=[5, 0, 2])
    report, things, _ = run(source)
    assert sorted(things.ids()) == sorted(row.id for row in source.rows)
    assert report.totals.rows_read == report.totals.accepted == 1000
    # The row at the position is read again each time, and not sent: another may have come at its time.
    assert [bounds.since for bounds in source.reads] == [None, position(-751), position(-751), position(-652)]


def test_the_slice_in_the_report_is_the_whole_one_also_when_the_read_broke_off():
    report, _, _ = run(ListSource(rows(1000), breaks=[5]))
    assert report.slice == incremental().describe()


def test_a_read_that_always_breaks_off_ends_the_try_and_keeps_what_was_acknowledged():
    journal, source = MemoryJournal(), ListSource(rows(1000), batch_rows=5, breaks=[1] * 100)
    with pytest.raises(RetryLater, match="broke off"):
        run(source, journal=journal)
    assert len(source.reads) == 1 + DeliverySettings().reopen_reads
    assert journal.progress.totals.accepted == 5 + 4 * DeliverySettings().reopen_reads


def test_a_read_that_breaks_off_again_and_again_and_comes_forward_goes_on():
    source = ListSource(rows(2000, start=-3000), breaks=[2] * 19)
    report, _, _ = run(source)
    assert report.totals.accepted == 2000
    assert len(source.reads) > 1 + DeliverySettings().reopen_reads


def test_a_read_that_was_cancelled_is_not_opened_again():
    class Cancelled(ListSource):
        def read(self, bounds):
            yield next(super().read(bounds))
            raise Interrupted("cancelled")

    source = Cancelled(rows(1000))
    with pytest.raises(Interrupted):
        run(source)
    assert len(source.reads) == 1


def test_requests_per_second_is_kept():
    settings = DeliverySettings(max_in_flight=16, requests_per_second=10)
    _, things, _ = run(ListSource(rows(200)), Things(delay=0.01), settings=settings)
    busiest = max(sum(start <= time < start + 1 for time in things.times) for start in range(5))
    assert busiest <= 11


def test_a_journal_that_fails_fails_the_run():
    class Failing(MemoryJournal):
        async def commit(self, progress, rejects):
            raise RetryLater("the disk is full")

    with pytest.raises(RetryLater, match="disk is full"):
        run(ListSource(rows(10)), journal=Failing())


def test_rejects_that_could_not_be_written_are_written_with_the_next_checkpoint():
    class FailingOnce(MemoryJournal):
        async def commit(self, progress, rejects):
            self.commits += 1
            if self.commits == 1:
                raise RetryLater("the disk is full")
            await super().commit(progress, rejects)

    table = [Row(-1000 + n, f"c-{n}", "bad" if n % 2 else "{}") for n in range(900)]
    journal = FailingOnce()
    with pytest.raises(RetryLater, match="disk is full"):
        run(ListSource(table), journal=journal)
    assert len(journal.rejects) == journal.progress.totals.rejected > 0


def test_a_request_is_given_up_after_its_time_whatever_its_attempts():
    settings = DeliverySettings(max_in_flight=1, retry=RetryPolicy(attempts=1_000, seconds=90))
    things = Things(fault=lambda _: Response(503, {}, b""))
    with pytest.raises(RetryLater, match="attempts over"):
        run(ListSource(rows(3)), things, settings=settings)
    assert 90 <= max(things.times) <= 90 + 60


def test_no_more_bytes_than_the_window_wait_for_their_outcome():
    most = [0]

    class Watched(ListSource):
        def read(self, bounds):
            for batch in super().read(bounds):
                held = sync._ledger.bytes_held
                most[0] = max(most[0], held)
                yield batch

    source = Watched([Row(-1000 + n, f"c-{n}", "x" * 1_000) for n in range(800)])
    settings = DeliverySettings(max_in_flight=2, window_rows=10_000, window_bytes=100_000)
    sync = make_run(source, Things(), MemoryJournal(), incremental(), settings=settings)
    run_virtually(sync.run())
    assert 50_000 < most[0] <= 100_000 + 2 * 60_000


def test_rows_are_encoded_no_further_ahead_than_they_can_be_sent():
    things, ahead = Things(), []

    class Watched(ListSource):
        def read(self, bounds):
            for number, batch in enumerate(super().read(bounds)):
                ahead.append(50 * number - len(things.applied))
                yield batch

    settings = DeliverySettings(max_in_flight=2, window_rows=10**6)
    run(Watched(rows(3_000, start=-9_000)), things, settings=settings)
    waiting_and_in_flight = 5 * (BATCHES_AHEAD + 2)
    assert waiting_and_in_flight / 2 < max(ahead) <= waiting_and_in_flight + 2 * 50


def test_progress_is_saved_when_half_of_the_window_is_used():
    journal = MemoryJournal()
    settings = DeliverySettings(max_in_flight=4, window_rows=1_000, checkpoint_seconds=10**6)
    run(ListSource(rows(5_000, start=-9_000)), Things(delay=0.01), journal, settings=settings)
    assert journal.commits >= 8


def test_progress_is_saved_after_its_time_however_little_it_is():
    journal = MemoryJournal()
    settings = DeliverySettings(max_in_flight=1, window_rows=100_000, checkpoint_seconds=5)
    report, _, _ = run(ListSource(rows(3_000, start=-9_000)), Things(delay=0.1), journal, settings=settings)
    assert report.seconds / 7 <= journal.commits <= report.seconds / 5 + 2


def test_many_rejects_are_written_down_before_they_pile_up():
    journal = MemoryJournal()
    settings = DeliverySettings(window_rows=10**6, checkpoint_seconds=10**6)
    table = [Row(-9_000 + n, f"c-{n}", "bad") for n in range(5_000)]
    run(ListSource(table), journal=journal, settings=settings, stop_if_all_rejected=None)
    assert journal.commits >= 3


def test_an_outcome_that_came_after_all_is_not_unknown_when_the_run_fails_later():
    calls = []

    def fault(_):
        calls.append(1)
        return Response(503, {}, b"") if len(calls) == 1 or len(calls) > 10 else None

    settings = DeliverySettings(max_in_flight=1, retry=RetryPolicy(attempts=2))
    sync = make_run(ListSource(rows(300)), Things(fault=fault), MemoryJournal(), incremental(), settings=settings)

    async def main():
        with pytest.raises(RetryLater):
            await sync.run()
        return sync.report().totals

    totals = run_virtually(main())
    assert (totals.accepted, totals.unknown) == (45, 5)


def test_an_error_of_our_own_fails_the_run_loudly():
    class Broken(ThingDestination):
        def request(self, records):
            raise AssertionError("a bug")

    with pytest.raises(AssertionError, match="a bug"):
        run(ListSource(rows(1000)), destination=Broken())


def test_rows_read_is_the_sum_of_the_outcomes_also_when_a_run_fails():
    things = Things(fault=lambda _: Response(500, {}, b""))
    sync = make_run(ListSource(rows(50)), things, MemoryJournal(), incremental())

    async def main():
        with pytest.raises(RetryLater):
            await sync.run()
        return sync.report().totals

    totals = run_virtually(main())
    assert totals.unknown == 20  # four requests of five were sent and never answered clearly
    assert totals.rows_read == totals.accepted + totals.rejected + totals.skipped + totals.unknown


def test_reading_in_a_thread_gives_the_same_rows():
    from airflow_provider_cdi.engine.reading.read_ahead import read_in_thread

    source = ListSource(rows(500))

    async def main():
        return [batch async for batch in read_in_thread(lambda: source.read(incremental().bounds()))]

    assert sum(batch.num_rows for batch in asyncio.run(main())) == 500


def test_an_error_in_the_reading_thread_is_raised_in_the_loop():
    from airflow_provider_cdi.engine.reading.read_ahead import read_in_thread

    def broken():
        yield from ListSource(rows(3)).read(incremental().bounds())
        raise SourceError("gone")

    async def main():
        return [batch async for batch in read_in_thread(broken)]

    with pytest.raises(SourceError, match="gone"):
        asyncio.run(main())


def test_a_run_that_fails_does_not_leave_the_task_of_its_caller_cancelled():
    async def main():
        things = Things(fault=lambda _: Response(503, {}, b""))
        settings = DeliverySettings(retry=RetryPolicy(attempts=1))
        sync = make_run(ListSource(rows(900)), things, MemoryJournal(), incremental(), settings=settings)
        with pytest.raises(RetryLater):
            await sync.run()
        await asyncio.sleep(1)
        return asyncio.current_task().cancelling()

    assert run_virtually(main()) == 0
