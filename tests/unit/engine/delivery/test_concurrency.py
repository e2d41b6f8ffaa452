"""Who may send, and who waits."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_cdi.engine.delivery.concurrency_limit import Concurrency
from airflow_provider_cdi.testing.virtual_time import VirtualClock, run_virtually


def run(scenario, most=256):
    async def begin():
        return await scenario(Concurrency(VirtualClock(), most))

    return run_virtually(begin())


async def settle():
    """Let everybody go as far as they can; no time passes."""
    for _ in range(5):
        await asyncio.sleep(0)


async def enter_all(gate, names, entered):
    async def enter(name):
        await gate.enter()
        entered.append(name)

    tasks = [asyncio.create_task(enter(name)) for name in names]
    await settle()
    return tasks


def test_four_enter_at_first_and_the_others_wait_in_their_order():
    async def scenario(gate):
        entered = []
        tasks = await enter_all(gate, range(7), entered)
        assert entered == [0, 1, 2, 3]
        for _ in range(3):
            gate.abandon()
            await settle()
        assert entered == list(range(7))
        assert gate.in_flight == 4
        await asyncio.gather(*tasks)

    run(scenario)


def test_nobody_overtakes_those_who_wait():
    async def scenario(gate):
        entered = []
        tasks = await enter_all(gate, "ab", entered)
        gate.abandon()
        late = asyncio.create_task(gate.enter())
        await settle()
        assert entered == ["a", "b"]
        assert not late.done()
        gate.abandon()
        await asyncio.gather(late, *tasks)

    run(scenario, most=1)


def test_more_enter_when_the_limit_grows():
    async def scenario(gate):
        entered = []
        tasks = await enter_all(gate, range(12), entered)
        for _ in range(4):
            gate.leave(0.05)
        await settle()
        assert (gate.limit, gate.in_flight) == (8, 8)
        assert entered == list(range(12))
        await asyncio.gather(*tasks)

    run(scenario)


def test_one_who_stops_waiting_is_passed_over():
    async def scenario(gate):
        entered = []
        first, second, third = await enter_all(gate, "abc", entered)
        second.cancel()
        await settle()
        gate.abandon()
        await asyncio.gather(first, third)
        assert entered == ["a", "c"]
        assert second.cancelled()
        assert gate.in_flight == 1

    run(scenario, most=1)


def test_a_turn_goes_to_the_next_when_its_owner_is_cancelled_at_that_moment():
    async def scenario(gate):
        entered = []
        first, second, third = await enter_all(gate, "abc", entered)
        gate.abandon()
        second.cancel()
        await asyncio.gather(first, third)
        assert entered == ["a", "c"]
        assert gate.in_flight == 1

    run(scenario, most=1)


def test_a_turn_that_falls_together_with_the_cancelling_is_not_lost():
    async def scenario(gate):
        entered = []
        first, second, third = await enter_all(gate, "abc", entered)
        second.cancel()
        gate.abandon()
        await asyncio.gather(first, third)
        assert entered == ["a", "c"]
        assert gate.in_flight == 1

    run(scenario, most=1)


def test_when_all_waiters_have_gone_the_next_enters_at_once():
    async def scenario(gate):
        entered = []
        first, second = await enter_all(gate, "ab", entered)
        second.cancel()
        await settle()
        gate.abandon()
        tasks = await enter_all(gate, "c", entered)
        assert entered == ["a", "c"]
        await asyncio.gather(first, *tasks)

    run(scenario, most=1)


def test_a_turn_begins_when_it_is_given_and_not_when_it_is_taken():
    async def scenario(gate):
        assert await gate.enter() == 0.0
        waiting = asyncio.create_task(gate.enter())
        await asyncio.sleep(3)
        gate.abandon()
        assert await waiting == 3.0

    run(scenario, most=1)


@pytest.mark.parametrize(("delay", "senders"), [(0.05, 128), (0.2, 64)])
def test_all_senders_are_at_work_after_eight_round_trips(delay, senders):
    async def scenario(gate):
        async def send():
            while True:
                turn = await gate.enter()
                await asyncio.sleep(delay)
                gate.leave(asyncio.get_running_loop().time() - turn)

        tasks = [asyncio.create_task(send()) for _ in range(senders)]
        await asyncio.sleep(8 * delay)
        assert gate.in_flight == senders
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    run(scenario)
