"""Every code of a reject: something produces it, the docs explain it, its reason quotes no value."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.braze.responses.bad_requests import BRAZE_SENTENCES, braze_rejection
from airflow_provider_cdi.destinations.braze.responses.codes import (
    ANSWER_CODES,
    BRAZE_NAMES,
    CODES,
    ROW_CODES,
)
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, Completed, Response

DOCS = Path(__file__).parents[4] / "docs" / "rejects.md"

NAME = {"name": "bought"}
BUY = {"product_id": "p", "currency": "KRW", "price": 1}
NOT_UTF8 = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
DEEP: list = []
for _ in range(60):
    DEEP = [DEEP]


def user(payload, **columns):
    return {"EXTERNAL_ID": "c-1", "PAYLOAD": payload} | columns


def properties(**values):
    return user(NAME | {"properties": values})


#: Codes of ``on_unknown_field``: test_braze_unknown_fields.py has them.
OF_A_CHOICE = {"catalog_field_unknown", "braze_catalog_field_unknown"}

#: code, data type, a row that gets it
ROWS = [
    ("identifier_missing", "attributes", {"EXTERNAL_ID": " ", "PAYLOAD": "{}"}),
    ("several_identifiers", "attributes", user("{}", BRAZE_ID="b")),
    ("alias_incomplete", "attributes", {"ALIAS_NAME": "n", "PAYLOAD": "{}"}),
    ("identifier_too_long", "attributes", {"EXTERNAL_ID": "é" * 494, "PAYLOAD": "{}"}),
    ("identifier_unreadable", "attributes", {"EXTERNAL_ID": NOT_UTF8, "PAYLOAD": "{}"}),
    ("identifier_in_payload", "attributes", user({"braze_id": "b"})),
    ("payload_missing", "attributes", user(None)),
    ("payload_not_json", "attributes", user('{"a": secret-value}')),
    ("payload_not_object", "attributes", user([1])),
    ("payload_too_large", "attributes", user({"a": "secret-value" * 100_000})),
    ("payload_too_many_keys", "attributes", user({f"k{n}": n for n in range(251)})),
    ("payload_too_deep", "attributes", user({"a": DEEP})),
    ("payload_type_unsupported", "attributes", user(pa.array([{"a": b"secret-value"}]))),
    ("nested_value_invalid", "attributes", user({"a": {"b.c": "secret-value"}})),
    ("array_too_long", "attributes", user({"a": [f"secret-value{n}" for n in range(501)]})),
    ("subscription_state_invalid", "attributes", user({"email_subscribe": "secret-value"})),
    ("event_name_missing", "events", user({"name": " "})),
    ("time_invalid", "events", user(NAME | {"time": "secret-value"})),
    ("properties_invalid", "events", user(NAME | {"properties": "secret-value"})),
    ("property_name_invalid", "events", properties(event_name="secret-value")),
    ("property_value_too_long", "events", properties(a="secret-value" * 22)),
    ("properties_too_large", "events", properties(a=["secret-value"] * 10_000)),
    ("product_id_missing", "purchases", user({"currency": "KRW", "price": 1})),
    ("product_id_too_long", "purchases", user(BUY | {"product_id": "secret-value" * 22})),
    ("currency_invalid", "purchases", user(BUY | {"currency": "secret-value"})),
    ("price_invalid", "purchases", user(BUY | {"price": "secret-value"})),
    ("quantity_invalid", "purchases", user(BUY | {"quantity": 101})),
    ("catalog_id_invalid", "catalog_items", {"ID": "secret-value!", "PAYLOAD": "{}"}),
    ("catalog_value_too_long", "catalog_items", {"ID": "i", "PAYLOAD": {"a": "secret-value" * 500}}),
    ("catalog_array_invalid", "catalog_items", {"ID": "i", "PAYLOAD": {"a": ["secret-value", 7]}}),
    ("catalog_key_invalid", "catalog_items", {"ID": "i", "PAYLOAD": {"a": {"b.c": "secret-value"}}}),
    ("deleted_invalid", "catalog_items", {"ID": "i", "PAYLOAD": "{}", "DELETED": "secret-value"}),
]

#: Code -> arguments without which the row is sent.
STRICT = {"array_too_long": {"on_long_array": "reject"}}

#: code, data type, status, body of an answer to a request of one row
ANSWERS = [
    *(
        (code, "attributes", 201, {"message": "success", "errors": [{"type": name, "index": 0}]})
        for name, code in BRAZE_NAMES.items()
        if name.isupper()
    ),
    *(
        (code, "catalog_items", 400, {"message": "Invalid Request", "errors": [{"id": name}]})
        for name, code in BRAZE_NAMES.items()
        if name.islower()
    ),
    *(
        (code, "events", 201, {"message": "success", "errors": [{"type": " ".join(parts), "index": 0}]})
        for parts, code in BRAZE_SENTENCES
    ),
    ("braze_too_large", "attributes", 413, {"message": "Request Entity Too Large"}),
    ("braze_bad_request", "attributes", 400, {"message": "This was never seen"}),
    ("braze_rejected", "attributes", 201, {"message": "success", "errors": [{"type": "NEW", "index": 0}]}),
]


@pytest.mark.parametrize(("code", "data_type", "row"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_that_breaks_the_contract_gets_its_code(code, data_type, row, encode_row):
    result = encode_row(data_type, row, **STRICT.get(code, {}))
    assert isinstance(result, Rejection)
    assert result.code == code


@pytest.mark.parametrize(("code", "data_type", "row"), ROWS, ids=[row[0] for row in ROWS])
def test_the_reason_is_a_sentence_without_the_rows_values(code, data_type, row, encode_row):
    reason = encode_row(data_type, row, **STRICT.get(code, {})).reason
    assert reason.endswith(".")
    assert "secret" not in reason


@pytest.mark.parametrize(("code", "data_type", "status", "body"), ANSWERS)
def test_an_answer_of_braze_gets_its_code(code, data_type, status, body):
    catalog = "shops" if data_type == "catalog_items" else None
    destination = braze_destination(data_type, catalog=catalog)
    record = Record("k", b'{"id":"i"}', "PUT" if catalog else "")
    verdict = destination.interpret_response(Response(status, {}, json.dumps(body).encode()), [record])
    assert isinstance(verdict, Completed | BatchRejected)
    rejection = verdict.rejected[0] if isinstance(verdict, Completed) else verdict.rejection
    assert rejection.code == code


def test_the_tests_above_know_every_code():
    assert {row[0] for row in ROWS} == set(ROW_CODES) - OF_A_CHOICE
    assert {answer[0] for answer in ANSWERS} == set(ANSWER_CODES) - OF_A_CHOICE


def test_codes_are_snake_case_and_brazes_own_begin_with_braze():
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", code) for code in CODES)
    assert [code for code in CODES if code.startswith("braze_")] == list(ANSWER_CODES)


def test_the_docs_list_every_code_once_with_its_meaning_and_cure():
    of_braze = DOCS.read_text().partition("## Klaviyo:")[0]
    listed = [line for line in of_braze.splitlines() if line.startswith("| `")]
    assert listed == [f"| `{name}` | {code.cells()} |" for name, code in CODES.items()]


@pytest.mark.parametrize(("status", "index"), [(201, 0), (400, 0), (400, None)])
def test_the_reason_of_an_answer_holds_no_value_of_the_row(status, index):
    record = Record("k", b'{"external_id":"c-1","first_name":"Ada","city":"New York","age":36}')
    said = "Ada (36) of New York, who is c-1, is not wanted, Adam is"
    error = {"type": said} | ({} if index is None else {"index": index, "input_array": "attributes"})
    body = {"message": "success" if status == 201 else "Valid data must be provided", "errors": [error]}
    answer = Response(status, {}, json.dumps(body).encode())
    verdict = braze_destination("attributes").interpret_response(answer, [record])
    assert verdict.rejected[0].reason == "Braze: … (…) of …, who is …, is not wanted, Adam is"


def test_the_message_of_a_refusal_and_of_a_catalog_holds_no_value_of_a_row_either():
    record = Record("k", b'{"id":"s-1","city":"Seoul"}', "PUT")
    body = {"message": "Seoul is not wanted"}
    verdict = braze_destination("attributes").interpret_response(Response(400, {}, json.dumps(body).encode()), [record])
    assert verdict.rejection.reason == "Braze: … is not wanted"
    body = {"message": "Invalid Request", "errors": [{"id": "unable-to-coerce-value", "message": "s-1: Seoul"}]}
    destination = braze_destination("catalog_items", catalog="c")
    verdict = destination.interpret_response(Response(400, {}, json.dumps(body).encode()), [record])
    assert verdict.rejection.reason == "Braze: unable-to-coerce-value: …: …"


def test_the_reference_fixtures_sentences_are_known():
    sentences = {
        "'external_id' must be fewer than 988 bytes": "braze_external_id_too_large",
        "provided external_id is blacklisted and disallowed": "braze_external_id_blocked",
        "The value provided for the 'email' field is not a valid email.": "braze_email_invalid",
        "'external_id' or 'braze_id' or 'user_alias' is required": "braze_identifier_missing",
        "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required": "braze_identifier_missing",
        "'quantity' is not valid": "braze_quantity_invalid",
    }
    assert {said: braze_rejection(said).code for said in sentences} == sentences


def test_brazes_sentence_is_kept_and_cut():
    assert braze_rejection("x" * 400).reason == "Braze: " + "x" * 300


@pytest.mark.parametrize("said", [None, 7, "", "  ", {"a": 1}])
def test_braze_without_a_sentence_is_still_a_reject(said):
    assert braze_rejection(said) == Rejection("braze_rejected", "Braze gave no reason.")
