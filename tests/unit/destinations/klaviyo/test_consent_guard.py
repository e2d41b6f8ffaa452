"""Who may be subscribed: what Klaviyo holds against the age of the row's consent."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from support.klaviyo_rows import make, rows_of

from airflow_provider_cdi.destinations.klaviyo import ConsentArguments
from airflow_provider_cdi.destinations.klaviyo.consent.channels import CHANNELS
from airflow_provider_cdi.destinations.klaviyo.consent.guard import objection
from airflow_provider_cdi.destinations.klaviyo.consent.records import Consent
from airflow_provider_cdi.engine.verdicts import Completed, FollowUp, Response
from airflow_provider_cdi.exceptions import DestinationRefused

BEFORE, THEN, AFTER = "2026-01-05T09:00:00+00:00", "2026-01-05T09:30:00+00:00", "2026-01-05T10:00:00+00:00"
MOMENT = 1_767_605_400  # THEN
NEVER = {"consent": "NEVER_SUBSCRIBED", "consent_timestamp": None, "last_updated": None}


def held(consent="UNSUBSCRIBED", at=None, channel="email", suppression=(), **more):
    """Make a profile as Klaviyo shows it."""
    state = {"consent": consent, "consent_timestamp": at, "last_updated": at, **more}
    blocks = {"email": {"marketing": dict(NEVER)}, "sms": {"marketing": dict(NEVER)}}
    blocks[channel] = {"marketing": state}
    blocks["email"]["marketing"]["suppression"] = [
        {"reason": reason, "timestamp": moment} for reason, moment in suppression
    ]
    return {"type": "profile", "id": "01K", "attributes": {"email": "a@b.io", "subscriptions": blocks}}


def verdict(*profiles, channels=("email_marketing",), list_id=None):
    consent = Consent("SUBSCRIBED", {CHANNELS[name]: MOMENT for name in channels})
    return objection(consent, profiles, list_id)


# --- the rule -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (held("UNSUBSCRIBED", AFTER), "consent_is_newer"),
        (held("UNSUBSCRIBED", THEN), "consent_is_newer"),
        (held("UNSUBSCRIBED", "2026-01-05T09:30:00.900000+00:00"), "consent_is_newer"),
        (held("UNSUBSCRIBED", BEFORE), None),
        (held("UNSUBSCRIBED", BEFORE, last_updated=AFTER), "consent_is_newer"),
        (held("UNSUBSCRIBED"), "consent_undated"),
        (held("UNSUBSCRIBED", "soon"), "consent_undated"),
        (held("PAUSED", AFTER), "consent_is_newer"),
        (held("NEVER_SUBSCRIBED"), None),
        (held("NEVER_SUBSCRIBED", last_updated=AFTER), None),
        (held("SUBSCRIBED", AFTER), "already_subscribed"),
        (held("SUBSCRIBED", BEFORE), None),
        (held("SUBSCRIBED"), None),
    ],
)
def test_who_said_no_later_than_the_rows_consent_is_not_subscribed(profile, reason):
    assert verdict(profile) == reason


@pytest.mark.parametrize("kind", ["USER_SUPPRESSED", "SPAM_COMPLAINT", "UNSUBSCRIBE", "SOMETHING_NEW"])
@pytest.mark.parametrize("consent", ["SUBSCRIBED", "NEVER_SUBSCRIBED"])
def test_a_suppression_is_a_no(kind, consent):
    assert verdict(held(consent, BEFORE, suppression=[(kind, AFTER)])) == "consent_is_newer"
    assert verdict(held(consent, BEFORE, suppression=[(kind, BEFORE)])) is None
    assert verdict(held(consent, BEFORE, suppression=[(kind, None)])) == "consent_undated"


def test_one_no_without_a_date_is_enough():
    profile = held("UNSUBSCRIBED", BEFORE, suppression=[("UNSUBSCRIBE", BEFORE), ("USER_SUPPRESSED", None)])
    assert verdict(profile) == "consent_undated"


def test_the_suppression_that_an_unsubscription_left_has_its_date():
    assert verdict(held("UNSUBSCRIBED", suppression=[("UNSUBSCRIBE", BEFORE)])) is None
    assert verdict(held("UNSUBSCRIBED", suppression=[("UNSUBSCRIBE", AFTER)])) == "consent_is_newer"


def test_another_suppression_dates_no_unsubscription():
    assert verdict(held("UNSUBSCRIBED", suppression=[("USER_SUPPRESSED", BEFORE)])) == "consent_undated"


@pytest.mark.parametrize("kind", ["HARD_BOUNCE", "INVALID_EMAIL"])
def test_a_bounce_is_nobodys_decision(kind):
    assert verdict(held("NEVER_SUBSCRIBED", suppression=[(kind, AFTER)])) is None


def test_a_suppression_of_the_address_says_nothing_about_sms():
    profile = held("NEVER_SUBSCRIBED", channel="sms", suppression=[("USER_SUPPRESSED", AFTER)])
    assert verdict(profile, channels=["sms_marketing"]) is None


def test_one_channel_with_a_newer_no_holds_the_whole_row_back():
    profile = held("UNSUBSCRIBED", AFTER, channel="sms")
    assert verdict(profile, channels=["email_marketing", "sms_marketing"]) == "consent_is_newer"
    assert verdict(profile, channels=["email_marketing"]) is None


def test_every_profile_that_was_found_counts():
    assert verdict(held("NEVER_SUBSCRIBED"), held("UNSUBSCRIBED", AFTER)) == "consent_is_newer"
    assert verdict(held("SUBSCRIBED", AFTER), held("NEVER_SUBSCRIBED")) is None


def test_who_left_the_list_later_is_not_put_on_it_again():
    left = [{"list_id": "LiSt01", "reason": "UNSUBSCRIBE", "timestamp": AFTER}]
    profile = held("SUBSCRIBED", BEFORE, list_suppressions=left)
    profile["attributes"]["subscriptions"]["email"]["marketing"]["list_suppressions"] = left
    assert verdict(profile, list_id="LiSt01") == "consent_is_newer"
    assert verdict(profile, list_id="LiSt02") is None
    assert verdict(profile) is None


def test_who_is_subscribed_already_is_still_put_on_the_list():
    assert verdict(held("SUBSCRIBED", AFTER), list_id="LiSt01") is None


def test_whom_klaviyo_does_not_know_may_be_subscribed():
    assert verdict() is None


@pytest.mark.parametrize("subscriptions", [None, {}, {"email": None}, {"email": {"marketing": 1}}])
def test_a_profile_without_any_consent_may_be_subscribed(subscriptions):
    assert verdict({"attributes": {"subscriptions": subscriptions}}) is None


@pytest.mark.parametrize("profile", [{}, {"attributes": {}}, {"attributes": {"email": "a@b.io"}}])
def test_a_profile_that_does_not_show_its_consent_tells_nothing(profile):
    with pytest.raises(DestinationRefused, match="without its consent"):
        verdict(profile)


# --- the conversation -----------------------------------------------------------------------------------


class People:
    """A Klaviyo that shows profiles.

    :param profiles: identifier -> profile; it may show another address than the one it is found by.
    :param refuses: values that it does not want to be asked about.
    """

    def __init__(self, profiles=(), refuses=()):
        self.profiles, self.refuses = dict(profiles), set(refuses)
        self.asked = []

    def answer(self, request):
        query = parse_qs(urlsplit(request.path).query)
        assert query["additional-fields[profile]"] == ["subscriptions"]
        assert len(request.path) <= 6_000
        kind, _, values = query["filter"][0].removeprefix("any(").removesuffix(")").partition(",")
        values = json.loads(values)
        self.asked.append((kind, len(values)))
        if self.refuses.intersection(values):
            return Response(400, {}, b'{"errors":[{"detail":"Odd value","source":{"parameter":"filter"}}]}')
        found = [self.profiles[value] for value in values if value in self.profiles]
        return Response(200, {}, json.dumps({"data": found}).encode())


def shown(email, *args, **more):
    profile = held(*args, **more)
    profile["attributes"]["email"] = email
    return profile


def prepared(*, arguments=None, **columns):
    consent = arguments or ConsentArguments(channels=["email_marketing"])
    destination = make("subscribe", consent=consent)
    return destination, destination.encode(rows_of(**columns))


def converse(people, destination, records):
    """Answer lookups until something else comes."""
    step = FollowUp(destination.request(records), lambda answer: destination.interpret_response(answer, records))
    while isinstance(step, FollowUp) and step.request.method == "GET":
        step = step.read(people.answer(step.request))
    return step


def sent(request):
    profiles = json.loads(request.body)["data"]["attributes"]["profiles"]["data"]
    return [profile["attributes"]["email"] for profile in profiles]


def test_only_those_are_sent_who_said_nothing_since():
    destination, records = prepared(EMAIL=["a@b.io", "C@d.io", "e@f.io"])
    people = People({"C@d.io": shown("c@d.io", "UNSUBSCRIBED", AFTER)})
    step = converse(people, destination, records)
    assert sent(step.request) == ["a@b.io", "e@f.io"]
    assert step.read(Response(202, {}, b"")) == Completed({}, {1: "consent_is_newer"})


def test_nothing_is_sent_when_nobody_is_left():
    destination, records = prepared(EMAIL=["a@b.io"])
    people = People({"a@b.io": shown("a@b.io", "UNSUBSCRIBED", AFTER)})
    assert converse(people, destination, records) == Completed({}, {0: "consent_is_newer"})


def test_a_question_asks_about_at_most_a_hundred_people():
    destination, records = prepared(EMAIL=[f"p{n}@b.io" for n in range(250)])
    people = People()
    assert len(sent(converse(people, destination, records).request)) == 250
    assert people.asked == [("email", 100), ("email", 100), ("email", 50)]


def test_long_addresses_are_asked_about_in_shorter_questions():
    destination, records = prepared(EMAIL=[f"{n:080}@acme-demo.io" for n in range(100)])
    people = People()
    converse(people, destination, records)
    assert people.asked == [("email", 50), ("email", 50)]


def test_both_the_address_and_the_number_are_asked_about():
    both = ConsentArguments(channels=["email_marketing", "sms_marketing"])
    destination, records = prepared(arguments=both, EMAIL=["a@b.io"], PHONE_NUMBER=["+4915112345678"])
    profile = held("UNSUBSCRIBED", AFTER, channel="sms")
    profile["attributes"]["phone_number"] = "+4915112345678"
    people = People({"+4915112345678": profile})
    assert converse(people, destination, records) == Completed({}, {0: "consent_is_newer"})
    assert people.asked == [("email", 1), ("phone_number", 1)]


def test_a_profile_found_by_an_address_that_it_does_not_show_is_found_out():
    destination, records = prepared(EMAIL=[f"p{n}@b.io" for n in range(8)])
    people = People({"p3@b.io": shown("main@b.io", "UNSUBSCRIBED", AFTER), "p4@b.io": shown("p4@b.io", "SUBSCRIBED")})
    step = converse(people, destination, records)
    assert "p3@b.io" not in sent(step.request)
    assert step.read(Response(202, {}, b"")) == Completed({}, {3: "consent_is_newer"})


def test_an_address_that_klaviyo_does_not_want_to_be_asked_about_is_named():
    destination, records = prepared(EMAIL=["a@b.io", "c@d.io", "e@f.io"])
    step = converse(People(refuses=["c@d.io"]), destination, records)
    assert sent(step.request) == ["a@b.io", "e@f.io"]
    assert [*step.read(Response(202, {}, b"")).rejected] == [1]


def test_nobody_is_subscribed_as_long_as_klaviyo_does_not_show_consent():
    destination, records = prepared(EMAIL=["a@b.io"])
    people = People({"a@b.io": {"type": "profile", "id": "1", "attributes": {"email": "a@b.io"}}})
    with pytest.raises(DestinationRefused, match="without its consent"):
        converse(people, destination, records)


def test_a_key_that_may_not_look_stops_the_sync():
    destination, records = prepared(EMAIL=["a@b.io"])
    with pytest.raises(DestinationRefused, match="profiles:read"):
        destination.interpret_response(Response(403, {}, b""), records)


def test_with_allow_resubscribe_nobody_is_asked_about():
    arguments = ConsentArguments(channels=["email_marketing"], allow_resubscribe=True)
    destination, records = prepared(arguments=arguments, EMAIL=["a@b.io"])
    people = People()
    assert sent(converse(people, destination, records).request) == ["a@b.io"]
    assert people.asked == []
