"""on_bad_phone="drop": a bad phone number costs only itself, never the row that has another identifier."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from support.klaviyo_rows import ADA, NOT_UTF8, VISIT, code_of, encode_row, event, make, profile, rows_of
from support.klaviyo_sync import KlaviyoSide, sync_into_klaviyo

from airflow_provider_cdi.destinations.klaviyo import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.responses.codes import NOTICE_CODES
from airflow_provider_cdi.engine.verdicts import Completed, FollowUp, Response
from airflow_provider_cdi.exceptions import JobsRunning
from airflow_provider_cdi.testing.memory_runs import MemoryJournal

#: Forms of numbers that are not E.164, and what cannot even be read.
BAD = ["0151 234567", "secret", "+49 151 2345678", "+0123456789", "+1234567890123456", NOT_UTF8]
INELIGIBLE, GOOD = "+9991234567", "+4915112345678"
DROP = {"on_bad_phone": "drop"}
IMPORT = "POST /api/profile-bulk-import-jobs"


def told(record):
    return [notice.code for notice in record.adjusted]


async def profiles(side):
    found = await side.control("GET", "/klaviyo/profiles?limit=1000")
    return {profile["email"]: profile for profile in found["profiles"]}


async def events(side):
    found = await side.control("GET", "/klaviyo/events?limit=1000")
    return [entry["properties"].get("number") for entry in found["events"]]


def named(outcome):
    return [(line.outcome, line.code, line.identifier.get("EMAIL")) for line in outcome.journal.rejects]


# --- found before sending -------------------------------------------------------------------------------


@pytest.mark.parametrize("phone", BAD)
@pytest.mark.parametrize(("data_type", "row"), [("profiles", ADA), ("events", VISIT)])
def test_a_row_goes_without_a_number_that_is_bad(phone, data_type, row):
    record = encode_row({**row, "PHONE_NUMBER": phone}, data_type, **DROP)
    assert b"phone_number" not in record.body
    assert b"ada@acme-demo.io" in record.body
    assert told(record) == ["phone_dropped"]


@pytest.mark.parametrize("name", ["EMAIL", "EXTERNAL_ID", "KLAVIYO_ID"])
def test_any_other_identifier_carries_the_row(name):
    record = encode_row({name: "ada@acme-demo.io", "PHONE_NUMBER": "0"}, **DROP)
    assert told(record) == ["phone_dropped"]
    assert record.others == ()


@pytest.mark.parametrize("phone", BAD)
@pytest.mark.parametrize("email", [None, " "])
def test_a_row_that_has_nothing_but_a_bad_number_is_a_reject(phone, email):
    row = {"EMAIL": email, "PHONE_NUMBER": phone}
    assert code_of(row, **DROP) == code_of(row)
    assert code_of(row, **DROP) in ("phone_invalid", "identifier_unreadable")


def test_a_bad_address_is_a_reject_whatever_the_number():
    assert code_of({"EMAIL": "ada", "PHONE_NUMBER": "0"}, **DROP) == "email_invalid"
    assert code_of({"EMAIL": "ada", "PHONE_NUMBER": NOT_UTF8}, **DROP) == "email_invalid"
    assert code_of({"EMAIL": NOT_UTF8, "PHONE_NUMBER": GOOD}, **DROP) == "identifier_unreadable"


def test_a_number_that_cannot_exist_in_the_default_region_is_dropped_too():
    assert told(encode_row({**ADA, "PHONE_NUMBER": "12"}, default_region="DE", **DROP)) == ["phone_dropped"]
    found = profile({**ADA, "PHONE_NUMBER": "0151 12345678"}, default_region="DE", **DROP)
    assert found["attributes"]["phone_number"] == GOOD


def test_a_good_number_and_no_number_are_not_noted():
    good, empty = make(**DROP).encode(rows_of(EMAIL=["a@b.io", "c@d.io"], PHONE_NUMBER=[GOOD, None]))
    assert (told(good), told(empty)) == ([], [])
    assert (
        event({**VISIT, "PHONE_NUMBER": GOOD}, **DROP)["unique_id"]
        == event({**VISIT, "PHONE_NUMBER": GOOD})["unique_id"]
    )


def test_a_bad_number_in_the_middle_leaves_its_neighbours_alone():
    phones = pa.array([GOOD, "0", GOOD])
    records = make(**DROP).encode(rows_of(EMAIL=["a@b.io", "c@d.io", "e@f.io"], PHONE_NUMBER=phones))
    assert [told(record) for record in records] == [[], ["phone_dropped"], []]
    assert [b"phone_number" in record.body for record in records] == [True, False, True]


def test_without_the_choice_the_row_is_a_reject():
    assert code_of({**ADA, "PHONE_NUMBER": "0"}) == "phone_invalid"


# --- refused by Klaviyo ---------------------------------------------------------------------------------


def table(**columns):
    phones = [GOOD, INELIGIBLE, None, "0", "+9991234568"]
    emails = [f"p{n}@acme-demo.io" for n in range(5)]
    return {"EMAIL": emails, "PHONE_NUMBER": pa.array(phones), **columns}


THREE = [("accepted", "phone_dropped", f"p{n}@acme-demo.io") for n in (1, 3, 4)]


@pytest.mark.parametrize("listed", [None, 1])
def test_profiles_that_klaviyo_refuses_for_their_number_are_imported_without_it(listed):
    side = KlaviyoSide({"errors_listed": listed})
    outcome = sync_into_klaviyo(table(points=[1.10, 2, 3, 4, 5]), side=side, look=profiles, **DROP)
    assert outcome.error is None
    assert (outcome.totals.accepted, outcome.totals.rejected, outcome.totals.rows_read) == (5, 0, 5)
    assert outcome.report.to_json()["adjusted"] == {"phone_dropped": 3}
    assert named(outcome) == THREE
    assert {email: found.get("phone_number") for email, found in outcome.seen.items()} == {
        f"p{n}@acme-demo.io": GOOD if n == 0 else None for n in range(5)
    }
    assert outcome.seen["p1@acme-demo.io"]["properties"]["points"] == 2


def test_without_the_choice_klaviyos_refusal_costs_the_rows():
    outcome = sync_into_klaviyo(table(), look=profiles)
    assert (outcome.totals.accepted, outcome.totals.rejected) == (2, 3)


def test_a_row_whose_number_is_all_it_has_stays_a_reject():
    columns = {"EMAIL": pa.array([None, "p@acme-demo.io"]), "PHONE_NUMBER": [INELIGIBLE, INELIGIBLE]}
    outcome = sync_into_klaviyo(columns, look=profiles, **DROP)
    assert sorted(named(outcome), key=str) == [
        ("accepted", "phone_dropped", "p@acme-demo.io"),
        ("rejected", "klaviyo_phone_ineligible", None),
    ]


def test_other_faults_of_the_same_request_stay_rejects():
    emails = ["p0@acme-demo.io", "p1@acme..io", "p2@acme-demo.io"]
    outcome = sync_into_klaviyo({"EMAIL": emails, "PHONE_NUMBER": [INELIGIBLE, GOOD, None]}, look=profiles, **DROP)
    assert named(outcome) == [
        ("accepted", "phone_dropped", "p0@acme-demo.io"),
        ("rejected", "klaviyo_email_invalid", "p1@acme..io"),
    ]
    assert set(outcome.seen) == {"p0@acme-demo.io", "p2@acme-demo.io"}


def test_a_number_that_is_refused_inside_of_a_job_is_left_out_of_a_second_one():
    fault = {
        "kind": "import_error",
        "error": "Invalid phone number format",
        "identifiers": ["email:p0@acme-demo.io"],
        "times": 1,
    }
    columns = {"EMAIL": ["p0@acme-demo.io", "p1@acme-demo.io"], "PHONE_NUMBER": pa.array([GOOD, None])}
    side = KlaviyoSide(faults=[fault])
    outcome = sync_into_klaviyo(columns, side=side, look=profiles, **DROP)
    assert (outcome.totals.accepted, named(outcome)) == (2, [("accepted", "phone_dropped", "p0@acme-demo.io")])
    assert len(side.family(IMPORT)) == 2
    assert outcome.seen["p0@acme-demo.io"].get("phone_number") is None


def test_the_profile_that_clears_a_field_goes_without_its_number_too():
    columns = {"EMAIL": ["p0@acme-demo.io"], "PHONE_NUMBER": [INELIGIBLE], "LAST_NAME": pa.array([None], pa.string())}
    outcome = sync_into_klaviyo(columns, null_policy="clear", look=profiles, **DROP)
    assert (outcome.totals.accepted, named(outcome)) == (1, [("accepted", "phone_dropped", "p0@acme-demo.io")])
    assert "p0@acme-demo.io" in outcome.seen


def test_lists_and_known_people_work_as_ever():
    async def know(side):
        for n in (0, 1):
            body = {"data": {"type": "profile", "attributes": {"email": f"p{n}@acme-demo.io"}}}
            assert (await side.call("POST", "/api/profile-import", json.dumps(body).encode())).status == 201

    outcome = sync_into_klaviyo(table(FIRST_NAME=["Ada"] * 5), update_only=True, before=know, look=profiles, **DROP)
    assert outcome.error is None
    assert (outcome.totals.accepted, outcome.totals.skipped_because) == (2, {"unknown_profile": 3})
    assert named(outcome) == THREE[:1]
    assert outcome.seen["p1@acme-demo.io"]["first_name"] == "Ada"


def test_a_number_that_klaviyo_does_not_want_to_be_asked_about_is_left_out():
    destination = make(update_only=True, **DROP)
    records = destination.encode(rows_of(EMAIL=["a@b.io", "c@d.io"], PHONE_NUMBER=[GOOD, "+4915112345679"]))
    verdict = FollowUp(destination.request(records), lambda answer: destination.interpret_response(answer, records))
    while isinstance(verdict, FollowUp):
        asks_about_it = "%2B4915112345678" in verdict.request.path
        verdict = verdict.read(refused_filter() if asks_about_it else Response(200, {}, b'{"data":[]}'))
    assert isinstance(verdict, Completed)
    assert (verdict.rejected, verdict.skipped) == ({}, {1: "unknown_profile"})
    assert b"phone_number" not in verdict.mended[0].body


def refused_filter():
    return Response(400, {}, b'{"errors":[{"detail":"Odd value","source":{"parameter":"filter"}}]}')


def test_the_digits_of_a_profile_stay_what_they_were():
    destination = make(**DROP)
    (record,) = destination.encode(
        rows_of(
            EMAIL=["a@b.io"], PHONE_NUMBER=[GOOD], PAYLOAD=['{"a":1.10,"b":12345678901234567890,"phone_number":"x"}']
        )
    )
    verdict = destination.interpret_response(refused_phone(), [record])
    assert json.loads(verdict.mended[0].body, parse_float=str, parse_int=str)["attributes"] == {
        "email": "a@b.io",
        "properties": {"a": "1.10", "b": "12345678901234567890", "phone_number": "x"},
    }
    assert (verdict.mended[0].key, verdict.mended[0].others) == (record.key, record.others)


def refused_phone():
    error = {
        "detail": "Invalid phone number format",
        "source": {"pointer": "/data/attributes/profiles/data/0/attributes/phone_number"},
    }
    return Response(400, {}, json.dumps({"errors": [error]}).encode())


# --- events ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backfill", [True, False])
def test_events_whose_person_has_a_number_that_klaviyo_refuses_are_recorded_without_it(backfill):
    columns = table(EVENT_TIME=[datetime(2026, 1, 5, 9, tzinfo=UTC)] * 5, number=[0, 1, 2, 3, 4])
    outcome = sync_into_klaviyo(columns, "events", metric="Visit", backfill=backfill, look=events, **DROP)
    assert outcome.error is None
    assert (outcome.totals.accepted, outcome.totals.rejected) == (5, 0)
    assert named(outcome) == THREE
    assert sorted(outcome.seen) == [0, 1, 2, 3, 4]
    for _, request in outcome.side.requests:
        entries = json.loads(request.body)["data"]["attributes"]["events-bulk-create"]["data"]
        assert {entry["attributes"].get("backfill", False) for entry in entries} == {backfill}


def test_all_events_of_a_person_are_recorded_and_an_event_of_a_number_alone_is_a_reject():
    columns = {
        "EMAIL": pa.array(["p@acme-demo.io", "p@acme-demo.io", None]),
        "PHONE_NUMBER": [INELIGIBLE, INELIGIBLE, "+9991234568"],
        "EVENT_TIME": [datetime(2026, 1, 5, 9, tzinfo=UTC)] * 3,
        "number": [0, 1, 2],
    }
    outcome = sync_into_klaviyo(columns, "events", metric="Visit", look=events, **DROP)
    assert (outcome.totals.accepted, outcome.totals.rejected) == (2, 1)
    assert outcome.report.to_json()["adjusted"] == {"phone_dropped": 2}
    assert sorted(outcome.seen) == [0, 1]


# --- consent --------------------------------------------------------------------------------------------


def test_a_consent_to_text_messages_is_a_reject_and_the_one_to_mail_is_delivered_without_the_choice():
    columns = {
        "EMAIL": ["p@acme-demo.io"],
        "PHONE_NUMBER": [INELIGIBLE],
        "EMAIL_MARKETING": [True],
        "SMS_MARKETING": [True],
    }
    outcome = sync_into_klaviyo(columns, "subscribe", look=profiles)
    assert (outcome.totals.accepted, outcome.totals.rejected) == (0, 1)
    (line,) = outcome.journal.rejects
    assert (line.outcome, line.code) == ("rejected", "klaviyo_phone_ineligible")
    found = outcome.seen["p@acme-demo.io"]
    assert "SUBSCRIBED" not in json.dumps(found.get("subscriptions", {}).get("sms", {}))


# --- the whole ------------------------------------------------------------------------------------------


class Lasting(KlaviyoSide):
    """The other side outlives a sync."""

    def open(self):
        if not hasattr(self, "_app"):
            super().open()

    def close(self):
        pass


def deferred(columns, side):
    """Give the worker back whenever jobs are at work, and go on until the run has ended."""
    journal = MemoryJournal()
    for tries in range(1, 10):
        outcome = sync_into_klaviyo(
            columns, side=side, journal=journal, saved=journal.progress, patience=50.0, look=profiles, **DROP
        )
        side.faults = ()  # they stand already
        if not isinstance(outcome.error, JobsRunning):
            assert outcome.error is None
            return outcome, tries
    raise AssertionError("the run never ended")


def test_a_deferred_import_finds_its_job_again_and_names_the_numbers_that_were_dropped():
    side = Lasting({"job_polls": [8, 0]})
    outcome, tries = deferred(table(), side)
    assert tries > 1
    assert (outcome.totals.accepted, named(outcome)) == (5, THREE)
    # Refused, accepted; and refused once more in each try, because the row still has the number.
    assert (side.answers[202], side.answers[400]) == (1, tries)


def test_a_number_that_is_refused_inside_of_a_job_is_found_again_after_a_deferral():
    fault = {
        "kind": "import_error",
        "error": "Invalid phone number format",
        "identifiers": ["email:p0@acme-demo.io"],
        "times": 1,
    }
    side = Lasting({"job_polls": [8, 0]}, faults=[fault])
    columns = {"EMAIL": ["p0@acme-demo.io", "p1@acme-demo.io"], "PHONE_NUMBER": pa.array([GOOD, None])}
    outcome, tries = deferred(columns, side)
    assert tries > 2
    assert (outcome.totals.accepted, named(outcome)) == (2, [("accepted", "phone_dropped", "p0@acme-demo.io")])
    assert (side.answers[202], len(outcome.seen)) == (2, 2)
    assert outcome.seen["p0@acme-demo.io"].get("phone_number") is None


def test_the_docs_list_the_notices():
    page = (Path(__file__).parents[4] / "docs" / "rejects.md").read_text()
    assert all(f"| `{name}` | {code.meaning} | {code.cure} |" in page for name, code in NOTICE_CODES.items())


def test_many_bad_numbers_cost_one_more_request_and_no_more():
    count = 300
    columns = {
        "EMAIL": [f"p{n}@acme-demo.io" for n in range(count)],
        "PHONE_NUMBER": [f"+999{n:07d}" if n % 3 else None for n in range(count)],
    }
    outcome = sync_into_klaviyo(columns, limits=KlaviyoLimits(import_profiles=1_000), **DROP)
    assert (outcome.totals.accepted, len(outcome.side.family(IMPORT))) == (count, 2)
