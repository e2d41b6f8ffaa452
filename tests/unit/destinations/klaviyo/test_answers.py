"""What Klaviyo's answers to a submission mean."""

from __future__ import annotations

import json

import pytest
from support.klaviyo_rows import ADA, VISIT, encode_row, make, rows_of

from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, Completed, FollowUp, Response, Throttled
from airflow_provider_cdi.exceptions import DestinationRefused

ROWS = "/data/attributes/profiles/data"
INELIGIBLE = "The phone number provided either does not exist or is ineligible to receive ChannelType.SMS"
SECRET = "mailbox7731@acme-demo.io"


def error(detail="Wrong", pointer="/data", **more):
    return {"id": "x", "status": 400, "code": "invalid", "title": "Invalid input.", "detail": detail} | {
        "source": {"pointer": pointer},
        **more,
    }


def refusal(*errors, status=400):
    return Response(status, {}, json.dumps({"errors": list(errors)}).encode())


def profiles(count=3, **columns):
    return make().encode(rows_of(EMAIL=[f"p{n}@acme-demo.io" for n in range(count)], **columns))


def read(answer, records=None, data_type="profiles", **options):
    destination = make(data_type, **options)
    return destination.interpret_response(answer, records or (profiles() if data_type == "profiles" else [visit()]))


def visit(**row):
    return encode_row({**VISIT, **row}, "events")


# --- errors that point at rows --------------------------------------------------------------------------


def test_rows_that_are_pointed_at_are_named_with_klaviyos_own_reason():
    verdict = read(
        refusal(
            error("Invalid email address", f"{ROWS}/0/attributes/email"),
            error(INELIGIBLE, f"{ROWS}/2/attributes/phone_number"),
        )
    )
    assert isinstance(verdict, BatchRejected)
    assert {place: (each.code, each.reason) for place, each in verdict.named.items()} == {
        0: ("klaviyo_email_invalid", "Klaviyo: Invalid email address"),
        2: ("klaviyo_phone_ineligible", f"Klaviyo: {INELIGIBLE}"),
    }


def test_of_several_errors_of_one_row_the_first_counts():
    verdict = read(refusal(error("First", f"{ROWS}/1/attributes/email"), error("Second", f"{ROWS}/1")))
    assert [each.reason for each in verdict.named.values()] == ["Klaviyo: First"]


def test_rows_are_named_even_beside_an_error_that_points_elsewhere():
    verdict = read(refusal(error("Odd", "/data"), error("Bad", f"{ROWS}/1/attributes")))
    assert set(verdict.named) == {1}


@pytest.mark.parametrize("pointer", [f"{ROWS}/3", f"{ROWS}/99/attributes/email", f"{ROWS}/-1", f"{ROWS}/x"])
def test_a_pointer_to_no_row_names_none(pointer):
    assert read(refusal(error("Bad", pointer))) == BatchRejected(read(refusal(error("Bad", pointer))).rejection, {})


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"errors":{}}', b'{"errors":[7]}', b'{"errors":[{"source":[],"detail":7}]}'],
)
@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refusal_in_another_form_than_klaviyos_is_tried_again(status, body):
    assert isinstance(read(Response(status, {}, body)), Throttled)


@pytest.mark.parametrize("answer", [Response(413, {}, b"<html>"), refusal(error("Too large"), status=413)])
def test_a_request_that_is_too_large_is_halved(answer):
    assert read(answer) == BatchRejected(read(answer).rejection, {})
    assert read(answer).rejection.code == "klaviyo_too_large"


def test_only_klaviyo_can_say_that_a_row_is_too_large():
    assert read(refusal(error("Too large"), status=413), profiles(1)).named[0].code == "klaviyo_too_large"
    with pytest.raises(DestinationRefused, match="not even one row's"):
        read(Response(413, {}, b"<html>"), profiles(1))


def test_a_request_with_too_much_in_it_is_halved_and_one_row_is_not_blamed_for_it():
    too_many = refusal(error("At most 2 objects are allowed in one request", ROWS))
    assert read(too_many) == BatchRejected(read(too_many).rejection, {})
    with pytest.raises(DestinationRefused, match="concerns the request"):
        read(too_many, profiles(1))


def test_a_single_profile_is_named_by_any_pointer_into_it():
    record = encode_row({**ADA, "plan": None}, null_policy="clear")
    verdict = make(null_policy="clear").interpret_response(
        refusal(error("Invalid email address", "/data/attributes/email")), [record]
    )
    assert verdict.named[0].code == "klaviyo_email_invalid"


