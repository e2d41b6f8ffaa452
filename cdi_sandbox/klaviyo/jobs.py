"""Jobs that a request only queues: how they move through their states, by the clock and by being looked at."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import orjson

from cdi_sandbox.api.json import Json

JobKind = Literal["import", "suppress", "unsuppress"]
Status = Literal["queued", "processing", "complete", "cancelled"]
#: What became of one row of a job.
RowOutcome = Literal["done", "failed", "skipped"]

#: A stalled job in process stops half-way.
_STALLED_AT = 0.5


@dataclass(slots=True, eq=False)
class Job:
    """One job.

    :param total: rows that it got.
    :param rows: what it got, as JSON: a list of what ``work`` understands. Empty once it ended.
    :param created: seconds since the epoch, as **started** and **completed**.
    :param seconds: how long it waits in the queue, and how long it is processed.
    :param polls: how often it must be looked at in the queue, and in process.
    :param looked: how often it was looked at since it entered its status.
    :param done: rows that had their effect; **failed** and **skipped** ones had none.
    :param late: index of a row -> why it fails although the request was taken.
    :param errors: import errors: detail and the row; ``stray`` when the row is none of this job.
    :param profiles: numbers of the profiles that it made or changed.
    :param stalls_in: the status that it never leaves; empty for a job that ends.
    :param cancelled_after: rows after which it is cancelled; None for a job that is not.
    :param at_once: identifiers of its rows, while it has not ended.
    """

    number: int
    kind: JobKind
    total: int
    rows: bytes
    created: float
    account: str
    seconds: tuple[float, float] = (0.0, 0.0)
    polls: tuple[int, int] = (0, 0)
    status: Status = "queued"
    started: float | None = None
    completed: float | None = None
    looked: int = 0
    taken: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    lists: list[str] = field(default_factory=list)
    late: dict[int, str] = field(default_factory=dict)
    errors: list[Json] = field(default_factory=list)
    profiles: list[int] = field(default_factory=list)
    stalls_in: str = ""
    cancelled_after: int | None = None
    at_once: list[str] = field(default_factory=list)
    _read: list[Json] | None = None

    @property
    def id(self) -> str:
        """Klaviyo's own id: long and opaque."""
        text = f"{self.account}_{self.kind}.{self.number:06d}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @property
    def ended(self) -> bool:
        """Whether it is complete or cancelled."""
        return self.status in ("complete", "cancelled")

    def advance(self, now: float, work: Callable[[Job, int, Json], RowOutcome], *, at_last: bool = False) -> None:
        """Go as far as its time, and how often it was looked at, allow.

        :param now: seconds since the epoch.
        :param work: does what a row of this job does.
        :param at_last: do not wait for time nor looks any more.
        """
        if self.status == "queued" and (at_last or self._may_start(now)) and self.stalls_in != "queued":
            self.status, self.looked = "processing", 0
            self.started = now if at_last or self.polls[0] else self.created + self.seconds[0]
        if self.status == "processing":
            share = 1.0 if at_last else self._share(now)
            self._work_until(int(self.total * self._limit(share)), now, work)
            if not self.ended and share >= 1 and self.stalls_in != "processing":
                self._end("complete", now if at_last or self.polls[1] else (self.started or now) + self.seconds[1])

    def look(self) -> None:
        """Count that somebody looked at it."""
        self.looked += 1

    def document(self) -> Json:
        """Return what the store keeps. Only whole states are kept: a job in process begins anew."""
        kept = {name: getattr(self, name) for name in self.__slots__ if name != "_read"}
        kept["late"] = {str(index): reason for index, reason in self.late.items()}
        kept["rows"] = orjson.Fragment(self.rows or b"[]")
        if not self.ended:
            kept |= {"status": "queued", "taken": 0, "done": 0, "failed": 0, "skipped": 0, "profiles": []}
            kept["errors"] = [error for error in self.errors if error.get("stray")]
        return kept

    def _may_start(self, now: float) -> bool:
        return now >= self.created + self.seconds[0] and self.looked >= self.polls[0]

    def _share(self, now: float) -> float:
        started = self.started or now
        by_clock = (now - started) / self.seconds[1] if self.seconds[1] else 1.0
        by_looks = self.looked / self.polls[1] if self.polls[1] else 1.0
        return min(by_clock, by_looks, 1.0)

    def _limit(self, share: float) -> float:
        return min(share, _STALLED_AT) if self.stalls_in == "processing" else share

    def _work_until(self, goal: int, now: float, work: Callable[[Job, int, Json], RowOutcome]) -> None:
        if self._read is None:
            self._read = orjson.loads(self.rows or b"[]")
        while self.taken < goal and not self._is_cancelled():
            end = work(self, self.taken, self._read[self.taken])
            self.taken += 1
            self.done += end == "done"
            self.failed += end == "failed"
            self.skipped += end == "skipped"
        if self._is_cancelled():
            self._end("cancelled", now)

    def _is_cancelled(self) -> bool:
        return self.cancelled_after is not None and self.taken >= self.cancelled_after

    def _end(self, status: Status, at: float) -> None:
        self.status = status
        self.completed = at if status == "complete" else None
        self.rows, self._read, self.late = b"", None, {}


def restored(document: Json) -> Job:
    """Bring back a job that the store kept."""
    late = {int(index): reason for index, reason in document["late"].items()}
    pairs = {name: tuple(document[name]) for name in ("seconds", "polls")}
    rows = orjson.dumps(document["rows"]) if document["rows"] else b""
    return Job(**{**document, **pairs, "late": late, "rows": rows})
