"""When requests leave: by what answers show of a limit, shared with others who read the same; all in virtual time."""

from __future__ import annotations

import asyncio
from itertools import count, pairwise
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.engine_world import Things, make_run
from support.rate_world import Sender, SharedLimit, live_traffic, make_pacer, send_all

from airflow_provider_cdi.engine.delivery.pacing import Pacer
from airflow_provider_cdi.engine.delivery.rate_line import CATCH_UP
from airflow_provider_cdi.engine.ports import RateWindow
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import VirtualClock, run_virtually

BRAZE = {"requests": 3_000, "seconds": 3}


def fixed(delay):
    """Half of a delay there, half of it back."""
    return lambda: delay / 2


def scattered(delay, seed=1):
    """The same on average, give or take: answers come in another order than their requests left."""
    random = Random(seed)
    return lambda: delay / 2 * random.lognormvariate(-0.08, 0.4)


def send(limit, seconds, *pacers, lanes=128):
    """Let syncs without an end send to a limit; return its windows from the second to the last but one."""

    async def work():
        await send_all(limit, seconds, *(pacers or (make_pacer(1.0),)), lanes=lanes)

    run_virtually(work())
    return limit.whole_windows()


def mean_use(limit, windows):
    return sum(limit.used(window) for window in windows) / len(windows) / limit.requests


# --- one sync -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delay", "skew"), [(0.0, 0.0), (0.02, 2.3), (0.1, -1.7)])
def test_a_whole_limit_is_used_within_three_percent_and_without_a_429(delay, skew):
    limit = SharedLimit(**BRAZE, skew=skew, way=fixed(delay))
    assert mean_use(limit, send(limit, 15)) > 0.97
    assert limit.refusals == 0


def test_answers_out_of_order_change_little():
    limit = SharedLimit(**BRAZE, way=scattered(0.1))
    assert mean_use(limit, send(limit, 9)) > 0.97
    assert limit.refusals == 0


def test_a_fifth_of_every_window_stays_free_unless_another_share_is_given():
    limit = SharedLimit(900, 3, way=scattered(0.05))
    windows = send(limit, 15, make_pacer(), lanes=64)
    assert all(0.78 < limit.used(window) / 900 <= 0.8 for window in windows)


def test_a_window_of_a_few_seconds_is_used_evenly():
    limit = SharedLimit(300, 3, way=fixed(0.05))
    sender = Sender("0", limit, make_pacer(), lanes=32)
    run_virtually(sender.send_until(12))
    steady = [time for time in sender.times if 5 < time < 11]
    waits = [later - earlier for earlier, later in pairwise(steady)]
    assert max(waits) < 0.2  # the pause around a window's end, no longer than the way there and back and some
    assert len([wait for wait in waits if wait > 0.03]) <= 3


def test_an_hours_window_is_used_fast_and_the_sync_goes_on_with_the_next():
    limit = SharedLimit(2_000, 3_600, way=fixed(0.05), regime="mau")
    sender = Sender("0", limit, make_pacer(), lanes=32)
    run_virtually(sender.send_until(7_300))
    first = [time for time in sender.times if time < 2_799]
    assert len(first) == 1_600
    assert first[-1] < 120
    assert [limit.used(window) for window in sorted({window for window, _ in limit.taken})][:2] == [1_600, 1_600]
    assert limit.refusals == 0


def test_a_sync_that_is_slower_than_the_limit_is_not_made_to_wait():
    limit = SharedLimit(**BRAZE, way=fixed(0.1))
    windows = send(limit, 12, make_pacer(), lanes=8)
    assert all(limit.used(window) == pytest.approx(8 / 0.1 * 3, rel=0.02) for window in windows)


def test_an_own_rate_is_kept_in_place_of_the_share():
    limit = SharedLimit(300, 3, way=fixed(0.05))
    windows = send(limit, 15, make_pacer(requests_per_second=95), lanes=32)
    assert mean_use(limit, windows) == pytest.approx(0.95, abs=0.01)


def test_an_own_rate_above_the_limit_never_takes_more_than_is_left():
    limit = SharedLimit(900, 3, way=fixed(0.05))
    assert mean_use(limit, send(limit, 15, make_pacer(requests_per_second=600), lanes=64)) > 0.97
    assert limit.refusals == 0


def test_a_tiny_limit_lets_one_request_a_window_through():
    limit = SharedLimit(1, 1, way=fixed(0.01))
    windows = send(limit, 10, make_pacer(0.1), lanes=1)
    assert [limit.used(window) for window in windows] == [1] * len(windows)


