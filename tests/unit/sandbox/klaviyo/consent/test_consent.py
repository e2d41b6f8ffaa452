"""Consent is apart from data: subscribe, unsubscribe, suppress, unsuppress."""

from __future__ import annotations

import pytest
from support.klaviyo_world import pointers

ADA, PHONE = "ada@acme-demo.io", "+4915112345678"
ROWS = "/data/attributes/profiles/data"
LONG_AGO, LATER = "2025-03-01T12:00:00+00:00", "2027-01-01T00:00:00+00:00"


def person(address=ADA, consent="SUBSCRIBED", phone=None, consented_at=None, **channels):
    choice = {"consent": consent, **({"consented_at": consented_at} if consented_at else {})}
    subscriptions = channels or {"email": {"marketing": choice}, **({"sms": {"marketing": choice}} if phone else {})}
    contacts = {"email": address, **({"phone_number": phone} if phone else {})}
    return {"type": "profile", "attributes": {**contacts, "subscriptions": subscriptions}}


def change(klaviyo, verb, people, audience=None, **attributes):
    relations = {"list": {"data": {"type": "list", "id": audience}}} if audience else None
    name = f"profile-subscription-bulk-{verb}-job"
    return klaviyo.send(f"{name}s", name, {"profiles": {"data": people}, **attributes}, relations)


def subscribe(klaviyo, *people, **options):
    return change(klaviyo, "create", list(people), **options)


def unsubscribe(klaviyo, *people, **options):
    return change(klaviyo, "delete", list(people), **options)


def suppress(klaviyo, *emails, verb="create"):
    name = f"profile-suppression-bulk-{verb}-job"
    people = [{"type": "profile", "attributes": {"email": email}} for email in emails]
    return klaviyo.send(f"{name}s", name, {"profiles": {"data": people}})


def consent(klaviyo, email=ADA):
    return klaviyo.profile(email=email)["consent"]


def suppressions(klaviyo, email=ADA):
    return klaviyo.profile(email=email)["suppressions"]


def test_subscribing_is_accepted_with_no_job_to_look_at(klaviyo):
    answer = subscribe(klaviyo, person(phone=PHONE))
    assert (answer.status_code, answer.content) == (202, b"")
    assert consent(klaviyo) == {"email.marketing": "SUBSCRIBED", "sms.marketing": "SUBSCRIBED"}


def test_subscribing_puts_on_the_list(klaviyo):
    subscribe(klaviyo, person(), audience=klaviyo.create_list())
    assert klaviyo.profile(email=ADA)["lists"] == ["Warehouse"]


def test_a_historical_import_keeps_the_time_of_the_consent(klaviyo):
    subscribe(klaviyo, person(consented_at=LONG_AGO), historical_import=True)
    (shown,) = klaviyo.get("/api/profiles?additional-fields[profile]=subscriptions")["data"]
    email = shown["attributes"]["subscriptions"]["email"]["marketing"]
    assert (email["consent"], email["consent_timestamp"]) == ("SUBSCRIBED", LONG_AGO)
    assert email["can_receive_email_marketing"] is True


def test_consent_is_only_shown_when_it_is_asked_for(klaviyo):
    subscribe(klaviyo, person())
    (shown,) = klaviyo.get("/api/profiles")["data"]
    assert "subscriptions" not in shown["attributes"]


