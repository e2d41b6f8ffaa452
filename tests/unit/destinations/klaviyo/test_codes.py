"""Every code of a reject: something produces it, the docs explain it, its reason quotes no value."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from support.klaviyo_rows import ADA, AT, NOT_UTF8, VISIT, encode_row, make, rows_of

from airflow_provider_cdi.destinations.klaviyo.responses.codes import ANSWER_CODES, CODES, ROW_CODES
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, Response

DOCS = Path(__file__).parents[4] / "docs" / "rejects.md"

DEEP: object = 1
for _ in range(250):
    DEEP = [DEEP]


def ada(**columns):
    return "profiles", {**ADA, **columns}


def visit(**columns):
    return "events", {**VISIT, **columns}


def payload(document):
    return json.dumps(document)


#: code -> data type and a row that gets it
ROWS = {
    "identifier_missing": ("profiles", {"EMAIL": " "}),
    "identifier_unreadable": ("profiles", {"EMAIL": NOT_UTF8}),
    "identifier_too_long": ada(EXTERNAL_ID="secret-value" * 22),
    "email_invalid": ("profiles", {"EMAIL": "secret-value"}),
    "phone_invalid": ada(PHONE_NUMBER="secret-value"),
    "payload_not_json": ada(PAYLOAD='{"a": secret-value}'),
    "payload_not_object": ada(PAYLOAD='["secret-value"]'),
    "payload_too_large": ada(PAYLOAD=payload({"a": "secret-value" * 10_000})),
    "payload_too_deep": ada(PAYLOAD=payload({"a": DEEP})),
    "payload_type_unsupported": ada(score=float("inf")),
    "property_name_invalid": ada(PAYLOAD='{"$a":"secret-value"}'),
    "property_twice": ada(PAYLOAD='{"a":"secret-value"}', a="secret-value"),
    "profile_too_large": ada(a="secret-value" * 10_000),
    "event_time_missing": visit(EVENT_TIME=pa.array([None], pa.timestamp("us"))),
    "event_time_invalid": visit(EVENT_TIME="secret-value"),
    "event_time_out_of_range": visit(EVENT_TIME=AT + timedelta(days=400)),
    "metric_name_missing": visit(METRIC_NAME=" "),
    "metric_name_too_long": visit(METRIC_NAME="secret-value" * 11),
    "unique_id_too_long": visit(UNIQUE_ID="secret-value" * 22),
    "value_currency_invalid": visit(VALUE_CURRENCY="secret-value"),
    "email_domain_dropped": visit(EMAIL="secret-value@example.com"),
    "too_many_properties": visit(PAYLOAD=payload({f"p{n}": "secret-value" for n in range(401)})),
    "property_too_long": visit(PAYLOAD=payload({"a": "secret-value" * 10_000})),
    "property_array_too_long": visit(PAYLOAD=payload({"a": ["secret-value"] * 4_001})),
    "property_number_too_large": visit(PAYLOAD='{"a":99999999999999999999}'),
}

INELIGIBLE = "The phone number provided either does not exist or is ineligible to receive SMS"
#: code, what Klaviyo says, the place in the profile that it points at
ANSWERS = [
    ("klaviyo_email_invalid", "Invalid email address", "/attributes/email"),
    ("klaviyo_email_invalid", "Too long", "/attributes/email"),
    ("klaviyo_phone_invalid", "Invalid phone number format", "/attributes/phone_number"),
    ("klaviyo_phone_invalid", "Invalid phone number format", ""),
    ("klaviyo_phone_ineligible", INELIGIBLE, "/attributes/phone_number"),
    ("klaviyo_phone_ineligible", INELIGIBLE.replace("SMS", "ChannelType.SMS"), "/attributes/phone_number"),
    ("klaviyo_identifier_missing", "A profile needs an id, email, phone_number or external_id", "/attributes"),
    ("klaviyo_identifier_missing", "SMS is not set up for this account", "/attributes/phone_number"),
    ("klaviyo_identity_conflict", "The identifiers belong to different profiles", ""),
    ("klaviyo_identity_conflict", "Duplicate email found", "/attributes/email"),
    ("klaviyo_identity_conflict", "A profile already exists with one of these identifiers.", "/attributes"),
    ("klaviyo_rejected", "Something new", "/attributes/title"),
]
#: Codes of answers that name no row, or of jobs: see the tests of those.
ELSEWHERE = {"klaviyo_too_large", "klaviyo_bad_request", "klaviyo_import_failed", "job_cancelled", "job_failed"}


@pytest.mark.parametrize(("code", "row"), ROWS.items(), ids=ROWS)
def test_a_row_that_breaks_the_contract_gets_its_code_and_a_sentence_without_its_values(code, row):
    data_type, columns = row
    result = encode_row(columns, data_type)
    assert isinstance(result, Rejection)
    assert result.code == code
    assert result.reason.endswith(".")
    assert "secret" not in result.reason


@pytest.mark.parametrize(("code", "detail", "place"), ANSWERS)
def test_an_error_of_klaviyo_gets_its_code(code, detail, place):
    destination = make()
    records = destination.encode(rows_of(EMAIL=["a@b.io"]))
    error = {"detail": detail, "source": {"pointer": f"/data/attributes/profiles/data/0{place}"}}
    verdict = destination.interpret_response(Response(400, {}, json.dumps({"errors": [error]}).encode()), records)
    assert isinstance(verdict, BatchRejected)
    assert verdict.named[0].code == code


def test_the_tests_know_every_code():
    assert set(ROWS) == set(ROW_CODES)
    assert {code for code, _, _ in ANSWERS} | ELSEWHERE == set(ANSWER_CODES)


def test_codes_are_snake_case_and_klaviyos_own_begin_with_klaviyo_or_job():
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", code) for code in CODES)
    assert [code for code in CODES if code.startswith(("klaviyo_", "job_"))] == list(ANSWER_CODES)


def test_the_docs_list_every_code_once_with_its_meaning_and_cure():
    pages = DOCS.read_text().split("\n## ")
    mine = [page for page in pages if page.startswith(("Klaviyo: found before", "Klaviyo: what it answered"))]
    listed = [line for page in mine for line in page.splitlines() if line.startswith("| `")]
    assert listed == [f"| `{name}` | {code.cells()} |" for name, code in CODES.items()]
