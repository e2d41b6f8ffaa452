"""What is counted while a slice is encoded: what the vendor counts, whose records they are, the requests by place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_cdi.engine.abilities import CountedDestination
from airflow_provider_cdi.engine.ports import Destination
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.forecast.distinct import DistinctCount
from airflow_provider_cdi.forecast.new_people import PeopleSample
from airflow_provider_cdi.forecast.ports import ActivatingDestination


@dataclass(slots=True)
class Sent:
    """The requests to one place.

    :param family: the rate budget that they count against; empty for none of their own.
    :param requests: how many.
    :param bytes: of their bodies.
    """

    family: str
    requests: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Tally:
    """What a slice comes to.

    :param counted: what the vendor counts, by its name; see
        :class:`~airflow_provider_cdi.engine.abilities.CountedDestination`.
    :param keys: whose records they are.
    :param sample: one record of each of some people, to ask about.
    :param emails: addresses of profiles that may become active, or end to be.
    :param sent: method and path -> the requests.
    """

    counted: Counter[str] = field(default_factory=Counter)
    keys: DistinctCount = field(default_factory=DistinctCount)
    sample: PeopleSample = field(default_factory=lambda: PeopleSample(0))
    emails: DistinctCount = field(default_factory=DistinctCount)
    sent: dict[str, Sent] = field(default_factory=dict)

    def note_records(self, destination: Destination, records: Sequence[Record]) -> None:
        """Count the records of one request.

        :param destination: that they are for.
        """
        if isinstance(destination, CountedDestination):
            self.counted.update(destination.counted(records))
        for record in records:
            for row in record.rows():
                self.sample.offer(self.keys.add(row.key), row)
        if isinstance(destination, ActivatingDestination):
            for email in filter(None, map(destination.email_of, records)):
                self.emails.add(email)

    def note_request(self, request: Request) -> None:
        """Count a request by where it goes: the parameters of its path say whom it is about, so they are left out."""
        place = request.family or f"{request.method} {request.path.partition('?')[0]}"
        sent = self.sent.setdefault(place, Sent(request.family))
        sent.requests += 1
        sent.bytes += len(request.body)
