"""A dry run: everything is read, checked and put into batches, and nothing leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import pyarrow as pa

from airflow_provider_cdi.engine.ports import BatchLimits, Destination, Merge, Rate, RateWindow
from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import Completed, Request, Response


@runtime_checkable
class BilledDestination(Protocol):
    """A destination whose vendor may bill what is sent."""

    def data_points(self, records: Sequence[Record]) -> int:
        """Return how many data points the vendor counts for the records of one request."""
        ...


class DryRunDestination:
    """Checks and encodes as the real destination does, and takes every request for accepted.

    :param real: the destination that a real run would use.
    """

    def __init__(self, real: Destination) -> None:
        self._real = real
        #: What the vendor would bill, as far as the records tell; None where it bills nothing by the record.
        self.data_points = 0 if isinstance(real, BilledDestination) else None

    @property
    def contract(self) -> TableContract:
        """The real one's."""
        return self._real.contract

    @property
    def limits(self) -> BatchLimits:
        """The real one's, so that the number of requests is right."""
        return self._real.limits

    @property
    def rates(self) -> Mapping[str, Sequence[Rate]]:
        """None: nothing leaves."""
        return {}

    def rate_window(self, answer: Response) -> RateWindow | None:
        """None: nobody answered."""
        return None

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Merge as the real one does."""
        return self._real.merge(older, newer)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Nothing is ever in doubt."""
        return True

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Encode as the real one does."""
        return self._real.encode(rows)

    def request(self, records: Sequence[Record]) -> Request:
        """Join as the real one does."""
        if isinstance(self._real, BilledDestination) and self.data_points is not None:
            self.data_points += self._real.data_points(records)
        return self._real.request(records)

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Completed:
        """Take all for accepted, but for rows of which only a part can be sent."""
        short = {place: record.shortfall for place, record in enumerate(records)}
        return Completed({place: why for place, why in short.items() if why is not None})


class NoTransport:
    """Sends nothing."""

    async def send(self, request: Request) -> Response:
        """Answer in the destination's place."""
        return Response(200, {}, b"")


class DryJournal:
    """Saves nothing: a dry run moves no watermark and writes no rejects."""

    async def commit(self, progress: Progress, rejects: Sequence[RejectedRow]) -> None:
        """Forget it."""
