"""One account of the local Klaviyo: everything that it holds, and what accepted requests do to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson

from cdi_sandbox.http.call import Json
from cdi_sandbox.klaviyo import jobs
from cdi_sandbox.klaviyo.consent import audiences
from cdi_sandbox.klaviyo.consent.audiences import Audience
from cdi_sandbox.klaviyo.consent.consent import suppress, unsuppress
from cdi_sandbox.klaviyo.events.events import Happenings
from cdi_sandbox.klaviyo.jobs import Job, Kind, RowEnd
from cdi_sandbox.klaviyo.profiles.people import People, Profile
from cdi_sandbox.klaviyo.profiles.upserts import Conflict, Upsert, upsert
from cdi_sandbox.klaviyo.rates import KlaviyoRates
from cdi_sandbox.klaviyo.settings import KlaviyoSettings

if TYPE_CHECKING:
    from cdi_sandbox.world import World


class Account:
    """The state behind Klaviyo's endpoints. After a restart what is held comes back; what was counted does not.

    :param world: the sandbox that it is a part of: its settings, its store, its time.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store
        self.people = People(world.store)
        self.happenings = Happenings(world.store)
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
        return self._world.settings.klaviyo

    # --- jobs -------------------------------------------------------------------------------------------

    def add_job(self, kind: Kind, rows: list[Json], *, identifiers: Iterable[str | None] = ()) -> Job:
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
            created=self._world.now(),
            account=self.settings.account,
            seconds=(self._world.spread(wait), self._world.spread(work)),
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

    def advance(self, *, at_last: bool = False) -> None:
        """Let all jobs go as far as they may, and forget those whose time is over.

        :param at_last: do not wait for time nor looks any more.
        """
        now = self._world.now()
        for job in list(self._open.values()):
            job.advance(now, self._work, at_last=at_last)
            if job.ended:
                self._close(job)
        while self.jobs:
            oldest = next(iter(self.jobs.values()))
            if now < self.expires(oldest):
                break
            self._expire(oldest)

    def expires(self, job: Job) -> float:
        """Say until when a job can be looked at, in seconds since the epoch."""
        return job.created + self.settings.job_days * 86_400

    def unfinished(self) -> int:
        """Count the jobs that did not end yet."""
        return len(self._open)

    def _close(self, job: Job) -> None:
        del self._open[job.id]
        self._in_jobs.subtract(job.at_once)
        self._in_jobs += Counter()  # forgets those who are in no job any more
        job.at_once = []
        self.keep_job(job)

    def _expire(self, job: Job) -> None:
        if not job.ended:
            self._close(job)
        del self.jobs[job.id]
        self._store.remove("klaviyo.jobs", f"{job.number:012d}")

    def _work(self, job: Job, index: int, row: Json) -> RowEnd:
        if row is None:
            return "done"  # in the mode that only counts
        if job.kind == "import":
            return self._import(job, index, row)
        act = suppress if job.kind == "suppress" else unsuppress
        return "done" if act(self, row, self._world.now()) else "skipped"

    def _import(self, job: Job, index: int, row: Json) -> RowEnd:
        reason = job.late.get(index)
        if reason is None:
            how = Upsert(self.settings, self._world.now(), clears=False, unsets=self.settings.bulk_unset)
            try:
                profile, _ = upsert(self, row, how)
            except Conflict as conflict:
                reason = str(conflict)
            else:
                self._imported(job, profile)
                return "done"
        job.errors.append({"detail": reason, "row": row["attributes"] | ({"id": row["id"]} if "id" in row else {})})
        return "failed"

    def _imported(self, job: Job, profile: Profile) -> None:
        job.profiles.append(profile.number)
        for list_id in job.lists:
            if list_id in self.lists:
                self.add_to_list(self.lists[list_id], profile)

    # --- lists ------------------------------------------------------------------------------------------

    def add_list(self, name: str, opt_in: str) -> Audience:
        """Make a list."""
        now = self._world.now()
        audience = Audience(len(self.lists) + 1, name, opt_in, now, now)
        self.lists[audience.id] = audience
        self._keep_list(audience)
        return audience

    def add_to_list(self, audience: Audience, profile: Profile) -> None:
        """Put a profile on a list. That is no consent."""
        audience.members.setdefault(profile.number, self._world.now())
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
        self.happenings.forget(profile.number)
        self._leave_lists(profile)
        self.people.forget(profile)

    def merge(self, gone: Profile, kept: Profile) -> None:
        """Put one profile into another, with its events and its places on lists."""
        self.happenings.move(gone.number, kept.number)
        for audience in self._leave_lists(gone):
            self.add_to_list(audience, kept)
        self.people.merge(gone, kept, self._world.now())

    def _leave_lists(self, profile: Profile) -> list[Audience]:
        left = [audience for audience in self.lists.values() if profile.number in audience.members]
        for audience in left:
            self.remove_from_list(audience, profile)
        return left

    # --- coming back from the store ---------------------------------------------------------------------

    def restore(self, kind: str, document: Json) -> None:
        """Take back what the store kept."""
        if kind == "klaviyo.profiles":
            self.people.restore(document)
        elif kind == "klaviyo.lists":
            audience = audiences.restored(document)
            self.lists[audience.id] = audience
        elif kind == "klaviyo.jobs":
            self._restore_job(jobs.restored(document))
        else:
            self.happenings.restore(kind, document)

    def _restore_job(self, job: Job) -> None:
        self._last_job = max(self._last_job, job.number)
        self.jobs[job.id] = job
        if not job.ended:
            self._open[job.id] = job
            self._in_jobs.update(job.at_once)


def _note(most: dict[str, int], identifier: str, number: int) -> None:
    if number > 1:
        most[identifier] = max(number, most.get(identifier, 0))
