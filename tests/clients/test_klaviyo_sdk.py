"""Klaviyo's official SDK as a client of the local Klaviyo, over a real socket."""

from __future__ import annotations

from typing import Any

import pytest

KlaviyoAPI = pytest.importorskip("klaviyo_api", reason="Klaviyo's SDK is of the extra dev").KlaviyoAPI
GOOD = "+4915112345678"


@pytest.fixture
def klaviyo(sandbox):
    return KlaviyoAPI(sandbox.klaviyo.key, max_retries=3, test_host=sandbox.url)


def document(kind: str, attributes: Any, **more: Any) -> Any:
    return {"data": {"type": kind, "attributes": attributes, **more}}


def person(email: str, **attributes: Any) -> Any:
    return {"type": "profile", "attributes": {"email": email, **attributes}}


def imported(klaviyo, *people: Any, **more: Any) -> str:
    answer = klaviyo.Profiles.bulk_import_profiles(
        document("profile-bulk-import-job", {"profiles": {"data": list(people)}}, **more)
    )
    return answer.data.id


def emails(answer: Any) -> list[str]:
    return [profile.attributes.email for profile in answer.data]


def test_the_account_and_its_lists(klaviyo):
    assert klaviyo.Accounts.get_accounts().data[0].attributes.test_account is True
    made = klaviyo.Lists.create_list(document("list", {"name": "Warehouse"}))
    assert [entry.id for entry in klaviyo.Lists.get_lists().data] == [made.data.id]


def test_a_bulk_import_from_the_job_to_its_profiles_and_lists(klaviyo):
    made = klaviyo.Lists.create_list(document("list", {"name": "Warehouse"})).data.id
    lists = {"lists": {"data": [{"type": "list", "id": made}]}}
    job = imported(klaviyo, person("a@acme-demo.io", properties={"points": 7}), relationships=lists)
    state = klaviyo.Profiles.get_bulk_import_profiles_job(job).data.attributes
    assert (state.status, state.total_count, state.completed_count, state.failed_count) == ("complete", 1, 1, 0)
    assert klaviyo.Profiles.get_errors_for_bulk_import_profiles_job(job).data == []
    assert [entry.id for entry in klaviyo.Profiles.get_list_for_bulk_import_profiles_job(job).data] == [made]
    assert [entry.id for entry in klaviyo.Profiles.get_list_ids_for_bulk_import_profiles_job(job).data] == [made]
    assert emails(klaviyo.Lists.get_profiles_for_list(made)) == ["a@acme-demo.io"]


def test_profiles_that_fail_inside_of_a_job_are_named(klaviyo, sandbox):
    sandbox.set_faults({"kind": "import_error", "error": "Odd profile", "identifiers": ["email:a@acme-demo.io"]})
    job = imported(klaviyo, person("a@acme-demo.io"), person("b@acme-demo.io"))
    (error,) = klaviyo.Profiles.get_errors_for_bulk_import_profiles_job(job).data
    assert (error.attributes.detail, error.attributes.original_payload["email"]) == ("Odd profile", "a@acme-demo.io")


@pytest.mark.parametrize(
    "text",
    [
        'any(email,["a@acme-demo.io","b@acme-demo.io"])',
        "any(email,['a@acme-demo.io','b@acme-demo.io'])",
        "any(email, ['a@acme-demo.io', 'b@acme-demo.io'])",
    ],
)
def test_profiles_are_found_by_a_filter_in_either_quotes(klaviyo, text):
    imported(klaviyo, *(person(f"{letter}@acme-demo.io") for letter in "abc"))
    assert sorted(emails(klaviyo.Profiles.get_profiles(filter=text))) == ["a@acme-demo.io", "b@acme-demo.io"]


def test_profiles_are_read_page_by_page_with_the_links_of_the_answers(klaviyo):
    imported(klaviyo, *(person(f"p{number}@acme-demo.io") for number in range(5)))
    found, cursor = [], None
    while True:
        answer = klaviyo.Profiles.get_profiles(page_size=2, **({"page_cursor": cursor} if cursor else {}))
        found += emails(answer)
        if answer.links.next is None:
            break
        cursor = answer.links.next.replace("http://", "https://")  # the SDK takes no other for a link
    assert sorted(found) == [f"p{number}@acme-demo.io" for number in range(5)]


def test_one_profile_is_made_and_then_changed(klaviyo):
    for title in ("Dr", "Prof"):
        answer = klaviyo.Profiles.create_or_update_profile(
            document("profile", {"email": "a@acme-demo.io", "title": title, "location": {"city": "Ulm"}})
        )
        assert (answer.data.attributes.title, answer.data.attributes.location.city) == (title, "Ulm")


