"""What Braze's answers mean. The bodies are those of the reference's fixtures."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, Completed, Response, Throttled, Unattributed
from airflow_provider_cdi.exceptions import DestinationRefused

NOW = 1_790_000_000.0
NO_IDENTIFIER = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
ALL_INVALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
BAD_EMAIL = "The value provided for the 'email' field is not a valid email."


def read(data_type, status, body, *, count=3, headers=None):
    catalog = "stores" if data_type == "catalog_items" else None
    destination = braze_destination(data_type, catalog=catalog, now=lambda: NOW)
    group = {"catalog_items": "PUT", "user_deletes": "external_ids"}.get(data_type, "")
    records = [
        Record(f"k{n}", json.dumps({"id": f"s-{n}", "city": "Seoul", f"f{n}": "private"}).encode(), group)
        for n in range(count)
    ]
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return destination.interpret_response(Response(status, headers or {}, text), records)


def error(said, index=None, array=None):
    members = {"type": said, "index": index, "input_array": array}
    return {name: value for name, value in members.items() if value is not None}


def success(*errors):
    return {"message": "success"} | ({"errors": list(errors)} if errors else {})


# --- accepted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data_type", "status", "body"),
    [
        ("attributes", 201, {"attributes_processed": 3, "message": "success"}),
        ("events", 201, {"events_processed": 3, "message": "success", "errors": []}),
        ("purchases", 200, {"message": "success", "errors": None}),
        ("attributes", 202, {"message": "queued"}),
        ("attributes", 201, {"attributes_processed": 2, "message": "success"}),
        ("user_deletes", 201, {"deleted": 2, "message": "success"}),
        ("catalog_items", 202, {"message": "success"}),
    ],
)
def test_a_success_accepts_every_record(data_type, status, body):
    verdict = read(data_type, status, body)
    assert (verdict.rejected, verdict.skipped) == ({}, {})


@pytest.mark.parametrize(
    ("data_type", "counter", "number", "missing"),
    [
        *((name, f"{name}_processed", 2, 1) for name in ("attributes", "events", "purchases")),
        ("user_deletes", "deleted", 0, 3),
        ("user_deletes", "deleted", 3, 0),
        ("events", "events_processed", 4, 0),
        ("events", "attributes_processed", 0, 0),
        ("events", "events_processed", "2", 0),
        ("events", "events_processed", False, 0),
        ("events", "events_processed", None, 0),
    ],
)
def test_fewer_users_counted_than_sent_are_remarked_on(data_type, counter, number, missing):
    verdict = read(data_type, 201, {"message": "success", counter: number})
    words = f"Braze: {counter} is lower than what was sent, by"
    assert verdict == Completed(remarks={words: missing} if missing else {})


def test_an_object_that_is_refused_is_not_missed_in_the_count():
    body = success(error(BAD_EMAIL, 0, "attributes")) | {"attributes_processed": 2}
    assert read("attributes", 201, body).remarks == {}
    assert sum(read("attributes", 201, body | {"attributes_processed": 1}).remarks.values()) == 1


@pytest.mark.parametrize(
    ("data_type", "counter", "missing"),
    [
        ("attributes", "attributes_processed", 0),
        ("user_deletes", "deleted", 0),
        ("events", "events_processed", 1),
        ("purchases", "purchases_processed", 1),
    ],
)
def test_a_person_with_two_rows_counts_once_and_each_event_counts(data_type, counter, missing):
    records = [Record("external_id:c", b'{"external_id":"c"}', "external_ids")] * 2
    body = json.dumps({"message": "success", counter: 1}).encode()
    verdict = braze_destination(data_type).interpret_response(Response(201, {}, body), records)
    assert sum(verdict.remarks.values()) == missing


# --- partial --------------------------------------------------------------------------------------------


def test_partial_errors_are_mapped_to_their_records():
    body = success(error(NO_IDENTIFIER, 1, "attributes"), error(BAD_EMAIL, 2, "attributes"))
    assert read("attributes", 201, body) == Completed(
        {
            1: Rejection("braze_identifier_missing", f"Braze: {NO_IDENTIFIER}"),
            2: Rejection("braze_email_invalid", f"Braze: {BAD_EMAIL}"),
        }
    )


def test_a_code_without_input_array_is_understood_too():
    verdict = read("attributes", 201, success(error("EXTERNAL_USER_ID_TOO_LARGE", 0)))
    assert {place: rejection.code for place, rejection in verdict.rejected.items()} == {
        0: "braze_external_id_too_large"
    }


def test_the_first_of_two_errors_of_a_record_counts():
    verdict = read("attributes", 201, success(error("EMAIL_BAD_FORMAT", 0), error("BAD_DEVICE_ID", 0)))
    assert [rejection.code for rejection in verdict.rejected.values()] == ["braze_email_invalid"]


@pytest.mark.parametrize(
    "errors",
    [
        [error(BAD_EMAIL)],
        [error(BAD_EMAIL, 3)],
        [error(BAD_EMAIL, -1)],
        [error(BAD_EMAIL, "1")],
        [error(BAD_EMAIL, True)],
        [error(BAD_EMAIL, 1.0)],
        [error(BAD_EMAIL, 1, "events")],
        [error(BAD_EMAIL, 0, "attributes"), error(BAD_EMAIL)],
        [BAD_EMAIL],
    ],
)
def test_an_error_that_names_no_record_is_told_and_the_records_that_are_named_keep_their_own(errors):
    verdict = read("attributes", 201, success(*errors))
    named = {0: Rejection("braze_email_invalid", f"Braze: {BAD_EMAIL}")} if len(errors) > 1 else {}
    said = BAD_EMAIL.replace("'email'", "…")
    assert verdict == Unattributed(named, remarks={f"Braze: {said}": 1})


@pytest.mark.parametrize("errors", [BAD_EMAIL, [BAD_EMAIL], [error(BAD_EMAIL)], [{"message": BAD_EMAIL}]])
def test_an_error_of_a_request_with_one_record_is_that_records(errors):
    verdict = read("attributes", 201, {"message": "success", "errors": errors}, count=1)
    assert verdict == Completed({0: Rejection("braze_email_invalid", f"Braze: {BAD_EMAIL}")})


@pytest.mark.parametrize("odd", [error(BAD_EMAIL, 5), error(BAD_EMAIL, 0, "events"), error(BAD_EMAIL, "0"), [], None])
def test_an_error_that_names_something_else_is_not_the_only_records(odd):
    verdict = read("attributes", 201, success(odd), count=1)
    assert isinstance(verdict, Unattributed)
    assert verdict.named == {}


@pytest.mark.parametrize("data_type", ["attributes", "events", "user_deletes"])
def test_what_is_told_of_an_error_holds_no_value_of_a_row_and_no_address(data_type):
    said = "s-1 with private in seoul (ada@example.org, +49 151 123456) has 'p@x' not allowed"
    verdict = read(data_type, 201, success(said))
    assert list(verdict.remarks) == ["Braze: … with … in … (…, …) has … not allowed"]


@pytest.mark.parametrize("errors", ["broken", {"0": "x"}, [None], [[]]])
def test_errors_in_another_form_leave_the_batch_unattributed(errors):
    assert isinstance(read("attributes", 201, {"message": "success", "errors": errors}), Unattributed)


# --- unclear --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data_type", ["events", "user_deletes", "catalog_items"])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>OK</html>", b'{"message":"succ', b'"success"', b"[]", {}, {"message": "Failed"}, {"message": 1}],
)
def test_a_success_status_without_brazes_success_is_unclear(data_type, body):
    assert isinstance(read(data_type, 201, body), Ambiguous)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520, 599])
@pytest.mark.parametrize("body", [b"", b"<html>", {"message": "Internal server error"}])
def test_a_server_error_is_unclear_whatever_its_body(status, body):
    verdict = read("events", status, body)
    assert verdict == Ambiguous(f"Braze answered {status}")


# --- refused --------------------------------------------------------------------------------------------


def test_all_invalid_with_every_record_named_is_settled():
    body = {"message": ALL_INVALID, "errors": [error(NO_IDENTIFIER, n, "events") for n in range(3)]}
    verdict = read("events", 400, body)
    assert {n: rejection.code for n, rejection in verdict.rejected.items()} == dict.fromkeys(
        range(3), "braze_identifier_missing"
    )


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ({"message": ALL_INVALID}, "braze_bad_request", f"Braze: {ALL_INVALID}"),
        ({"message": "Max Input Length Exceeded"}, "braze_bad_request", "Braze: Max Input Length Exceeded"),
        ({"message": ALL_INVALID, "errors": [error("news")]}, "braze_bad_request", "Braze: news"),
        ({"message": "x", "errors": "y"}, "braze_bad_request", "Braze: x"),
    ],
)
def test_any_other_bad_request_is_refused_as_a_whole(body, code, reason):
    assert read("attributes", 400, body) == BatchRejected(Rejection(code, reason))


def test_a_bad_request_that_names_some_rejects_them_and_sends_the_others_again():
    verdict = read("attributes", 400, {"message": ALL_INVALID, "errors": [error(BAD_EMAIL, 1, "attributes")]})
    assert {place: each.code for place, each in verdict.named.items()} == {1: "braze_email_invalid"}


def test_a_record_that_stands_alone_is_named_by_a_reason_that_is_known():
    known = read("events", 400, {"message": BAD_EMAIL}, count=1)
    assert known.named[0].code == "braze_email_invalid"
    assert read("attributes", 400, {"message": "something new"}, count=1).named == {}


def test_too_many_deletes_are_refused_as_a_whole():
    verdict = read("user_deletes", 400, {"message": "The max number of ids per request was exceeded"})
    assert isinstance(verdict, BatchRejected)


@pytest.mark.parametrize("body", [{"message": "Request Entity Too Large"}, b"<html>", b""])
def test_too_large_is_refused_as_a_whole(body):
    verdict = read("purchases", 413, body)
    assert isinstance(verdict, BatchRejected)
    assert verdict.rejection.code == "braze_too_large"


# --- catalogs -------------------------------------------------------------------------------------------


def catalog_error(name, values=()):
    return {
        "message": "Invalid Request",
        "errors": [{"id": name, "message": "said so", "parameters": ["id"], "parameter_values": list(values)}],
    }


@pytest.mark.parametrize(
    ("name", "code"),
    [("ids-too-large", "braze_catalog_id_invalid"), ("request-includes-too-many-items", "braze_bad_request")],
)
def test_a_fault_of_an_item_refuses_the_request_as_a_whole(name, code):
    verdict = read("catalog_items", 400, catalog_error(name, ["s-1"]))
    assert verdict == BatchRejected(Rejection(code, f"Braze: {name}: said so"))


def test_an_unknown_error_of_a_catalog_is_a_bad_request():
    assert read("catalog_items", 400, catalog_error("new-rule")).rejection.code == "braze_bad_request"


@pytest.mark.parametrize("errors", ["x", []])
def test_catalog_errors_without_entries_refuse_as_a_whole(errors):
    assert isinstance(read("catalog_items", 400, {"message": "x", "errors": errors}), BatchRejected)


@pytest.mark.parametrize("errors", [[1], [{"id": 7}], [{"code": 1003, "message": "Bad"}]])
def test_catalog_errors_in_another_form_say_nothing_about_items(errors):
    assert isinstance(read("catalog_items", 400, {"message": "x", "errors": errors}), Throttled)


@pytest.mark.parametrize(
    ("status", "name", "words"),
    [
        (404, "catalog-not-found", "'stores': there is no such catalog"),
        (400, "catalog-not-found", "'stores': there is no such catalog"),
        (400, "company-size-limit-already-reached", "storage of the company is full"),
        (400, "company-size-limit-surge", "company-size-limit-surge"),
        (400, "invalid-fields", "Add the missing fields"),
        (400, "item-array-invalid", "the form of the request"),
    ],
)
def test_a_fault_of_the_catalog_stops_the_sync(status, name, words):
    with pytest.raises(DestinationRefused, match=words):
        read("catalog_items", status, catalog_error(name))


def test_an_unknown_field_is_narrowed_to_the_refused_items_and_no_value_is_told():
    with pytest.raises(DestinationRefused, match=r"items have: city, f1\.") as raised:
        read("catalog_items", 400, catalog_error("invalid-fields", ["s-1"]))
    assert "private" not in str(raised.value)


def test_a_long_list_of_fields_is_cut():
    with pytest.raises(DestinationRefused, match="and 11 more"):
        read("catalog_items", 400, catalog_error("invalid-fields"), count=40)


# --- the sync as a whole --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data_type", "permission"),
    [
        ("attributes", "users.track"),
        ("user_deletes", "users.delete"),
        ("catalog_items", "catalogs.replace_items"),
    ],
)
@pytest.mark.parametrize(("status", "text"), [(401, "Access Denied"), (403, "Access Denied"), (403, "Forbidden")])
def test_a_missing_permission_is_named(data_type, permission, status, text):
    with pytest.raises(DestinationRefused, match=permission):
        read(data_type, status, {"message": text})


@pytest.mark.parametrize("text", ["Invalid API key: s3cret", "Invalid API Key"])
def test_an_unknown_key_is_told_and_never_repeated(text):
    with pytest.raises(DestinationRefused, match="does not know the API key") as raised:
        read("attributes", 401, {"message": text})
    assert "s3cret" not in str(raised.value)
    assert "permission" not in str(raised.value)


@pytest.mark.parametrize("status", [401, 403, 404, 407])
def test_a_refusal_that_is_not_brazes_says_so(status):
    with pytest.raises(DestinationRefused, match="proxy or firewall"):
        read("attributes", status, b"<html>blocked</html>")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "no such path"),
        (301, "redirects"),
        (307, "redirects"),
        (407, "HTTPS_PROXY"),
        (415, "content type"),
        (405, "not documented"),
        (418, "not documented"),
        (100, "not documented"),
    ],
)
def test_other_statuses_stop_the_sync_and_say_where_to_look(status, words):
    with pytest.raises(DestinationRefused, match=words) as raised:
        read("attributes", status, {"message": "Not Found"})
    assert f"Braze answered {status} to POST /users/track" in str(raised.value)


def test_a_404_of_a_catalog_without_its_error_is_a_wrong_path():
    with pytest.raises(DestinationRefused, match="no such path"):
        read("catalog_items", 404, {"message": "Not Found"})


# --- busy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x-ratelimit-retry-after": "2"}, 2.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"x-ratelimit-reset": "1790000003", "x-ratelimit-remaining": "0"}, 3.0),
        ({"x-ratelimit-reset": "1743"}, 1743.0),
        ({"x-ratelimit-retry-after": "2", "retry-after": "5", "x-ratelimit-reset": "9"}, 2.0),
        ({"retry-after": "5", "x-ratelimit-reset": "9"}, 5.0),
        ({"x-ratelimit-retry-after": "", "retry-after": "soon", "x-ratelimit-reset": "9"}, 9.0),
        ({"x-ratelimit-reset": "1789999999"}, None),
        ({"x-ratelimit-reset": "1790000003000"}, None),
        ({"x-ratelimit-reset": "1790090000"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"x-ratelimit-limit": "", "x-ratelimit-remaining": "", "x-ratelimit-reset": ""}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("data_type", ["attributes", "user_deletes", "catalog_items"])
def test_over_the_rate_limit_is_busy_for_as_long_as_braze_says(data_type, headers, wait):
    verdict = read(data_type, 429, {"message": "Rate limited"}, headers=headers)
    assert isinstance(verdict, Throttled)
    assert verdict.wait == wait
