"""Whole syncs of consent and deletion into the local Klaviyo, in virtual time."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from datetime import timedelta
from random import Random

import pyarrow as pa
import pytest
from support.klaviyo_sync import KlaviyoSide, sync_into_klaviyo

from airflow_provider_cdi.destinations.klaviyo import CONSENT_TYPES, ConsentArguments, KlaviyoLimits
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import NoAnswer, RetryLater
from airflow_provider_cdi.testing.memory_runs import MemoryJournal
from airflow_provider_cdi.testing.virtual_time import NOON

SMALL = KlaviyoLimits(subscribe_profiles=40, unsubscribe_profiles=40, suppress_emails=40)
EMAIL = ConsentArguments(channels=["email_marketing"])
LOOK = "GET /api/profiles"
PATHS = {
    "subscribe": "POST /api/profile-subscription-bulk-create-jobs",
    "unsubscribe": "POST /api/profile-subscription-bulk-delete-jobs",
    "suppress": "POST /api/profile-suppression-bulk-create-jobs",
    "unsuppress": "POST /api/profile-suppression-bulk-delete-jobs",
    "privacy_deletions": "POST /api/data-privacy-deletion-jobs",
}


class Lasting(KlaviyoSide):
    """The other side outlives a sync; nobody may be in two of its requests at once."""

    def open(self):
        if not hasattr(self, "_app"):
            super().open()
            self.on_their_way, self.overlaps = Counter(), 0

    async def send(self, request):
        people = set(re.findall(rb"[\w.]+@acme-demo\.io", request.body))
        self.overlaps += sum(self.on_their_way[person] > 0 for person in people)
        self.on_their_way.update(people)
        try:
            return await super().send(request)
        finally:
            self.on_their_way.subtract(people)


def people(count, persons=None):
    return {"EMAIL": [f"p{n % (persons or count)}@acme-demo.io" for n in range(count)]}


def sync(data_type, table, **options):
    if data_type in ("subscribe", "unsubscribe"):
        options.setdefault("consent", EMAIL)
    return sync_into_klaviyo(table, data_type, limits=SMALL, **options)


async def known(side, count, *changes):
    """Make profiles, and change their consent."""
    for start in range(0, count, 500):
        profiles = [
            {"type": "profile", "attributes": {"email": f"p{n}@acme-demo.io"}}
            for n in range(start, min(start + 500, count))
        ]
        attributes = {"profiles": {"data": profiles}}
        await post(side, "profile-bulk-import-jobs", "profile-bulk-import-job", attributes)
    await asyncio.sleep(1_000)
    for change in changes:
        await change(side)


def consenting(state, numbers):
    verb = {"SUBSCRIBED": "create", "UNSUBSCRIBED": "delete"}[state]
    choice = {"email": {"marketing": {"consent": state}}}
    attributes = [{"email": f"p{n}@acme-demo.io", "subscriptions": choice} for n in numbers]
    return bulk(f"profile-subscription-bulk-{verb}-job", attributes)


def suppressing(numbers):
    return bulk("profile-suppression-bulk-create-job", [{"email": f"p{n}@acme-demo.io"} for n in numbers])


def bulk(kind, attributes):
    async def change(side):
        for start in range(0, len(attributes), 100):
            data = [{"type": "profile", "attributes": each} for each in attributes[start : start + 100]]
            await post(side, f"{kind}s", kind, {"profiles": {"data": data}})
        await asyncio.sleep(1_000)

    return change


async def post(side, path, kind, attributes):
    answer = await side.call(
        "POST", f"/api/{path}", json.dumps({"data": {"type": kind, "attributes": attributes}}).encode()
    )
    assert answer.status == 202, answer.body


async def profiles(side):
    await asyncio.sleep(60)
    found = await side.control("GET", "/klaviyo/profiles?limit=100000")
    return {profile["email"]: profile for profile in found["profiles"]}


def prepare(data_type, count):
    """Say how Klaviyo must stand so that each row of a sync has something to do."""
    changes = {"unsubscribe": [consenting("SUBSCRIBED", range(count))], "unsuppress": [suppressing(range(count))]}
    return lambda side: known(side, count, *changes.get(data_type, []))


def is_done(data_type, profile):
    """Tell whether a row had its effect."""
    if data_type == "privacy_deletions" or profile is None:
        return (data_type == "privacy_deletions") is (profile is None)
    if data_type in ("suppress", "unsuppress"):
        return ("USER_SUPPRESSED" in profile["suppressions"]) is (data_type == "suppress")
    wanted = "SUBSCRIBED" if data_type == "subscribe" else "UNSUBSCRIBED"
    return profile["consent"].get("email.marketing") == wanted


def done(data_type, outcome, count):
    return [n for n in range(count) if is_done(data_type, outcome.seen.get(f"p{n}@acme-demo.io"))]


# --- what all have in common ----------------------------------------------------------------------------


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_every_row_has_its_effect(data_type):
    outcome = sync(data_type, people(100), before=prepare(data_type, 100), look=profiles)
    assert (outcome.error, outcome.totals.accepted, outcome.totals.rows_read) == (None, 100, 100)
    assert done(data_type, outcome, 100) == list(range(100))
    assert outcome.side.answers[429] == 0


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_nobody_is_ever_in_two_requests_at_once(data_type):
    side = Lasting()
    outcome = sync(data_type, people(300, persons=60), side=side, before=prepare(data_type, 60), look=profiles)
    assert (outcome.error, outcome.totals.rows_read, outcome.totals.rejected) == (None, 300, 0)
    assert done(data_type, outcome, 60) == list(range(60))
    assert side.overlaps == 0


TROUBLES = {
    "503": Response(503, {}, b"<html>"),
    "429": Response(429, {"retry-after": "5"}, b""),
    "html": Response(200, {}, b"<html>Sign in</html>"),
    "reset": NoAnswer("reset", may_have_arrived=True),
    "refused": NoAnswer("refused", may_have_arrived=False),
}


def failing_at(method, turns, trouble):
    hits = {"count": 0}

    def fault(request):
        if request.method != method or hits["count"] >= turns:
            return None
        hits["count"] += 1
        return trouble

    return fault


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_trouble_on_the_way_loses_nothing(data_type, method, trouble):
    side = KlaviyoSide(fault=failing_at(method, 3, TROUBLES[trouble]))
    outcome = sync(data_type, people(100), side=side, before=prepare(data_type, 100), look=profiles)
    assert (outcome.error, outcome.totals.accepted, done(data_type, outcome, 100)) == (None, 100, list(range(100)))


@pytest.mark.parametrize("data_type", [data_type for data_type in CONSENT_TYPES if data_type != "privacy_deletions"])
def test_a_request_that_klaviyo_finds_too_large_is_halved(data_type):
    side = KlaviyoSide(fault=lambda request: Response(413, {}, b"") if len(request.body) > 1_500 else None)
    outcome = sync(data_type, people(100), side=side, before=prepare(data_type, 100), look=profiles)
    assert (outcome.totals.accepted, done(data_type, outcome, 100)) == (100, list(range(100)))


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_rows_that_klaviyo_refuses_are_named_and_the_others_go_on(data_type):
    table = {"EMAIL": [f"p{n}@acme..io" if n % 25 == 7 else f"p{n}@acme-demo.io" for n in range(100)]}
    outcome = sync(data_type, table, before=prepare(data_type, 100), look=profiles)
    assert (outcome.totals.accepted, dict(outcome.totals.rejects)) == (96, {"klaviyo_email_invalid": 4})
    assert {reject.identifier["EMAIL"] for reject in outcome.journal.rejects} == {
        f"p{n}@acme..io" for n in (7, 32, 57, 82)
    }


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
def test_a_try_that_was_cut_short_is_gone_on_with(data_type):
    """The other side is gone in the middle: the first try gives up, the second one ends it."""
    side, journal = Lasting(), MemoryJournal()
    count = 200
    sent = {"posts": 0}

    def gone(request):
        sent["posts"] += request.method == "POST"
        return NoAnswer("reset", may_have_arrived=True) if sent["posts"] > 3 else None

    side.fault = gone
    impatient = DeliverySettings(max_in_flight=2, retry=RetryPolicy(attempts=2))
    options = {"side": side, "journal": journal, "settings": impatient}
    first = sync(data_type, people(count), before=prepare(data_type, count), **options)
    assert isinstance(first.error, RetryLater)
    side.fault = lambda _request: None
    saved = journal.progress
    left = {"EMAIL": people(count)["EMAIL"][saved.totals.rows_read if saved else 0 :]}
    second = sync(data_type, left, saved=saved, look=profiles, **options)
    totals = journal.progress.totals
    assert (second.error, totals.rows_read, totals.rejected, totals.unknown) == (None, count, 0, 0)
    assert done(data_type, second, count) == list(range(count))
    assert totals.accepted + totals.skipped == count


@pytest.mark.parametrize("data_type", ["suppress", "unsuppress"])
def test_a_later_try_asks_for_the_jobs_of_the_first_one(data_type):
    side, journal = Lasting({"job_seconds": [300, 300]}), MemoryJournal()
    options = {"side": side, "journal": journal}
    impatient = DeliverySettings(retry=RetryPolicy(job_seconds=30))
    first = sync(data_type, people(80), settings=impatient, before=prepare(data_type, 80), **options)
    assert isinstance(first.error, RetryLater)
    second = sync(data_type, people(80), saved=journal.progress, look=profiles, **options)
    assert (second.error, second.totals.accepted) == (None, 80)
    assert len(side.family(PATHS[data_type])) == 2


@pytest.mark.parametrize("data_type", CONSENT_TYPES)
@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_every_row_has_its_outcome_and_klaviyo_has_what_was_accepted(data_type, seed):
    random, count = Random(seed), 200
    emails = [f"p{n}@acme..io" if random.random() < 0.03 else f"p{n}@acme-demo.io" for n in range(count)]

    def trouble(request):
        chances = {
            0: Response(503, {}, b""),
            1: Response(429, {"retry-after": "1"}, b""),
            3: Response(502, {}, b"<html>"),
        }
        chances[2] = NoAnswer("reset", may_have_arrived=True)
        return chances.get(random.randrange(40))

    side = KlaviyoSide({"errors_listed": 2, "job_seconds": [1, 3]}, fault=trouble)
    table = {"EMAIL": emails}
    outcome = sync(data_type, table, side=side, before=prepare(data_type, count), look=profiles)
    bad = [n for n in range(count) if emails[n].endswith("..io")]
    assert outcome.error is None
    assert (outcome.totals.rejected, outcome.totals.unknown) == (len(bad), 0)
    assert outcome.totals.accepted == count - len(bad)
    assert set(done(data_type, outcome, count)) == set(range(count)) - set(bad)


# --- subscribe ------------------------------------------------------------------------------------------


def test_who_said_no_since_is_passed_over_and_stays_unsubscribed():
    changes = [consenting("UNSUBSCRIBED", range(10)), suppressing(range(10, 20))]
    outcome = sync("subscribe", people(100), before=lambda side: known(side, 100, *changes), look=profiles)
    assert (outcome.totals.accepted, outcome.totals.skipped_because) == (80, {"consent_is_newer": 20})
    assert done("subscribe", outcome, 100) == list(range(20, 100))
    assert outcome.seen["p15@acme-demo.io"]["suppressions"] == ["USER_SUPPRESSED"]


def test_with_allow_resubscribe_everybody_is_subscribed_and_nobody_looked_up():
    arguments = ConsentArguments(channels=["email_marketing"], allow_resubscribe=True)
    changes = [consenting("UNSUBSCRIBED", range(10))]
    outcome = sync(
        "subscribe", people(100), consent=arguments, before=lambda side: known(side, 100, *changes), look=profiles
    )
    assert (outcome.totals.accepted, done("subscribe", outcome, 100)) == (100, list(range(100)))
    assert outcome.side.family(LOOK) == []


def of_time(moment, count=10):
    return people(count) | {"CONSENTED_AT": pa.array([moment] * count, pa.timestamp("us", "UTC"))}


def test_only_a_consent_that_is_younger_than_the_no_subscribes_again():
    side, no = Lasting(), NOON.timestamp()
    sync("unsubscribe", people(10), side=side)
    older = sync("subscribe", of_time(NOON - timedelta(days=300)), side=side)
    assert older.totals.skipped_because == {"consent_is_newer": 10}
    # The row's own change is of no interest where the row says when the person agreed.
    younger = sync("subscribe", of_time(NOON + timedelta(hours=1)), side=side, now=lambda: no + 7_200, look=profiles)
    assert (younger.totals.accepted, done("subscribe", younger, 10)) == (10, list(range(10)))


def test_who_is_subscribed_already_is_not_sent_again():
    changes = [consenting("SUBSCRIBED", range(30))]
    outcome = sync("subscribe", people(40), before=lambda side: known(side, 40, *changes), look=profiles)
    assert (outcome.totals.accepted, outcome.totals.skipped_because) == (10, {"already_subscribed": 30})


def test_a_subscription_whose_answer_never_came_is_kept_aside_where_that_is_asked_for():
    side = KlaviyoSide(fault=failing_at("POST", 1, NoAnswer("reset", may_have_arrived=True)))
    settings = DeliverySettings(on_unknown="reject")
    outcome = sync("subscribe", people(40), side=side, settings=settings)
    assert (outcome.totals.unknown, dict(outcome.totals.rejects)) == (40, {"no_answer": 40})


def test_rows_of_a_person_in_one_request_ask_for_one_confirmation():
    side = Lasting({"double_opt_in": True})

    async def mails(side):
        await asyncio.sleep(60)
        return (await side.control("GET", "/klaviyo/state"))["confirmation_mails"]

    outcome = sync("subscribe", people(40, persons=20), side=side, look=mails)
    assert outcome.totals.skipped_because == {"superseded": 20}
    assert outcome.seen == 20


def test_an_age_gate_names_the_rows_without_a_date_of_birth():
    sms = ConsentArguments(channels=["sms_marketing"])
    table = {
        "PHONE_NUMBER": [f"+4915112345{n:03}" for n in range(20)],
        "AGE_GATED_DATE_OF_BIRTH": [None if n % 5 else "1990-01-31" for n in range(20)],
    }
    outcome = sync("subscribe", table, consent=sms, side=KlaviyoSide({"age_gate": True}))
    assert (outcome.totals.accepted, dict(outcome.totals.rejects)) == (4, {"klaviyo_age_gate": 16})
    assert not any("+49" in reject.reason for reject in outcome.journal.rejects)


def test_a_region_that_the_account_cannot_reach_names_the_rows():
    sms = ConsentArguments(channels=["sms_marketing"])
    table = {"PHONE_NUMBER": [f"+491511234567{n}" if n % 2 else f"+1617555123{n}" for n in range(10)]}
    outcome = sync("subscribe", table, consent=sms, side=KlaviyoSide({"sms_regions": ["+1"]}))
    assert (outcome.totals.accepted, dict(outcome.totals.rejects)) == (5, {"klaviyo_region_unsupported": 5})


# --- suppressions ---------------------------------------------------------------------------------------


def test_what_klaviyo_skipped_is_counted_exactly():
    changes = [suppressing(range(0, 100, 3))]
    outcome = sync("suppress", people(100), before=lambda side: known(side, 100, *changes), look=profiles)
    assert (outcome.totals.accepted, outcome.totals.skipped_because) == (66, {"already_suppressed": 34})
    assert done("suppress", outcome, 100) == list(range(100))


def test_a_repeated_run_suppresses_nobody_twice():
    side = Lasting()
    for accepted, skipped in ((100, {}), (0, {"already_suppressed": 100})):
        outcome = sync("suppress", people(100), side=side)
        assert (outcome.totals.accepted, outcome.totals.skipped_because) == (accepted, skipped)


# --- pace -----------------------------------------------------------------------------------------------


def test_deletions_keep_to_one_a_second_without_a_429():
    outcome = sync("privacy_deletions", people(150), rate_share=1, before=prepare("privacy_deletions", 150))
    times = [at for at, _ in outcome.side.family(PATHS["privacy_deletions"])]
    assert (outcome.totals.accepted, outcome.side.answers[429]) == (150, 0)
    assert times[-1] - times[0] > 120
