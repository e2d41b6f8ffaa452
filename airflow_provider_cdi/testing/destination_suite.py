"""What holds for every data type of every destination, as tests to inherit."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_cdi.engine.ports import (
    BatchLimits,
    BatchRejected,
    Bounds,
    Completed,
    Destination,
    FollowUp,
    Request,
    Response,
    Unattributed,
    Verdict,
)
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.engine.settings import DeliverySettings, OnUnknown, RetryPolicy
from airflow_provider_cdi.exceptions import DestinationRefused, NoAnswer, SourceError
from airflow_provider_cdi.testing.any_values import any_responses, any_rows
from airflow_provider_cdi.testing.foreign_pages import FOREIGN_PAGES
from airflow_provider_cdi.testing.memory_runs import Ended, run_in_memory
from airflow_provider_cdi.testing.memory_server import MemoryServer, watched
from airflow_provider_cdi.testing.sources import TableSource

#: Rows of a usual case, and of one that is to fill several requests, at most.
ROWS, MOST_ROWS = 8, 160
#: The number of the first person: nothing else that a log shows has it.
PERSON = 73_110
#: Follow-ups of an answer that a case goes along with.
_DEPTH = 3
#: One test is run by every class that inherits it.
_ANYTHING = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors])

_Row = Mapping[str, Any]


class DestinationSuite:
    """What every data type of a destination must keep to.

    Inherit from it, say what the data type is, and pytest runs the tests. Nearly every one is a whole run of the real
    engine, against a :class:`~airflow_provider_cdi.testing.memory_server.MemoryServer` and in virtual time.
    """

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

    def row(self, person: int, change: int = 0) -> _Row:
        """Give a good row, without ``UPDATED_AT``.

        :param person: whose it is: every person has identifiers of its own, which show the number.
        :param change: which of the person's rows it is, from 0.
        """
        raise NotImplementedError

    def bad_row(self) -> _Row:
        """Give a row that cannot be sent, with the columns of a good one."""
        raise NotImplementedError

    def place_of(self, record: Record, request: Request, start: int) -> int:
        """Say where a record stands in the body of its request; -1 for nowhere.

        To be said by a subclass whose requests do not hold the records' bodies as they are.

        :param start: behind the record before.
        """
        return request.body.find(record.body, start)

    # --- rows ---------------------------------------------------------------------------------------------

    def test_every_row_arrives_once_and_is_counted(self) -> None:
        """As many rows as fill two requests and begin a third one."""
        rows = self._people(self._several())
        ended, server = self._deliver(rows)
        report = _report(ended)
        assert (report.totals.rows_read, report.totals.accepted) == (len(rows), len(rows))
        assert server.rows_applied() == dict.fromkeys(range(len(rows)), 1)

    def test_the_neighbours_of_a_bad_row_arrive(self) -> None:
        """The bad row stands in their middle."""
        rows = [*self._people(ROWS - 1)]
        rows.insert(ROWS // 2, self.bad_row())
        ended, server = self._deliver(rows)
        report = _report(ended)
        assert (report.totals.accepted, report.totals.rejected) == (ROWS - 1, 1)
        assert server.rows_applied() == dict.fromkeys(set(range(ROWS)) - {ROWS // 2}, 1)

    def test_a_bad_row_is_rejected_with_a_code_of_the_table(self) -> None:
        """Nothing of it is sent."""
        (entry,) = self.make_destination().encode(_batch([self.bad_row()]))
        assert isinstance(entry, Rejection)
        assert entry.code in self.codes
        assert entry.reason

    def test_rows_that_the_service_refuses_are_rejected_and_nobody_else(self) -> None:
        """Also where the service does not say which ones it means."""
        rows, refused = self._people(ROWS), [1, ROWS - 1]
        server = self.make_server()
        server.refuses = set(refused)
        ended, _ = self._deliver(rows, server)
        assert _report(ended).totals.accepted == ROWS - len(refused)
        found = [dict(reject.identifier) for reject in ended.journal.rejects]
        assert sorted(map(str, found)) == sorted(str(self._identifier(rows[place])) for place in refused)
        assert {reject.code for reject in ended.journal.rejects} <= set(self.codes)
        assert set(server.rows_applied()) == set(range(ROWS)) - set(refused)

    def test_one_persons_changes_arrive_in_their_order_and_never_at_once(self) -> None:
        """Several that wait for one request may become one; then the newest of them arrives."""
        people = 3
        rows = [self.row(PERSON + number % people, number // people) for number in range(people * 6)]
        ended, server = self._deliver(rows)
        totals = _report(ended).totals
        assert totals.accepted + totals.skipped == len(rows)
        assert server.overlaps == 0
        for person in range(people):
            key = self._records([self.row(PERSON + person)])[0].key
            sent = [one.row for arrival in server.arrivals for one in arrival.applied if one.key == key]
            assert sent == sorted(sent)
            assert sent[-1] == len(rows) - people + person

    def test_a_row_becomes_the_same_whoever_stands_beside_it(self) -> None:
        """Else a later try, whose batches of rows are others, would send something else."""
        rows = [*self._people(ROWS - 1), self.bad_row()]
        together = self.make_destination().encode(_batch(rows))
        # As one column has one type, a row stands alone in a batch that is cut out of the whole one.
        alone = [self.make_destination().encode(_batch(rows).slice(place, 1))[0] for place in range(ROWS)]
        assert list(map(_content, alone)) == list(map(_content, together))

    @_ANYTHING
    @given(data=st.data())
    def test_encode_never_raises_whatever_a_row_holds(self, data: st.DataObject) -> None:
        """Every row becomes a record, or is rejected with a code of the table. A column's type may be refused."""
        destination = self.make_destination()
        batch = data.draw(any_rows(destination.contract, self.row(PERSON)))
        try:
            entries = destination.encode(batch)
        except SourceError:
            with pytest.raises(SourceError):  # it is about a column's type, and so holds without any value too
                destination.encode(_emptied(batch))
            return
        assert len(entries) == batch.num_rows
        assert {entry.code for entry in entries if isinstance(entry, Rejection)} <= set(self.codes)
        assert all(isinstance(entry, Record | Rejection) for entry in entries)

    # --- requests -----------------------------------------------------------------------------------------

    def test_a_request_holds_all_its_records_in_their_order(self) -> None:
        """What the engine hands over is what travels."""
        _, server = self._deliver(self._people(self._several()))
        for arrival in server.arrivals:
            end = 0
            for record in arrival.records:
                place = self.place_of(record, arrival.request, end)
                assert place >= end
                end = place + 1

    def test_no_request_has_more_records_than_the_limit(self) -> None:
        """The limit of a record's group, where that has one of its own."""
        limits = self.make_destination().limits
        _, server = self._deliver(self._people(self._several()))
        assert all(
            len(one.records) <= limits.group_records.get(one.records[0].group, limits.records)
            for one in server.arrivals
        )

    def test_no_request_has_more_bytes_than_the_service_takes(self) -> None:
        """Three records fill a request when the limit is lowered to their size."""
        rows, limits = self._people(4 * ROWS), self.make_destination().limits
        sizes = [len(record.body) for record in self._records(rows)]
        lowered = replace(limits, body_bytes=_ENVELOPE + 3 * (max(sizes) + 1))
        ended, server = self._deliver(rows, limits=lowered)
        assert _report(ended).totals.accepted == len(rows)
        most = (self.body_bytes or limits.body_bytes) - limits.body_bytes + lowered.body_bytes
        assert max(len(one.request.body) for one in server.arrivals) <= most

    def test_no_repr_report_or_log_shows_a_body_or_an_identifier(self, caplog: pytest.LogCaptureFixture) -> None:
        """In a run with everything that is told to people: a bad row, a refused one, a busy service, a broken one."""
        caplog.set_level(logging.DEBUG)
        rows = [*self._people(ROWS), self.bad_row()]
        server = self.make_server()
        server.refuses = {1}
        server.next.extend([(server.throttled(1), False), (server.broken(), False)])
        ended, _ = self._deliver(rows, server)
        report = _report(ended)
        shown = [caplog.text, *report.lines(), json.dumps(report.to_json())]
        shown += [repr((one.request, one.records)) for one in server.arrivals]
        text = "\n".join(shown)
        values = {str(value) for row in rows for value in self._identifier(row).values() if value}
        told = [value for value in values if str(PERSON)[:-1] in value]
        assert told, "row() gives identifiers without the number of the person"
        assert [value for value in told if value in text] == []
        assert [one.body for one in self._records(self._people(ROWS)) if one.body.decode(errors="ignore") in text] == []

    # --- answers ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("on_unknown", ["resend", "reject"])
    @pytest.mark.parametrize("is_applied", [True, False])
    def test_no_answer_is_followed_by_a_repeat_where_that_is_harmless_or_allowed(
        self, on_unknown: OnUnknown, is_applied: bool
    ) -> None:
        """Else its rows are kept aside as unknown, and none is applied twice."""
        server = self.make_server()
        server.next.append((NoAnswer("the connection was reset", may_have_arrived=True), is_applied))
        ended, _ = self._deliver(self._people(ROWS), server, on_unknown=on_unknown)
        totals, first = _report(ended).totals, server.arrivals[0].records
        repeats = on_unknown == "resend" or self.make_destination().repeat_is_harmless(first)
        assert (totals.accepted, totals.unknown) == ((ROWS, 0) if repeats else (ROWS - len(first), len(first)))
        assert repeats or max(server.rows_applied().values(), default=1) == 1
        assert not repeats or set(server.rows_applied()) == set(range(ROWS))

    @pytest.mark.parametrize("status", [None, 500, 502, 503, 504])
    def test_a_broken_service_costs_a_repeat_and_no_row(self, status: int | None) -> None:
        """Whether the service itself says so (None), or somebody in front of it does with a page."""
        server = self.make_server()
        server.next.append((FOREIGN_PAGES[f"gateway {status}"] if status else server.broken(), False))
        ended, _ = self._deliver(self._people(ROWS), server)
        report = _report(ended)
        assert (report.totals.accepted, report.traffic.retries) == (ROWS, 1)
        assert server.rows_applied() == dict.fromkeys(range(ROWS), 1)

    def test_a_busy_service_is_left_alone_for_as_long_as_it_says(self) -> None:
        """The request that it put off comes again then."""
        seconds, server = 70, self.make_server()
        server.next.append((server.throttled(seconds), False))
        ended, _ = self._deliver(self._people(ROWS), server)
        report = _report(ended)
        assert (report.totals.accepted, report.traffic.held_back) == (ROWS, 1)
        assert server.rows_applied() == dict.fromkeys(range(ROWS), 1)
        put_off, *_ = server.arrivals
        again = next(one for one in server.arrivals[1:] if one.request == put_off.request)
        assert seconds <= again.at - put_off.at <= seconds + 2

    def test_a_refusal_of_the_whole_run_leaves_every_row_due(self) -> None:
        """Such as a wrong key: no row is at fault."""
        server = self.make_server()
        server.next.extend([(server.run_refused(), False)] * ROWS)
        ended, _ = self._deliver(self._people(ROWS), server)
        assert isinstance(ended.error, DestinationRefused)
        assert (ended.settled, ended.journal.rejects) == (0, [])

    def test_a_page_of_somebody_else_says_nothing_about_any_row(self) -> None:
        """The run ends with an error, and a later one sends all rows."""
        blamed, number = {}, min(4, self.make_destination().limits.records + 1)
        for name, page in self.foreign_pages.items():
            server = self.make_server()
            server.next.extend([(page, False)] * 100)
            ended, _ = self._deliver(self._people(number), server)
            assert server.arrivals
            if ended.error is None or ended.settled or ended.journal.rejects:
                blamed[name] = ended.settled
        assert blamed == {}

    @_ANYTHING
    @given(data=st.data())
    def test_reading_an_answer_never_raises_whatever_it_holds(self, data: st.DataObject) -> None:
        """But for the refusal of the whole run. What it says of rows is about those that were sent."""
        destination, server = self.make_destination(), self.make_server()
        records = self._records(self._people(ROWS))[: destination.limits.records]
        known = [
            server.accepted(records),
            server.rows_refused(records, [len(records) - 1]),
            server.run_refused(),
            server.throttled(7),
            server.broken(),
        ]
        answers = any_responses(known)
        destination.request(records)
        try:
            answer = data.draw(answers)
            destination.rate_window(answer)
            verdict = destination.interpret_response(answer, records)
            for _ in range(_DEPTH):
                verdict = verdict.read(data.draw(answers)) if isinstance(verdict, FollowUp) else verdict
        except DestinationRefused:
            return
        told = _told(verdict)
        assert set(told) <= set(range(len(records)))
        assert {one.code for one in told.values()} <= set(self.codes)

    # --- what they share ----------------------------------------------------------------------------------

    def _deliver(
        self,
        rows: Sequence[_Row],
        server: MemoryServer | None = None,
        *,
        limits: BatchLimits | None = None,
        on_unknown: OnUnknown = "resend",
    ) -> tuple[Ended, MemoryServer]:
        server = server or self.make_server()
        delivery = DeliverySettings(max_in_flight=4, on_unknown=on_unknown, retry=RetryPolicy(attempts=3))
        destination = watched(self.make_destination(), server, limits)
        return run_in_memory(TableSource(_columns(rows)), destination, server, settings=delivery), server

    def _people(self, number: int) -> list[_Row]:
        return [self.row(PERSON + person) for person in range(number)]

    def _several(self) -> int:
        return min(2 * self.make_destination().limits.records + 1, MOST_ROWS)

    def _records(self, rows: Sequence[_Row]) -> list[Record]:
        entries = self.make_destination().encode(_batch(rows))
        records = [entry for entry in entries if isinstance(entry, Record)]
        assert len(records) == len(rows), entries
        return records

    def _identifier(self, row: _Row) -> dict[str, Any]:
        names = self.make_destination().contract.identifiers
        return {name: row[name] for name in names if row.get(name) is not None}


#: More than the engine reckons for what stands around the records.
_ENVELOPE = 512


def _columns(rows: Sequence[_Row]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _emptied(batch: pa.RecordBatch) -> pa.RecordBatch:
    arrays = [
        batch.column(field.name) if field.name == UPDATED_AT else pa.nulls(batch.num_rows, field.type)
        for field in batch.schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _batch(rows: Sequence[_Row]) -> pa.RecordBatch:
    (batch,) = TableSource(_columns(rows)).read(Bounds())
    return batch


def _content(entry: Record | Rejection) -> tuple[Any, ...]:
    if isinstance(entry, Rejection):
        return (entry,)
    return entry.keys, entry.body, entry.group, entry.unique, entry.adjusted


def _report(ended: Ended) -> Report:
    assert ended.error is None, ended.error
    assert ended.report is not None
    totals = ended.report.totals
    assert totals.rows_read == totals.accepted + totals.rejected + totals.skipped + totals.unknown
    return ended.report


def _told(verdict: Verdict) -> Mapping[int, Rejection]:
    if isinstance(verdict, Completed):
        return verdict.rejected
    return verdict.named if isinstance(verdict, BatchRejected | Unattributed) else {}
