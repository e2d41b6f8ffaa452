"""A world for the engine: virtual time, a warehouse in a list, a destination that is a dictionary of faults."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, TypeVar

import pyarrow as pa

from airflow_provider_cdi.destinations.base import BaseDestination
from airflow_provider_cdi.engine.ports import (
    Ambiguous,
    BatchLimits,
    BatchRejected,
    Bounds,
    Completed,
    Counts,
    RateWindow,
    Request,
    Response,
    Throttled,
    Unattributed,
    Verdict,
)
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.position import parse_position, position_of_moment
from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import NoAnswer, RetryLater

T = TypeVar("T")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CONTRACT = TableContract("things", identifiers=("EXTERNAL_ID",))
BAD_ROW = Rejection("bad_row", "The row is bad.")
REFUSED_ROW = Rejection("refused_row", "The other side refused the row.")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next thing that is due."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def time(self) -> float:
        return self.passed

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.passed = max(self.passed, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class VirtualClock:
    def __init__(self, start: datetime = NOON) -> None:
        self.start = start

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the time of the loop, which begins with 0; before there is one it stands still."""
        loop = asyncio._get_running_loop()
        return loop.time() if loop is not None else 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Row:
    """``at`` is seconds before (negative) or after noon; None for NULL."""

    at: float | None
    id: str
    payload: str = "{}"


@cache
def position(at: float) -> str:
    return parse_position((NOON + timedelta(seconds=at)).isoformat())


