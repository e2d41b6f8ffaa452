"""One account of the local Klaviyo: everything that it holds, its jobs and its lists among it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import orjson

from cdi_sandbox.api.json import Json
from cdi_sandbox.context import SandboxContext
from cdi_sandbox.klaviyo import jobs
from cdi_sandbox.klaviyo.consent import audiences
from cdi_sandbox.klaviyo.consent.audiences import Audience
from cdi_sandbox.klaviyo.events.events import Events
from cdi_sandbox.klaviyo.jobs import Job, JobKind
from cdi_sandbox.klaviyo.profiles.profiles import Profile, Profiles
from cdi_sandbox.klaviyo.rates import KlaviyoRates
from cdi_sandbox.settings.klaviyo import KlaviyoSettings
from cdi_sandbox.settings.sandbox import Settings


class Account:
    """The state behind Klaviyo's endpoints. After a restart what is held comes back; what was counted does not.

    :param context: the sandbox that it is a part of: its settings, its store, its time.
    """

    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        self._store = context.store
        self.profiles = Profiles(context.store)
        self.events = Events(context.store)
        self.rates = KlaviyoRates()
        self.lists: dict[str, Audience] = {}
        self.jobs: dict[str, Job] = {}
        self._open: dict[str, Job] = {}
        self._last_job = 0
        #: Why events vanished in silence -> how many.
        self.dropped: Counter[str] = Counter()
        self.confirmation_mails = 0
        #: Identifier -> most unfinished import jobs that carried it at once, where that is more than one.
        self.job_overlaps: dict[str, int] = {}
        #: Identifier -> most rows of one import job that carried it, where that is more than one.
        self.job_repeats: dict[str, int] = {}
        self._in_jobs: Counter[str] = Counter()

    @property
    def settings(self) -> KlaviyoSettings:
        """How the local Klaviyo behaves right now."""
        return self._context.settings.klaviyo

    @property
    def sandbox_settings(self) -> Settings:
        """How the sandbox behaves right now, with the private keys of Klaviyo."""
        return self._context.settings

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._context.now()

    # --- jobs -------------------------------------------------------------------------------------------

    def add_job(self, kind: JobKind, rows: list[Json], *, identifiers: Iterable[str | None] = ()) -> Job:
        """Queue a job.

        :param rows: plain JSON that ``_work`` understands; None for a row that is only counted.
        :param identifiers: whose rows they are, to see whether somebody is in two jobs at once.
        """
        self._last_job += 1
        wait, work = self.settings.job_seconds
        carried = Counter(each for each in identifiers if each)
        job = Job(
            number=self._last_job,
            kind=kind,
            total=len(rows),
            rows=orjson.dumps(rows),
            created=self.now(),
            account=self.settings.account,
            seconds=(self._context.spread(wait), self._context.spread(work)),
            polls=self.settings.job_polls,
            at_once=list(carried),
        )
        self.jobs[job.id] = self._open[job.id] = job
        self._in_jobs.update(job.at_once)
        for each, rows_of_it in carried.items():
            _note(self.job_repeats, each, rows_of_it)
            _note(self.job_overlaps, each, self._in_jobs[each])
        return job

    def keep_job(self, job: Job) -> None:
        """Write down what changed of a job."""
        self._store.put("klaviyo.jobs", f"{job.number:012d}", job.document)

    def expires(self, job: Job) -> float:
        """Say until when a job can be looked at, in seconds since the epoch."""
        return job.created + self.settings.job_days * 86_400

    def unfinished(self) -> int:
        """Count the jobs that did not end yet."""
        return len(self._open)

    def open_jobs(self) -> list[Job]:
        """List the jobs that did not end yet."""
        return list(self._open.values())

    def close_job(self, job: Job) -> None:
        """Note that a job ended."""
        del self._open[job.id]
        self._in_jobs.subtract(job.at_once)
        self._in_jobs += Counter()  # forgets those who are in no job any more
        job.at_once = []
        self.keep_job(job)

    def forget_jobs(self, now: float) -> None:
        """Forget the jobs whose time is over, the oldest first."""
        while self.jobs:
            oldest = next(iter(self.jobs.values()))
            if now < self.expires(oldest):
                break
            self._expire(oldest)

    def _expire(self, job: Job) -> None:
        if not job.ended:
            self.close_job(job)
        del self.jobs[job.id]
        self._store.remove("klaviyo.jobs", f"{job.number:012d}")

    # --- lists ------------------------------------------------------------------------------------------

    def add_list(self, name: str, opt_in: str) -> Audience:
        """Make a list."""
        now = self.now()
        audience = Audience(len(self.lists) + 1, name, opt_in, now, now)
        self.lists[audience.id] = audience
        self._keep_list(audience)
        return audience

    def add_to_list(self, audience: Audience, profile: Profile) -> None:
        """Put a profile on a list. That is no consent."""
        audience.members.setdefault(profile.number, self.now())
        self._keep_list(audience)

    def remove_from_list(self, audience: Audience, profile: Profile) -> None:
        """Take a profile from a list."""
        audience.members.pop(profile.number, None)
        self._keep_list(audience)

    def _keep_list(self, audience: Audience) -> None:
        self._store.put("klaviyo.lists", f"{audience.number:09d}", audience.document)

    # --- profiles ---------------------------------------------------------------------------------------

    def forget(self, profile: Profile) -> None:
        """Delete a profile with its events, and take it from its lists."""
        self.events.forget(profile.number)
        self._leave_lists(profile)
        self.profiles.forget(profile)

    def merge(self, gone: Profile, kept: Profile) -> None:
        """Put one profile into another, with its events and its places on lists."""
        self.events.move(gone.number, kept.number)
        for audience in self._leave_lists(gone):
            self.add_to_list(audience, kept)
        self.profiles.merge(gone, kept, self.now())

    def _leave_lists(self, profile: Profile) -> list[Audience]:
        left = [audience for audience in self.lists.values() if profile.number in audience.members]
        for audience in left:
            self.remove_from_list(audience, profile)
        return left

    # --- coming back from the store ---------------------------------------------------------------------

    def restore(self, kind: str, document: Json) -> None:
        """Take back what the store kept."""
        if kind == "klaviyo.profiles":
            self.profiles.restore(document)
        elif kind == "klaviyo.lists":
            audience = audiences.restored(document)
            self.lists[audience.id] = audience
        elif kind == "klaviyo.jobs":
            self._restore_job(jobs.restored(document))
        else:
            self.events.restore(kind, document)

    def _restore_job(self, job: Job) -> None:
        self._last_job = max(self._last_job, job.number)
        self.jobs[job.id] = job
        if not job.ended:
            self._open[job.id] = job
            self._in_jobs.update(job.at_once)


def _note(most: dict[str, int], identifier: str, number: int) -> None:
    if number > 1:
        most[identifier] = max(number, most.get(identifier, 0))