# --- personal data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "detail",
    [
        f"Duplicate email found: {SECRET}",
        f"'{SECRET.upper()}' is taken",
        "The number +49 151 1234-5678 is taken",
        "Plan secret-plan is unknown",
        "key pk_abc123 is wrong",
    ],
)
def test_no_value_of_the_row_and_no_secret_is_in_the_reason(detail):
    records = make().encode(rows_of(EMAIL=[SECRET], PHONE_NUMBER=["+4915112345678"], plan=["secret-plan"]))
    reason = read(refusal(error(detail, f"{ROWS}/0")), records).named[0].reason
    for secret in ("mailbox7731", "MAILBOX7731", "1234", "secret-plan", "pk_abc123"):
        assert secret not in reason
    assert "…" in reason


def test_long_sentences_are_cut():
    assert len(read(refusal(error("x " * 500, f"{ROWS}/0"))).named[0].reason) == len("Klaviyo: ") + 300


def test_the_title_stands_in_for_a_missing_sentence():
    assert read(refusal(error(None, f"{ROWS}/0"))).named[0].reason == "Klaviyo: Invalid input."
    assert read(refusal({"source": {"pointer": f"{ROWS}/0"}})).named[0].reason == "Klaviyo: no reason given"


# --- errors that concern the sync -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        error("List NoPe99 was not found", "/data/relationships/lists/data/0/id"),
        error("A list with id NoPe99 does not exist", "/data"),
        error("The type must be x", "/data/type"),
        {**error("Bad include"), "source": {"parameter": "include"}},
        {**error("Bad revision"), "source": {"header": "revision"}},
        error("Invalid input.", "/data"),
        error("Invalid input.", "/data/attributes"),
        error("Invalid input.", ROWS),
        error("Invalid input.", ""),
        error("The maximum number of lists is exceeded", "/data/relationships/lists/data/0/id"),
    ],
)
def test_an_error_about_the_request_stops_the_sync(fault):
    with pytest.raises(DestinationRefused, match=r"Klaviyo answered 400 \(.*list_ids"):
        read(refusal(fault))


@pytest.mark.parametrize("detail", ["List NoPe99 was not found", "A list with id `NoPe99` does not exist."])
def test_a_list_that_is_not_there_is_called_missing(detail):
    with pytest.raises(DestinationRefused, match="this account has no such list") as refused:
        read(refusal(error(detail, "/data/relationships/lists/data/0/id")))
    assert refused.value.kind == "missing"


@pytest.mark.parametrize(
    ("detail", "pointer", "words"),
    [
        (
            "'backfill' is not a valid field for the resource 'event-bulk-create'.",
            "/data/attributes/events-bulk-create/data/0/attributes/backfill",
            "takes no field 'backfill' of 'event-bulk-create' .* under the revision 2026-01-15",
        ),
        ("'tokens' is a required field for the resource 'push'.", f"{ROWS}/0/attributes/subscriptions/push", "misses"),
        ("`attributes` is a required field for the resource 'event'.", f"{ROWS}/1", "misses the field 'attributes'"),
        ("page_size is not a valid field for the resource 'list'.", "", "takes no field 'page_size'"),
    ],
)
@pytest.mark.parametrize("beside", [[], [error("Invalid email address", f"{ROWS}/2/attributes/email")]])
def test_a_contract_error_stops_the_sync_though_it_points_at_a_row(detail, pointer, words, beside):
    answer = refusal(*beside, error(detail, pointer))
    with pytest.raises(DestinationRefused, match=words):
        read(Response(400, {"x-klaviyo-api-revision": "2026-01-15"}, answer.body))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "private key is missing, wrong or revoked"),
        (403, "profiles:write and lists:write"),
        (404, "does not exist"),
        (405, "not allowed"),
        (410, "Raise revision"),
        (415, "content type"),
        (302, "redirects"),
        (418, "not documented"),
    ],
)
def test_what_concerns_the_sync_stops_it_and_says_what_to_do(status, words):
    with pytest.raises(DestinationRefused, match=words):
        read(refusal(error("Some detail.", "/data/"), status=status))


def test_klaviyos_detail_is_told_and_a_foreign_answer_is_called_that():
    with pytest.raises(DestinationRefused, match=r"\(The key is missing the scope events:write\.\).*events:write"):
        read(refusal(error("The key is missing the scope events:write.", "/data/"), status=403), data_type="events")
    with pytest.raises(DestinationRefused, match="proxy or firewall"):
        read(Response(403, {}, b"<html>blocked</html>"))


