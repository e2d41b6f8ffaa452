"""The small parts of the engine, each by itself."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.engine_world import BAD_ROW, CONTRACT
from support.waiting import BOUND

from airflow_provider_cdi.engine.delivery.pacing import Pacer
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.outcome.row_block import RowBlock
from airflow_provider_cdi.engine.reading.read_ahead import JOINED_ROWS, ROWS_AHEAD, read_in_thread
from airflow_provider_cdi.engine.rows.position import is_later, parse_position, position_of_moment, position_of_stamp
from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.engine.rows.watermark import TieFilter, Ties
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import ConfigurationError, GuardTripped
from airflow_provider_cdi.testing.sources import Row, as_batch, position
from airflow_provider_cdi.testing.virtual_time import VirtualClock, run_virtually


@pytest.mark.parametrize(
    ("stamp", "unit", "position"),
    [
        (0, "us", "1970-01-01T00:00:00.000000Z"),
        (1_767_225_600_123_456, "us", "2026-01-01T00:00:00.123456Z"),
        (1_767_225_600_123_456_789, "ns", "2026-01-01T00:00:00.123456789Z"),
        (-1, "us", "1969-12-31T23:59:59.999999Z"),
        (-1, "ns", "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_stamp_becomes_text_at_its_full_precision(stamp, unit, position):
    assert position_of_stamp(stamp, unit) == position


def test_a_moment_of_another_zone_becomes_utc():
    moment = datetime(2026, 1, 5, 9, tzinfo=timezone(timedelta(hours=9)))
    assert position_of_moment(moment) == "2026-01-05T00:00:00.000000Z"


@pytest.mark.parametrize(
    "text", ["2026-01-05", "2026-01-05 00:00", "2026-01-05T02:00:00+02:00", "2026-01-05T00:00:00Z"]
)
def test_what_people_write_is_understood_as_utc(text):
    assert parse_position(text) == "2026-01-05T00:00:00.000000Z"


def test_nanoseconds_survive_parsing():
    assert parse_position("2026-01-05T00:00:00.123456789Z") == "2026-01-05T00:00:00.123456789Z"


def test_positions_of_different_precision_are_compared_by_time():
    micros, nanos = "2026-01-05T00:00:00.123456Z", "2026-01-05T00:00:00.123456000Z"
    assert not is_later(micros, nanos)
    assert not is_later(nanos, micros)
    assert is_later("2026-01-05T00:00:00.123456001Z", micros)


def test_a_batch_that_is_out_of_order_in_itself_is_refused():
    with pytest.raises(ValueError, match="order"):
        Ledger(CONTRACT, None).enter(as_batch([Row(2, "a"), Row(1, "b")]))


def test_the_content_of_a_row_makes_its_hash_and_its_time_does_not():
    one, other, changed = row_hashes(as_batch([Row(1, "a"), Row(2, "a"), Row(3, "a", '{"n":1}')]))
    assert one == other != changed


def test_a_checkpoint_in_the_middle_of_a_group_keeps_the_ties_that_were_not_read_again_yet():
    tie_filter = TieFilter(Ties([1, 2, 3]))
    assert sorted(tie_filter.ties_so_far(Ties([1, 9])).exact) == [1, 2, 3, 9]


def test_a_share_of_a_few_deletes_is_not_looked_at():
    DeleteCap(percent=10, small=20).check(20, 40, is_first_run=False)
    with pytest.raises(GuardTripped, match=r"52.5 %"):
        DeleteCap(percent=10, small=20).check(21, 40, is_first_run=False)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: RetryPolicy(attempts=0),
        lambda: DeliverySettings(max_in_flight=0),
        lambda: DeliverySettings(requests_per_second=0),
        lambda: DeliverySettings(rate_share=0),
        lambda: DeliverySettings(rate_share=1.1),
        lambda: DeliverySettings(on_unknown="forget"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=r"is .*; (give|use)"):
        wrong()


def test_a_hold_delays_everybody_until_it_is_over():
    async def main():
        clock, times = VirtualClock(), []
        pacer = Pacer(clock)

        async def one():
            await pacer.wait_for_turn()
            times.append(clock.monotonic())

        (await pacer.wait_for_turn()).hold(30)
        await asyncio.gather(*(one() for _ in range(3)))
        return times

    assert all(30 <= time < 31 for time in run_virtually(main()))


def test_reading_ahead_stays_a_little_ahead():
    taken = []
    blocked = threading.Event()
    full = as_batch([Row(0, f"c-{number}") for number in range(ROWS_AHEAD)])

    def batches():
        for number in range(10):
            taken.append(number)
            if number == 2:
                blocked.set()
            yield full

    async def main():
        stream = read_in_thread(batches)
        await anext(stream)
        blocked.wait(BOUND)
        ahead = len(taken)
        await stream.aclose()
        return ahead

    assert asyncio.run(main()) == 3  # one was taken, one waits, and one has been read


def test_small_batches_that_come_while_the_loop_is_busy_are_joined_in_their_order():
    read = threading.Event()

    def batches():
        for number in range(600):
            yield as_batch([Row(number, f"c-{number}")] * 5)
        read.set()

    async def main():
        stream = read_in_thread(batches)
        found = [await anext(stream)]
        read.wait(BOUND)  # nobody else gets a turn in the loop meanwhile
        return found + [batch async for batch in stream]

    found = asyncio.run(main())
    ids = [name for batch in found for name in batch.column("EXTERNAL_ID").to_pylist()]
    assert ids == [f"c-{number}" for number in range(600) for _ in range(5)]
    assert len(found) <= 3
    assert max(batch.num_rows for batch in found) <= JOINED_ROWS


def test_batches_without_rows_are_passed_over():
    async def main():
        return [
            batch async for batch in read_in_thread(lambda: iter([as_batch([]), as_batch([Row(0, "a")]), as_batch([])]))
        ]

    assert [batch.num_rows for batch in asyncio.run(main())] == [1]


def test_what_breaks_a_reader_off_is_raised_after_the_batches_that_came_before():
    def batches():
        for number in range(3):
            yield as_batch([Row(number, f"c-{number}")])
        raise OSError("broke off")

    found = []

    async def main():
        async for batch in read_in_thread(batches):
            found.extend(batch.column("EXTERNAL_ID").to_pylist())

    with pytest.raises(OSError, match="broke off"):
        asyncio.run(main())
    assert found == ["c-0", "c-1", "c-2"]


def test_a_reader_that_is_abandoned_is_closed_in_its_own_thread():
    closed = threading.Event()

    def batches():
        try:
            for number in range(10):
                yield as_batch([Row(number, "a")])
        finally:
            closed.set()

    async def main():
        stream = read_in_thread(batches)
        await anext(stream)
        await stream.aclose()

    asyncio.run(main())
    assert closed.is_set()


def test_utc_is_the_zone_of_the_real_clock():
    from airflow_provider_cdi.engine.clock import SystemClock

    assert SystemClock().now().tzinfo is UTC


def test_a_block_is_cut_behind_its_leading_rows_that_have_their_outcome():
    (block,) = Ledger(CONTRACT, None).enter(as_batch([Row(n, f"c-{n}") for n in range(6)]))
    block.accept([0])
    block.reject(1, BAD_ROW)
    block.note_handled(2, by_this_run=False)
    block.accept([4])
    part = block.settled_part()
    assert (part.start, part.stop, part.totals().rows_read, part.totals().rejected) == (0, 3, 3, 1)
    assert (block.start, block.pending, block.totals().rows_read) == (3, 2, 1)
    assert block.settled_part() is None


def test_the_prefix_stops_at_the_first_row_without_an_outcome_wherever_it_is():
    ledger = Ledger(CONTRACT, None)
    (block,) = ledger.enter(as_batch([Row(n, f"c-{n}") for n in range(6)]))
    for row in (0, 1, 3):
        block.accept([row])
    ledger.advance()
    assert ledger.rows_in_prefix == 0
    ledger.advance(to_the_row=True)
    assert (ledger.rows_in_prefix, ledger.watermark().position) == (2, position(1))
    for row in (2, 4, 5):
        block.accept([row])
    ledger.advance()
    assert (ledger.rows_in_prefix, ledger.totals.accepted, ledger.bytes_held) == (6, 6, 0)


@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 0, 1], [4, 2], [1]])
def test_rows_are_accepted_in_any_order_and_with_gaps(rows):
    block = RowBlock(None, 0, 6, range(6))
    block.accept(rows)
    assert block.totals().accepted == len(rows)
    assert block.pending == 6 - len(rows)
    others = [row for row in range(6) if row not in rows]
    block.accept(others)
    assert (block.totals().accepted, block.pending) == (6, 0)
