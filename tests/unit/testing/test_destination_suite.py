"""The conformance suite accepts the destination of its page, and finds each fault that is put into it."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Completed, Request, Response, Throttled
from airflow_provider_cdi.testing.destination_suite import DestinationSuite

PAGE = (Path(__file__).parents[3] / "docs" / "testing-a-destination.md").read_text()
(CODE,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NAMES = {"__name__": "orders"}
exec(compile(CODE, "orders", "exec"), NAMES)
Orders, OrderServer, Suite = NAMES["Orders"], NAMES["OrderServer"], NAMES["TestOrders"]


class TestExampleOfThePage(Suite):
    """All tests of the suite."""


def renamed(entry, **changes):
    record = {"key": entry.key, "body": entry.body, "group": entry.group} | changes
    return Record(**record)


MISSED = Rejection("customer_missing", "A row beside it is bad.")


class LosesTheLast(Orders):
    def request(self, records):
        return super().request(records[:-1])


class StopsAtBadRows(Orders):
    def encode(self, rows):
        entries = super().encode(rows)
        return [MISSED if any(isinstance(one, Rejection) for one in entries) else one for one in entries]


class InventsCodes(Orders):
    def encode(self, rows):
        return [Rejection("odd", "Odd.") if isinstance(one, Rejection) else one for one in super().encode(rows)]


class BlamesTheNext(Orders):
    def interpret_response(self, answer, records):
        verdict = super().interpret_response(answer, records)
        if not isinstance(verdict, Completed):
            return verdict
        return Completed({(place + 1) % len(records): why for place, why in verdict.rejected.items()})


class KeyOfEachRow(Orders):
    def encode(self, rows):
        return [
            one if isinstance(one, Rejection) else renamed(one, key=f"{one.key}-{place}")
            for place, one in enumerate(super().encode(rows))
        ]


class CountsNeighbours(Orders):
    def encode(self, rows):
        size = b"%d" % rows.num_rows
        return [
            one if isinstance(one, Rejection) else renamed(one, body=one.body[:-1] + b',"of":' + size + b"}")
            for one in super().encode(rows)
        ]


class ReadsTextAsUtf8(Orders):
    def encode(self, rows):
        rows.column("CUSTOMER").to_pylist()
        return super().encode(rows)


class Wordy(Orders):
    def request(self, records):
        request = super().request(records)
        return Request(request.method, request.path, request.body[:-1] + b" " * 5_000 + b"]")


class Telling(Orders):
    def request(self, records):
        logging.getLogger("orders").info("Sending %s", records[0].key)
        return super().request(records)


class HearsNoTime(Orders):
    def interpret_response(self, answer, records):
        return Throttled("HTTP 429", 1.0) if answer.status == 429 else super().interpret_response(answer, records)


class BlamesRowsForTheKey(Orders):
    def interpret_response(self, answer, records):
        if answer.status == 401:
            return Completed(dict.fromkeys(range(len(records)), MISSED))
        return super().interpret_response(answer, records)


class BelievesEveryPage(Orders):
    def interpret_response(self, answer, records):
        return Completed() if answer.status == 200 else super().interpret_response(answer, records)


class ReadsAnyBody(Orders):
    def interpret_response(self, answer, records):
        if answer.status == 200:
            return Completed(dict.fromkeys(json.loads(answer.body)["refused"], MISSED))
        return super().interpret_response(answer, records)


FAULTS = [
    (LosesTheLast, "test_a_request_holds_all_its_records_in_their_order"),
    (StopsAtBadRows, "test_the_neighbours_of_a_bad_row_arrive"),
    (InventsCodes, "test_a_bad_row_is_rejected_with_a_code_of_the_table"),
    (BlamesTheNext, "test_rows_that_the_service_refuses_are_rejected_and_nobody_else"),
    (KeyOfEachRow, "test_one_persons_changes_arrive_in_their_order_and_never_at_once"),
    (CountsNeighbours, "test_a_row_becomes_the_same_whoever_stands_beside_it"),
    (ReadsTextAsUtf8, "test_encode_never_raises_whatever_a_row_holds"),
    (Wordy, "test_no_request_has_more_bytes_than_the_service_takes"),
    (HearsNoTime, "test_a_busy_service_is_left_alone_for_as_long_as_it_says"),
    (BlamesRowsForTheKey, "test_a_refusal_of_the_whole_run_leaves_every_row_due"),
    (BelievesEveryPage, "test_a_page_of_somebody_else_says_nothing_about_any_row"),
    (ReadsAnyBody, "test_reading_an_answer_never_raises_whatever_it_holds"),
]


@pytest.mark.parametrize(("destination", "test"), FAULTS)
def test_a_fault_is_found_by_the_test_of_its_name(destination, test):
    suite = Suite()
    suite.make_destination = destination
    with pytest.raises((AssertionError, UnicodeDecodeError, ExceptionGroup)):
        getattr(suite, test)()


def test_a_log_that_shows_an_identifier_is_found(caplog):
    suite = Suite()
    suite.make_destination = Telling
    with pytest.raises(AssertionError):
        suite.test_no_repr_report_or_log_shows_a_body_or_an_identifier(caplog)


def test_a_failure_that_is_taken_for_success_is_found():
    class Hopeful(Orders):
        def interpret_response(self, answer, records):
            return Completed() if answer.status == 503 else super().interpret_response(answer, records)

    suite = Suite()
    suite.make_destination = Hopeful
    with pytest.raises(AssertionError):
        suite.test_a_broken_service_costs_a_repeat_and_no_row(503)


def test_the_suite_itself_is_no_test_and_says_what_it_asks_for():
    assert not DestinationSuite.__name__.startswith("Test")
    for name in ("make_destination", "make_server", "bad_row"):
        with pytest.raises(NotImplementedError):
            getattr(DestinationSuite(), name)()
    with pytest.raises(NotImplementedError):
        DestinationSuite().row(1)


def test_a_server_that_names_no_row_is_asked_in_halves():
    class Silent(OrderServer):
        def rows_refused(self, records, places):
            return Response(413, {}, b"") if len(records) > 1 else super().rows_refused(records, places)

    suite = Suite()
    suite.make_server = Silent
    suite.test_rows_that_the_service_refuses_are_rejected_and_nobody_else()


def test_a_case_that_fails_shows_what_it_compared():
    class Stopping(Suite):
        def make_destination(self):
            return StopsAtBadRows()

    with pytest.raises(AssertionError, match=r"assert .* == "):
        Stopping().test_the_neighbours_of_a_bad_row_arrive()
