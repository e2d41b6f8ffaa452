"""Reading a slice to its end, also when the warehouse breaks the read off in the middle."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import pyarrow as pa

from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.ports import Clock
from airflow_provider_cdi.engine.reading.slice_reader import SliceReader
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import Interrupted, RetryLater

log = logging.getLogger(__name__)

#: Longest wait before a read that broke off is opened again, in seconds; the first is one second, then it doubles.
LONGEST_REOPEN_WAIT = 30.0


class RetryingReader:
    """Yields the rows of a slice. A read that breaks off is opened again behind what was delivered.

    :param reader: of the slice.
    :param ledger: knows what was delivered.
    :param clock: where time comes from.
    :param settings: how often a read is opened again.
    :param until_delivered: waits until every row that was yielded has its outcome.
    """

    def __init__(
        self,
        reader: SliceReader,
        ledger: Ledger,
        clock: Clock,
        settings: DeliverySettings,
        until_delivered: Callable[[], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._ledger = ledger
        self._clock = clock
        self._settings = settings
        self._until_delivered = until_delivered
        self._rows = 0
        #: Time that was spent waiting for the source.
        self.seconds_without_rows = 0.0

    async def batches(self) -> AsyncGenerator[pa.RecordBatch, None]:
        """Yield batches of rows, in the order of ``UPDATED_AT``."""
        reopened, rows_at_reopening = 0, 0
        while True:
            try:
                if reopened:
                    await self._reader.resume_after(self._ledger.restart_behind_prefix())
                async with aclosing(self._read()) as batches:
                    async for rows in batches:
                        yield rows
            except Interrupted:
                raise
            except RetryLater as error:
                await self._until_delivered()
                # Rows that the query stamps come from the first one again: they bring a read no further.
                came = 0 if self._reader.stamped.found else self._rows - rows_at_reopening
                if came >= self._settings.window_rows / 2:
                    reopened, rows_at_reopening = 0, self._rows  # it came a good way: this is no standstill
                self._ledger.advance(to_the_row=True)
                if reopened == self._settings.reopen_reads or not self._ledger.is_settled:
                    raise
                log.warning("%s The read is opened again behind the rows that came.", error)
                await self._clock.sleep(min(2.0**reopened, LONGEST_REOPEN_WAIT))
                reopened += 1
            else:
                return

    async def _read(self) -> AsyncGenerator[pa.RecordBatch, None]:
        async with aclosing(await self._reader.read(self._ledger.reread_ties_with)) as batches:
            while True:
                began = self._clock.monotonic()
                rows = await anext(batches, None)
                self.seconds_without_rows += self._clock.monotonic() - began
                if rows is None:
                    return
                self._rows += rows.num_rows
                yield rows
