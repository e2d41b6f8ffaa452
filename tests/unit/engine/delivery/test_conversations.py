"""Outcomes that must be asked for: lookups, answers that name the records at fault, jobs of the other side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from support.engine_world import REFUSED_ROW, ThingDestination, Things, make_run

from airflow_provider_cdi.engine.delivery.pacing import Pacer
from airflow_provider_cdi.engine.ports import BatchLimits, Merge, Rate
from airflow_provider_cdi.engine.rows.jobs import Jobs
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import (
    Ambiguous,
    BatchRejected,
    Completed,
    FollowUp,
    Request,
    Response,
    Verdict,
)
from airflow_provider_cdi.exceptions import JobsRunning, NoAnswer, RetryLater
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import VirtualClock, run_virtually

POLL = 10.0


class JobSide:
    """The other side: it takes a batch as a job, works on it for a while, and tells the end when it is asked.

    :param seconds: how long a job takes; None for ever.
    :param slow: names of jobs that take for ever.
    :param bad: ids that a request is refused for as a whole, a few named at a time.
    :param failing: ids that fail inside a job.
    :param unknown: ids that the lookup does not know.
    """

    def __init__(self, seconds: float | None = 25.0, bad=(), failing=(), unknown=(), named_at_once=2, slow=()) -> None:
        self.seconds, self.named_at_once, self.slow = seconds, named_at_once, set(slow)
        self.bad, self.failing, self.unknown = set(bad), set(failing), set(unknown)
        self.jobs: dict[str, tuple[float, list[str]]] = {}
        self.posts, self.polls, self.starts_at = 0, 0, 0.0
        self.poll_fault: NoAnswer | None = None

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0.05)
        now = self.starts_at + asyncio.get_running_loop().time()
        if request.path == "/known":
            asked = json.loads(request.body)
            return Response(200, {}, json.dumps([name for name in asked if name not in self.unknown]).encode())
        if request.method == "POST":
            self.posts += 1
            ids = [thing["id"] for thing in json.loads(request.body)]
            bad = [place for place, name in enumerate(ids) if name in self.bad][: self.named_at_once]
            if bad:
                return Response(400, {}, json.dumps(bad).encode())
            name = f"job-{len(self.jobs) + 1}"
            self.jobs[name] = (now, ids)
            return Response(202, {}, name.encode())
        self.polls += 1
        if self.poll_fault is not None:
            fault, self.poll_fault = self.poll_fault, None
            raise fault
        name = request.path.removeprefix("/jobs/")
        started, ids = self.jobs[name]
        if self.seconds is None or name in self.slow or now - started < self.seconds:
            return Response(200, {}, b"null")
        return Response(200, {}, json.dumps([place for place, name in enumerate(ids) if name in self.failing]).encode())

    def imported(self) -> list[str]:
        return [name for _, ids in self.jobs.values() for name in ids if name not in self.failing]


class JobThings(ThingDestination):
    """Things that are imported by jobs; with ``looks_up`` it first asks who is known."""

    def __init__(self, *, looks_up: bool = False, **kwargs) -> None:
        super().__init__(BatchLimits(records=5, body_bytes=1_000_000), **kwargs)
        self._looks_up = looks_up

    def attach(self, job: str, records: Sequence[Record]) -> FollowUp:
        return FollowUp(
            Request("GET", f"/jobs/{job}", b""), lambda answer: self._read_job(job, answer, records), job=job
        )

    def request(self, records: Sequence[Record]) -> Request:
        if self._looks_up:
            return Request("GET", "/known", json.dumps([record.key for record in records]).encode())
        return super().request(records)

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        if self._looks_up and answer.status == 200:
            return self._read_known(json.loads(answer.body), records)
        if answer.status == 400:
            return BatchRejected(REFUSED_ROW, dict.fromkeys(json.loads(answer.body), REFUSED_ROW))
        if answer.status == 202:
            asked = self.attach(answer.body.decode(), records)
            return FollowUp(asked.request, asked.read, POLL, asked.job)
        return Ambiguous(f"HTTP {answer.status}")

    def _read_known(self, known: list[str], records: Sequence[Record]) -> Verdict:
        absent = {place: "unknown" for place, record in enumerate(records) if record.key not in known}
        if len(absent) == len(records):
            return Completed(skipped=absent)
        rest = [record for place, record in enumerate(records) if place not in absent]

        def read(answer: Response) -> Verdict:
            return Completed(skipped=absent) if answer.status == 202 else Ambiguous("?")

        return FollowUp(super().request(rest), read)

    def _read_job(self, job: str, answer: Response, records: Sequence[Record]) -> Verdict:
        failed = json.loads(answer.body)
        if failed is None:
            asked = self.attach(job, records)
            return FollowUp(asked.request, asked.read, POLL, job)
        return Completed({place: Rejection("failed_in_job", "It failed.") for place in failed})


SETTINGS = DeliverySettings(max_in_flight=4, window_rows=100, retry=RetryPolicy(attempts=3, job_seconds=600))


def people(count):
    return [Row(-1000.0 + number, f"c-{number}") for number in range(count)]


def run(side, rows, journal=None, *, destination=None, saved=None, settings=SETTINGS, **kwargs):
    journal = journal or MemoryJournal()
    sync = make_run(
        ListSource(rows),
        side,
        journal,
        incremental(saved),
        saved,
        saved.jobs if saved else (),
        destination=destination or JobThings(),
        settings=settings,
        **kwargs,
    )
    return run_virtually(sync.run()), journal


# --- answers that name the records at fault -------------------------------------------------------------


def test_named_records_are_rejected_and_the_rest_is_sent_again_until_it_is_clean():
    side = JobSide(bad=["c-0", "c-1", "c-2", "c-7"])
    report, journal = run(side, people(20))
    assert sorted(side.imported()) == sorted({f"c-{n}" for n in range(20)} - side.bad)
    assert {reject.identifier["EXTERNAL_ID"] for reject in journal.rejects} == side.bad
    assert (report.totals.accepted, report.totals.rejected, report.traffic.splits) == (16, 4, 0)


def test_a_batch_of_which_every_record_is_named_ends():
    side = JobSide(bad=[f"c-{n}" for n in range(5)])
    report, _ = run(side, people(5))
    assert (report.totals.rejected, side.posts) == (5, 3)


# --- records that become one ----------------------------------------------------------------------------


class NewestThings(ThingDestination):
    """Of two rows of a person that wait for one request the newer one is sent."""

    def __init__(self):
        super().__init__(once=True)

    def merge(self, older, newer):
        return Merge(newer, older, "superseded")


def test_a_row_that_another_stands_in_for_is_skipped_once_that_one_is_accepted():
    report, _ = run(Things(), [*people(3), Row(-1.0, "c-1")], destination=NewestThings())
    assert (report.totals.accepted, report.totals.skipped_because) == (3, {"superseded": 1})


def test_a_row_that_another_stood_in_for_in_vain_is_a_reject_like_that_one():
    report, journal = run(Things(refuses={"c-1"}), [*people(3), Row(-1.0, "c-1")], destination=NewestThings())
    assert (report.totals.accepted, report.totals.rejected, report.totals.skipped) == (2, 2, 0)
    assert [reject.identifier["EXTERNAL_ID"] for reject in journal.rejects] == ["c-1", "c-1"]


# --- lookups -------------------------------------------------------------------------------------------


def test_records_may_be_passed_over_for_what_a_look_up_says():
    side = JobSide(unknown=["c-1", "c-3"])
    report, _ = run(side, people(4), destination=JobThings(looks_up=True))
    assert side.imported() == ["c-0", "c-2"]
    assert report.totals.skipped_because == {"unknown": 2}
    assert report.totals.rows_read == 4


# --- jobs -----------------------------------------------------------------------------------------------


def test_the_watermark_waits_for_the_jobs_end():
    side = JobSide(seconds=60)
    _, journal = run(side, people(5))
    assert [progress.watermark for progress in journal.history[:-1]] == [None] * (len(journal.history) - 1)
    assert journal.progress.totals.accepted == 5
    assert journal.progress.jobs == ()


def test_rows_that_fail_inside_a_job_are_named():
    side = JobSide(failing=["c-3"])
    report, journal = run(side, people(12))
    assert [reject.code for reject in journal.rejects] == ["failed_in_job"]
    assert (report.totals.accepted, report.totals.rejected) == (11, 1)


def test_trouble_while_asking_for_a_job_sends_nothing_again():
    side = JobSide()
    side.poll_fault = NoAnswer("reset", may_have_arrived=True)
    report, _ = run(side, people(5), destination=JobThings(repeat_is_harmless=False))
    assert (side.posts, report.totals.accepted) == (1, 5)


def test_a_later_try_goes_on_with_the_jobs_of_an_earlier_one():
    side, journal = JobSide(seconds=100), MemoryJournal()
    with pytest.raises(JobsRunning, match="saved") as error:
        run(side, people(18), journal, patience=15)
    assert set(error.value.jobs) == set(side.jobs) == {job.name for job in journal.progress.jobs}
    submitted = side.posts
    side.seconds = 0
    report, _ = run(side, people(18), journal, saved=journal.progress)
    assert side.posts == submitted
    assert sorted(side.imported()) == sorted(f"c-{n}" for n in range(18))
    assert report.totals.accepted == 18


def test_nothing_is_sent_twice_when_some_jobs_of_a_full_window_ended_and_others_did_not():
    settings = DeliverySettings(max_in_flight=4, window_rows=18, retry=SETTINGS.retry)
    side, journal = JobSide(seconds=12, slow=["job-2", "job-5"]), MemoryJournal()
    for _ in range(2):
        with pytest.raises(JobsRunning):
            run(side, people(52), journal, saved=journal.progress, settings=settings, patience=60)
    side.slow.clear()
    run(side, people(52), journal, saved=journal.progress, settings=settings)
    assert sorted(side.imported()) == sorted(f"c-{n}" for n in range(52))


def test_a_later_try_goes_on_with_jobs_also_where_bad_records_were_taken_out():
    side, journal = JobSide(seconds=100, bad=["c-2"]), MemoryJournal()
    with pytest.raises(JobsRunning):
        run(side, people(5), journal, patience=15)
    side.seconds = 0
    report, _ = run(side, people(5), journal, saved=journal.progress)
    assert len(side.jobs) == 1
    assert (report.totals.accepted, report.totals.rejected) == (4, 1)


def test_records_that_changed_since_are_sent_anew():
    side, journal = JobSide(seconds=100), MemoryJournal()
    with pytest.raises(JobsRunning):
        run(side, people(5), journal, patience=15)
    side.seconds = 0
    changed = [Row(row.at, row.id, '{"n":2}') for row in people(5)]
    run(side, changed, journal, saved=journal.progress)
    assert len(side.jobs) == 2


def test_nothing_new_is_sent_while_an_earlier_job_may_be_at_work_on_the_same_people():
    side, journal = JobSide(seconds=100), MemoryJournal()
    with pytest.raises(JobsRunning):
        run(side, people(12), journal, patience=15)
    earlier = list(side.jobs.values())
    changed = [Row(row.at, row.id, '{"n":2}') for row in people(12)]
    side.starts_at = 50.0  # the clock of the second try begins at 0, while the jobs of the first are still at work
    run(side, changed, journal, saved=journal.progress)
    later = list(side.jobs.values())[len(earlier) :]
    assert len(later) == len(earlier)
    assert min(started for started, _ in later) >= max(started for started, _ in earlier) + 100


def test_a_job_that_never_ends_is_given_up_and_not_lost():
    side, journal = JobSide(seconds=None), MemoryJournal()
    with pytest.raises(RetryLater, match=r"The job job-1 has not ended.*asks for it again"):
        run(side, people(5), journal)
    assert [job.name for job in journal.progress.jobs] == ["job-1"]
    assert journal.progress.watermark is None


def test_rows_of_a_running_job_count_as_unknown_when_the_run_ends_early():
    sync = make_run(
        ListSource(people(5)),
        JobSide(seconds=None),
        MemoryJournal(),
        incremental(),
        destination=JobThings(),
        settings=SETTINGS,
        patience=15,
    )

    async def work():
        with pytest.raises(JobsRunning):
            await sync.run()
        return sync.report().totals

    totals = run_virtually(work())
    assert (totals.unknown, totals.rows_read) == (5, 5)


def test_the_same_records_later_in_a_run_are_a_job_of_their_own():
    one = [Record("a", b"1")]
    jobs = Jobs()
    jobs.note(one, "job-1", 5)
    assert jobs.find(one, 9) is None


def test_ended_jobs_are_kept_until_no_try_will_read_their_rows_again():
    one, other = [Record("a", b"1")], [Record("b", b"2")]
    jobs = Jobs()
    jobs.note(one, "job-1", 5)
    jobs.note(other, "job-2", 10)
    jobs.end(other)
    assert [job.name for job in jobs.to_save(4)] == ["job-1", "job-2"]
    jobs.end(one)
    assert [job.name for job in jobs.to_save(5)] == ["job-2"]


# --- rate budgets ---------------------------------------------------------------------------------------


def turns(rates, seconds, family="bulk", requests_per_second=None):
    """The times at which requests left, when as many as may leave do."""

    async def work():
        pacer, times = Pacer(VirtualClock(), requests_per_second, rates), []
        loop = asyncio.get_running_loop()

        async def send():
            while loop.time() < seconds:
                await pacer.wait_for_turn(family)
                times.append(loop.time())

        await asyncio.gather(*(send() for _ in range(20)))
        return times

    return run_virtually(work())


def test_no_stretch_of_time_has_more_requests_than_its_budget():
    times = turns({"bulk": [Rate(10, 1), Rate(150, 60)]}, 180)
    assert all(times[n + 10] - times[n] >= 1 for n in range(len(times) - 10))
    assert all(times[n + 150] - times[n] >= 60 - 1e-6 for n in range(len(times) - 150))


def test_a_budget_is_used_to_the_full():
    times = turns({"bulk": [Rate(10, 1), Rate(150, 60)]}, 180)
    assert sum(time < 180 for time in times) == 450


def test_families_do_not_take_from_each_other():
    async def work():
        pacer = Pacer(VirtualClock(), None, {"a": [Rate(1, 60)], "b": [Rate(1, 60)]})
        await pacer.wait_for_turn("a")
        await pacer.wait_for_turn("b")
        return asyncio.get_running_loop().time()

    assert run_virtually(work()) == 0


def test_after_a_hold_the_budget_still_counts():
    async def work():
        pacer, times = Pacer(VirtualClock(), None, {"bulk": [Rate(2, 1)]}), []
        (await pacer.wait_for_turn("bulk")).hold(5)

        async def send():
            await pacer.wait_for_turn("bulk")
            times.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(send() for _ in range(6)))
        return times

    times = run_virtually(work())
    assert min(times) >= 5
    assert all(times[n + 2] - times[n] >= 1 for n in range(4))
