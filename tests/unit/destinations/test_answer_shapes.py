"""Answers of every shape to every data type of both vendors: what becomes of the rows.

Only an answer in the vendor's documented form that speaks of rows is a verdict on rows. After everything else no row
has an outcome: the sync ends with an error, and a later run sends all of them.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_cdi.destinations.braze import DATA_TYPES as BRAZE_TYPES
from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.klaviyo import CONSENT_TYPES, ConsentArguments, klaviyo_destination
from airflow_provider_cdi.destinations.klaviyo import DATA_TYPES as OTHER_KLAVIYO_TYPES
from airflow_provider_cdi.engine.ports import BatchRejected, Request, Response, Throttled
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import DestinationRefused, RetryLater
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, inputs_in_memory
from airflow_provider_cdi.testing.sources import TableSource
from airflow_provider_cdi.testing.virtual_time import run_virtually

ROWS = 4
KLAVIYO_TYPES = (*OTHER_KLAVIYO_TYPES, *CONSENT_TYPES)
ALL_TYPES = (*BRAZE_TYPES, *KLAVIYO_TYPES)
TRACK = ("attributes", "events", "purchases")
JOBS = {
    "profiles": "profile-bulk-import-job",
    "suppress": "profile-suppression-bulk-create-job",
    "unsuppress": "profile-suppression-bulk-delete-job",
}
PAYLOADS = {
    "attributes": {"plan": "pro"},
    "events": {"name": "Visit"},
    "purchases": {"product_id": "p", "currency": "EUR", "price": 1},
    "catalog_items": {"city": "Seoul"},
}
EMAIL = ConsentArguments(channels=["email_marketing"], allow_resubscribe=True)


def is_braze(kind):
    return kind.startswith("braze ")


KINDS = [*(f"braze {name}" for name in BRAZE_TYPES), *(f"klaviyo {name}" for name in KLAVIYO_TYPES)]


def destination_of(kind):
    vendor, name = kind.split(" ")
    if vendor == "braze":
        return braze_destination(name, catalog="stores" if name == "catalog_items" else None)
    options: dict[str, Any] = {"metric": "Visit"} if name == "events" else {}
    if name in ("subscribe", "unsubscribe"):
        options = {"consent": EMAIL if name == "subscribe" else ConsentArguments(channels=["email_marketing"])}
    return klaviyo_destination(name, **options)


def table_of(kind):
    vendor, name = kind.split(" ")
    if vendor == "klaviyo":
        dates = {"EVENT_TIME": ["2026-01-05T09:30:00Z"] * ROWS} if name == "events" else {}
        return {"EMAIL": [f"p{n}@acme-demo.io" for n in range(ROWS)], **dates}
    payload = {"PAYLOAD": [json.dumps(PAYLOADS[name])] * ROWS} if name in PAYLOADS else {}
    return {"ID" if name == "catalog_items" else "EXTERNAL_ID": [f"c-{n}" for n in range(ROWS)], **payload}


@dataclass
class Side:
    """A side that gives one answer to everything that is sent; questions about jobs and people are answered well."""

    answer: Response
    job: str = ""
    sent: list[Request] = field(default_factory=list)

    async def send(self, request):
        await asyncio.sleep(0.01)
        if request.method == "GET":
            state = {"type": self.job, "id": "J", "attributes": {"status": "complete"}}
            state["attributes"] |= {"failed_count": 0, "skipped_count": 0}
            return Response(200, {}, json.dumps({"data": state}).encode())
        self.sent.append(request)
        return self.answer


def deliver(kind, answer, on_unknown="resend"):
    """Run a whole sync of four rows, and say how it ended and what became of the rows."""
    side, journal = Side(answer, JOBS.get(kind.split(" ")[1], "")), MemoryJournal()
    settings = DeliverySettings(retry=RetryPolicy(attempts=3), on_unknown=on_unknown)

    async def work():
        inputs = inputs_in_memory(TableSource(table_of(kind)), destination_of(kind), side, journal, settings=settings)
        try:
            return await Run(inputs).run(), None
        except (DestinationRefused, RetryLater) as error:
            return None, error

    report, error = run_virtually(work())
    return report, error, journal, side


def settled_rows(journal):
    """Count the rows with an outcome that the watermark may pass."""
    if journal.progress is None:
        return 0
    totals = journal.progress.totals
    return totals.accepted + totals.rejected + totals.skipped + totals.unknown


def a(status, body=b"", **headers):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


def of_klaviyo(detail, source, status=400, code="invalid"):
    error = {"id": "e", "status": status, "code": code, "title": "Invalid input.", "detail": detail, "source": source}
    return a(status, {"errors": [error | {"links": {}, "meta": {}}]})


NGINX = (
    b"<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n"
    b"<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n"
)
NGINX_413 = NGINX.replace(b"400 Bad Request", b"413 Request Entity Too Large")
WAF = b"<!DOCTYPE html><html><title>Attention Required! | Cloudflare</title><body>Ray ID: 8f</body></html>"
PORTAL = b"<!DOCTYPE html><html><body><form action='/login'>Sign in to the guest network</form></body></html>"
ROUTE_53 = {"Message": "Forbidden by policy"}
PROBLEM = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "The request is malformed"}
SPRING = {"timestamp": "2026-01-05", "status": 400, "error": "Bad Request", "message": "JSON parse", "path": "/x"}
NEST = {"statusCode": 400, "message": "Unexpected token", "error": "Bad Request"}
CLOUDFLARE = {"success": False, "errors": [{"code": 1003, "message": "Direct access"}], "messages": [], "result": None}
GRAPHQL = {"errors": [{"message": "Bad request", "locations": [], "extensions": {}}]}
ASP = {"errors": {"$": ["'<' is an invalid start of a value."]}, "title": "One or more validation errors"}

#: No vendor gave these, to whichever endpoint: no row may have an outcome after them.
FOREIGN = {
    **{f"nginx {status}": a(status, NGINX, content_type="text/html") for status in (400, 409, 422)},
    "nginx 413": a(413, NGINX_413, content_type="text/html"),
    "nginx 413 as JSON": a(413, NGINX_413, content_type="application/json"),
    "waf 400": a(400, WAF),
    "waf 403": a(403, WAF),
    "waf 422": a(422, WAF),
    "waf 406": a(406, WAF),
    "waf 503": a(503, WAF, retry_after="5"),
    "empty 400": a(400),
    "empty 413": a(413),
    "empty 422": a(422),
    "blanks 400": a(400, b" \r\n"),
    "plain text 400": a(400, b"Bad Request"),
    "null 400": a(400, b"null"),
    "list 400": a(400, [{"index": 0, "type": "EMAIL_BAD_FORMAT"}]),
    "text 400": a(400, b'"Bad Request"'),
    "number 400": a(400, b"400"),
    "object without anything 400": a(400, {}),
    "cut off 400": a(400, b'{"errors":[{"type":"EMAIL_BAD_FORMAT","ind'),
    "packed 400": a(400, gzip.compress(b"{}"), content_encoding="gzip"),
    "not UTF-8 400": a(400, b'{"message":"\xff"}'),
    "with a mark 400": a(400, b"\xef\xbb\xbf" + b'{"message":"no"}'),
    "problem 400": a(400, PROBLEM, content_type="application/problem+json"),
    "problem 422": a(422, PROBLEM | {"status": 422}),
    "problem 413": a(413, PROBLEM | {"status": 413}),
    "spring 400": a(400, SPRING),
    "nest 400": a(400, NEST),
    "asp 400": a(400, ASP),
    "cloudflare's API 400": a(400, CLOUDFLARE),
    "graphql 400": a(400, GRAPHQL),
    "capital message 400": a(400, ROUTE_53),
    "a gateway's words for the status 400": a(400, {"message": "Bad Request"}),
    "a gateway's words for the status 422": a(422, {"message": "Unprocessable Entity"}),
    "errors of nothing 400": a(400, {"errors": [None, 7, [], {}]}),
    "no errors 400": a(400, {"errors": []}),
    "authorization 407": a(407, NGINX),
    "gateway 401": a(401, {"message": "Unauthorized"}),
    "unknown path 404": a(404, NGINX),
    "method 405": a(405, NGINX),
    "teapot 418": a(418, b"short and stout"),
    "legal 451": a(451, WAF),
    "moved 301": a(301, NGINX, location="https://www.example.org/"),
    "sign in 302": a(302, b"", location="https://login.example.org/"),
    "again 307": a(307, b"", location="/elsewhere"),
    "not modified 304": a(304),
    "portal 200": a(200, PORTAL, content_type="text/html"),
    "portal 202": a(202, PORTAL, content_type="text/html"),
    "portal 201": a(201, PORTAL),
    "empty 200": a(200),
    "empty 201": a(201),
    "empty 203": a(203),
    "empty 204": a(204),
    "empty 206": a(206),
    "other JSON 200": a(200, {"status": "ok"}),
    "other JSON 201": a(201, {"result": "created", "id": "J"}),
    "other JSON 202": a(202, {"accepted": True, "jobId": "J"}),
    "null 202": a(202, b"null"),
    "list 202": a(202, []),
    "cut off 202": a(202, b'{"data":{"id":"J'),
    "another resource 202": a(202, {"data": {"type": "session", "id": "J"}}),
    "changed on the way 203": a(203, {"message": "success", "data": {"type": "session", "id": "J"}}),
    "refusal in the clothes of a success 200": a(200, {"message": "Invalid API key"}),
    "errors without success 200": a(200, {"errors": [{"type": "EMAIL_BAD_FORMAT", "index": 0}]}),
    **{f"page {status}": a(status, NGINX) for status in (408, 425, 500, 502, 504, 520, 522, 524, 599)},
    "page 429": a(429, NGINX),
}

#: In the vendor's form, and about the request as a whole: its rows are not at fault either.
OF_THE_REQUEST = {
    "braze": {
        "could not be parsed": a(400, {"error": "Error while parsing request body. Please check your syntax."}),
        "could not be parsed, as message": a(400, {"message": "Error while parsing request body."}),
        "too many for ever": a(400, {"message": "Max Input Length Exceeded"}),
        "too many ids for ever": a(400, {"message": "The max number of ids per request was exceeded"}),
        "invalid request": a(400, {"message": "Invalid Request"}),
        "unknown key": a(401, {"message": "Invalid API Key"}),
        "no permission": a(403, {"message": "Access Denied"}),
        "unknown URL": a(404, {"message": "Invalid URL"}),
        "limit": a(429, {"message": "Rate limited"}),
        "content type": a(415, {"message": "Unsupported Media Type"}),
    },
    "klaviyo": {
        **{
            f"pointer {pointer!r}": of_klaviyo("Invalid input.", {"pointer": pointer})
            for pointer in ("/data", "/data/", "/data/type", "", "/data/relationships/list/data/id", "/")
        },
        "pointer to nothing of the request": of_klaviyo("Invalid input.", {"pointer": "/meta"}),
        "header": of_klaviyo("The revision is not valid.", {"header": "revision"}),
        "parameter": of_klaviyo("The parameter is not allowed.", {"parameter": "include"}),
        "no source": a(400, {"errors": [{"detail": "Invalid input."}]}),
        "sources without a place": of_klaviyo("Invalid input.", {}),
        "conflict 409": of_klaviyo("Conflict.", {"pointer": "/data/type"}, 422),
        "revision 410": of_klaviyo("Gone.", {"pointer": "/data/"}, 410, "gone"),
        "scope 403": of_klaviyo("The key is missing the scope.", {"pointer": "/data/"}, 403, "permission_denied"),
        "key 401": of_klaviyo("Missing or invalid private key.", {"pointer": "/data/"}, 401, "not_authenticated"),
        "path 404": of_klaviyo("Not found.", {"pointer": "/data/"}, 404, "not_found"),
        "not a valid field": of_klaviyo(
            "'backfill' is not a valid field for the resource 'event'.",
            {"pointer": "/data/attributes/profiles/data/0/attributes/backfill"},
        ),
        "a required field": of_klaviyo(
            "'tokens' is a required field for the resource 'push'.",
            {"pointer": "/data/attributes/events-bulk-create/data/0/attributes/events/data/0"},
        ),
        "a required field of the only row": of_klaviyo(
            "'email' is a required field for the resource 'profile'.", {"pointer": "/data/attributes/profile/data"}
        ),
    },
}


def due_cases():
    for kind in KINDS:
        for name, answer in FOREIGN.items():
            yield pytest.param(kind, answer, id=f"{kind}-{name}")
        for name, answer in OF_THE_REQUEST[kind.split(" ")[0]].items():
            yield pytest.param(kind, answer, id=f"{kind}-{name}")


@pytest.mark.parametrize(("kind", "answer"), list(due_cases()))
def test_an_answer_that_is_no_verdict_on_rows_leaves_all_of_them_due(kind, answer):
    report, error, journal, side = deliver(kind, answer)
    assert report is None
    assert isinstance(error, DestinationRefused | RetryLater)
    assert (settled_rows(journal), journal.rejects) == (0, [])
    assert side.sent


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("kind", ["braze events", "braze purchases", "klaviyo subscribe"])
def test_a_foreign_refusal_leaves_rows_due_also_where_nothing_may_be_sent_twice(kind, status):
    _, error, journal, _ = deliver(kind, a(status, NGINX), on_unknown="reject")
    assert isinstance(error, DestinationRefused | RetryLater)
    assert (settled_rows(journal), journal.rejects) == (0, [])


REFUSALS = {name: answer for name, answer in FOREIGN.items() if answer.status in (400, 422)}
REFUSALS |= {
    "sentences 400": a(400, {"errors": ["Bad request"]}),
    "a message alone 400": a(400, {"errors": [{"message": "Bad request"}]}),
    "a message with a code 400": a(
        400, {"errors": [{"code": 7, "message": "Bad request"}], "message": "x", "ok": False}
    ),
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if is_braze(kind)])
def test_a_foreign_refusal_does_not_blame_the_only_row_of_a_request(kind, answer):
    destination = destination_of(kind)
    verdict = destination.interpret_response(answer, encoded(kind, destination)[:1])
    assert isinstance(verdict, Throttled | BatchRejected)
    assert isinstance(verdict, Throttled) or verdict.named == {}


def test_there_are_enough_shapes():
    assert len(FOREIGN) > 60
    assert len(KINDS) == len(ALL_TYPES) == 12


# --- verdicts -------------------------------------------------------------------------------------------


def accepted(kind):
    """Give what the vendor documents as the success of a data type."""
    vendor, name = kind.split(" ")
    if vendor == "braze":
        counter = {f"{name}_processed": ROWS} if name in TRACK else {"deleted": ROWS} if name == "user_deletes" else {}
        return a(202 if name == "catalog_items" else 201, {**counter, "message": "success"})
    return a(202, {"data": {"type": JOBS[name], "id": "J", "attributes": {}}} if name in JOBS else b"")


@pytest.mark.parametrize("kind", KINDS)
def test_the_documented_success_accepts_all_rows(kind):
    report, error, _, _ = deliver(kind, accepted(kind))
    assert error is None
    assert (report.totals.accepted, report.totals.rows_read) == (ROWS, ROWS)


def naming(kind, place):
    """Give an answer in which the vendor names one row; None where it never does."""
    vendor, name = kind.split(" ")
    if vendor == "braze":
        if name not in TRACK:
            return None
        errors = [{"type": "EMAIL_BAD_FORMAT", "input_array": name, "index": place}]
        return a(201, {"message": "success", f"{name}_processed": ROWS - 1, "errors": errors})
    pointer = {
        "events": f"/data/attributes/events-bulk-create/data/{place}/attributes/profile/data/attributes/email",
        "privacy_deletions": "/data/attributes/profile/data/attributes/email",
    }.get(name, f"/data/attributes/profiles/data/{place}/attributes/email")
    return of_klaviyo("Invalid email address", {"pointer": pointer})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if naming(kind, 0)])
def test_a_row_that_the_vendor_names_is_rejected_and_no_other(kind):
    destination = destination_of(kind)
    records = encoded(kind, destination)[: destination.limits.records]
    place = min(1, len(records) - 1)
    verdict = destination.interpret_response(naming(kind, place), records)
    named = verdict.named if isinstance(verdict, BatchRejected) else verdict.rejected
    assert {found: each.code.partition("_")[2] for found, each in named.items()} == {place: "email_invalid"}


UNKNOWN_REASONS = {
    "braze": a(400, {"message": "The moon is in the wrong house"}),
    "klaviyo": of_klaviyo("Odd", {"pointer": "/data/attributes/profiles/data/77/attributes"}),
}


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in ("klaviyo events", "klaviyo privacy_deletions")]
)
def test_an_unknown_reason_in_the_vendors_form_is_halved_and_names_nobody(kind):
    destination = destination_of(kind)
    records = encoded(kind, destination)
    for size in (len(records), 1):
        verdict = destination.interpret_response(UNKNOWN_REASONS[kind.split(" ")[0]], records[:size])
        assert isinstance(verdict, BatchRejected)
        assert verdict.named == {}
        assert verdict.rejection.code.endswith("_bad_request")


@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_413_is_halved_down_to_single_rows_which_are_not_blamed(kind):
    destination = destination_of(kind)
    records = encoded(kind, destination)
    if destination.limits.records > 1:
        assert destination.interpret_response(a(413, NGINX_413), records).named == {}
    with pytest.raises(DestinationRefused, match="not even one row's"):
        destination.interpret_response(a(413, NGINX_413), records[:1])


def encoded(kind, destination):
    (rows,) = TableSource(table_of(kind)).read(None)
    records = destination.encode(rows)
    assert all(isinstance(record, Record) for record in records), records
    return records
