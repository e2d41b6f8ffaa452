"""What Klaviyo's answers about consent and deletion mean."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from support.klaviyo_rows import make, rows_of

from airflow_provider_cdi.destinations.klaviyo import CONSENT_TYPES, ConsentArguments
from airflow_provider_cdi.destinations.klaviyo.responses.consent_codes import CONSENT_ANSWER_CODES
from airflow_provider_cdi.engine.verdicts import (
    Ambiguous,
    BatchRejected,
    Completed,
    FollowUp,
    Response,
    Throttled,
    Unattributed,
)
from airflow_provider_cdi.exceptions import DestinationRefused

ROWS = "/data/attributes/profiles/data"
ALL = ConsentArguments(channels=["sms_marketing"], allow_resubscribe=True)
NUMBER = "+4915112345678"
SILENT = ("subscribe", "unsubscribe", "privacy_deletions")
DIRECTIONS = ("suppress", "unsuppress")


def prepared(data_type, count=3):
    if data_type in ("subscribe", "unsubscribe"):
        consent = ALL if data_type == "subscribe" else ConsentArguments(channels=["sms_marketing"])
        destination = make(data_type, consent=consent)
        rows = rows_of(PHONE_NUMBER=[f"+49151123456{n:02}" for n in range(count)])
    else:
        destination, rows = make(data_type), rows_of(EMAIL=[f"p{n}@acme-demo.io" for n in range(count)])
    records = destination.encode(rows)
    return destination, records[: destination.limits.records]


def read(answer, data_type, count=3):
    destination, records = prepared(data_type, count)
    return destination.interpret_response(answer, records)


def refusal(detail, pointer, status=400):
    error = {"status": status, "code": "invalid", "detail": detail, "source": {"pointer": pointer}}
    return Response(status, {}, json.dumps({"errors": [error]}).encode())


# --- what all have in common ----------------------------------------------------------------------------


@pytest.mark.parametrize("data_type", SILENT)
def test_an_empty_202_accepts_all(data_type):
    assert read(Response(202, {}, b""), data_type) == Completed()


@pytest.mark.parametrize("data_type", SILENT)
@pytest.mark.parametrize("answer", [Response(200, {}, b"<html>"), Response(202, {}, b"<html>"), Response(204, {}, b"")])
def test_any_other_success_is_doubted(data_type, answer):
    assert isinstance(read(answer, data_type), Ambiguous)


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_a_429_says_how_long_to_wait(data_type):
    verdict = read(Response(429, {"retry-after": "7"}, b""), data_type)
    assert isinstance(verdict, Throttled)
    assert verdict.wait == 7


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_a_5xx_is_unclear(data_type):
    assert isinstance(read(Response(502, {}, b"<html>"), data_type), Ambiguous)


@pytest.mark.parametrize(
    ("data_type", "scope"),
    [*dict.fromkeys(CONSENT_TYPES[:4], "subscriptions:write").items(), ("privacy_deletions", "data-privacy:write")],
)
def test_a_missing_scope_stops_the_sync_and_is_named(data_type, scope):
    with pytest.raises(DestinationRefused, match=scope):
        read(Response(403, {}, b""), data_type)


@pytest.mark.parametrize("data_type", ["subscribe", "unsubscribe", "suppress", "unsuppress"])
def test_rows_that_are_pointed_at_are_named(data_type):
    verdict = read(refusal("Invalid phone number", f"{ROWS}/1/attributes/phone_number"), data_type)
    assert isinstance(verdict, BatchRejected)
    assert {place: each.code for place, each in verdict.named.items()} == {1: "klaviyo_phone_invalid"}


@pytest.mark.parametrize(
    ("code", "detail", "pointer"),
    [
        ("klaviyo_age_gate", "Required", "age_gated_date_of_birth"),
        ("klaviyo_age_gate", "The profile does not meet the age gate of this account", "phone_number"),
        ("klaviyo_region_unsupported", "The account has no sending number for the region of {}", "phone_number"),
        ("klaviyo_region_unsupported", "Country of {} is not supported for SMS", "phone_number"),
        ("klaviyo_region_unsupported", "Unsupported region", "phone_number"),
        ("klaviyo_consent_invalid", "Not so", "subscriptions/sms/marketing/consent"),
        ("klaviyo_phone_ineligible", "{} does not exist or is ineligible to receive SMS", "phone_number"),
        ("klaviyo_phone_invalid", "phone_number is empty", "phone_number"),
    ],
)
def test_refusals_of_sms_are_told_apart_without_the_number(code, detail, pointer):
    number = "+4915112345600"
    verdict = read(refusal(detail.format(number), f"{ROWS}/0/attributes/{pointer}"), "subscribe")
    assert verdict.named[0].code == code
    assert verdict.named[0].reason == f"Klaviyo: {detail.format('…')}"


def test_every_code_of_an_answer_is_produced_by_some_answer():
    tested = {"klaviyo_age_gate", "klaviyo_region_unsupported", "klaviyo_consent_invalid"}
    assert tested | {"klaviyo_suppression_skipped"} == set(CONSENT_ANSWER_CODES)


def test_a_list_that_does_not_exist_stops_the_sync():
    answer = refusal("List NoPe99 was not found", "/data/relationships/list/data/id")
    with pytest.raises(DestinationRefused, match="NoPe99"):
        read(answer, "subscribe")


# --- deletions ------------------------------------------------------------------------------------------


def test_a_deletion_that_klaviyo_refuses_is_named():
    verdict = read(
        refusal("Invalid email address", "/data/attributes/profile/data/attributes/email"), "privacy_deletions"
    )
    assert {place: each.code for place, each in verdict.named.items()} == {0: "klaviyo_email_invalid"}


def test_a_profile_that_is_not_there_does_not_end_the_run():
    missing = refusal("A profile with id `01K` does not exist.", "/data", 404)
    assert read(missing, "privacy_deletions") == Completed({}, {0: "unknown_profile"})


def test_any_other_404_stops_the_deletions():
    with pytest.raises(DestinationRefused, match="no such path"):
        read(refusal("Not found.", "/data", 404), "privacy_deletions")


# --- jobs of suppressions -------------------------------------------------------------------------------


def accepted(name="J"):
    return Response(202, {}, json.dumps({"data": {"id": name, "attributes": {"status": "processing"}}}).encode())


def state(status="complete", **counts):
    return Response(200, {}, json.dumps({"data": {"id": "J", "attributes": {"status": status, **counts}}}).encode())


def people(request, suppressed):
    """Show the profiles that a lookup asks for; ``suppressed`` says for which reasons each is."""
    query = parse_qs(urlsplit(request.path).query)
    emails = json.loads(query["filter"][0].removeprefix("any(email,").removesuffix(")"))
    found = [
        {
            "type": "profile",
            "attributes": {
                "email": email,
                "subscriptions": {"email": {"marketing": {"suppression": [{"reason": each} for each in reasons]}}},
            },
        }
        for email in emails
        if (reasons := suppressed.get(email)) is not None
    ]
    return Response(200, {}, json.dumps({"data": found}).encode())


def ended(data_type, *answers, count=3):
    """Submit, and give the first answers about the job."""
    destination, records = prepared(data_type, count)
    step = destination.interpret_response(accepted(), records)
    for answer in answers:
        assert isinstance(step, FollowUp)
        step = step.read(answer)
    return step


BY_HAND, NOT = ["USER_SUPPRESSED"], ["UNSUBSCRIBE"]


@pytest.mark.parametrize("data_type", DIRECTIONS)
def test_a_suppression_is_asked_for_until_it_has_ended(data_type):
    first = ended(data_type)
    assert (first.job, first.wait, first.request.method) == ("J", 2.0, "GET")
    assert first.request.family.endswith("/{id}")
    later = ended(data_type, state("processing"), state("queued"))
    assert later.wait > first.wait
    assert ended(data_type, state("processing"), state(skipped_count=0)) == Completed()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":{}}', b'{"data":{"id":""}}'])
def test_an_acceptance_without_a_job_is_doubted(body):
    assert isinstance(read(Response(202, {}, body), "suppress"), Ambiguous)


@pytest.mark.parametrize("body", [b"", b'{"data":{"attributes":{}}}', b'{"data":{"attributes":{"status":7}}}'])
def test_an_answer_without_the_state_of_the_job_is_doubted(body):
    assert isinstance(ended("suppress", Response(200, {}, body)), Ambiguous)


@pytest.mark.parametrize(("status", "code"), [("cancelled", "job_cancelled"), ("exploded", "job_failed")])
def test_a_job_that_did_not_complete_rejects_its_rows(status, code):
    verdict = ended("suppress", state(status))
    assert {place: each.code for place, each in verdict.rejected.items()} == dict.fromkeys(range(3), code)


def test_a_job_that_klaviyo_has_forgotten_is_submitted_again():
    destination, records = prepared("suppress")
    again = destination.attach("J", records).read(refusal("Not found.", "/data/", 404))
    assert again.request == destination.request(records)
    assert again.read(accepted("K")).job == "K"
    with pytest.raises(DestinationRefused, match="proxy"):
        destination.attach("J", records).read(Response(404, {}, b"<html>"))


@pytest.mark.parametrize(("status", "name"), [(203, "J"), (202, "J"), (200, "K")])
def test_the_state_of_another_job_or_with_another_status_is_no_state(status, name):
    body = {"data": {"id": name, "attributes": {"status": "complete", "skipped_count": 0}}}
    assert isinstance(ended("suppress", Response(status, {}, json.dumps(body).encode())), Ambiguous)


def test_a_job_of_another_type_was_not_accepted():
    body = {"data": {"type": "login", "id": "J"}}
    assert isinstance(read(Response(202, {}, json.dumps(body).encode()), "suppress"), Ambiguous)


@pytest.mark.parametrize("data_type", DIRECTIONS)
def test_skipped_addresses_that_are_as_wanted_are_passed_over_in_the_right_number(data_type):
    step = ended(data_type, state(skipped_count=2))
    verdict = step.read(
        people(step.request, {f"p{n}@acme-demo.io": BY_HAND if data_type == "suppress" else NOT for n in range(3)})
    )
    held = {"suppress": "already_suppressed", "unsuppress": "not_suppressed"}[data_type]
    assert (verdict.rejected, sorted(verdict.skipped.values())) == ({}, [held, held])


def test_an_address_that_was_skipped_and_is_not_suppressed_is_named():
    step = ended("suppress", state(skipped_count=2))
    verdict = step.read(
        people(step.request, {"p0@acme-demo.io": BY_HAND, "p1@acme-demo.io": NOT, "p2@acme-demo.io": BY_HAND})
    )
    assert {place: each.code for place, each in verdict.rejected.items()} == {1: "klaviyo_suppression_skipped"}
    assert list(verdict.skipped.values()) == ["already_suppressed"]


def test_an_address_that_klaviyo_does_not_know_is_not_suppressed_and_needs_no_unsuppressing():
    step = ended("suppress", state(skipped_count=1))
    verdict = step.read(people(step.request, {"p0@acme-demo.io": BY_HAND, "p1@acme-demo.io": BY_HAND}))
    assert (list(verdict.rejected), verdict.skipped) == ([2], {})
    step = ended("unsuppress", state(skipped_count=3))
    assert list(step.read(people(step.request, {})).skipped.values()) == ["not_suppressed"] * 3


def test_without_a_count_the_look_at_the_addresses_decides():
    step = ended("suppress", state())
    verdict = step.read(
        people(step.request, {"p0@acme-demo.io": BY_HAND, "p1@acme-demo.io": NOT, "p2@acme-demo.io": BY_HAND})
    )
    assert (list(verdict.rejected), verdict.skipped) == ([1], {})


def test_what_the_job_has_done_may_take_a_while_to_show():
    step = ended("suppress", state(skipped_count=1))
    step = step.read(people(step.request, {"p0@acme-demo.io": BY_HAND}))
    assert isinstance(step, FollowUp)
    assert step.wait > 0
    verdict = step.read(people(step.request, {f"p{n}@acme-demo.io": BY_HAND for n in range(3)}))
    assert verdict.rejected == {}
    assert list(verdict.skipped.values()) == ["already_suppressed"]


def test_what_never_shows_is_left_open():
    step = ended("suppress", state(skipped_count=1))
    looks = 0
    while isinstance(step, FollowUp):
        step, looks = step.read(people(step.request, {})), looks + 1
    assert isinstance(step, Unattributed)
    assert looks == 4


def test_a_profile_that_does_not_show_its_suppressions_tells_nothing():
    step = ended("suppress", state(skipped_count=1), count=1)
    hidden = {"data": [{"type": "profile", "attributes": {"email": "p0@acme-demo.io"}}]}
    with pytest.raises(DestinationRefused, match="without its consent"):
        step.read(Response(200, {}, json.dumps(hidden).encode()))


def test_a_key_that_may_not_look_at_jobs_stops_the_sync():
    with pytest.raises(DestinationRefused, match="subscriptions:read"):
        ended("suppress", Response(403, {}, b""))
    with pytest.raises(DestinationRefused, match="Wrong"):
        ended("suppress", refusal("Wrong", "/data"))
