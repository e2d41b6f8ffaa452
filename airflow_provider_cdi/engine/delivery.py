"""Delivery: one batch goes out until each of its records has an outcome."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from random import Random

from airflow_provider_cdi.engine.concurrency import Concurrency
from airflow_provider_cdi.engine.evidence import Evidence, Suspects, the_request_is_at_fault
from airflow_provider_cdi.engine.jobs import Jobs
from airflow_provider_cdi.engine.pacing import Pacer, Turn
from airflow_provider_cdi.engine.ports import (
    Ask,
    Busy,
    Clock,
    Destination,
    JobDestination,
    Refused,
    Request,
    Settled,
    Transport,
    Unattributed,
    Unclear,
    Verdict,
)
from airflow_provider_cdi.engine.records import Record, Rejection
from airflow_provider_cdi.engine.sentry import Sentry
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.engine.traffic import Traffic
from airflow_provider_cdi.exceptions import DestinationRefused, Interrupted, NoAnswer, RetryLater, StopSync

log = logging.getLogger(__name__)

#: What a conversation about a batch ends with.
Outcome = Settled | Refused | Unattributed | Unclear

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


class _Doubts:
    """Batches that may have been applied: on their way, or never answered. If the run ends now, nobody knows."""

    def __init__(self) -> None:
        self._batches: dict[int, Sequence[Record]] = {}

    def begin(self, records: Sequence[Record]) -> None:
        self._batches[id(records)] = records

    def end(self, records: Sequence[Record]) -> None:
        self._batches.pop(id(records), None)

    @property
    def rows(self) -> int:
        return sum(1 + len(record.followers) for records in self._batches.values() for record in records)


class _Tries:
    """How long and how often one request was tried, and whether one of the tries may have been applied."""

    def __init__(self, request: Request, records: Sequence[Record], started: float, doubts: _Doubts) -> None:
        #: Whether the request changes anything on the other side.
        self.changes = request.method != "GET"
        self._records = records
        self._doubts = doubts
        self.started = started
        self.failures = 0
        #: Of the last try.
        self.turn: Turn
        self._maybe_applied = False

    def begin(self) -> None:
        """From here until the outcome is known, nobody knows; a run that ends now counts the rows as unknown."""
        if self.changes:
            self._doubts.begin(self._records)

    def end(self, verdict: Verdict) -> Verdict:
        """Note what the verdict says about that. A job that was accepted has no outcome before it has ended."""
        if not self.changes:
            return verdict
        is_unclear = isinstance(verdict, Unclear) or (isinstance(verdict, Ask) and verdict.job is not None)
        self._maybe_applied = is_unclear or (self._maybe_applied and isinstance(verdict, Busy))
        if not self._maybe_applied:
            self._doubts.end(self._records)
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
    :param rows_entered: how many rows were read so far.
    :param on_job: called when a job was submitted: what is saved should know it soon.
    :param sentry: lets requests leave that change anything.
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
        rows_entered: Callable[[], int] = lambda: 0,
        on_job: Callable[[], None] = lambda: None,
        sentry: Sentry | None = None,
    ) -> None:
        self._destination = destination
        self._transport = transport
        self._pacer = pacer
        #: By family: one kind of request may take much longer than another.
        self._concurrency: defaultdict[str, Concurrency] = defaultdict(
            lambda: Concurrency(clock, settings.max_in_flight)
        )
        self._retry = settings.retry
        self._repeats_all = settings.on_unknown == "resend"
        self._clock = clock
        self._random = random
        self._stop_requested = stop_requested
        #: Those that an earlier try has submitted are put in here; new ones are added.
        self.jobs = Jobs()
        self._rows_entered = rows_entered
        self._on_job = on_job
        self._sentry = sentry
        #: The same destination, if it works on requests as jobs.
        self._jobs_at = destination if isinstance(destination, JobDestination) else None
        self._one_waits = asyncio.Lock()
        self._doubts = _Doubts()
        self._evidence = Evidence()
        self._changes_on_way = 0
        self.traffic = Traffic()

    @property
    def rows_in_doubt(self) -> int:
        """Rows of requests that are on their way, or were never answered: if the run ends now, nobody knows."""
        return self._doubts.rows

    @property
    def may_be_changing(self) -> bool:
        """Whether a request is on its way that changes something on the other side."""
        return self._changes_on_way > 0

    @property
    def waiting(self) -> int:
        """Requests that wait because enough others are on their way."""
        return sum(concurrency.waiting for concurrency in self._concurrency.values())

    def note_accepted_before(self, rows: int) -> None:
        """Note how many rows an earlier try of the run had delivered: the destination takes such requests."""
        self._evidence.was_seen_before = rows > 0

    async def deliver(self, records: Sequence[Record]) -> None:
        """Send the records of one batch until all have their outcome.

        :raises StopSync: when the destination refuses the sync as a whole.
        :raises RetryLater: when the bounds of the retry policy are reached. Records without an outcome keep
            none, and the watermark does not pass them.
        """
        suspects = Suspects()
        self._evidence.begin()
        try:
            await self._deliver(records, suspects)
            if suspects.refused and suspects.are_all_of(records) and not await self._evidence.clears(records):
                raise DestinationRefused(the_request_is_at_fault(suspects))
        finally:
            self._evidence.end()
        for record, rejection in suspects.refused:
            _reject(record, rejection)

    async def _deliver(self, records: Sequence[Record], suspects: Suspects) -> None:
        verdict = await self._converse(records)
        if isinstance(verdict, Settled | Unattributed):
            self.traffic.note(verdict.remarks)
        if isinstance(verdict, Settled):
            if _settle(records, verdict):
                self._evidence.note_accepted(records)
            if verdict.mended:
                self.traffic.retries += 1
                await self._deliver(_mended(records, verdict.mended, verdict.mended), suspects)
        elif isinstance(verdict, Unclear):
            _reject_all(records, NO_ANSWER, unknown=True)
        elif isinstance(verdict, Unattributed):
            await self._deliver_unattributed(records, verdict, suspects)
        elif verdict.named or verdict.mended:
            await self._deliver_again(_left(records, verdict), suspects)
        elif len(records) == 1:
            suspects.refused.append((records[0], verdict.rejection))
        else:
            await self._deliver_halves(records, suspects)

    async def _deliver_unattributed(self, records: Sequence[Record], verdict: Unattributed, suspects: Suspects) -> None:
        """Reject the records that an answer names, and find out which of the others it means, if that is harmless."""
        others = _left(records, verdict)
        if not self._destination.repeat_is_harmless(others):
            mended = _mended(records, verdict.mended, verdict.mended)
            _reject_all([record for record in others if record not in mended], UNATTRIBUTED, unknown=True)
            await self._deliver_again(mended, suspects)
        elif len(others) < len(records) or verdict.mended:
            await self._deliver_again(others, suspects)
        elif len(records) == 1:
            _reject_all(records, UNATTRIBUTED)
        else:
            await self._deliver_halves(records, suspects)

    async def _deliver_again(self, records: Sequence[Record], suspects: Suspects) -> None:
        if records:
            self.traffic.retries += 1
            await self._deliver(records, suspects)

    async def _deliver_halves(self, records: Sequence[Record], suspects: Suspects) -> None:
        self.traffic.splits += 1
        middle = len(records) // 2
        await self._deliver(records[:middle], suspects)
        await self._deliver(records[middle:], suspects)

    async def _converse(self, records: Sequence[Record]) -> Outcome:
        """Send what the destination asks for, one thing after the other, until the outcome is known.

        ``Unclear`` comes back only if a repeat is not allowed.
        """
        ask, noted = await self._opening(records), None
        started = self._clock.monotonic()
        while True:
            verdict = await self._send_until_clear(ask, records)
            if not isinstance(verdict, Ask):
                if self._jobs_at is not None:
                    self.jobs.end(records)
                self._doubts.end(records)
                return verdict
            if verdict.job is not None:
                if verdict.job != noted and self.jobs.note(records, verdict.job, self._rows_entered()):
                    self._on_job()
                noted = verdict.job
                self._check_patience(noted, verdict.wait, started)
            if verdict.wait:
                await self._clock.sleep(verdict.wait)
            ask = verdict

    async def _opening(self, records: Sequence[Record]) -> Ask:
        """Return the first request about these records; a job that works on them already is only asked for."""
        if self._jobs_at is not None:
            job = self.jobs.find(records, self._rows_entered())
            if job is not None:
                self._doubts.begin(records)
                return self._jobs_at.attach(job, records)
            async with self._one_waits:
                await self._wait_for_strangers(self._jobs_at, records)
        return Ask(self._destination.request(records), lambda answer: self._destination.read_answer(answer, records))

    async def _wait_for_strangers(self, destination: JobDestination, records: Sequence[Record]) -> None:
        """Wait until no job of an earlier try is at work: one may carry a person of these records."""
        while (job := self.jobs.next_stranger()) is not None:
            ask, started = destination.attach(job, records), self._clock.monotonic()
            while isinstance(verdict := await self._send_until_clear(ask, records), Ask) and verdict.job == job:
                self.jobs.note_stranger(job, is_running=True)
                self._check_patience(job, verdict.wait, started)
                await self._clock.sleep(verdict.wait)
                ask = verdict
            self.jobs.note_stranger(job, is_running=False)

    def _check_patience(self, job: str, wait: float, started: float) -> None:
        waited = self._clock.monotonic() - started
        if waited + wait > self._retry.job_seconds:
            raise RetryLater(
                f"The job {job} has not ended after {waited:.0f} s, longer than job_seconds="
                f"{self._retry.job_seconds:.0f}. It is not lost: a new try of the task asks for it again and sends "
                "nothing twice. Look at the destination's own page of imports, or raise that bound."
            )

    async def _send_until_clear(self, ask: Ask, records: Sequence[Record]) -> Outcome | Ask:
        tries = _Tries(ask.request, records, self._clock.monotonic(), self._doubts)
        while True:
            verdict = await self._send(ask, tries)
            if isinstance(verdict, Busy):
                await self._wait_while_busy(verdict, tries)
            elif isinstance(verdict, Unclear) and (not tries.changes or self._may_repeat(records)):
                await self._back_off(verdict.reason, tries)
            else:
                return verdict
            self.traffic.retries += 1

    def _may_repeat(self, records: Sequence[Record]) -> bool:
        return self._repeats_all or self._destination.repeat_is_harmless(records)

    async def _send(self, ask: Ask, tries: _Tries) -> Verdict:
        """Send a request as soon as there are few enough on their way, and its turn has come."""
        concurrency = self._concurrency[ask.request.family]
        began = await concurrency.enter()
        try:
            turn = tries.turn = await self._pacer.wait_for_turn(ask.request.family)
            if self._sentry is not None and tries.changes:
                await self._sentry.let_through()
            if self._stop_requested():
                raise Interrupted("the task was told to end; a new try goes on at the last checkpoint")
            verdict = await self._exchange(ask, tries)
        except BaseException:
            concurrency.abandon()
            raise
        if turn.was_paced:
            began = turn.at
            self.traffic.paced += 1
        seconds = self._clock.monotonic() - began
        self.traffic.seconds_on_way += seconds
        concurrency.leave(seconds, trouble=isinstance(verdict, Busy | Unclear), was_paced=turn.was_paced)
        return verdict

    async def _exchange(self, ask: Ask, tries: _Tries) -> Verdict:
        self.traffic.requests += 1
        self.traffic.bytes_sent += len(ask.request.body)
        tries.begin()
        window = None
        self._changes_on_way += tries.changes
        try:
            answer = await self._transport.send(ask.request)
            window = self._destination.rate_window(answer)
        except NoAnswer as error:
            return tries.end(Unclear(error.reason) if error.may_have_arrived else Busy(error.reason))
        finally:
            self._changes_on_way -= tries.changes
            self._pacer.note_answer(tries.turn, window)
        try:
            return tries.end(ask.read(answer))
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
        self._pacer.hold(verdict.wait, tries.turn)

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


def _settle(records: Sequence[Record], verdict: Settled) -> bool:
    """Give the records their outcome; say whether one was accepted."""
    accepted = records
    if verdict.rejected or verdict.skipped or verdict.mended:
        for place, rejection in verdict.rejected.items():
            _reject(records[place], rejection)
        for place in verdict.skipped.keys() - verdict.rejected.keys():
            for one in records[place].rows():
                one.block.skip(one.row, verdict.skipped[place])
        settled = verdict.rejected.keys() | verdict.skipped.keys() | verdict.mended.keys()
        accepted = [record for place, record in enumerate(records) if place not in settled]
    for block, those in groupby(accepted, attrgetter("block")):
        block.accept([record.row for record in those])
    for record in accepted:
        if record.followers:
            for follower, reason in record.followers:
                follower.block.skip(follower.row, reason)
    return bool(accepted)


def _mended(records: Sequence[Record], mended: Mapping[int, Record], places: Iterable[int]) -> list[Record]:
    """Give the records at some places, those that were mended in the place of what they were."""
    return [mended[place].in_place_of(records[place]) if place in mended else records[place] for place in places]


def _reject(record: Record, rejection: Rejection, *, unknown: bool = False) -> None:
    for one in record.rows():
        one.block.reject(one.row, rejection, unknown=unknown)


def _left(records: Sequence[Record], verdict: Refused | Unattributed) -> list[Record]:
    """Reject the records that an answer names, and return the others, some of them mended."""
    for place, rejection in verdict.named.items():
        _reject(records[place], rejection)
    return _mended(records, verdict.mended, [place for place in range(len(records)) if place not in verdict.named])


def _reject_all(records: Sequence[Record], rejection: Rejection, *, unknown: bool = False) -> None:
    for record in records:
        _reject(record, rejection, unknown=unknown)