class ListSource:
    """A warehouse table in a list, read the way a database reads: by bounds and in order.

    :param breaks: read by read, after how many batches the warehouse breaks off; then no more.
    :param clock: what the warehouse's clock shows, in seconds before or after noon.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        batch_rows: int = 50,
        breaks: Sequence[int] = (),
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.rows = list(rows)
        self.batch_rows = batch_rows
        self.breaks = list(breaks)
        self.reads: list[Bounds] = []
        self.cancelled = 0
        self.clock = clock

    @property
    def opened_at(self) -> datetime:
        return self.now()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock())

    def count(
        self,
        bounds: Bounds,
        *,
        position: str | None,
        now: str,
        with_total: bool = False,
        recent: str | None = None,
    ) -> Counts:
        stamps = [_text(row) for row in self.rows if row.at is not None]
        asked_at = self.now()
        seen = position_of_moment(asked_at)
        return Counts(
            in_bounds=len(self._within(bounds)),
            at_position=sum(stamp == position for stamp in stamps),
            future=sum(stamp > now for stamp in stamps),
            without_time=sum(row.at is None for row in self.rows),
            total=len(self.rows) if with_total else None,
            passed=sum(now < stamp <= seen for stamp in stamps),
            recent=sum(recent <= stamp <= seen for stamp in stamps) if recent else 0,
            asked_at=asked_at,
        )

    def read(self, bounds: Bounds) -> Iterator[pa.RecordBatch]:
        self.reads.append(bounds)
        rows = sorted(self._within(bounds), key=lambda row: (row.at, row.id))
        left = self.breaks.pop(0) if self.breaks else None
        for number, start in enumerate(range(0, len(rows), self.batch_rows)):
            if number == left:
                raise RetryLater("The warehouse broke off.")
            yield as_batch(rows[start : start + self.batch_rows])

    def cancel(self) -> None:
        self.cancelled += 1

    def _within(self, bounds: Bounds) -> list[Row]:
        return [row for row in self.rows if row.at is not None and _is_within(_text(row), bounds)]


def as_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    stamps = [round((row.at or 0) * 1_000_000) + int(NOON.timestamp()) * 1_000_000 for row in rows]
    return pa.record_batch(
        {
            "UPDATED_AT": pa.array(stamps, pa.timestamp("us")),
            "EXTERNAL_ID": pa.array([row.id for row in rows], pa.string()),
            "PAYLOAD": pa.array([row.payload for row in rows], pa.string()),
        }
    )


def _text(row: Row) -> str:
    assert row.at is not None
    return position(row.at)


def _is_within(stamp: str, bounds: Bounds) -> bool:
    return (
        (bounds.after is None or stamp > bounds.after)
        and (bounds.since is None or stamp >= bounds.since)
        and (bounds.until is None or stamp < bounds.until)
        and (bounds.up_to is None or stamp <= bounds.up_to)
    )


class ThingDestination(BaseDestination):
    """Rows whose payload is ``bad`` break the contract; a body is the row as JSON.

    An answer's header ``window`` has limit, remaining and seconds left.

    :param once: whether a person may stand only once in a request.
    """

    contract = CONTRACT

    def __init__(
        self, limits: BatchLimits | None = None, *, repeat_is_harmless: bool = True, once: bool = False
    ) -> None:
        self.limits = limits or BatchLimits(records=5, body_bytes=1_000_000)
        self._repeat_is_harmless = repeat_is_harmless
        self._once = "id" if once else ""

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        return self._repeat_is_harmless

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        return [self._entry(row) for row in rows.to_pylist()]

    def _entry(self, row: dict[str, Any]) -> Record | Rejection:
        if row["PAYLOAD"] == "bad":
            return BAD_ROW
        body = {"id": row["EXTERNAL_ID"], "at": row["UPDATED_AT"].isoformat(), "payload": row["PAYLOAD"]}
        group = row["PAYLOAD"] if "group" in row["PAYLOAD"] else ""
        return Record(row["EXTERNAL_ID"], json.dumps(body).encode(), group, self._once)

    def request(self, records: Sequence[Record]) -> Request:
        return Request("POST", "/things", b"[" + b",".join(record.body for record in records) + b"]")

    def rate_window(self, answer: Response) -> RateWindow | None:
        if "window" not in answer.headers:
            return None
        limit, remaining, left = answer.headers["window"].split()
        return RateWindow(int(limit), int(remaining), float(left))

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        if answer.status == 429:
            return Throttled("HTTP 429", wait=float(answer.headers["wait"]) if "wait" in answer.headers else None)
        if answer.status == 413:
            return BatchRejected(REFUSED_ROW)
        if answer.status == 207:
            named = {int(place): REFUSED_ROW for place in json.loads(answer.body or "[]")}
            return Unattributed(named, remarks={"somebody is refused": 1})
        if answer.status >= 500:
            return Ambiguous(f"HTTP {answer.status}")
        return Completed({int(place): REFUSED_ROW for place in json.loads(answer.body)})


Fault = Callable[[list[dict[str, Any]]], "Response | NoAnswer | None"]


@dataclass
class Things:
    """The other side. It notes what was applied and whether two requests ever carried the same person at once.

    :param refuses: ids of rows that are refused inside a success answer.
    :param fault: called with the objects of a request: an answer or an error in place of the usual answer.
    :param applies_before_fault: whether a faulty request is applied all the same.
    :param delay: seconds until the answer.
    """

    refuses: set[str] = field(default_factory=set)
    fault: Fault | None = None
    applies_before_fault: bool = False
    delay: float | Callable[[], float] = 0.05
    applied: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    on_its_way: Counter[str] = field(default_factory=Counter)
    overlaps: int = 0
    most_at_once: int = 0
    times: list[float] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        objects = json.loads(request.body)
        self.requests += 1
        self.times.append(asyncio.get_running_loop().time())
        people = {thing["id"] for thing in objects}
        self.overlaps += sum(self.on_its_way[person] > 0 for person in people)
        self.on_its_way.update(people)
        self.most_at_once = max(self.most_at_once, max(self.on_its_way.values(), default=0))
        try:
            return await self._answer(objects)
        finally:
            self.on_its_way.subtract(people)

    async def _answer(self, objects: list[dict[str, Any]]) -> Response:
        await asyncio.sleep(self.delay if isinstance(self.delay, float | int) else self.delay())
        trouble = self.fault(objects) if self.fault else None
        if trouble is None or self.applies_before_fault:
            self.applied += [thing for thing in objects if thing["id"] not in self.refuses]
        if isinstance(trouble, NoAnswer):
            raise trouble
        refused = [place for place, thing in enumerate(objects) if thing["id"] in self.refuses]
        return trouble or Response(201, {}, json.dumps(refused).encode())

    def ids(self) -> list[str]:
        return [thing["id"] for thing in self.applied]


@dataclass
class MemoryJournal:
    """Keeps what was committed. ``crash_after`` commits it raises :class:`Crash`, as a killed process would."""

    progress: Progress | None = None
    rejects: list[RejectedRow] = field(default_factory=list)
    commits: int = 0
    history: list[Progress] = field(default_factory=list)

    async def commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        await asyncio.sleep(0.01)
        self.rejects += rejects
        self.progress = progress
        self.history.append(progress)
        self.commits += 1


class Crash(BaseException):
    """The process is gone: nothing after this runs."""


async def read_inline(open_reader: Callable[[], Iterator[pa.RecordBatch]]) -> AsyncGenerator[pa.RecordBatch, None]:
    for batch in open_reader():
        yield batch
        await asyncio.sleep(0)


async def call_inline(call: Callable[[], T]) -> T:
    return call()


def make_run(
    source: ListSource,
    things: Things,
    journal: MemoryJournal,
    part: Slice,
    progress: Progress | None = None,
    jobs: Sequence[SubmittedJob] = (),
    *,
    destination: ThingDestination | None = None,
    settings: DeliverySettings | None = None,
    seed: int = 0,
    **kwargs: Any,
) -> Run:
    quick = DeliverySettings(max_in_flight=4, window_rows=100, retry=RetryPolicy(attempts=5))
    return Run(
        RunInputs(
            source=source,
            destination=destination or ThingDestination(),
            transport=things,
            journal=journal,
            part=part,
            progress=progress,
            jobs=jobs,
            clock=VirtualClock(),
            settings=settings or quick,
            random=Random(seed),
            read_ahead=read_inline,
            call_aside=call_inline,
            **kwargs,
        )
    )


def incremental(after: Progress | None = None, up_to: float = 0) -> Slice:
    return Slice("incremental", up_to=position(up_to), after=after.watermark if after else None)
