"""Senders: as many tasks as there are batches to deliver at once, and no more."""

from __future__ import annotations

import asyncio

from support.engine_world import Things, make_run

from airflow_provider_cdi.engine.delivery.lanes import Batch
from airflow_provider_cdi.engine.delivery.senders import Senders
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import run_virtually


class Pool:
    """Senders of which every task is counted, and batches that are delivered when they are let go."""

    failure = None

    def __init__(self, most: int) -> None:
        self.started = self.at_work = self.most_at_work = 0
        self.let_go = asyncio.Event()
        self.senders = Senders(self._deliver, self, most)

    def start(self, work):
        self.started += 1
        return asyncio.create_task(work())

    async def _deliver(self, batch: Batch) -> None:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await self.let_go.wait()
        self.at_work -= 1


def send(batches: int, most: int, *, one_after_the_other: bool = False) -> Pool:
    async def main() -> Pool:
        pool = Pool(most)
        if one_after_the_other:
            pool.let_go.set()
        for _ in range(batches):
            pool.senders.put(Batch("", 1))
            if one_after_the_other:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        pool.let_go.set()
        late = await pool.senders.end(at_once=False)
        assert not late
        return pool

    return run_virtually(main())


def test_one_batch_starts_one_sender():
    assert send(1, most=256).started == 1


def test_batches_that_wait_for_one_another_need_one_sender():
    assert send(50, most=256, one_after_the_other=True).started == 1


def test_no_more_batches_are_delivered_at_once_than_allowed():
    pool = send(50, most=8)
    assert (pool.started, pool.most_at_work) == (8, 8)


def test_every_batch_that_there_is_gets_a_sender_while_there_are_fewer_than_allowed():
    pool = send(5, most=8)
    assert (pool.started, pool.most_at_work) == (5, 5)


def test_a_run_of_one_row_starts_few_tasks():
    async def main() -> int:
        await make_run(ListSource([Row(-1.0, "c-1")]), Counted(), MemoryJournal(), incremental()).run()
        return most[0]

    most = [0]

    class Counted(Things):
        async def send(self, request):
            most[0] = len(asyncio.all_tasks())
            return await super().send(request)

    assert run_virtually(main()) <= 5  # ours, the flow, the saver, the watch and one sender
