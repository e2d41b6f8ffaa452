"""Whether a run passes its gates: by numbers first, then, where a gate asks for it, by reading the slice once."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import pyarrow as pa

from airflow_provider_cdi.engine.abilities import DATA_POINTS, CountedDestination, KnowsPeople
from airflow_provider_cdi.engine.delivery.new_people import Ask, NewPeople
from airflow_provider_cdi.engine.guards.gates import Gates
from airflow_provider_cdi.engine.ports import Destination
from airflow_provider_cdi.engine.reading.slice_reader import Sleep, SliceReader
from airflow_provider_cdi.engine.rows.position import integers
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.exceptions import RetryLater

log = logging.getLogger(__name__)


class GateCheck:
    """Looks at one run before it sends anything. What it finds are sentences, as those of :class:`Gates`.

    :param gates: how much is allowed.
    :param reader: of the run; it has counted.
    :param destination: encodes rows, and knows what they cost and whom they make.
    :param ask: holds a conversation that changes nothing.
    :param sleep: waits before a read that broke off is begun again.
    """

    def __init__(self, gates: Gates, reader: SliceReader, destination: Destination, ask: Ask, sleep: Sleep) -> None:
        self._gates, self._reader, self._destination, self._sleep = gates, reader, destination, sleep
        self._billed = self._billed_destination()
        self._people = self._new_people(ask)
        self._rows = self._data_points = 0

    @property
    def new_people(self) -> int | None:
        """How many new people were found; None where nobody had to be asked about."""
        return None if self._people is None else self._people.new

    def numbers(self) -> list[str]:
        """Say what is too much by the numbers that the reader has."""
        reader = self._reader
        return list(self._gates.over_rows(reader.surely_due, reader.total, is_first_run=reader.is_first_run))

    async def rows(self) -> list[str]:
        """Read the slice as the run will, where a gate needs it, and stop as soon as something is too much.

        Rows that were delivered already or are rejected do not count. Of the rows nothing is kept.
        """
        if self._billed is None and self._people is None:
            return []
        log.info("The slice is read once before it is sent, for %s", " and ".join(self._names()))
        async with aclosing(self._slice()) as batches:
            async for rows in batches:
                await self._weigh(rows)
                if found := self._found():
                    return found
        if self._people is not None:
            await self._people.ask_the_rest()
        if not (found := self._found()):
            log.info("The run passes its gates: %s", ", ".join(self._counts()))
        return found

    async def _slice(self) -> AsyncGenerator[pa.RecordBatch, None]:
        """Read the slice; where the read breaks off, from its first row again, and nothing counts twice."""
        while True:
            self._rows = self._data_points = 0
            try:
                async with aclosing(await self._reader.read(lambda _ties: None)) as batches:
                    async for rows in batches:
                        yield rows
            except RetryLater as error:
                await self._reader.wait_to_begin_again(error, self._sleep)
            else:
                return

    async def _weigh(self, rows: pa.RecordBatch) -> None:
        handled = self._reader.handled_before(rows, integers(rows.column(UPDATED_AT)))
        entries = self._destination.encode(rows)
        due = [
            entry
            for row, entry in enumerate(entries)
            if isinstance(entry, Record) and not (row < len(handled) and handled[row])
        ]
        self._rows += len(due)
        if self._billed is not None:
            self._data_points += self._billed.counted(due).get(DATA_POINTS, 0)
        if self._people is not None:
            await self._people.add(due)

    def _found(self) -> list[str]:
        rows = f"the first {self._rows:,} of about {self._reader.due:,} rows"
        new = self._people.new if self._people is not None else 0
        return [
            *self._gates.over_data_points(self._data_points, rows),
            *self._gates.over_new_profiles(new, rows),
        ]

    def _billed_destination(self) -> CountedDestination | None:
        wants = self._gates.max_data_points is not None
        return self._destination if wants and isinstance(self._destination, CountedDestination) else None

    def _new_people(self, ask: Ask) -> NewPeople | None:
        most = self._gates.max_new_profiles
        # No more people than rows: nobody needs to be asked about a few.
        if most is None or self._reader.due_at_most <= most or not isinstance(self._destination, KnowsPeople):
            return None
        return NewPeople(self._destination, ask, most)

    def _names(self) -> Iterator[str]:
        if self._billed is not None:
            yield f"max_data_points={self._gates.max_data_points:,}"
        if self._people is not None:
            yield f"max_new_profiles={self._gates.max_new_profiles:,}"

    def _counts(self) -> Iterator[str]:
        yield f"{self._rows:,} rows"
        if self._billed is not None:
            yield f"{self._data_points:,} data points"
        if self._people is not None:
            yield f"{self._people.new:,} new profiles of {self._people.asked:,} people who were asked about"
