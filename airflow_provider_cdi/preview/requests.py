"""The requests that some records become, as the run would make them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from airflow_provider_cdi.engine.abilities import AskingDestination
from airflow_provider_cdi.engine.delivery.lanes import Batch, Lanes
from airflow_provider_cdi.engine.ports import Destination
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Request


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A request that the run would send.

    :param number: in the order in which they would be sent, from 1.
    :param request: method, path and body.
    :param records: what it carries; none when it only asks about those of the next one.
    """

    number: int
    request: Request
    records: Sequence[Record] = field(default=(), repr=False)


def planned_requests(destination: Destination, records: Sequence[Record]) -> list[PlannedRequest]:
    """Put records into requests.

    They are those of a run in which every row is read before the first answer comes, and all is accepted.

    :param destination: joins records into requests.
    :param records: in the order in which their rows were read.
    """
    planned: list[PlannedRequest] = []
    for batch in _batches(destination, records):
        questions = destination.questions(batch) if isinstance(destination, AskingDestination) else ()
        planned += [PlannedRequest(number, question) for number, question in enumerate(questions, len(planned) + 1)]
        sent = destination.request_to_known(batch) if isinstance(destination, AskingDestination) else None
        planned.append(PlannedRequest(len(planned) + 1, sent or destination.request(batch), batch))
    return planned


def _batches(destination: Destination, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    ready: deque[Batch] = deque()
    lanes = Lanes(destination.limits, ready.append, destination.merge)
    for record in records:
        lanes.add(record)
    lanes.flush()
    while ready:
        batch = ready.popleft()
        yield batch.records
        lanes.finish(batch)
        lanes.flush()
