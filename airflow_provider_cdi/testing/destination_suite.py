"""What holds for every data type of every destination, as tests to inherit."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.testing.answer_cases import AnswerCases
from airflow_provider_cdi.testing.any_values import any_rows
from airflow_provider_cdi.testing.destination_cases import ANYTHING, PERSON, ROWS, batch_of, report_of


class DestinationSuite(AnswerCases):
    """What every data type of a destination must keep to.

    Inherit from it, say what the data type is, and pytest runs the tests. Nearly every one is a whole run of the real
    engine, against a :class:`~airflow_provider_cdi.testing.memory_server.MemoryServer` and in virtual time.
    """

    # --- rows -----------------------------------------------------------------------------------------------

    def test_every_row_arrives_once_and_is_counted(self) -> None:
        """As many rows as fill two requests and begin a third one."""
        rows = self.people(self.fills_two_requests())
        ended, server = self.deliver(rows)
        report = report_of(ended)
        assert (report.totals.rows_read, report.totals.accepted) == (len(rows), len(rows))
        assert server.rows_applied() == dict.fromkeys(range(len(rows)), 1)

    def test_the_neighbours_of_a_bad_row_arrive(self) -> None:
        """The bad row stands in their middle."""
        rows = [*self.people(ROWS - 1)]
        rows.insert(ROWS // 2, self.bad_row())
        ended, server = self.deliver(rows)
        report = report_of(ended)
        assert (report.totals.accepted, report.totals.rejected) == (ROWS - 1, 1)
        assert server.rows_applied() == dict.fromkeys(set(range(ROWS)) - {ROWS // 2}, 1)

    def test_a_bad_row_is_rejected_with_a_code_of_the_table(self) -> None:
        """Nothing of it is sent."""
        (entry,) = self.make_destination().encode(batch_of([self.bad_row()]))
        assert isinstance(entry, Rejection)
        assert entry.code in self.codes
        assert entry.reason

    def test_rows_that_the_service_refuses_are_rejected_and_nobody_else(self) -> None:
        """Also where the service does not say which ones it means."""
        rows, refused = self.people(ROWS), [1, ROWS - 1]
        server = self.make_server()
        server.refuses = set(refused)
        ended, _ = self.deliver(rows, server)
        assert report_of(ended).totals.accepted == ROWS - len(refused)
        found = [dict(reject.identifier) for reject in ended.journal.rejects]
        assert sorted(map(str, found)) == sorted(str(self.identifier_of(rows[place])) for place in refused)
        assert {reject.code for reject in ended.journal.rejects} <= set(self.codes)
        assert set(server.rows_applied()) == set(range(ROWS)) - set(refused)

    def test_one_persons_changes_arrive_in_their_order_and_never_at_once(self) -> None:
        """Several that wait for one request may become one; then the newest of them arrives."""
        people = 3
        rows = [self.row(PERSON + number % people, number // people) for number in range(people * 6)]
        ended, server = self.deliver(rows)
        totals = report_of(ended).totals
        assert totals.accepted + totals.skipped == len(rows)
        assert server.overlaps == 0
        for person in range(people):
            key = self.records_of([self.row(PERSON + person)])[0].key
            sent = [one.row for arrival in server.arrivals for one in arrival.applied if one.key == key]
            assert sent == sorted(sent)
            assert sent[-1] == len(rows) - people + person

    def test_a_row_becomes_the_same_whoever_stands_beside_it(self) -> None:
        """Else a later try, whose batches of rows are others, would send something else."""
        rows = [*self.people(ROWS - 1), self.bad_row()]
        together = self.make_destination().encode(batch_of(rows))
        # As one column has one type, a row stands alone in a batch that is cut out of the whole one.
        alone = [self.make_destination().encode(batch_of(rows).slice(place, 1))[0] for place in range(ROWS)]
        assert list(map(_content, alone)) == list(map(_content, together))

    @ANYTHING
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

    # --- requests -------------------------------------------------------------------------------------------

    def test_a_request_holds_all_its_records_in_their_order(self) -> None:
        """What the engine hands over is what travels."""
        _, server = self.deliver(self.people(self.fills_two_requests()))
        for arrival in server.arrivals:
            end = 0
            for record in arrival.records:
                place = self.place_of(record, arrival.request, end)
                assert place >= end
                end = place + 1

    def test_no_request_has_more_records_than_the_limit(self) -> None:
        """The limit of a record's group, where that has one of its own."""
        limits = self.make_destination().limits
        _, server = self.deliver(self.people(self.fills_two_requests()))
        assert all(
            len(one.records) <= limits.group_records.get(one.records[0].group, limits.records)
            for one in server.arrivals
        )

    def test_no_request_has_more_bytes_than_the_service_takes(self) -> None:
        """Three records fill a request when the limit is lowered to their size."""
        rows, limits = self.people(4 * ROWS), self.make_destination().limits
        sizes = [len(record.body) for record in self.records_of(rows)]
        lowered = replace(limits, body_bytes=_ENVELOPE + 3 * (max(sizes) + 1))
        ended, server = self.deliver(rows, limits=lowered)
        assert report_of(ended).totals.accepted == len(rows)
        most = (self.body_bytes or limits.body_bytes) - limits.body_bytes + lowered.body_bytes
        assert max(len(one.request.body) for one in server.arrivals) <= most

    def test_no_repr_report_or_log_shows_a_body_or_an_identifier(self, caplog: pytest.LogCaptureFixture) -> None:
        """In a run with everything that is told to people: a bad row, a refused one, a busy service, a broken one."""
        caplog.set_level(logging.DEBUG)
        rows = [*self.people(ROWS), self.bad_row()]
        server = self.make_server()
        server.refuses = {1}
        server.next.extend([(server.throttled(1), False), (server.broken(), False)])
        ended, _ = self.deliver(rows, server)
        report = report_of(ended)
        shown = [caplog.text, *report.lines(), json.dumps(report.to_json())]
        shown += [repr((one.request, one.records)) for one in server.arrivals]
        text = "\n".join(shown)
        values = {str(value) for row in rows for value in self.identifier_of(row).values() if value}
        told = [value for value in values if str(PERSON)[:-1] in value]
        assert told, "row() gives identifiers without the number of the person"
        assert [value for value in told if value in text] == []
        bodies = [one.body.decode(errors="ignore") for one in self.records_of(self.people(ROWS))]
        assert [body for body in bodies if body in text] == []


#: More than the engine reckons for what stands around the records.
_ENVELOPE = 512


def _emptied(batch: pa.RecordBatch) -> pa.RecordBatch:
    arrays = [
        batch.column(field.name) if field.name == UPDATED_AT else pa.nulls(batch.num_rows, field.type)
        for field in batch.schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _content(entry: Record | Rejection) -> tuple[Any, ...]:
    if isinstance(entry, Rejection):
        return (entry,)
    return entry.keys, entry.body, entry.group, entry.unique, entry.adjusted
