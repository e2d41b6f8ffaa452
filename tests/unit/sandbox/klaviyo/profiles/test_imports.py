"""Bulk imports of profiles: all or nothing at first, then a job that names what failed later."""

from __future__ import annotations

import json

import pytest
from support.klaviyo_world import pointers

ADA = {"email": "ada@acme-demo.io", "first_name": "Ada"}
ROWS = "/data/attributes/profiles/data"
BAD_PHONE = "Invalid phone number format"
NO_SMS = "The phone number provided either does not exist or is ineligible to receive ChannelType.SMS"


def details(answer):
    return [error["detail"] for error in answer.json()["errors"]]


def test_a_job_is_queued_first_and_says_until_when_it_can_be_seen(make_klaviyo):
    klaviyo = make_klaviyo(now=1_795_255_200.0)  # 2026-11-21T10:00:00Z
    answer = klaviyo.import_profiles({"attributes": ADA})
    assert answer.status_code == 202
    job = answer.json()["data"]
    assert job["type"] == "profile-bulk-import-job"
    assert job["attributes"] == {
        "status": "queued",
        "created_at": "2026-11-21T10:00:00+00:00",
        "total_count": 1,
        "completed_count": 0,
        "failed_count": 0,
        "completed_at": None,
        "expires_at": "2026-11-28T10:00:00+00:00",
        "started_at": None,
    }
    assert job["relationships"]["import-errors"]["links"]["related"].endswith(f"/{job['id']}/import-errors/")


def test_an_imported_profile_is_there_once_its_job_is_complete(klaviyo):
    job = klaviyo.import_attributes({**ADA, "properties": {"tier": "gold"}, "location": {"city": "Berlin"}})
    assert klaviyo.job(job)["status"] == "complete"
    held = klaviyo.profile(email="ada@acme-demo.io")
    assert (held["first_name"], held["properties"], held["location"]) == ("Ada", {"tier": "gold"}, {"city": "Berlin"})


def test_importing_sets_no_consent(klaviyo):
    klaviyo.import_attributes(ADA, lists=[klaviyo.create_list()])
    held = klaviyo.profile(email="ada@acme-demo.io")
    assert (held["lists"], held["consent"]) == (["Warehouse"], {})


def test_one_bad_profile_refuses_the_whole_request_and_is_pointed_at(klaviyo):
    answer = klaviyo.import_profiles({"attributes": ADA}, {"attributes": {"email": "nobody"}})
    assert pointers(answer) == [f"{ROWS}/1/attributes/email"]
    assert details(answer) == ["Invalid email address"]
    assert (klaviyo.state()["profiles"], klaviyo.state()["jobs"]) == (0, {})


def test_all_bad_profiles_are_named_in_one_answer(klaviyo):
    bad = {"email": "nobody", "phone_number": "0151"}
    answer = klaviyo.import_profiles(*({"attributes": bad if n % 2 else ADA} for n in range(4)))
    assert pointers(answer) == [f"{ROWS}/{n}/attributes/{name}" for n in (1, 3) for name in ("email", "phone_number")]


def test_the_number_of_errors_in_one_answer_can_be_limited(make_klaviyo):
    klaviyo = make_klaviyo(errors_listed=2)
    answer = klaviyo.import_profiles(*({"attributes": {"email": "nobody"}} for _ in range(5)))
    assert len(pointers(answer)) == 2


@pytest.mark.parametrize(
    ("profile", "pointer"),
    [
        (1, "/type"),
        ({"type": "user", "attributes": {}}, "/type"),
        ({"attributes": 1}, "/attributes"),
        ({"attributes": {}}, "/attributes"),
        ({"attributes": {"first_name": "Ada"}}, "/attributes"),
        ({"attributes": {"email": 7}}, "/attributes/email"),
        ({"attributes": {"email": "a@b"}}, "/attributes/email"),
        ({"attributes": {"email": "a..b@acme.io"}}, "/attributes/email"),
        ({"attributes": {"email": "a" * 92 + "@acme.io.x1.io"}}, "/attributes/email"),
        ({"attributes": {"external_id": ""}}, "/attributes/external_id"),
        ({"attributes": {"external_id": "x" * 256}}, "/attributes/external_id"),
        ({"attributes": {"external_id": "x", "first_name": 1}}, "/attributes/first_name"),
        ({"attributes": {"external_id": "x", "tier": "gold"}}, "/attributes/tier"),
        ({"attributes": {"external_id": "x", "anonymous_id": "y"}}, "/attributes/anonymous_id"),
        ({"attributes": {"external_id": "x", "properties": []}}, "/attributes/properties"),
        ({"attributes": {"external_id": "x", "location": "Berlin"}}, "/attributes/location"),
        ({"attributes": {"external_id": "x", "location": {"planet": "Mars"}}}, "/attributes/location/planet"),
        ({"attributes": {"external_id": "x", "location": {"latitude": True}}}, "/attributes/location/latitude"),
        ({"attributes": {"external_id": "x"}, "meta": []}, "/meta"),
        ({"attributes": {"external_id": "x"}, "meta": {"patch_properties": 1}}, "/meta/patch_properties"),
        (
            {"attributes": {"external_id": "x"}, "meta": {"patch_properties": {"unset": 1}}},
            "/meta/patch_properties/unset",
        ),
        ({"attributes": {"external_id": "x", "properties": {"text": "x" * 100_000}}}, ""),
    ],
    ids=lambda value: json.dumps(value)[:80],
)
def test_what_is_wrong_with_a_profile_is_pointed_at(klaviyo, profile, pointer):
    thing = profile if not isinstance(profile, dict) else {"type": "profile", **profile}
    content = {"profiles": {"data": [thing]}}
    answer = klaviyo.send("profile-bulk-import-jobs", "profile-bulk-import-job", content)
    assert pointers(answer) == [f"{ROWS}/0{pointer}"]


