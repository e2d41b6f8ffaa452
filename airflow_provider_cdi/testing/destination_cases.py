"""What a destination says of itself to be tested, and runs of the real engine with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings

from airflow_provider_cdi.engine.ports import BatchLimits, Bounds, Destination
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.settings import DeliverySettings, OnUnknown, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.testing.foreign_pages import FOREIGN_PAGES
from airflow_provider_cdi.testing.memory_runs import Ended, run_in_memory
from airflow_provider_cdi.testing.memory_server import MemoryServer, watched
from airflow_provider_cdi.testing.sources import TableSource

#: Rows of a usual case, and of one that is to fill several requests, at most.
ROWS, MOST_ROWS = 8, 160
#: The number of the first person: nothing else that a log shows has it.
PERSON = 73_110
#: Follow-ups of an answer that a case goes along with.
FOLLOW_UPS = 3
#: One test is run by every class that inherits it.
ANYTHING = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors])

Row = Mapping[str, Any]


class DestinationCases:
    """What a test of a destination needs: the destination, a service in memory, rows, and runs of them all."""

    #: The codes of the data type's rejects: each should stand in a table for people.
    codes: Mapping[str, Any] = {}
    #: Bytes that the service takes in a request; None: as many as the destination's own limit says.
    body_bytes: int | None = None
    #: Answers that are none of the service's.
    foreign_pages: Mapping[str, Response] = FOREIGN_PAGES

    def make_destination(self) -> Destination:
        """Make the destination of the data type."""
        raise NotImplementedError

    def make_server(self) -> MemoryServer:
        """Make a service in memory that gives the answers of the real one."""
        raise NotImplementedError

    def row(self, person: int, change: int = 0) -> Row:
        """Give a good row, without ``UPDATED_AT``.

        :param person: whose it is: every person has identifiers of its own, which show the number.
        :param change: which of the person's rows it is, from 0.
        """
        raise NotImplementedError

    def bad_row(self) -> Row:
        """Give a row that cannot be sent, with the columns of a good one."""
        raise NotImplementedError

    def place_of(self, record: Record, request: Request, start: int) -> int:
        """Say where a record stands in the body of its request; -1 for nowhere.

        To be said by a subclass whose requests do not hold the records' bodies as they are.

        :param start: behind the record before.
        """
        return request.body.find(record.body, start)

    def deliver(
        self,
        rows: Sequence[Row],
        server: MemoryServer | None = None,
        *,
        limits: BatchLimits | None = None,
        on_unknown: OnUnknown = "resend",
    ) -> tuple[Ended, MemoryServer]:
        """Make a whole run, and return how it ended and what arrived.

        :param rows: see :meth:`row`.
        :param server: None for a new one.
        :param limits: instead of the destination's own.
        :param on_unknown: what becomes of a row whose answer never came.
        """
        server = server or self.make_server()
        delivery = DeliverySettings(max_in_flight=4, on_unknown=on_unknown, retry=RetryPolicy(attempts=3))
        destination = watched(self.make_destination(), server, limits)
        return run_in_memory(TableSource(columns_of(rows)), destination, server, settings=delivery), server

    def people(self, number: int) -> list[Row]:
        """Give a row each of so many people."""
        return [self.row(PERSON + person) for person in range(number)]

    def fills_two_requests(self) -> int:
        """Return how many people fill two requests and begin a third one, within reason."""
        return min(2 * self.make_destination().limits.records + 1, MOST_ROWS)

    def records_of(self, rows: Sequence[Row]) -> list[Record]:
        """Encode good rows."""
        entries = self.make_destination().encode(batch_of(rows))
        records = [entry for entry in entries if isinstance(entry, Record)]
        assert len(records) == len(rows), entries
        return records

    def identifier_of(self, row: Row) -> dict[str, Any]:
        """Return the identifier columns that the row fills."""
        names = self.make_destination().contract.identifiers
        return {name: row[name] for name in names if row.get(name) is not None}


def columns_of(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the rows by their columns; what a row does not have is NULL."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def batch_of(rows: Sequence[Row]) -> pa.RecordBatch:
    """Return the rows as a warehouse gives them."""
    (batch,) = TableSource(columns_of(rows)).read(Bounds())
    return batch


def report_of(ended: Ended) -> Report:
    """Return the report of a run that ended well and accounts for every row."""
    assert ended.error is None, ended.error
    assert ended.report is not None
    totals = ended.report.totals
    assert totals.rows_read == totals.accepted + totals.rejected + totals.skipped + totals.unknown
    return ended.report
