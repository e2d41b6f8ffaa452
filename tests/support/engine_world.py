"""A world for the engine: rows of things, and a destination that is a dictionary of faults."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.destinations.base import BaseDestination
from airflow_provider_cdi.engine.ports import BatchLimits, RateWindow
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import (
    Ambiguous,
    BatchRejected,
    Completed,
    Request,
    Response,
    Throttled,
    Unattributed,
    Verdict,
)
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, inputs_in_memory
from airflow_provider_cdi.testing.sources import ListSource

CONTRACT = TableContract("things", identifiers=("EXTERNAL_ID",))
BAD_ROW = Rejection("bad_row", "The row is bad.")
REFUSED_ROW = Rejection("refused_row", "The other side refused the row.")


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
    **more: Any,
) -> Run:
    quick = DeliverySettings(max_in_flight=4, window_rows=100, retry=RetryPolicy(attempts=5))
    return Run(
        inputs_in_memory(
            source,
            destination or ThingDestination(),
            things,
            journal,
            part=part,
            progress=progress,
            jobs=jobs,
            settings=settings or quick,
            **more,
        )
    )
