"""Senders: the tasks that deliver batches, as many as there are batches to deliver at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from airflow_provider_cdi.engine.delivery.lanes import Batch
from airflow_provider_cdi.engine.supervisor import Supervisor

#: Time that requests on their way have to come back when the run ends early, in seconds. Airflow kills a task that
#: was told to end after 5 seconds, and there is still something to save then.
GRACE = 2.5


class Senders:
    """Delivers batches, several at once. A run of one batch starts one sender.

    :param deliver: sends a batch until each of its records has an outcome.
    :param tasks: of the run: starts the senders. No batch is begun when one of them has failed.
    :param most: batches that are delivered at once, at most.
    """

    def __init__(
        self,
        deliver: Callable[[Batch], Coroutine[Any, Any, None]],
        tasks: Supervisor,
        most: int,
    ) -> None:
        self._deliver = deliver
        self._tasks = tasks
        self._most = most
        #: None sends the sender home that takes it.
        self._ready: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._senders: list[asyncio.Task[None]] = []
        #: The places of those that have a batch.
        self._at_work: set[int] = set()
        self._is_ended = False

    @property
    def waiting(self) -> int:
        """Batches that wait for a sender."""
        return self._ready.qsize()

    def put(self, batch: Batch) -> None:
        """Have a batch delivered."""
        self._ready.put_nowait(batch)
        idle = len(self._senders) - len(self._at_work)
        if self._ready.qsize() > idle and len(self._senders) < self._most:
            self._senders.append(self._tasks.start(partial(self._send_batches, len(self._senders))))

    async def end(self, *, at_once: bool) -> set[asyncio.Task[None]]:
        """Begin no further batch; those that are on their way have a while to come back.

        :param at_once: they have none.
        :return: the senders that were cancelled. They may take a moment to end.
        """
        self._is_ended = True
        at_work = [self._senders[place] for place in self._at_work]
        for _ in range(len(self._senders) - len(at_work)):
            self._ready.put_nowait(None)
        if not at_work:
            return set()
        _, late = await asyncio.wait(at_work, timeout=0 if at_once else GRACE)
        for sender in late:
            sender.cancel()
        return late

    async def _send_batches(self, place: int) -> None:
        while not self._is_ended:
            batch = await self._ready.get()
            if batch is None or self._tasks.failure is not None:
                return
            self._at_work.add(place)
            try:
                await self._deliver(batch)
            finally:
                self._at_work.discard(place)