def test_nobody_is_subscribed_from_the_beginning(klaviyo):
    klaviyo.upsert(email=ADA)
    (shown,) = klaviyo.get("/api/profiles?additional-fields[profile]=subscriptions")["data"]
    assert shown["attributes"]["subscriptions"]["email"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    assert shown["attributes"]["subscriptions"]["sms"]["marketing"]["can_receive_sms_marketing"] is False


def test_with_a_double_opt_in_nobody_is_subscribed_before_confirming(klaviyo):
    audience = klaviyo.create_list(opt_in_process="double_opt_in")
    subscribe(klaviyo, person(), audience=audience)
    assert (consent(klaviyo), klaviyo.state()["confirmation_mails"]) == ({}, 1)
    subscribe(klaviyo, person(consented_at=LONG_AGO), audience=audience, historical_import=True)
    assert consent(klaviyo) == {"email.marketing": "SUBSCRIBED"}


def test_the_account_may_ask_for_a_double_opt_in_where_no_list_says_otherwise(make_klaviyo):
    klaviyo = make_klaviyo(double_opt_in=True)
    subscribe(klaviyo, person())
    assert klaviyo.state()["confirmation_mails"] == 1


def test_subscribing_takes_away_an_unsubscription_and_a_suppression_by_hand(klaviyo):
    unsubscribe(klaviyo, person(consent="UNSUBSCRIBED"))
    suppress(klaviyo, ADA)
    assert suppressions(klaviyo) == ["UNSUBSCRIBE", "USER_SUPPRESSED"]
    subscribe(klaviyo, person())
    assert (suppressions(klaviyo), consent(klaviyo)) == ([], {"email.marketing": "SUBSCRIBED"})


@pytest.mark.parametrize(
    ("people", "attributes", "pointer"),
    [
        (person(), {"historical_import": True}, "/subscriptions/email/marketing/consented_at"),
        (person(consented_at=LONG_AGO), {}, "/subscriptions/email/marketing/consented_at"),
        (person(consented_at=LATER), {"historical_import": True}, "/subscriptions/email/marketing/consented_at"),
        (person(consent="UNSUBSCRIBED"), {}, "/subscriptions/email/marketing/consent"),
        (person(sms={"marketing": {"consent": "SUBSCRIBED"}}), {}, "/phone_number"),
        (person(fax={"marketing": {"consent": "SUBSCRIBED"}}), {}, "/subscriptions/fax"),
        (person(email={"marketing": 1}), {}, "/subscriptions/email/marketing"),
        (person(email={"transactional": {"consent": "SUBSCRIBED"}}), {}, "/subscriptions/email/transactional"),
        ({"type": "profile", "attributes": {"email": ADA}}, {}, "/subscriptions"),
        (person("nobody"), {}, "/email"),
    ],
)
def test_a_consent_that_makes_no_sense_refuses_the_request(klaviyo, people, attributes, pointer):
    answer = subscribe(klaviyo, person("bo@acme.io", consented_at=attributes and LONG_AGO), people, **attributes)
    assert pointers(answer) == [f"{ROWS}/1/attributes{pointer}"]
    assert klaviyo.state()["profiles"] == 0


def test_a_consent_may_name_its_profile_by_id(klaviyo):
    known = klaviyo.upsert(external_id="c-1").json()["data"]["id"]
    push = {"push": {"marketing": {"consent": "SUBSCRIBED"}}}
    people = [{"type": "profile", "id": key, "attributes": {"subscriptions": push}} for key in (known, "nobody")]
    assert subscribe(klaviyo, *people).status_code == 202
    assert klaviyo.profile(external_id="c-1")["consent"] == {"push.marketing": "SUBSCRIBED"}
    assert klaviyo.state()["profiles"] == 1


def test_tracking_has_no_moment_of_its_own(klaviyo):
    tracking = {"open_tracking": {"consent": "SUBSCRIBED"}}
    marketing = {"marketing": {"consent": "SUBSCRIBED", "consented_at": LONG_AGO}}
    assert subscribe(klaviyo, person(email={**marketing, **tracking}), historical_import=True).status_code == 202
    assert consent(klaviyo) == {"email.marketing": "SUBSCRIBED", "email.open_tracking": "SUBSCRIBED"}
    tracking["open_tracking"]["consented_at"] = LONG_AGO
    answer = subscribe(klaviyo, person(email={**marketing, **tracking}), historical_import=True)
    assert pointers(answer) == [f"{ROWS}/0/attributes/subscriptions/email/open_tracking/consented_at"]


def test_custom_properties_cannot_be_set_in_the_same_call(klaviyo):
    who = person()
    who["attributes"]["properties"] = {"tier": "gold"}
    assert pointers(subscribe(klaviyo, who)) == [f"{ROWS}/0/attributes/properties"]


def test_an_age_gate_asks_for_a_date_of_birth(make_klaviyo):
    klaviyo = make_klaviyo(age_gate=True)
    who = person(phone=PHONE)
    assert pointers(subscribe(klaviyo, who)) == [f"{ROWS}/0/attributes/age_gated_date_of_birth"]
    who["attributes"]["age_gated_date_of_birth"] = "31.1.1990"
    assert subscribe(klaviyo, who).status_code == 400
    who["attributes"]["age_gated_date_of_birth"] = "1990-01-31"
    assert subscribe(klaviyo, who).status_code == 202


def test_sms_needs_a_sending_number_for_the_region(make_klaviyo):
    klaviyo = make_klaviyo(sms_regions=["+1"])
    assert pointers(subscribe(klaviyo, person(phone=PHONE))) == [f"{ROWS}/0/attributes/phone_number"]
    assert subscribe(klaviyo, person(phone="+16175551234")).status_code == 202


def test_push_may_bring_its_tokens(klaviyo):
    push = {"marketing": {"consent": "SUBSCRIBED"}, "tokens": [{"token": "x", "platform": "ios", "vendor": "apns"}]}
    assert subscribe(klaviyo, person(push=push)).status_code == 202
    assert consent(klaviyo) == {"push.marketing": "SUBSCRIBED"}


def test_click_tracking_came_with_a_revision(klaviyo):
    name = "profile-subscription-bulk-create-job"
    content = {"profiles": {"data": [person(email={"click_tracking": {"consent": "SUBSCRIBED"}})]}}
    assert klaviyo.send(f"{name}s", name, content, revision="2026-07-15").status_code == 400
    assert klaviyo.send(f"{name}s", name, content, revision="2026-10-15").status_code == 202


@pytest.mark.parametrize(
    ("call", "state", "most"), [(subscribe, "SUBSCRIBED", 1_000), (unsubscribe, "UNSUBSCRIBED", 100)]
)
def test_the_number_of_profiles_is_limited(klaviyo, call, state, most):
    people = [person(f"p{n}@acme.io", state) for n in range(most + 1)]
    assert call(klaviyo, *people[:most]).status_code == 202
    assert pointers(call(klaviyo, *people)) == [ROWS]


def test_an_unknown_list_refuses_the_request(klaviyo):
    assert pointers(subscribe(klaviyo, person(), audience="NoPe99")) == ["/data/relationships/list/data/id"]


def test_unsubscribing_without_a_list_is_for_everything(klaviyo):
    subscribe(klaviyo, person())
    answer = unsubscribe(klaviyo, person(consent="UNSUBSCRIBED"))
    assert (answer.status_code, answer.content) == (202, b"")
    assert (consent(klaviyo), suppressions(klaviyo)) == ({"email.marketing": "UNSUBSCRIBED"}, ["UNSUBSCRIBE"])


def test_unsubscribing_from_a_list_takes_members_off_it_and_everybody_else_off_everything(klaviyo):
    audience = klaviyo.create_list()
    subscribe(klaviyo, person(), audience=audience)
    subscribe(klaviyo, person("bo@acme.io"))
    gone = [person(consent="UNSUBSCRIBED"), person("bo@acme.io", "UNSUBSCRIBED")]
    unsubscribe(klaviyo, *gone, audience=audience)
    assert (consent(klaviyo), klaviyo.profile(email=ADA)["lists"]) == ({"email.marketing": "SUBSCRIBED"}, [])
    assert consent(klaviyo, "bo@acme.io") == {"email.marketing": "UNSUBSCRIBED"}


def test_named_profiles_are_refused_on_demand(klaviyo):
    klaviyo.sandbox.set_fault(kind="refuse", identifiers=["email:bo@acme.io"], error="Not this one")
    assert pointers(subscribe(klaviyo, person(), person("bo@acme.io"))) == [f"{ROWS}/1"]


# --- suppressions ----------------------------------------------------------------------------------------


def test_suppressing_is_a_job_that_counts_what_it_skipped(klaviyo):
    suppress(klaviyo, ADA)
    answer = suppress(klaviyo, ADA, "bo@acme.io")
    assert answer.status_code == 202
    job = answer.json()["data"]
    assert (job["type"], job["attributes"]["status"]) == ("profile-suppression-bulk-create-job", "processing")
    shown = klaviyo.get(f"/api/profile-suppression-bulk-create-jobs/{job['id']}")["data"]["attributes"]
    counts = [shown[name] for name in ("status", "total_count", "completed_count", "skipped_count")]
    assert counts == ["complete", 2, 1, 1]
    assert suppressions(klaviyo, "bo@acme.io") == ["USER_SUPPRESSED"]


def test_unsuppressing_takes_back_only_what_was_done_by_hand(klaviyo):
    unsubscribe(klaviyo, person(consent="UNSUBSCRIBED"))
    suppress(klaviyo, ADA)
    job = suppress(klaviyo, ADA, "bo@acme.io", verb="delete").json()["data"]["id"]
    shown = klaviyo.get(f"/api/profile-suppression-bulk-delete-jobs/{job}")["data"]["attributes"]
    assert (shown["completed_count"], shown["skipped_count"]) == (1, 1)
    assert suppressions(klaviyo) == ["UNSUBSCRIBE"]
    assert klaviyo.profile(email="bo@acme.io") is None


def test_a_suppressed_address_can_receive_nothing(klaviyo):
    subscribe(klaviyo, person())
    suppress(klaviyo, ADA)
    klaviyo.state()
    (shown,) = klaviyo.get("/api/profiles?additional-fields[profile]=subscriptions")["data"]
    email = shown["attributes"]["subscriptions"]["email"]["marketing"]
    assert email["can_receive_email_marketing"] is False
    assert [each["reason"] for each in email["suppression"]] == ["USER_SUPPRESSED"]


def test_a_whole_list_can_be_suppressed(klaviyo):
    audience = klaviyo.create_list()
    klaviyo.import_attributes({"email": ADA}, {"external_id": "c-2"}, lists=[audience])
    klaviyo.state()
    relations = {"list": {"data": {"type": "list", "id": audience}}}
    name = "profile-suppression-bulk-create-job"
    assert klaviyo.send(f"{name}s", name, {}, relations).json()["data"]["attributes"]["total_count"] == 1
    assert suppressions(klaviyo) == ["USER_SUPPRESSED"]


@pytest.mark.parametrize("verb", ["create", "delete"])
def test_one_hundred_addresses_are_allowed_in_one_suppression(klaviyo, verb):
    emails = [f"p{n}@acme.io" for n in range(101)]
    assert suppress(klaviyo, *emails[:100], verb=verb).status_code == 202
    assert pointers(suppress(klaviyo, *emails, verb=verb)) == [ROWS]


def test_counting_only_suppresses_nobody(make_klaviyo):
    klaviyo = make_klaviyo(shared={"keep": "counts"})
    job = suppress(klaviyo, ADA).json()["data"]["id"]
    shown = klaviyo.get(f"/api/profile-suppression-bulk-create-jobs/{job}")["data"]["attributes"]
    assert (shown["status"], shown["total_count"], shown["completed_count"]) == ("complete", 1, 1)
    assert subscribe(klaviyo, person()).status_code == 202
    assert klaviyo.state()["profiles"] == 0


def test_a_suppression_needs_addresses(klaviyo):
    assert pointers(suppress(klaviyo, "nobody")) == [f"{ROWS}/0/attributes/email"]
    name = "profile-suppression-bulk-create-job"
    people = {"profiles": {"data": [{"type": "profile", "attributes": {}}]}}
    assert pointers(klaviyo.send(f"{name}s", name, people)) == [f"{ROWS}/0/attributes/email"]
    klaviyo.change(strict=False)
    assert pointers(klaviyo.send(f"{name}s", name, people)) == [f"{ROWS}/0/attributes"]


def test_jobs_of_one_kind_are_not_found_as_another(klaviyo):
    job = suppress(klaviyo, ADA).json()["data"]["id"]
    assert klaviyo.call("GET", f"/api/profile-suppression-bulk-delete-jobs/{job}").status_code == 404
    assert klaviyo.call("GET", f"/api/profile-bulk-import-jobs/{job}").status_code == 404
