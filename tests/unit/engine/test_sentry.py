"""No request leaves after a pause of the process before it is sure that the try is still the one."""

from __future__ import annotations

import asyncio
import math

import pytest
from support.engine_world import Things, make_run

from airflow_provider_cdi.engine.sentry import CONFIRM_ATTEMPTS, LONGEST_GAP, Sentry
from airflow_provider_cdi.exceptions import RetryLater, Superseded
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import run_virtually


class FakeFence:
    def __init__(self, *answers):
        self.answers, self.asked, self.is_lost = list(answers), 0, False

    async def confirm(self):
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


class Elapsed:
    """The clock that counts through suspensions: the loop's, and what the machine slept."""

    def __init__(self):
        self.slept = 0.0

    def __call__(self):
        return asyncio.get_event_loop().time() + self.slept


def sentry(fence, elapsed):
    return Sentry(fence, elapsed, asyncio.sleep)


def test_a_process_that_runs_asks_nobody():
    async def main():
        fence, elapsed = FakeFence(), Elapsed()
        one = sentry(fence, elapsed)
        for _ in range(50):
            await asyncio.sleep(0.5)
            await one.look()
            await one.let_through()
        return fence.asked

    assert run_virtually(main()) == 0


def test_after_a_pause_many_requests_ask_once():
    async def main():
        fence, elapsed = FakeFence(), Elapsed()
        one = sentry(fence, elapsed)
        elapsed.slept = LONGEST_GAP + 1
        assert one.is_closed()
        await asyncio.gather(*(one.let_through() for _ in range(64)))
        return fence.asked, one.is_closed()

    assert run_virtually(main()) == (1, False)


def test_a_superseded_try_lets_nothing_through_any_more():
    async def main():
        fence, elapsed = FakeFence(Superseded("another try")), Elapsed()
        one = sentry(fence, elapsed)
        elapsed.slept = 600
        for _ in range(3):
            with pytest.raises(Superseded):
                await one.let_through()
        with pytest.raises(Superseded):
            await one.look()
        return fence.asked, one.is_closed()

    assert run_virtually(main()) == (1, True)


def test_a_lease_that_was_lost_elsewhere_closes_it_without_any_pause():
    async def main():
        fence = FakeFence(Superseded("another try"))
        one = sentry(fence, Elapsed())
        fence.is_lost = True
        with pytest.raises(Superseded):
            await one.let_through()

    run_virtually(main())


def test_airflow_may_be_away_for_a_moment():
    async def main():
        fence, elapsed = FakeFence(RetryLater("away"), RetryLater("away")), Elapsed()
        one = sentry(fence, elapsed)
        elapsed.slept = 600
        await one.let_through()
        return fence.asked

    assert run_virtually(main()) == 3


def test_airflow_that_stays_away_ends_the_try():
    async def main():
        fence, elapsed = FakeFence(*[RetryLater("away")] * CONFIRM_ATTEMPTS), Elapsed()
        one = sentry(fence, elapsed)
        elapsed.slept = 600
        with pytest.raises(RetryLater):
            await one.let_through()
        return one.is_closed()

    assert run_virtually(main())


def test_a_pause_while_airflow_is_asked_is_one_more_pause():
    async def main():
        elapsed = Elapsed()

        class Fence(FakeFence):
            async def confirm(self):
                await super().confirm()
                if self.asked == 1:
                    elapsed.slept += 600

        fence = Fence()
        one = sentry(fence, elapsed)
        elapsed.slept = 600
        await one.let_through()
        return fence.asked

    assert run_virtually(main()) == 2


class FreezingThings(Things):
    """The process stands still while the requests of some round are on their way."""

    def __init__(self, elapsed, after):
        super().__init__()
        self.elapsed, self.after = elapsed, after

    async def send(self, request):
        answer = await super().send(request)
        if self.requests >= self.after:
            self.elapsed.slept, self.after = 600, math.inf
        return answer


def run(fence, after=10, count=3_000):
    rows = [Row(-5_000.0 + number, f"c-{number}") for number in range(count)]
    elapsed, journal = Elapsed(), MemoryJournal()
    things = FreezingThings(elapsed, after)

    async def main():
        sync = make_run(ListSource(rows), things, journal, incremental(), sentry=sentry(fence, elapsed))
        try:
            return await sync.run()
        except Superseded:
            return sync.report()

    return run_virtually(main()), things, journal


def test_a_run_goes_on_after_a_pause_when_it_is_still_the_one():
    report, things, _ = run(FakeFence())
    assert report.totals.accepted == 3_000
    assert len(things.ids()) == 3_000


def test_a_superseded_run_sends_and_saves_nothing_more_and_accounts_for_every_row():
    fence = FakeFence(Superseded("another try"))
    report, things, journal = run(fence)
    in_flight = 64
    assert 10 <= things.requests <= 10 + in_flight
    assert things.requests < 3_000 / 10
    assert fence.asked == 1
    saved = journal.progress.totals.rows_read if journal.progress else 0
    assert saved <= report.totals.rows_read
    assert report.totals.accepted + report.totals.unknown == report.totals.rows_read


def test_nothing_is_saved_by_a_superseded_run():
    saves = []

    class Journal(MemoryJournal):
        async def commit(self, progress, rejects):
            saves.append(progress)
            await super().commit(progress, rejects)

    elapsed = Elapsed()

    async def main():
        rows = [Row(-5_000.0 + number, f"c-{number}") for number in range(500)]
        things = FreezingThings(elapsed, 1)
        sync = make_run(
            ListSource(rows), things, Journal(), incremental(), sentry=sentry(FakeFence(Superseded("x")), elapsed)
        )
        with pytest.raises(Superseded):
            await sync.run()

    run_virtually(main())
    assert saves == []