def test_events_in_bulk_and_one_by_one(klaviyo):
    event = {"properties": {"n": 1}, "metric": {"data": {"type": "metric", "attributes": {"name": "Visit"}}}}
    whose = {"data": person("a@acme-demo.io")}
    klaviyo.Events.create_event(document("event", {**event, "profile": whose, "unique_id": "u-1"}))
    entry = {"profile": whose, "events": {"data": [{"type": "event", "attributes": event | {"unique_id": "u-2"}}]}}
    bulk = {"data": [{"type": "event-bulk-create", "attributes": entry}]}
    klaviyo.Events.bulk_create_events(document("event-bulk-create-job", {"events-bulk-create": bulk}))
    assert [one.attributes.event_properties["n"] for one in klaviyo.Events.get_events().data] == [1, 1]
    assert [one.attributes.name for one in klaviyo.Metrics.get_metrics().data] == ["Visit"]


def consent(klaviyo, email: str) -> Any:
    (found,) = klaviyo.Profiles.get_profiles(
        filter=f'equals(email,"{email}")', additional_fields_profile=["subscriptions"]
    ).data
    return found.attributes.subscriptions


def test_consent_to_every_channel_is_given_and_taken_back(klaviyo):
    push = {"marketing": {"consent": "SUBSCRIBED"}, "tokens": [{"token": "t", "platform": "ios", "vendor": "apns"}]}
    both = {"marketing": {"consent": "SUBSCRIBED"}, "transactional": {"consent": "SUBSCRIBED"}}
    told = {"email": {"marketing": {"consent": "SUBSCRIBED"}}, "sms": both, "whatsapp": both, "push": push}

    def job(kind: str, subscriptions: Any) -> Any:
        attributes = {"email": "a@acme-demo.io", "phone_number": GOOD, "subscriptions": subscriptions}
        return document(kind, {"profiles": {"data": [{"type": "profile", "attributes": attributes}]}})

    klaviyo.Profiles.bulk_subscribe_profiles(job("profile-subscription-bulk-create-job", told))
    held = consent(klaviyo, "a@acme-demo.io")
    assert (held.email.marketing.consent, held.sms.transactional.consent) == ("SUBSCRIBED", "SUBSCRIBED")
    assert (held.whatsapp.marketing.can_receive, held.mobile_push.marketing.can_receive_push_marketing) == (True, True)
    no = {"consent": "UNSUBSCRIBED"}
    left = {
        "email": {"marketing": no},
        "sms": {"marketing": no},
        "whatsapp": {"conversational": no},
        "push": {"marketing": no, "tokens": push["tokens"]},
    }
    klaviyo.Profiles.bulk_unsubscribe_profiles(job("profile-subscription-bulk-delete-job", left))
    held = consent(klaviyo, "a@acme-demo.io")
    assert (held.email.marketing.consent, held.sms.marketing.consent) == ("UNSUBSCRIBED", "UNSUBSCRIBED")
    assert (held.whatsapp.conversational.consent, held.sms.transactional.consent) == ("UNSUBSCRIBED", "SUBSCRIBED")
    assert held.mobile_push.marketing.can_receive_push_marketing is False


def test_a_suppression_is_made_followed_and_taken_back(klaviyo):
    def job(kind: str) -> Any:
        return document(kind, {"profiles": {"data": [person("a@acme-demo.io")]}})

    made = klaviyo.Profiles.bulk_suppress_profiles(job("profile-suppression-bulk-create-job")).data.id
    assert klaviyo.Profiles.get_bulk_suppress_profiles_job(made).data.attributes.status == "complete"
    assert consent(klaviyo, "a@acme-demo.io").email.marketing.suppression[0].reason == "USER_SUPPRESSED"
    undone = klaviyo.Profiles.bulk_unsuppress_profiles(job("profile-suppression-bulk-delete-job")).data.id
    assert klaviyo.Profiles.get_bulk_unsuppress_profiles_job(undone).data.attributes.completed_count == 1
    assert consent(klaviyo, "a@acme-demo.io").email.marketing.suppression == []


def test_a_profile_is_deleted_for_good(klaviyo):
    imported(klaviyo, person("a@acme-demo.io"), person("b@acme-demo.io"))
    klaviyo.Data_Privacy.request_profile_deletion(
        document("data-privacy-deletion-job", {"profile": {"data": person("a@acme-demo.io")}})
    )
    assert emails(klaviyo.Profiles.get_profiles()) == ["b@acme-demo.io"]


def test_refusals_come_as_the_errors_of_the_sdk(klaviyo, sandbox):
    from openapi_client.exceptions import BadRequestException, NotFoundException, UnauthorizedException

    with pytest.raises(BadRequestException) as refused:
        imported(klaviyo, person("a@acme..io"))
    assert "/data/attributes/profiles/data/0/attributes/email" in str(refused.value)
    with pytest.raises(NotFoundException):
        klaviyo.Profiles.get_profile("01GDDKASAP8TKDDA2GRZDSVP4H")
    with pytest.raises(UnauthorizedException):
        KlaviyoAPI("pk_wrong", test_host=sandbox.url).Accounts.get_accounts()


def test_too_many_requests_are_waited_for(klaviyo, sandbox):
    sandbox.set_faults({"kind": "answer", "status": 429, "headers": {"retry-after": "1"}, "times": 1})
    assert klaviyo.Profiles.get_profiles().data == []
