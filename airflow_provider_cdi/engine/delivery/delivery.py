"""Delivery: one batch goes out until each of its records has an outcome.

A refusal that names no record may be the fault of the records or of the request: a page of a proxy, a contract that has
changed or a header that is missing is refused for each record alike, and then no record may be set aside for it. What
shows that the records are at fault is that others are accepted (:class:`Evidence`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from airflow_provider_cdi.engine.delivery.conversation import Conclusion, Conversations
from airflow_provider_cdi.engine.rows.outcomes import Outcomes
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.rejects import without_personal_data
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.settings import FEW_ROWS
from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, Completed, Unattributed
from airflow_provider_cdi.exceptions import DestinationRefused

NO_ANSWER = Rejection(
    "no_answer",
    "The answer to the request never came, so nobody knows whether it was applied; it was not sent again because "
    'on_unknown is "reject".',
)

UNATTRIBUTED = Rejection(
    "unattributed",
    "The answer to the request had an error that names none of its rows, so nobody knows which row it means. Its text "
    "is in the report, under remarks.",
)


class _Step(NamedTuple):
    """What follows from one conversation.

    :param outcomes: of the records that have theirs.
    :param next_parts: records to send next, each part in a conversation of its own.
    """

    outcomes: Outcomes | None = None
    next_parts: Sequence[Sequence[Record]] = ()


class Delivery:
    """Sends batches and says what became of each record.

    :param inputs: of the run: the destination, which knows what repeats are harmless, and whether it has accepted
        something from an earlier try.
    :param conversations: with it.
    """

    def __init__(self, inputs: RunInputs, conversations: Conversations) -> None:
        self._destination = inputs.destination
        self._conversations = conversations
        self._traffic = conversations.traffic
        self._evidence = Evidence(inputs.totals_before.accepted > 0)

    async def deliver(self, records: Sequence[Record]) -> AsyncGenerator[Outcomes, None]:
        """Send the records of one batch until all have their outcome, which is yielded as soon as it is known.

        :raises StopSync: when the destination refuses the sync as a whole.
        :raises RetryLater: when the bounds of the retry policy are reached. Records without an outcome keep
            none, and the watermark does not pass them.
        """
        suspects = Suspects()
        self._evidence.begin()
        try:
            parts = [records]
            while parts:
                part = parts.pop()
                step = self._conclude(part, await self._conversations.hold(part), suspects)
                if step.outcomes is not None:
                    yield step.outcomes
                parts.extend(reversed(step.next_parts))
            if suspects.refused and suspects.are_all_of(records) and not await self._evidence.clears(records):
                raise DestinationRefused(the_request_is_at_fault(suspects))
        finally:
            self._evidence.end()
        if suspects.refused:
            yield Outcomes(rejected=suspects.refused)

    def _conclude(self, records: Sequence[Record], conclusion: Conclusion, suspects: Suspects) -> _Step:
        if isinstance(conclusion, Completed):
            return self._settled(records, conclusion)
        if isinstance(conclusion, Ambiguous):
            return _Step(Outcomes(unknown=[(record, NO_ANSWER) for record in records]))
        if isinstance(conclusion, Unattributed):
            return self._unattributed(records, conclusion)
        if conclusion.named or conclusion.mended:
            return _Step(_named(records, conclusion), self._again(_others(records, conclusion)))
        if len(records) > 1:
            return _Step(next_parts=self._halves(records))
        suspects.refused.append((records[0], conclusion.rejection))
        return _Step()

    def _settled(self, records: Sequence[Record], settled: Completed) -> _Step:
        if settled.remarks:
            self._traffic.note(settled.remarks)
        if not (settled.rejected or settled.skipped or settled.mended):
            self._evidence.note_accepted(records)
            return _Step(Outcomes(accepted=records))
        skipped = {place: why for place, why in settled.skipped.items() if place not in settled.rejected}
        told = settled.rejected.keys() | skipped.keys() | settled.mended.keys()
        outcomes = Outcomes(
            accepted=[record for place, record in enumerate(records) if place not in told],
            rejected=[(records[place], rejection) for place, rejection in settled.rejected.items()],
            skipped=[(records[place], reason) for place, reason in skipped.items()],
        )
        if outcomes.accepted:
            self._evidence.note_accepted(records)
        return _Step(outcomes, self._again(_mended(records, settled.mended, settled.mended)))

    def _unattributed(self, records: Sequence[Record], verdict: Unattributed) -> _Step:
        """Reject the records that an answer names, and find out which of the others it means, if that is harmless."""
        self._traffic.note(verdict.remarks)
        named, others = _named(records, verdict), _others(records, verdict)
        if not self._destination.repeat_is_harmless(others):
            mended = _mended(records, verdict.mended, verdict.mended)
            unknown = [(record, UNATTRIBUTED) for record in others if record not in mended]
            return _Step(Outcomes(rejected=named.rejected, unknown=unknown), self._again(mended))
        if verdict.named or verdict.mended:
            return _Step(named, self._again(others))
        if len(records) > 1:
            return _Step(next_parts=self._halves(records))
        return _Step(Outcomes(rejected=[(records[0], UNATTRIBUTED)]))

    def _again(self, records: Sequence[Record]) -> Sequence[Sequence[Record]]:
        self._traffic.retries += bool(records)
        return [records] if records else []

    def _halves(self, records: Sequence[Record]) -> Sequence[Sequence[Record]]:
        self._traffic.splits += 1
        middle = len(records) // 2
        return records[:middle], records[middle:]


def _named(records: Sequence[Record], verdict: BatchRejected | Unattributed) -> Outcomes:
    return Outcomes(rejected=[(records[place], rejection) for place, rejection in verdict.named.items()])


def _others(records: Sequence[Record], verdict: BatchRejected | Unattributed) -> list[Record]:
    """Give the records that an answer does not name, some of them mended."""
    return _mended(records, verdict.mended, [place for place in range(len(records)) if place not in verdict.named])


def _mended(records: Sequence[Record], mended: Mapping[int, Record], places: Iterable[int]) -> list[Record]:
    """Give the records at some places, those that were mended in the place of what they were."""
    return [mended[place].in_place_of(records[place]) if place in mended else records[place] for place in places]


@dataclass(slots=True)
class Suspects:
    """The records of one batch that were refused alone, for a reason that names none of them."""

    refused: list[tuple[Record, Rejection]] = field(default_factory=list)

    def are_all_of(self, records: Sequence[Record]) -> bool:
        """Whether every record of the batch is in here, for one reason: nothing in it speaks against the request."""
        return len(self.refused) == len(records) and len({rejection.code for _, rejection in self.refused}) == 1


class Evidence:
    """What the answers of a run show about an endpoint: does it accept anything at all?

    Records of one group go to one endpoint.

    :param was_seen_before: whether an earlier try of the run has delivered something.
    """

    def __init__(self, was_seen_before: bool = False) -> None:
        self._was_seen_before = was_seen_before
        self._accepted: set[str] = set()
        self._at_work = 0
        self._news = asyncio.Event()

    def begin(self) -> None:
        """Say that a batch is being delivered, which may bring evidence to others."""
        self._at_work += 1

    def end(self) -> None:
        """Say that it is not any more."""
        self._at_work -= 1
        self._news.set()

    def note_accepted(self, records: Sequence[Record]) -> None:
        """Note that one of these was accepted."""
        self._accepted.add(records[0].group)
        self._news.set()

    async def clears(self, records: Sequence[Record]) -> bool:
        """Say whether other batches clear the request of a batch that was refused throughout, and has not ended yet.

        Answers that are on their way are waited for. Many records that are all refused are never cleared: it takes
        more than chance to put so many bad ones into one request.
        """
        if len(records) > FEW_ROWS:
            return False
        self._at_work -= 1
        self._news.set()
        try:
            while not self._is_accepted(records) and self._at_work:
                self._news.clear()
                await self._news.wait()
        finally:
            self._at_work += 1
        return self._is_accepted(records)

    def _is_accepted(self, records: Sequence[Record]) -> bool:
        return self._was_seen_before or records[0].group in self._accepted


def the_request_is_at_fault(suspects: Suspects) -> str:
    """Say so, for the person who is to mend it."""
    rejection = suspects.refused[0][1]
    number = len(suspects.refused)
    rows = f"Each of the {number:,} rows of a request was refused when it was sent alone" if number > 1 else _ONE
    return (
        f"{rows}, for a reason that names no row: {rejection.code} ({without_personal_data(rejection.reason)}). So it "
        "cannot be told from a fault of the request, of the connection or of what lies between (proxy, gateway). No "
        "row is set aside for it: they stay due. Try the same request by hand, or look up what changed at the "
        "destination. If the rows are at fault, mend them; a few bad rows are set aside by themselves in "
        "a run where others are accepted."
    )


_ONE = "The only row of a request was refused, and no other was accepted in this run"