@pytest.mark.parametrize(
    ("phone", "detail"),
    [
        ("015112345678", BAD_PHONE),
        ("+49 151 12345678", BAD_PHONE),
        ("+1234567890123456", BAD_PHONE),
        (4915112345678, BAD_PHONE),
        ("+15551234567", NO_SMS),
        ("+1617555", NO_SMS),
        ("+11175551234", NO_SMS),
        ("+999123456789", NO_SMS),
        ("+4930", NO_SMS),
    ],
)
def test_a_phone_number_that_cannot_be_is_refused_in_the_words_that_integrations_match(klaviyo, phone, detail):
    assert details(klaviyo.import_profiles({"attributes": {"phone_number": phone}})) == [detail]


@pytest.mark.parametrize("phone", ["+4915112345678", "+16175551234", "+821012345678"])
def test_a_phone_number_that_can_be_is_taken(klaviyo, phone):
    klaviyo.import_attributes({"phone_number": phone})
    assert klaviyo.profile(phone_number=phone)


def test_without_sms_a_phone_number_alone_identifies_nobody(make_klaviyo):
    klaviyo = make_klaviyo(sms=False)
    answer = klaviyo.import_profiles({"attributes": {"phone_number": "+4915112345678"}})
    assert pointers(answer) == [f"{ROWS}/0/attributes/phone_number"]
    klaviyo.import_attributes({"phone_number": "+4915112345678", **ADA})


def test_until_2026_a_profile_could_have_an_anonymous_id(klaviyo):
    klaviyo.import_attributes({**ADA, "anonymous_id": "x"}, revision="2025-10-15")


@pytest.mark.parametrize("profiles", [0, 10_001])
def test_none_and_more_than_ten_thousand_profiles_are_refused(klaviyo, profiles):
    answer = klaviyo.import_profiles(*({"attributes": {"external_id": f"c-{n}"}} for n in range(profiles)))
    assert pointers(answer) == [ROWS]


def test_named_profiles_are_refused_on_demand(klaviyo):
    klaviyo.sandbox.set_fault(kind="refuse", identifiers=["external_id:c-2"], error="Not this one")
    answer = klaviyo.import_profiles({"attributes": ADA}, {"attributes": {"external_id": "c-2"}})
    assert (pointers(answer), details(answer)) == ([f"{ROWS}/1"], ["Not this one"])


def test_an_unknown_list_is_not_the_fault_of_a_row(klaviyo):
    answer = klaviyo.import_profiles({"attributes": ADA}, lists=[klaviyo.create_list(), "NoPe99"])
    assert pointers(answer) == ["/data/relationships/lists/data/1/id"]
    assert details(answer) == ["List NoPe99 was not found"]


def test_ten_thousand_profiles_with_25_bad_ones_are_imported_in_two_requests(klaviyo):
    rows = [{"email": f"p{n}@acme.io"} for n in range(10_000)]
    for n in range(25):
        rows[n * 397] = {"email": f"p{n}"} if n % 2 else {"email": f"p{n}@acme.io", "phone_number": "0"}
    named = {
        int(pointer.split("/")[5])
        for pointer in pointers(klaviyo.import_profiles(*({"attributes": row} for row in rows)))
    }
    assert named == {n * 397 for n in range(25)}
    job = klaviyo.import_attributes(*(row for index, row in enumerate(rows) if index not in named))
    assert klaviyo.job(job)["completed_count"] == klaviyo.state()["profiles"] == 9_975
