"""How the jobs of an account go on: what each of their rows does, and when they are forgotten."""

from __future__ import annotations

from functools import partial

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.consent.effects import suppress, unsuppress
from cdi_sandbox.klaviyo.jobs import Job, RowOutcome
from cdi_sandbox.klaviyo.profiles.profiles import Profile
from cdi_sandbox.klaviyo.profiles.upserts import Conflict, Upsert, upsert


def advance_jobs(account: Account, *, at_last: bool = False) -> None:
    """Let all jobs go as far as they may, and forget those whose time is over.

    :param at_last: do not wait for time nor looks any more.
    """
    now = account.now()
    for job in account.open_jobs():
        job.advance(now, partial(_work, account), at_last=at_last)
        if job.ended:
            account.close_job(job)
    account.forget_jobs(now)


def _work(account: Account, job: Job, index: int, row: Json) -> RowOutcome:
    if row is None:
        return "done"  # in the mode that only counts
    if job.kind == "import":
        return _import(account, job, index, row)
    act = suppress if job.kind == "suppress" else unsuppress
    return "done" if act(account, row, account.now()) else "skipped"


def _import(account: Account, job: Job, index: int, row: Json) -> RowOutcome:
    reason = job.late.get(index)
    if reason is None:
        how = Upsert(account.settings, account.now(), clears=False, unsets=account.settings.bulk_unset)
        try:
            profile, _ = upsert(account, row, how)
        except Conflict as conflict:
            reason = str(conflict)
        else:
            _imported(account, job, profile)
            return "done"
    job.errors.append({"detail": reason, "row": row["attributes"] | ({"id": row["id"]} if "id" in row else {})})
    return "failed"


def _imported(account: Account, job: Job, profile: Profile) -> None:
    job.profiles.append(profile.number)
    for list_id in job.lists:
        if list_id in account.lists:
            account.add_to_list(account.lists[list_id], profile)