def test_a_delay_longer_than_the_window_uses_no_more_than_the_window():
    limit = SharedLimit(100, 1, way=fixed(2.5))
    windows = send(limit, 30, make_pacer(0.5), lanes=40)
    assert all(limit.used(window) <= 100 for window in windows)
    assert limit.taken.total() > 200


@settings(max_examples=25, deadline=None)
@given(
    requests=st.sampled_from([3, 20, 100]),
    seconds=st.sampled_from([1, 3, 10]),
    lanes=st.sampled_from([1, 4, 16, 64]),
    delay=st.floats(0, 0.2),
    share=st.sampled_from([0.25, 0.8, 1.0]),
    skew=st.floats(-3, 3),
    seed=st.integers(0, 9),
)
@example(requests=100, seconds=1, lanes=64, delay=0.1, share=1, skew=0.7, seed=0)
def test_no_window_gets_more_than_the_share_and_hardly_less_than_can_be_sent(
    requests, seconds, lanes, delay, share, skew, seed
):
    limit = SharedLimit(requests, seconds, skew=skew, way=scattered(delay, seed))
    windows = send(limit, 7 * seconds, make_pacer(share), lanes=lanes)[1:]
    usable = max(1, int(requests * share + 1e-9))
    used = [limit.used(window) for window in windows]
    assert used[0] <= usable + lanes
    assert max(used[1:]) <= usable + 2
    can_be_sent = min(usable, 0.8 * lanes * seconds / (delay + 1e-9))
    assert sum(used) / len(used) > 0.9 * can_be_sent - 2


# --- several, who know nothing of each other ------------------------------------------------------------


@pytest.mark.parametrize("syncs", [2, 3, 8])
@pytest.mark.parametrize("delay", [0.02, 0.1])
def test_several_syncs_use_the_share_together_and_each_gets_its_part(syncs, delay):
    limit = SharedLimit(900, 3, skew=0.8, way=scattered(delay))
    windows = send(limit, 18, *(make_pacer() for _ in range(syncs)), lanes=16)
    assert all(limit.used(window) / 900 == pytest.approx(0.8, rel=0.05) for window in windows)
    parts = [limit.by(str(number), skip=2) for number in range(syncs)]
    assert min(parts) > 0.85 * sum(parts) / syncs
    assert limit.refusals == 0


def test_a_sync_that_comes_later_gets_its_part_within_a_few_windows():
    limit = SharedLimit(300, 3, way=scattered(0.05))

    async def come_later():
        await asyncio.sleep(10)
        await Sender("1", limit, make_pacer(), lanes=16).send_until(40)

    async def work():
        await asyncio.gather(Sender("0", limit, make_pacer(), lanes=16).send_until(40), come_later())

    run_virtually(work())
    assert limit.by("1", skip=7) == pytest.approx(limit.by("0", skip=7), rel=0.1)


def test_live_traffic_gets_all_it_wants_when_it_wants_half():
    limit = SharedLimit(900, 3, way=scattered(0.05))

    async def work():
        await asyncio.gather(send_all(limit, 18, make_pacer()), live_traffic(limit, 18, 150, Random(2)))

    run_virtually(work())
    windows = limit.whole_windows()
    assert limit.refused.total() == 0
    assert all(limit.used(window) < 0.95 * 900 for window in windows)
    assert limit.by("0") / len(windows) > 0.3 * 900


# --- limits that are not shown --------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", [16, 64])
def test_a_burst_limit_that_no_header_shows_is_met_with_few_refusals(lanes):
    limit = SharedLimit(1_000_000, 3_600, way=scattered(0.05), regime="mau", burst=300)
    send(limit, 120, make_pacer(), lanes=lanes)
    assert limit.taken.total() > 0.75 * 300 * 40
    assert limit.refusals < 0.01


def test_after_a_refusal_that_was_not_the_syncs_own_doing_the_pace_recovers():
    limit = SharedLimit(2_000, 1, way=fixed(0.05), regime="silent")
    sender = Sender("0", limit, make_pacer(), lanes=16)

    async def work():
        limit._used.update(dict.fromkeys(range(1790000010, 1790000012), 2000))
        await sender.send_until(120)

    run_virtually(work())
    before = sum(5 < time < 9 for time in sender.times) / 4
    after = sum(110 < time < 119 for time in sender.times) / 9
    assert after > 0.95 * before


