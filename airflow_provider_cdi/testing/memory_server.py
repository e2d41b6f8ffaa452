"""A service in memory: what its requests applied, and what it answers."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.engine.abilities import JobDestination
from airflow_provider_cdi.engine.ports import BatchLimits, Destination, Merge, Rate, RateWindow
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import FollowUp, Request, Response, Verdict
from airflow_provider_cdi.exceptions import NoAnswer

#: What one answer takes.
SECONDS = 0.05


@dataclass(frozen=True)
class Arrival:
    """A request that carried records.

    :param at: when it was sent, in seconds of the event loop.
    :param request: as it was sent.
    :param records: those that it carried.
    :param applied: those of them that were applied.
    """

    at: float
    request: Request
    records: Sequence[Record]
    applied: Sequence[Record]


class MemoryServer:
    """The other side of a destination, as a transport. A subclass gives the answers of a real service.

    It need not read a request: :class:`WatchedDestination` tells it which records one carries.
    """

    def __init__(self) -> None:
        #: The numbers of the rows (from 0, in reading order) that it refuses.
        self.refuses: set[int] = set()
        #: What happens next instead of the usual: an answer or none, and whether the request is applied all the same.
        self.next: deque[tuple[Response | NoAnswer, bool]] = deque()
        self.arrivals: list[Arrival] = []
        #: How often a person's records arrived while others of the same person were on their way.
        self.overlaps = 0
        self._on_way: Counter[str] = Counter()
        self._carried: list[tuple[Request, Sequence[Record]]] = []

    def accepted(self, records: Sequence[Record]) -> Response:
        """Answer that all records are accepted."""
        raise NotImplementedError

    def rows_refused(self, records: Sequence[Record], places: Sequence[int]) -> Response:
        """Answer that the records at these places are refused. A service that names none says only that one is bad.

        With a status of success the other records are applied; with any other status none is.
        """
        raise NotImplementedError

    def run_refused(self) -> Response:
        """Answer that nothing at all may be sent, as after a wrong key."""
        return Response(401, {}, b"")

    def throttled(self, seconds: int) -> Response:
        """Answer that there were too many requests, and when to come again."""
        return Response(429, {"retry-after": str(seconds)}, b"")

    def broken(self) -> Response:
        """Answer as a service does that has failed."""
        return Response(503, {}, b"")

    def told(self, request: Request) -> Response:
        """Answer a question: a request that changes nothing, such as one for the state of a job."""
        raise NotImplementedError

    def is_question(self, request: Request) -> bool:
        """Say whether a request changes nothing."""
        return not request.changes

    def note(self, request: Request, records: Sequence[Record]) -> None:
        """Take note of which records a request carries."""
        self._carried.append((request, records))

    async def send(self, request: Request) -> Response:
        """Take a request as a transport does."""
        if self.is_question(request):
            await asyncio.sleep(SECONDS)
            return self.told(request)
        records = next(records for sent, records in reversed(self._carried) if sent is request)
        people = {key for record in records for key in record.keys}
        self.overlaps += any(self._on_way[person] for person in people)
        self._on_way.update(people)
        at = asyncio.get_running_loop().time()
        await asyncio.sleep(SECONDS)
        self._on_way.subtract(people)
        answer, applied = self._answer(records)
        self.arrivals.append(Arrival(at, request, records, applied))
        if isinstance(answer, NoAnswer):
            raise answer
        return answer

    def rows_applied(self) -> Counter[int]:
        """Count how often each row was applied, by its number."""
        records = (record for arrival in self.arrivals for record in arrival.applied)
        return Counter(row.row for record in records for row in record.rows())

    def _answer(self, records: Sequence[Record]) -> tuple[Response | NoAnswer, Sequence[Record]]:
        if self.next:
            trouble, is_applied = self.next.popleft()
            return trouble, records if is_applied else ()
        places = [place for place, record in enumerate(records) if record.row in self.refuses]
        if not places:
            return self.accepted(records), records
        answer = self.rows_refused(records, places)
        others = [record for place, record in enumerate(records) if place not in places]
        return answer, others if 200 <= answer.status < 300 else ()


class WatchedDestination:
    """A destination that tells a server which records each of its requests carries.

    :param destination: does the work.
    :param server: is told.
    :param limits: how much fits into one request, in place of the destination's own limits.
    """

    def __init__(self, destination: Destination, server: MemoryServer, limits: BatchLimits | None = None) -> None:
        self._destination, self._server = destination, server
        self.limits = limits or destination.limits

    @property
    def contract(self) -> TableContract:
        """The destination's own."""
        return self._destination.contract

    @property
    def rates(self) -> Mapping[str, Sequence[Rate]]:
        """The destination's own."""
        return self._destination.rates

    def rate_window(self, answer: Response) -> RateWindow | None:
        """Ask the destination."""
        return self._destination.rate_window(answer)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Ask the destination."""
        return self._destination.repeat_is_harmless(records)

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Ask the destination."""
        return self._destination.merge(older, newer)

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Ask the destination."""
        return self._destination.encode(rows)

    def request(self, records: Sequence[Record]) -> Request:
        """Ask the destination, and tell the server."""
        request = self._destination.request(records)
        self._server.note(request, records)
        return request

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Ask the destination, and tell the server about a request that follows."""
        return self._followed(self._destination.interpret_response(answer, records), records)

    def _followed(self, verdict: Verdict, records: Sequence[Record]) -> Verdict:
        if not isinstance(verdict, FollowUp):
            return verdict
        self._server.note(verdict.request, records)
        read = verdict.read
        return FollowUp(
            verdict.request, lambda answer: self._followed(read(answer), records), verdict.wait, verdict.job
        )


class WatchedJobDestination(WatchedDestination):
    """The same for a destination that works on requests as jobs."""

    _destination: Any

    def attach(self, job: str, records: Sequence[Record]) -> FollowUp:
        """Ask the destination, and tell the server."""
        ask = self._followed(self._destination.attach(job, records), records)
        assert isinstance(ask, FollowUp)
        return ask


def watched(destination: Destination, server: MemoryServer, limits: BatchLimits | None = None) -> WatchedDestination:
    """Let a server know what a destination sends it."""
    kind = WatchedJobDestination if isinstance(destination, JobDestination) else WatchedDestination
    return kind(destination, server, limits)
