"""Senders: the tasks that deliver batches, as many as there are batches to deliver at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from airflow_provider_cdi.engine.delivery.lanes import Batch
from airflow_provider_cdi.engine.supervisor import Work, still_running

#: Time that requests on their way have to come back when the run ends early, in seconds. Airflow kills a task that
#: was told to end after 5 seconds, and there is still something to save then.
GRACE = 2.5


class Senders:
    """Delivers batches, several at once. A run of one batch starts one sender.

    :param deliver: sends a batch until each of its records has an outcome.
    :param start: starts a task of the run.
    :param is_ending: whether no further batch may be begun.
    :param most: batches that are delivered at once, at most.
    """

    def __init__(
        self,
        deliver: Callable[[Batch], Coroutine[Any, Any, None]],
        start: Callable[[Work], asyncio.Task[None]],
        is_ending: Callable[[], bool],
        most: int,
    ) -> None:
        self._deliver = deliver
        self._start = start
        self._is_ending = is_ending
        self._most = most
        self._ready: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._senders: list[asyncio.Task[None]] = []
        self._idle = 0

    @property
    def waiting(self) -> int:
        """Batches that wait for a sender."""
        return self._ready.qsize()

    def put(self, batch: Batch) -> None:
        """Have a batch delivered."""
        self._ready.put_nowait(batch)
        if self._ready.qsize() > self._idle and len(self._senders) < self._most:
            self._senders.append(self._start(self._send_batches))

    async def end(self, *, at_once: bool) -> set[asyncio.Task[None]]:
        """Begin no further batch; those that are on their way have a while to come back.

        :param at_once: they have none.
        :return: the senders that were cancelled. They may take a moment to end.
        """
        for _ in self._senders:
            self._ready.put_nowait(None)
        late = await still_running(self._senders, 0 if at_once else GRACE)
        for sender in late:
            sender.cancel()
        return late

    async def _send_batches(self) -> None:
        while await self._send_next_batch():
            pass

    async def _send_next_batch(self) -> bool:
        """Send one batch; say whether to go on. A sender that waits for the next one holds none any more."""
        self._idle += 1
        try:
            batch = await self._ready.get()
        finally:
            self._idle -= 1
        if batch is None or self._is_ending():
            return False
        await self._deliver(batch)
        return True
