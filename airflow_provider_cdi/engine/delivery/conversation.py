"""A conversation about one batch: what the destination asks for is sent until the outcome is known."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn

from airflow_provider_cdi.engine.abilities import JobDestination
from airflow_provider_cdi.engine.delivery.concurrency_limit import Concurrency
from airflow_provider_cdi.engine.delivery.pacing import Pacer
from airflow_provider_cdi.engine.delivery.rate_line import Turn
from airflow_provider_cdi.engine.delivery.traffic import Traffic
from airflow_provider_cdi.engine.rows.jobs import Jobs
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.standstill import Standstill
from airflow_provider_cdi.engine.supervisor import Supervisor
from airflow_provider_cdi.engine.verdicts import (
    Ambiguous,
    BatchRejected,
    Completed,
    FollowUp,
    Request,
    Throttled,
    Unattributed,
    Verdict,
)
from airflow_provider_cdi.exceptions import DestinationRefused, Interrupted, NoAnswer, RetryLater, StopSync

log = logging.getLogger(__name__)

#: What a conversation ends with.
Conclusion = Completed | BatchRejected | Unattributed | Ambiguous

#: Batches that may have been applied, by their id: on their way, or never answered. If the run ends now, nobody knows.
_InDoubt = dict[int, Sequence[Record]]


class _Tries:
    """How long and how often one request was tried.

    :param request: what is sent.
    :param started: when, by the monotonic clock.
    """

    def __init__(self, request: Request, started: float) -> None:
        #: Whether the request changes anything on the other side.
        self.changes = request.method != "GET" and not request.is_question
        #: Whether one of the tries may have been applied.
        self.maybe_applied = False
        self.started = started
        self.failures = 0
        #: Whether the other side has ever answered.
        self.is_answered = False
        #: Of the last try.
        self.turn: Turn


class Conversations:
    """Holds conversations with the destination, several at once.

    :param inputs: of the run: the destination, the transport, the bounds of the retries and of the requests in flight.
    :param jobs: those that an earlier try has submitted; new ones are added.
    :param tasks: of the run: no further attempt is made when one of them has failed.
    :param rows_started: how many rows were read so far.
    :param on_job: called when a job was submitted: what is saved should know it soon.
    """

    def __init__(
        self,
        inputs: RunInputs,
        jobs: Jobs,
        tasks: Supervisor,
        *,
        rows_started: Callable[[], int],
        on_job: Callable[[], None],
    ) -> None:
        destination, settings, clock = inputs.destination, inputs.settings, inputs.clock
        self._destination, self._transport, self._clock = destination, inputs.transport, clock
        self._retry, self._random, self._sentry = settings.retry, inputs.random, inputs.sentry
        self._repeats_all = settings.on_unknown == "resend"
        self._pacer = Pacer(clock, settings.requests_per_second, destination.rates, rate_share=settings.rate_share)
        #: By family: one kind of request may take much longer than another.
        self._concurrency: defaultdict[str, Concurrency] = defaultdict(
            lambda: Concurrency(clock, settings.max_in_flight)
        )
        self._jobs = jobs
        self._tasks, self._stop_requested = tasks, inputs.stop_requested
        self._rows_started = rows_started
        self._on_job = on_job
        #: The same destination, if it works on requests as jobs.
        self._jobs_at = destination if isinstance(destination, JobDestination) else None
        self._one_waits = asyncio.Lock()
        self.in_doubt: _InDoubt = {}
        self._changes_on_way = 0
        self.traffic = Traffic()

    @property
    def rows_in_doubt(self) -> int:
        """Rows of requests that are on their way, or were never answered: if the run ends now, nobody knows."""
        return sum(1 + len(record.followers) for records in self.in_doubt.values() for record in records)

    @property
    def jobs_alone(self) -> list[str]:
        """The jobs that are waited for, if nothing else is on its way: it may become a job, which must not be lost."""
        return [] if self._changes_on_way else self._jobs.running

    @property
    def standstill(self) -> Standstill | None:
        """Why nothing leaves although something is ready; None while anything that changes something is on its way."""
        return None if self._changes_on_way else self._pacer.standstill()

    @property
    def waiting(self) -> int:
        """Requests that wait because enough others are on their way."""
        return sum(concurrency.waiting for concurrency in self._concurrency.values())

    async def hold(self, records: Sequence[Record]) -> Conclusion:
        """Send what the destination asks for, one thing after the other, until the outcome is known.

        ``Ambiguous`` comes back only if a repeat is not allowed.
        """
        ask, noted = await self._opening(records), None
        started = self._clock.monotonic()
        while True:
            verdict = await self._send_until_clear(ask, records)
            if not isinstance(verdict, FollowUp):
                if self._jobs_at is not None:
                    self._jobs.end(records)
                self.in_doubt.pop(id(records), None)
                return verdict
            if verdict.job is not None:
                if verdict.job != noted and self._jobs.note(records, verdict.job, self._rows_started()):
                    self._on_job()
                noted = verdict.job
                self._check_patience(noted, verdict.wait, started)
            if verdict.wait:
                await self._clock.sleep(verdict.wait)
            ask = verdict

    async def ask(self, question: Verdict) -> Completed:
        """Hold a conversation that changes nothing; other questions may be on their way meanwhile.

        :param question: the first one.
        """
        while isinstance(question, FollowUp):
            question = await self._send_until_clear(question, ())
        if not isinstance(question, Completed):
            raise TypeError("a conversation that changes nothing ends with what was found out")
        return question

    async def _opening(self, records: Sequence[Record]) -> FollowUp:
        """Return the first request about these records; a job that works on them already is only asked for."""
        if self._jobs_at is not None:
            job = self._jobs.find(records, self._rows_started())
            if job is not None:
                self.in_doubt[id(records)] = records
                return self._jobs_at.attach(job, records)
            async with self._one_waits:
                await self._wait_for_orphaned_jobs(self._jobs_at, records)
        read = partial(self._destination.interpret_response, records=records)
        return FollowUp(self._destination.request(records), read)

    async def _wait_for_orphaned_jobs(self, destination: JobDestination, records: Sequence[Record]) -> None:
        """Wait until no job of an earlier try is at work: one may carry a person of these records."""
        while (job := self._jobs.next_orphan()) is not None:
            ask, started = destination.attach(job, records), self._clock.monotonic()
            while isinstance(verdict := await self._send_until_clear(ask, records), FollowUp) and verdict.job == job:
                self._jobs.note_orphan(job, is_running=True)
                self._check_patience(job, verdict.wait, started)
                await self._clock.sleep(verdict.wait)
                ask = verdict
            self._jobs.note_orphan(job, is_running=False)

    def _check_patience(self, job: str, wait: float, started: float) -> None:
        waited = self._clock.monotonic() - started
        if waited + wait > self._retry.job_seconds:
            raise RetryLater(
                f"The job {job} has not ended after {waited:.0f} s, longer than job_seconds="
                f"{self._retry.job_seconds:.0f}. It is not lost: a new try of the task asks for it again and sends "
                "nothing twice. Look at the destination's own page of imports, or raise that bound."
            )

    async def _send_until_clear(self, ask: FollowUp, records: Sequence[Record]) -> Conclusion | FollowUp:
        tries = _Tries(ask.request, self._clock.monotonic())
        while True:
            verdict = await self._send(ask, records, tries)
            if isinstance(verdict, Throttled):
                self._note_not_applied(records, tries)
                await self._wait_while_busy(verdict, tries)
            elif isinstance(verdict, Ambiguous) and (not tries.changes or self._may_repeat(records)):
                tries.maybe_applied = tries.changes
                await self._back_off(verdict.reason, tries)
            else:
                if tries.changes and isinstance(verdict, FollowUp) and verdict.job is None:
                    self.in_doubt.pop(id(records), None)  # unlike a job, which has no outcome before it has ended
                return verdict
            self.traffic.retries += 1

    def _note_not_applied(self, records: Sequence[Record], tries: _Tries) -> None:
        if tries.changes and not tries.maybe_applied:
            self.in_doubt.pop(id(records), None)

    def _may_repeat(self, records: Sequence[Record]) -> bool:
        return self._repeats_all or self._destination.repeat_is_harmless(records)

    async def _send(self, ask: FollowUp, records: Sequence[Record], tries: _Tries) -> Verdict:
        """Send a request as soon as there are few enough on their way, and its turn has come."""
        concurrency = self._concurrency[ask.request.family]
        began = await concurrency.enter()
        try:
            turn = tries.turn = await self._pacer.wait_for_turn(ask.request.family)
            if self._sentry is not None and tries.changes:
                await self._sentry.let_through()
            if self._tasks.failure is not None or (self._stop_requested is not None and self._stop_requested()):
                raise Interrupted("the task was told to end; a new try goes on at the last checkpoint")
            verdict = await self._exchange(ask, records, tries)
        except BaseException:
            concurrency.abandon()
            raise
        if turn.was_paced:
            began = turn.at
            self.traffic.paced += 1
        seconds = self._clock.monotonic() - began
        self.traffic.seconds_on_way += seconds
        concurrency.leave(seconds, trouble=isinstance(verdict, Throttled | Ambiguous), was_paced=turn.was_paced)
        return verdict

    async def _exchange(self, ask: FollowUp, records: Sequence[Record], tries: _Tries) -> Verdict:
        self.traffic.requests += 1
        self.traffic.bytes_sent += len(ask.request.body)
        if tries.changes:  # from here until the outcome is known, nobody knows
            self.in_doubt[id(records)] = records
        window = None
        self._changes_on_way += tries.changes
        try:
            answer = await self._transport.send(ask.request)
            tries.is_answered = True
            window = self._destination.rate_window(answer)
        except NoAnswer as error:
            if not error.passes:
                self._end_for(error, records, tries)
            return Ambiguous(error.reason) if error.may_have_arrived else Throttled(error.reason)
        finally:
            self._changes_on_way -= tries.changes
            tries.turn.note_answer(window)
        try:
            return ask.read(answer)
        except StopSync:
            self._note_not_applied(records, tries)
            raise

    def _end_for(self, error: NoAnswer, records: Sequence[Record], tries: _Tries) -> NoReturn:
        if not error.may_have_arrived:
            self._note_not_applied(records, tries)
        raise DestinationRefused(
            f"No request reaches the destination: {error.reason}. Asking again would not help, so the run ends here; "
            "what was not accepted yet stays due."
        ).of_kind(error.kind) from None

    async def _wait_while_busy(self, verdict: Throttled, tries: _Tries) -> None:
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
        tries.turn.hold(verdict.wait)

    async def _back_off(self, reason: str, tries: _Tries) -> None:
        tries.failures += 1
        passed = self._clock.monotonic() - tries.started
        if tries.failures >= self._retry.attempts or passed >= self._retry.seconds:
            raise RetryLater(
                f"A request got no usable answer in {tries.failures} attempts over {passed:.0f} s, last: {reason}. "
                "Nothing is lost: a new try of the task goes on at the last checkpoint."
            ).of_kind("transient" if tries.is_answered else "connection")
        bound = min(self._retry.first_wait * 2 ** (tries.failures - 1), self._retry.longest_wait)
        wait = self._random.uniform(bound / 2, bound)
        log.warning("Attempt %d of %d: %s; next one in %.1f s", tries.failures, self._retry.attempts, reason, wait)
        await self._clock.sleep(wait)
