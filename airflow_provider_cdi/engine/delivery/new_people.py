"""How many of the people of some records the other side does not know yet, asked in groups and with bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from airflow_provider_cdi.engine.abilities import KnowsPeople
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Completed, Verdict

#: Questions that may be on their way at once; what the other side allows a minute is the bound anyway.
QUESTIONS_AT_ONCE = 8
#: People that are remembered as known, so that nobody asks about them again; then they are forgotten.
MOST_KNOWN = 100_000

#: Holds a conversation that changes nothing, see :meth:`~.conversation.Conversations.ask`.
Ask = Callable[[Verdict], Awaitable[Completed]]


class NewPeople:
    """Counts different people who are not there yet. Of a person only a number is remembered, and nothing is logged.

    :param destination: whom to ask.
    :param ask: holds a conversation with it.
    :param most: so many new people are enough: with one more nobody else is asked about. None for no bound.
    """

    def __init__(self, destination: KnowsPeople, ask: Ask, most: int | None = None) -> None:
        self._destination, self._ask, self._most = destination, ask, most
        self._known: set[int] = set()
        self._new: set[int] = set()
        self._waiting: dict[tuple[int, ...], Record] = {}
        #: Different people who are not there, of those who were asked about.
        self.new = 0
        #: People who were asked about; one of whom there are many rows may be among them more than once.
        self.asked = 0

    @property
    def is_over(self) -> bool:
        """Whether there are more new people than the bound allows."""
        return self._most is not None and self.new > self._most

    async def add(self, records: Iterable[Record]) -> None:
        """Take note of whose records these are, and ask as soon as there are enough of them."""
        for record in records:
            if self.is_over:
                return
            self._waiting.setdefault(_numbers(record), record)
            if len(self._waiting) >= self._destination.people_a_question * QUESTIONS_AT_ONCE:
                await self.ask_the_rest()

    async def ask_the_rest(self) -> None:
        """Ask about everybody of whom nothing is known yet."""
        records = [record for record in self._waiting.values() if not self._is_settled(record)]
        self._waiting.clear()
        if not records:
            return
        size = self._destination.people_a_question
        groups = [records[start : start + size] for start in range(0, len(records), size)]
        answers = await _all([self._ask(self._destination.ask_who_is_new(group)) for group in groups])
        for group, answer in zip(groups, answers, strict=True):
            self._note(group, answer)

    def _is_settled(self, record: Record) -> bool:
        numbers = _numbers(record)
        if self._new.isdisjoint(numbers):
            return not self._known.isdisjoint(numbers)
        self._new.update(numbers)  # the row makes its other identifiers those of the same person
        return True

    def _note(self, group: Sequence[Record], answer: Completed) -> None:
        self.asked += len(group)
        for place, record in enumerate(group):
            numbers = _numbers(record)
            if place not in answer.skipped:
                self._known.update(numbers)
            else:
                self.new += self._new.isdisjoint(numbers)
                self._new.update(numbers)
        if len(self._known) > MOST_KNOWN:
            self._known.clear()


async def _all(questions: Sequence[Awaitable[Completed]]) -> list[Completed]:
    """Wait for all answers; when one question fails, the others are taken back."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _numbers(record: Record) -> tuple[int, ...]:
    return tuple(map(hash, record.keys))
