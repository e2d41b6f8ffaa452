"""Rows for a service of one's own: how they are encoded, and what the service's answers mean for them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.http.responses import CODES
from airflow_provider_cdi.destinations.http.rows import HttpRows
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, Completed, Response, Throttled, Unattributed
from airflow_provider_cdi.exceptions import DestinationRefused

GOOD = Record("id:1", b'{"id":"1"}')


def encode(*rows, **arguments):
    ids, payloads = zip(*rows, strict=True)
    return HttpRows("/rows", **arguments).encode(pa.RecordBatch.from_pydict({"id": ids, "PAYLOAD": payloads}))


def read(answer, count=2):
    return HttpRows("/rows").interpret_response(answer, [Record(f"id:{i}", b'{"id":"%d"}' % i) for i in range(count)])


def said(status, document, **headers):
    return Response(status, headers, json.dumps(document).encode())


def test_a_row_is_its_identifier_as_text_and_the_members_of_its_payload_with_every_digit():
    (record,) = encode((42, '{"amount": 12345678901234567890.10, "name": null}'))
    assert record.body == b'{"id":"42","amount": 12345678901234567890.10, "name": null}'
    assert record.key == "id:42"


def test_a_request_holds_the_rows_in_their_order_and_has_a_key_of_its_own():
    keys = iter(["first", "second"])
    rows = HttpRows("/rows", method="PUT", new_key=lambda: next(keys))
    request, other = rows.request([GOOD, GOOD]), rows.request([GOOD])
    assert (request.method, request.path, request.body) == ("PUT", "/rows", b'{"rows":[{"id":"1"},{"id":"1"}]}')
    assert (request.key, other.key) == ("first", "second")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ((None, "{}"), "identifier_missing"),
        ((" ", "{}"), "identifier_missing"),
        (("1", None), "payload_missing"),
        (("1", "[]"), "payload_not_object"),
        (("1", '{"id": 2}'), "identifier_in_payload"),
        (("1", json.dumps({"a": "x" * 2_000})), "payload_too_large"),
        (("1" * 2_000, "{}"), "payload_too_large"),
    ],
)
def test_a_row_that_cannot_go_is_rejected_and_its_neighbour_goes(row, code):
    rejected, neighbour = encode(row, ("2", "{}"), body_bytes=1_000)
    assert rejected.code == code
    assert neighbour.body == b'{"id":"2"}'


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, {}, b""),
        Response(202, {}, b" "),
        Response(204, {}, b""),
        said(200, {"ok": True}),
        said(201, {}),
        said(200, {"errors": []}),
        said(207, {"errors": []}),
    ],
)
def test_a_success_without_errors_accepts_every_row(answer):
    assert read(answer) == Completed()


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, {}, b"<html>"),
        Response(207, {}, b""),
        said(207, {}),
        said(203, {}),
        said(200, []),
        said(200, {"error": "no"}),
        said(200, {"errors": "no"}),
        said(200, {"errors": {"0": "no"}}),
        Response(500, {}, b""),
        Response(408, {}, b""),
        Response(503, {}, b""),
    ],
)
def test_a_success_in_another_form_and_a_failure_of_the_server_leave_it_open(answer):
    assert isinstance(read(answer), Ambiguous)


def test_an_error_names_its_row_by_index():
    verdict = read(said(200, {"errors": [{"index": 1, "code": "unknown_plan", "message": "no such plan"}]}))
    assert verdict == Completed({1: Rejection("http_unknown_plan", "The service: unknown_plan: no such plan")})


@pytest.mark.parametrize("index", [2, -1, True, "0", None, 0.0])
def test_an_error_of_a_success_that_names_no_row_leaves_open_which_row_is_meant(index):
    verdict = read(said(200, {"errors": [{"index": index, "message": "c-1 is odd"}, {"index": 0}]}))
    assert verdict == Unattributed(
        {0: Rejection("http_rejected", "The service: no reason given")},
        remarks={"The service: an error that names no row": 1},
    )


@pytest.mark.parametrize("code", ["Unknown", "un known", "x" * 41, 7, None, "ümlaut"])
def test_a_code_that_is_no_word_becomes_no_code(code):
    assert read(said(200, {"errors": [{"index": 0, "code": code}]})).rejected[0].code == "http_rejected"


def test_what_a_row_holds_stands_in_no_reason_and_in_no_code():
    record = Record("id:1", b'{"id":"c-1","name":"maria"}')
    answer = said(422, {"errors": [{"index": 0, "code": "maria", "message": "Maria of c-1 is odd"}]})
    (rejection,) = HttpRows("/rows").interpret_response(answer, [record]).rejected.values()
    assert rejection == Rejection("http_rejected", "The service: …: … of … is odd")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refusal_that_names_rows_rejects_them_and_has_the_rest_sent_again(status):
    verdict = read(said(status, {"errors": [{"index": 1, "code": "bad"}]}))
    assert isinstance(verdict, BatchRejected)
    assert list(verdict.named) == [1]


def test_a_refusal_that_names_every_row_has_nothing_left_to_send():
    assert set(read(said(400, {"errors": [{"index": 0}, {"index": 1}]})).rejected) == {0, 1}


@pytest.mark.parametrize("document", [{"errors": []}, {"errors": [{"message": "odd"}]}])
def test_a_refusal_that_names_no_row_has_halves_sent(document):
    verdict = read(said(422, document))
    assert isinstance(verdict, BatchRejected)
    assert (verdict.rejection.code, verdict.named) == ("http_bad_request", {})


@pytest.mark.parametrize("answer", [Response(400, {}, b"<html>"), said(422, {"detail": []}), said(400, {})])
def test_a_refusal_in_another_form_says_nothing_about_rows(answer):
    assert isinstance(read(answer), Throttled)


def test_a_request_that_is_too_large_goes_in_halves_and_a_row_only_if_the_service_says_so():
    assert read(Response(413, {}, b"")).named == {}
    assert read(said(413, {"errors": []}), count=1).named[0].code == "http_too_large"
    with pytest.raises(DestinationRefused, match="it was not The service"):
        read(Response(413, {}, b""), count=1)


def test_a_429_is_waited_for_as_it_asks():
    assert read(said(429, {}, **{"retry-after": "7"})) == Throttled("The service answered 429: over the rate limit", 7)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 407, 410, 415])
def test_what_concerns_the_sync_stops_it_and_says_what_to_do(status):
    with pytest.raises(DestinationRefused, match=rf"answered {status} to POST /rows: .+\."):
        read(said(status, {}))


@pytest.mark.parametrize(("repeats", "harmless"), [("harmless", True), ("count_twice", False)])
def test_whether_a_repeat_is_harmless_the_user_says(repeats, harmless):
    assert HttpRows("/rows", repeats=repeats).repeat_is_harmless([GOOD]) is harmless


def test_every_code_of_the_service_is_on_the_page_of_rejects():
    page = (Path(__file__).parents[4] / "docs" / "rejects.md").read_text()
    assert [name for name, code in CODES.items() if f"| `{name}` | {code.cells()} |" not in page] == []