def test_the_error_names_the_request_for_klaviyos_support():
    named = Response(403, {"x-klaviyo-req-id": "7d0a4c52-3f0b-4b57"}, b"")
    with pytest.raises(DestinationRefused, match="by its id 7d0a4c52-3f0b-4b57"):
        read(named)
    with pytest.raises(DestinationRefused) as error:
        read(Response(403, {"x-klaviyo-req-id": "<script> of a proxy"}, b""))
    assert "script" not in str(error.value)


# --- trouble --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({"retry-after": "17"}, 17), ({}, None), ({"retry-after": "Mon, 1 Jan"}, None), ({"retry-after": "1e9"}, None)],
)
@pytest.mark.parametrize("data_type", ["profiles", "events"])
def test_too_many_requests_wait_as_long_as_klaviyo_asks(headers, wait, data_type):
    assert read(Response(429, headers, b""), data_type=data_type) == Throttled(
        "Klaviyo answered 429: over the rate limit", wait
    )


@pytest.mark.parametrize("data_type", ["profiles", "events"])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 524, 408])
def test_trouble_on_the_other_side_leaves_it_open(status, data_type):
    assert isinstance(read(Response(status, {}, b"<html>"), data_type=data_type), Ambiguous)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":{"id":null}}', b'{"data":[]}'])
def test_an_acceptance_without_a_job_leaves_it_open(body):
    assert isinstance(read(Response(202, {}, body)), Ambiguous)
    record = encode_row({**ADA, "plan": None}, null_policy="clear")
    assert isinstance(make(null_policy="clear").interpret_response(Response(200, {}, body), [record]), Ambiguous)


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>Sign in</html>"), (202, b"<html>"), (204, b"")])
def test_an_acceptance_of_events_that_klaviyo_does_not_give_leaves_it_open(status, body):
    assert isinstance(read(Response(status, {}, body), data_type="events"), Ambiguous)


# --- events ---------------------------------------------------------------------------------------------

ENTRIES = "/data/attributes/events-bulk-create/data"


def visits():
    """Five events: two people in turn, and a third."""
    emails = ["a@b.io", "c@d.io", "a@b.io", "c@d.io", "e@f.io"]
    rows = rows_of(EMAIL=emails, EVENT_TIME=["2026-01-05T09:30:00Z"] * 5, UNIQUE_ID=[f"u-{n}" for n in range(5)])
    return make("events", metric="Visit").encode(rows)


def test_accepted_events_are_settled():
    assert read(Response(202, {}, b""), visits(), "events") == Completed()


@pytest.mark.parametrize(
    ("pointer", "places"),
    [
        (f"{ENTRIES}/1/attributes/profile/data/attributes/email", {1, 3}),
        (f"{ENTRIES}/0", {0, 2}),
        (f"{ENTRIES}/0/attributes/events/data/1/attributes/time", {2}),
        (f"{ENTRIES}/2/attributes/events/data/0", {4}),
        (f"{ENTRIES}/2/attributes/events/data/1", set()),
        (f"{ENTRIES}/3/attributes", set()),
    ],
)
def test_a_pointer_names_an_event_or_all_events_of_a_profile(pointer, places):
    assert set(read(refusal(error("Bad", pointer)), visits(), "events").named) == places


def test_events_that_klaviyo_has_already_are_passed_over_and_the_others_sent_again():
    records = visits()
    answer = refusal(
        error("Duplicate unique_id for the same profile", f"{ENTRIES}/0/attributes/events/data/1/attributes/unique_id"),
        error("Invalid phone number format", f"{ENTRIES}/2/attributes/profile/data/attributes/phone_number"),
    )
    verdict = read(answer, records, "events")
    assert isinstance(verdict, FollowUp)
    assert verdict.request == make("events", metric="Visit").request([records[0], records[1], records[3]])
    settled = verdict.read(Response(202, {}, b""))
    assert settled.skipped == {2: "duplicate_event"}
    assert {place: each.code for place, each in settled.rejected.items()} == {4: "klaviyo_phone_invalid"}


def test_a_request_of_repeats_only_is_done():
    pointer = f"{ENTRIES}/0/attributes/events/data/0/attributes/unique_id"
    assert read(refusal(error("Duplicate unique_id", pointer)), data_type="events") == Completed(
        {}, {0: "duplicate_event"}
    )
