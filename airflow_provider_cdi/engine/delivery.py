"""Delivery: one batch goes out until each of its records has an outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from airflow_provider_cdi.engine.pacing import Pacer
from airflow_provider_cdi.engine.ports import (
    Busy,
    Clock,
    Destination,
    Refused,
    Request,
    Settled,
    Transport,
    Unattributed,
    Unclear,
    Verdict,
)
from airflow_provider_cdi.engine.records import Record, Rejection
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import Interrupted, NoAnswer, RetryLater, StopSync

log = logging.getLogger(__name__)

NO_ANSWER = Rejection(
    "no_answer",
    "The answer to the request never came, so nobody knows whether it was applied; it was not sent again because "
    'on_unknown is "reject".',
)


@dataclass(slots=True)
class Traffic:
    """What went over the wire in this try.

    :param requests: requests that were sent.
    :param retries: how many of them were repeats.
    :param splits: how many batches were cut in halves to find the record at fault.
    :param held_back: answers that said "too many requests".
    :param bytes_sent: bytes of request bodies.
    """

    requests: int = 0
    retries: int = 0
    splits: int = 0
    held_back: int = 0
    bytes_sent: int = 0


class _Tries:
    """How long and how often one request was tried, and whether one of the tries may have been applied."""

    def __init__(self, records: Sequence[Record], started: float) -> None:
        self._records = records
        self.started = started
        self.failures = 0
        self._maybe_applied = False

    def begin(self) -> None:
        """From here until the answer was read, nobody knows; a run that ends now counts the rows as unknown."""
        for record in self._records:
            record.block.in_doubt.add(record.row)

    def end(self, verdict: Verdict) -> Verdict:
        """Note what the verdict says about that."""
        self._maybe_applied = isinstance(verdict, Unclear) or (self._maybe_applied and isinstance(verdict, Busy))
        if not self._maybe_applied:
            for record in self._records:
                record.block.in_doubt.discard(record.row)
        return verdict


class Delivery:
    """Sends batches and gives each record its outcome.

    :param destination: encodes requests and reads answers.
    :param transport: sends them.
    :param pacer: when the next one may leave.
    :param settings: bounds of the retries and what to do with the unknown.
    :param clock: where time comes from.
    :param random: for the jitter of the back-off.
    :param stop_requested: whether the run is to end; no further attempt is made then.
    """

    def __init__(
        self,
        destination: Destination,
        transport: Transport,
        *,
        pacer: Pacer,
        settings: DeliverySettings,
        clock: Clock,
        random: Random,
        stop_requested: Callable[[], bool],
    ) -> None:
        self._destination = destination
        self._transport = transport
        self._pacer = pacer
        self._retry = settings.retry
        self._repeats_all = settings.on_unknown == "resend"
        self._clock = clock
        self._random = random
        self._stop_requested = stop_requested
        self.traffic = Traffic()

    async def deliver(self, records: Sequence[Record]) -> None:
        """Send the records of one batch until all have their outcome.

        :raises StopSync: when the destination refuses the sync as a whole.
        :raises RetryLater: when the bounds of the retry policy are reached. Records without an outcome keep
            none, and the watermark does not pass them.
        """
        verdict = await self._send_until_clear(records)
        if isinstance(verdict, Settled):
            _settle(records, verdict)
        elif isinstance(verdict, Unclear):
            _reject_all(records, NO_ANSWER, unknown=True)
        elif len(records) == 1:
            _reject_all(records, verdict.rejection)
        elif isinstance(verdict, Refused) or self._destination.repeat_is_harmless(records):
            await self._deliver_halves(records)
        else:
            _reject_all(records, verdict.rejection, unknown=True)

    async def _deliver_halves(self, records: Sequence[Record]) -> None:
        self.traffic.splits += 1
        middle = len(records) // 2
        await self.deliver(records[:middle])
        await self.deliver(records[middle:])

    async def _send_until_clear(self, records: Sequence[Record]) -> Settled | Refused | Unattributed | Unclear:
        """Send again until the answer says something; ``Unclear`` comes back only if a repeat is not allowed."""
        request = self._destination.request(records)
        tries = _Tries(records, self._clock.monotonic())
        while True:
            verdict = await self._send(request, records, tries)
            if isinstance(verdict, Busy):
                await self._wait_while_busy(verdict, tries)
            elif isinstance(verdict, Unclear) and self._may_repeat(records):
                await self._back_off(verdict.reason, tries)
            else:
                return verdict
            self.traffic.retries += 1

    def _may_repeat(self, records: Sequence[Record]) -> bool:
        return self._repeats_all or self._destination.repeat_is_harmless(records)

    async def _send(self, request: Request, records: Sequence[Record], tries: _Tries) -> Verdict:
        await self._pacer.wait_for_turn()
        if self._stop_requested():
            raise Interrupted("the task was told to end; a new try goes on at the last checkpoint")
        self.traffic.requests += 1
        self.traffic.bytes_sent += len(request.body)
        tries.begin()
        try:
            answer = await self._transport.send(request)
        except NoAnswer as error:
            return tries.end(Unclear(error.reason) if error.may_have_arrived else Busy(error.reason))
        try:
            return tries.end(self._destination.read_answer(answer, records))
        except StopSync as error:
            tries.end(Busy(str(error)))
            raise

    async def _wait_while_busy(self, verdict: Busy, tries: _Tries) -> None:
        if verdict.wait is None:
            await self._back_off(verdict.reason, tries)
            return
        self.traffic.held_back += 1
        waited = self._clock.monotonic() - tries.started
        if waited + verdict.wait > self._retry.rate_limit_seconds:
            raise RetryLater(
                f"{verdict.reason}: asked to wait {verdict.wait:.0f} s after {waited:.0f} s of waiting, longer than "
                f"rate_limit_seconds={self._retry.rate_limit_seconds:.0f}. Lower requests_per_second or raise that "
                "bound; a new try goes on at the last checkpoint."
            )
        self._pacer.hold(verdict.wait)

    async def _back_off(self, reason: str, tries: _Tries) -> None:
        tries.failures += 1
        passed = self._clock.monotonic() - tries.started
        if tries.failures >= self._retry.attempts or passed >= self._retry.seconds:
            raise RetryLater(
                f"A request got no usable answer in {tries.failures} attempts over {passed:.0f} s, last: {reason}. "
                "Nothing is lost: a new try of the task goes on at the last checkpoint."
            )
        bound = min(self._retry.first_wait * 2 ** (tries.failures - 1), self._retry.longest_wait)
        wait = self._random.uniform(bound / 2, bound)
        log.warning("Attempt %d of %d: %s; next one in %.1f s", tries.failures, self._retry.attempts, reason, wait)
        await self._clock.sleep(wait)


def _settle(records: Sequence[Record], verdict: Settled) -> None:
    for place, record in enumerate(records):
        rejection = verdict.rejected.get(place)
        if rejection is None:
            record.block.accept(record.row)
        else:
            record.block.reject(record.row, rejection)


def _reject_all(records: Sequence[Record], rejection: Rejection, *, unknown: bool = False) -> None:
    for record in records:
        record.block.in_doubt.discard(record.row)
        record.block.reject(record.row, rejection, unknown=unknown)
