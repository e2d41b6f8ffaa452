"""Jobs of the other side that are still at work, so that a later try asks for them and sends nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_cdi.engine.rows.records import Record


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """A job that the other side accepted.

    :param digest: of the records that it works on.
    :param name: what the other side calls it.
    """

    digest: str
    name: str


@dataclass(slots=True)
class _Entry:
    job: SubmittedJob
    #: Rows that had been entered when it was submitted: its own are among them. None for a job of an earlier try.
    rows_entered: int | None
    is_running: bool = True
    #: Of an earlier try, and not known to have ended.
    may_be_at_work: bool = False


class Jobs:
    """The jobs of one run.

    :param known: those that an earlier try had submitted.
    """

    def __init__(self, known: Sequence[SubmittedJob] = ()) -> None:
        self._entries = {job.digest: _Entry(job, None, False, may_be_at_work=True) for job in known}

    def find(self, records: Sequence[Record], rows_entered: int) -> str | None:
        """Return the job of an earlier try that works on just these records, in this order; each is found once.

        :param rows_entered: how many rows were read so far.
        """
        entry = self._entries.get(_digest(records))
        if entry is None or entry.rows_entered is not None:
            return None
        entry.rows_entered, entry.is_running, entry.may_be_at_work = rows_entered, True, False
        return entry.job.name

    def next_orphan(self) -> str | None:
        """Return a job of an earlier try that may be at work on records which come in another batch this time."""
        orphans = (entry for entry in self._entries.values() if entry.may_be_at_work)
        return next((entry.job.name for entry in orphans), None)

    def note_orphan(self, name: str, *, is_running: bool) -> None:
        """Note what is known of a job of an earlier try; its records may still come and find it."""
        for entry in self._entries.values():
            if entry.job.name == name and entry.rows_entered is None:
                entry.is_running = entry.may_be_at_work = is_running

    def note(self, records: Sequence[Record], name: str, rows_entered: int) -> bool:
        """Remember a job; say whether it is new.

        :param rows_entered: how many rows were read so far.
        """
        digest = _digest(records)
        if digest in self._entries and self._entries[digest].job.name == name:
            return False
        self._entries[digest] = _Entry(SubmittedJob(digest, name), rows_entered)
        return True

    def end(self, records: Sequence[Record]) -> None:
        """Note that the outcome of the records is known."""
        entry = self._entries.get(_digest(records))
        if entry is not None:
            entry.is_running = False

    def to_save(self, rows_covered: int) -> tuple[SubmittedJob, ...]:
        """Return what a later try must know; ended jobs whose rows it will not read again are forgotten.

        :param rows_covered: how many of the rows are behind the watermark.
        """
        self._entries = {
            digest: entry
            for digest, entry in self._entries.items()
            if entry.is_running or entry.rows_entered is None or entry.rows_entered > rows_covered
        }
        return tuple(entry.job for entry in self._entries.values())

    @property
    def running(self) -> list[str]:
        """Names of the jobs whose end is awaited."""
        return [entry.job.name for entry in self._entries.values() if entry.is_running]


def _digest(records: Sequence[Record]) -> str:
    state = hashlib.blake2b(digest_size=12)
    for record in records:
        state.update(record.body)
    return state.hexdigest()
