"""Delivery: one batch goes out until each of its records has an outcome."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import NamedTuple

from airflow_provider_cdi.engine.delivery.conversation import Conclusion, Conversations
from airflow_provider_cdi.engine.delivery.evidence import Evidence, Suspects, the_request_is_at_fault
from airflow_provider_cdi.engine.ports import Ambiguous, BatchRejected, Completed, Destination, Unattributed
from airflow_provider_cdi.engine.rows.outcomes import Outcomes
from airflow_provider_cdi.engine.rows.records import Record, Rejection
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

    :param destination: knows which repeats are harmless.
    :param conversations: with it.
    :param accepted_before: whether an earlier try of the run has delivered something: the destination takes such
        requests.
    """

    def __init__(
        self, destination: Destination, conversations: Conversations, *, accepted_before: bool = False
    ) -> None:
        self._destination = destination
        self._conversations = conversations
        self._traffic = conversations.traffic
        self._evidence = Evidence(accepted_before)

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
        self._traffic.note(settled.remarks)
        outcomes = Outcomes(accepted=records)
        if settled.rejected or settled.skipped or settled.mended:
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
