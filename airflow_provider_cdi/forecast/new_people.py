"""How many of a slice's people are new to the destination: some of them are asked about, chosen by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heappush, heapreplace
from typing import Any

from airflow_provider_cdi.engine.abilities import KnowsPeople
from airflow_provider_cdi.engine.delivery.conversation import Conversations
from airflow_provider_cdi.engine.delivery.new_people import NewPeople
from airflow_provider_cdi.engine.guards.gate_check import GateCheck
from airflow_provider_cdi.engine.guards.gates import Gates
from airflow_provider_cdi.engine.reading.slice_reader import SliceReader
from airflow_provider_cdi.engine.rows.jobs import Jobs
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.supervisor import Supervisor
from airflow_provider_cdi.exceptions import CdiError
from airflow_provider_cdi.forecast.distinct import DistinctCount


@dataclass(frozen=True, slots=True)
class NewFound:
    """How many people are new.

    :param number: so many, of all in the slice; None when nobody knows.
    :param told: how it was found out, or why it was not.
    """

    number: int | None = None
    told: str = "not asked"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {"new": self.number, "new_told_by": self.told}


class PeopleSample:
    """Keeps one record of each of a bounded number of people: those with the smallest hashes, whatever their order.

    :param most: how many people; 0 for none.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, Record]] = []
        self._hashes: set[int] = set()

    @property
    def records(self) -> list[Record]:
        """One of each person."""
        return [record for _, record in self._heap]

    def offer(self, number: int, record: Record) -> None:
        """Keep a record if its person is among those with the smallest hashes.

        :param number: the hash of whose record it is.
        """
        if number in self._hashes or not self._most:
            return
        if len(self._heap) < self._most:
            heappush(self._heap, (-number, record))
        elif number < -self._heap[0][0]:
            gone, _ = heapreplace(self._heap, (-number, record))
            self._hashes.discard(-gone)
        else:
            return
        self._hashes.add(number)


async def find_new_people(inputs: RunInputs, records: Sequence[Record], keys: DistinctCount) -> NewFound:
    """Ask the destination whom it does not know. Nothing is changed there.

    :param inputs: the real destination, a transport that sends, and the bounds of both.
    :param records: one of each person who is asked about.
    :param keys: counts all people of the slice.
    :return: also when it cannot be found out: that stops no plan.
    """
    if not isinstance(inputs.destination, KnowsPeople):
        return NewFound(told="cannot be asked for this data type")
    people = NewPeople(inputs.destination, _conversations(inputs).ask)
    try:
        await people.add(records)
        await people.ask_the_rest()
    except CdiError as error:
        return NewFound(told=f"could not be asked: {error}")
    asked = len(records)
    if keys.is_exact and asked == keys.number:
        return NewFound(people.new, "all of them were asked about")
    told = f"an estimate: {people.new:,} of {asked:,} who were asked about, chosen by chance"
    return NewFound(round(people.new / asked * keys.number) if asked else 0, told)


async def look_for_new_people(inputs: RunInputs, gates: Gates) -> tuple[NewFound, list[str]]:
    """Look at the gate ``max_new_profiles`` as the run does: the slice is read, and each of its people asked about.

    :param inputs: the real destination, a transport that sends, the source and the slice.
    :param gates: of the run.
    :return: how many are new, where somebody had to be asked; and what is too much, as sentences.
    :raises StopSync: when the run would stop because it may not ask.
    :raises RetryLater: when the destination or the warehouse does not answer now.
    """
    reader = SliceReader.of(replace(inputs, late=None))
    await reader.count()
    await reader.look_for_stamped_rows(inputs.clock.sleep)
    most = gates.max_new_profiles
    gate = Gates(max_new_profiles=most)
    check = GateCheck(gate, reader, inputs.destination, _conversations(inputs).ask, inputs.clock.sleep)
    found = await check.rows() if reader.due else []
    if found:
        return NewFound(told=f"more than max_new_profiles={most:,}"), found
    if check.new_people is None:
        return NewFound(told=f"not asked: not more than max_new_profiles={most:,} rows are due"), []
    return NewFound(check.new_people, "all of them were asked about"), []


def _conversations(inputs: RunInputs) -> Conversations:
    return Conversations(inputs, Jobs(), Supervisor(_nothing), rows_started=lambda: 0, on_job=lambda: None)


async def _nothing(error: BaseException) -> None:
    """Nothing is to be wound down: no task goes on by itself."""