def test_the_refusals_of_one_burst_lower_the_pace_once():
    async def work():
        pacer = Pacer(VirtualClock())
        for _ in range(100):
            (await pacer.wait_for_turn()).note_answer(None)
            await asyncio.sleep(0.1)
        for turn in [await pacer.wait_for_turn() for _ in range(50)]:
            turn.note_answer(None)
            turn.hold(2)
        start = asyncio.get_running_loop().time()
        for _ in range(20):
            (await pacer.wait_for_turn()).note_answer(None)
        return asyncio.get_running_loop().time() - start

    assert 2 + 20 / 10 < run_virtually(work()) < 2 + 20 / 6


# --- turns ----------------------------------------------------------------------------------------------


def test_a_turn_says_whether_the_pace_made_the_request_wait():
    async def work():
        pacer = Pacer(VirtualClock())
        free = await pacer.wait_for_turn()
        free.note_answer(RateWindow(100, 50, 30.0))
        # The first one of a window may leave at once; the second has to keep its distance.
        return free.was_paced, [(await pacer.wait_for_turn()).was_paced for _ in range(2)][1]

    assert run_virtually(work()) == (False, True)


def test_what_is_shown_for_one_family_does_not_bind_another():
    async def work():
        pacer = Pacer(VirtualClock())
        (await pacer.wait_for_turn("a")).note_answer(RateWindow(100, 0, 60.0))
        await pacer.wait_for_turn("b")
        free = asyncio.get_running_loop().time()
        await pacer.wait_for_turn("a")
        return free, asyncio.get_running_loop().time()

    free, bound = run_virtually(work())
    assert free == 0
    assert bound == pytest.approx(60, abs=0.01)


def test_requests_that_waited_in_vain_are_taken_out_of_the_line():
    async def work():
        pacer = Pacer(VirtualClock())
        (await pacer.wait_for_turn()).hold(10)
        waiting = [asyncio.create_task(pacer.wait_for_turn()) for _ in range(3)]
        await asyncio.sleep(1)
        waiting[0].cancel()
        waiting[1].cancel()
        return (await waiting[2]).at

    assert run_virtually(work()) == pytest.approx(10)


def test_a_busy_loop_makes_up_for_a_moment_only():
    async def work():
        now = SimpleNamespace(time=0.0)

        async def sleep(seconds):
            now.time += seconds

        pacer = Pacer(SimpleNamespace(monotonic=lambda: now.time, sleep=sleep))
        (await pacer.wait_for_turn()).note_answer(RateWindow(100_000, 80_000, 60.0))
        await pacer.wait_for_turn()
        now.time += 1.0  # the loop was busy with something else
        turns = [await pacer.wait_for_turn() for _ in range(500)]
        return sum(turn.at == turns[0].at for turn in turns), (80_000 - 20_000) / 10

    at_once, pace = run_virtually(work())
    assert at_once == pytest.approx(CATCH_UP * pace, rel=0.05)


# --- through a sync -------------------------------------------------------------------------------------


class LimitedThings(Things):
    """The other side, with a limit of 20 requests in each window of two seconds."""

    async def _answer(self, objects):
        window = int(self.times[-1] // 2)
        used = sum(time // 2 == window for time in self.times)
        answer = await super()._answer(objects)
        left = 2 * window + 2 - asyncio.get_running_loop().time()
        return Response(answer.status, {"window": f"20 {max(20 - used, 0)} {left}"}, answer.body)


@pytest.mark.parametrize(("share", "most"), [(None, 16), (0.5, 10), (1.0, 20)])
def test_a_sync_keeps_its_share_of_the_limit_that_the_answers_show(share, most):
    things = LimitedThings(delay=0.05)
    source = [Row(-500 + n, f"c-{n}") for n in range(400)]
    chosen = DeliverySettings(max_in_flight=4, window_rows=200, rate_share=share)
    report = run_sync(source, things, chosen)
    windows = [sum(time // 2 == window for time in things.times) for window in range(1, int(things.times[-1] // 2))]
    assert report.totals.accepted == 400
    assert all(most - 2 <= used <= most for used in windows)


def test_requests_without_an_answer_count_as_back():
    numbers = count()
    lost = NoAnswer("reset", may_have_arrived=True)
    things = LimitedThings(delay=0.05, fault=lambda objects: lost if next(numbers) % 3 == 0 else None)
    report = run_sync([Row(-500 + n, f"c-{n}") for n in range(200)], things, DeliverySettings(max_in_flight=4))
    assert report.totals.accepted == 200
    assert things.times[-1] < 1.3 * 2 * len(things.times) / 16


def run_sync(rows, things, chosen):
    async def work():
        return await make_run(ListSource(rows), things, MemoryJournal(), incremental(), settings=chosen).run()

    return run_virtually(work())
