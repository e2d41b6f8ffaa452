"""Whole syncs into the local Klaviyo: the engine, the destination and the other side, in virtual time."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from random import Random

import pyarrow as pa
import pytest
from support.klaviyo_sync import KlaviyoSide, sync_into_klaviyo

from airflow_provider_cdi.destinations.klaviyo import KlaviyoLimits
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import DestinationRefused, JobsRunning, NoAnswer, RetryLater
from airflow_provider_cdi.testing.memory_runs import MemoryJournal
from airflow_provider_cdi.testing.virtual_time import run_virtually

IMPORT = "POST /api/profile-bulk-import-jobs"
JOB = "GET /api/profile-bulk-import-jobs/{id}"
EVENTS = "POST /api/event-bulk-create-jobs"
SMALL = KlaviyoLimits(import_profiles=100, events=100)


class Lasting(KlaviyoSide):
    """The other side outlives a sync."""

    def open(self):
        if not hasattr(self, "_app"):
            super().open()


def people(count, **columns):
    return {"EMAIL": [f"p{n}@acme-demo.io" for n in range(count)], "FIRST_NAME": ["Ada"] * count, **columns}


def visits(count, persons=10):
    return {
        "EMAIL": [f"p{n % persons}@acme-demo.io" for n in range(count)],
        "EVENT_TIME": [datetime(2026, 1, 5, 9, tzinfo=UTC)] * count,
        "number": list(range(count)),
    }


async def state(side):
    return await side.control("GET", "/klaviyo/state")


async def profiles(side):
    found = await side.control("GET", "/klaviyo/profiles?limit=100000")
    return {profile["email"]: profile for profile in found["profiles"]}


def rejected(outcome):
    return {reject.identifier["EMAIL"]: reject.code for reject in outcome.journal.rejects}


# --- ten thousand profiles with bad ones among them -----------------------------------------------------


def ten_thousand(locally):
    """10,000 profiles, 25 of them with an e-mail or phone that is refused: before sending, or by Klaviyo."""
    emails = [f"p{n}@acme-demo.io" for n in range(10_000)]
    phones: list[str | None] = [None] * 10_000
    bad = {}
    for number in range(25):
        row = number * 397 + 5
        if number % 2:
            emails[row] = f"p{row}.io" if locally else f"p{row}@acme..io"
            bad[emails[row]] = "email_invalid"
        else:
            phones[row] = f"0{row}" if locally else f"+999{row:07d}"
            bad[emails[row]] = "phone_invalid" if locally else "phone_ineligible"
    return {"EMAIL": emails, "PHONE_NUMBER": pa.array(phones), "points": list(range(10_000))}, bad


@pytest.mark.parametrize(("listed", "posts"), [(None, 2), (10, 4)], ids=["all named", "ten named at a time"])
def test_of_ten_thousand_profiles_klaviyo_names_the_25_bad_ones_and_imports_the_others(listed, posts):
    table, bad = ten_thousand(locally=False)
    outcome = sync_into_klaviyo(table, side=KlaviyoSide({"errors_listed": listed}), look=profiles)
    assert outcome.error is None
    assert (outcome.totals.accepted, outcome.totals.rejected, outcome.totals.rows_read) == (9_975, 25, 10_000)
    assert rejected(outcome) == {email: f"klaviyo_{code}" for email, code in bad.items()}
    assert len(outcome.seen) == 9_975
    assert bad.keys().isdisjoint(outcome.seen)
    assert len(outcome.side.family(IMPORT)) == posts
    assert outcome.side.answers[429] == 0


def test_of_ten_thousand_profiles_the_25_that_cannot_be_good_are_never_sent():
    table, bad = ten_thousand(locally=True)
    outcome = sync_into_klaviyo(table, look=state)
    assert (outcome.totals.accepted, rejected(outcome), outcome.seen["profiles"]) == (9_975, bad, 9_975)
    assert len(outcome.side.family(IMPORT)) == 1


# --- jobs -----------------------------------------------------------------------------------------------


def test_rows_that_fail_inside_a_job_are_named_over_several_pages():
    failing = [f"email:p{n}@acme-demo.io" for n in range(0, 750, 3)]
    side = KlaviyoSide(faults=[{"kind": "import_error", "error": "Odd profile", "identifiers": failing}])
    outcome = sync_into_klaviyo(people(1_000), side=side, look=state)
    assert (outcome.totals.accepted, outcome.totals.rejected) == (750, 250)
    assert {f"email:{email}" for email in rejected(outcome)} == set(failing)
    assert len(side.family("GET /api/profile-bulk-import-jobs/{id}/import-errors")) == 3
    assert outcome.seen["profiles"] == 750


def test_an_error_without_a_matching_row_loses_nothing_and_ends():
    side = KlaviyoSide(
        faults=[
            {"kind": "import_error", "error": "Odd", "identifiers": ["email:p7@acme-demo.io"]},
            {"kind": "stray_error", "error": "Stray", "payload": {"email": "x@y.io"}, "times": 1},
        ]
    )
    outcome = sync_into_klaviyo(people(64), side=side, look=state)
    assert (outcome.totals.accepted, rejected(outcome)) == (63, {"p7@acme-demo.io": "klaviyo_rejected"})
    assert len(side.family(IMPORT)) <= 20


def test_a_cancelled_job_rejects_each_of_its_rows():
    side = KlaviyoSide(faults=[{"kind": "cancel", "imported": 10, "times": 1}])
    outcome = sync_into_klaviyo(people(200), side=side, limits=SMALL)
    assert (outcome.totals.accepted, dict(outcome.totals.rejects)) == (100, {"job_cancelled": 100})


def test_a_job_that_never_ends_is_kept_for_a_later_try_and_asked_for_gently():
    side = KlaviyoSide(faults=[{"kind": "stall", "status": "processing"}])
    patient = DeliverySettings(retry=RetryPolicy(job_seconds=3_600))
    outcome = sync_into_klaviyo(people(10), side=side, settings=patient)
    assert isinstance(outcome.error, RetryLater)
    assert len(outcome.journal.progress.jobs) == 1
    assert outcome.totals.accepted == 0
    assert len(side.family(JOB)) < 130


def test_a_later_try_goes_on_with_its_jobs_and_imports_nothing_twice():
    side, journal = Lasting({"job_seconds": [30, 30]}), MemoryJournal()
    first = sync_into_klaviyo(people(250), side=side, journal=journal, limits=SMALL, patience=20)
    assert isinstance(first.error, JobsRunning)
    posts = len(side.family(IMPORT))
    second = sync_into_klaviyo(
        people(250), side=side, journal=journal, saved=journal.progress, limits=SMALL, patience=200, look=state
    )
    assert second.error is None
    assert (second.totals.accepted, len(side.family(IMPORT)), posts) == (250, 3, 3)
    assert (second.seen["profiles"], second.seen["job_repeats"]) == (250, {})


def test_a_submission_that_is_on_its_way_is_waited_for_before_the_worker_is_given_back():
    class Slow(Lasting):
        async def send(self, request):
            if b"p199@" in request.body:
                await asyncio.sleep(300)
            return await super().send(request)

    side, journal = Slow({"job_seconds": [3600, 3600]}), MemoryJournal()
    first = sync_into_klaviyo(people(200), side=side, journal=journal, limits=SMALL, patience=20)
    assert isinstance(first.error, JobsRunning)
    assert len(journal.progress.jobs) == len(side.family(IMPORT)) == 2


def test_no_person_is_ever_in_two_jobs_at_once_and_the_newest_row_wins():
    table = {
        "EMAIL": [f"p{n % 150}@acme-demo.io" for n in range(600)],
        "points": list(range(600)),
    }
    side = Lasting()
    outcome = sync_into_klaviyo(table, side=side, limits=SMALL, look=profiles)
    assert {email: profile["properties"]["points"] for email, profile in outcome.seen.items()} == {
        f"p{n}@acme-demo.io": 450 + n for n in range(150)
    }
    assert outcome.totals.rows_read == 600
    assert run_virtually(state(side))["job_overlaps"] == {}


def test_rows_of_one_person_in_one_batch_become_one_profile():
    table = {
        "EMAIL": ["a@b.io", "A@b.io", "a@b.io"],
        "FIRST_NAME": ["Ada", None, None],
        "plan": [None, "gold", None],
        "points": [1, 2, 3],
    }
    outcome = sync_into_klaviyo(table, look=profiles)
    assert (outcome.totals.accepted, outcome.totals.skipped_because) == (1, {"superseded": 2})
    (profile,) = outcome.seen.values()
    assert (profile["first_name"], profile["properties"]) == ("Ada", {"plan": "gold", "points": 3})


# --- one person under two identifiers --------------------------------------------------------------------

IDENTIFIERS = ("id", "email", "phone_number", "external_id")


def people_of(request):
    """Give the identifiers of each profile of a request, as Klaviyo compares them."""
    data = json.loads(request.body)["data"]["attributes"]
    bulk = data.get("events-bulk-create")
    things = [one["attributes"]["profile"]["data"] for one in bulk["data"]] if bulk else data["profiles"]["data"]
    members = [{**thing, **thing["attributes"]} for thing in things]
    return [frozenset((kind, one[kind].lower()) for kind in IDENTIFIERS if one.get(kind)) for one in members]


def requests_with(side, family, *shared):
    """Count the profiles that name an identifier of ``shared``, a number for each request that has one."""
    found = [people_of(request) for _, request in side.family(family)]
    return [len(those) for profiles in found if (those := [one for one in profiles if one & set(shared)])]


def test_an_old_and_a_new_address_of_one_external_id_are_never_in_one_job_and_the_newer_one_wins():
    table = {
        "EMAIL": ["old@acme-demo.io", "new@acme-demo.io", "x@acme-demo.io"],
        "EXTERNAL_ID": ["1", "1", "2"],
        "points": [1, 2, 3],
    }
    outcome = sync_into_klaviyo(table, look=profiles)
    assert (outcome.error, outcome.totals.accepted) == (None, 3)
    assert requests_with(outcome.side, IMPORT, ("external_id", "1")) == [1, 1]
    assert set(outcome.seen) == {"new@acme-demo.io", "x@acme-demo.io"}
    assert outcome.seen["new@acme-demo.io"]["properties"] == {"points": 2}


@pytest.mark.parametrize(
    "table",
    [
        {"EMAIL": ["a@b.io", "A@B.IO"], "PHONE_NUMBER": [None, "+4915112345678"]},
        {"EMAIL": ["a@b.io", None], "PHONE_NUMBER": ["+4915112345678", "0151 12345678"]},
        {"PHONE_NUMBER": ["+4915112345678", "+4915112345679"], "EXTERNAL_ID": ["1", "1"]},
        {"EMAIL": ["jö@b.io", "JÖ@b.io"], "EXTERNAL_ID": ["1", "2"]},
        {"EMAIL": ["a@b.io", "b@b.io", "b@b.io"], "EXTERNAL_ID": ["1", "1", "2"]},
    ],
    ids=["a second identifier comes", "another identifier", "new phone", "case beyond ASCII", "a chain"],
)
def test_profiles_with_any_identifier_in_common_travel_one_after_the_other(table):
    outcome = sync_into_klaviyo({**table, "n": list(range(len(table[next(iter(table))])))}, default_region="DE")
    jobs = [len(people_of(request)) for _, request in outcome.side.family(IMPORT)]
    assert jobs == [1] * len(table[next(iter(table))])


def test_events_of_one_person_under_two_addresses_travel_one_after_the_other():
    table = {
        "EMAIL": ["old@acme-demo.io", "new@acme-demo.io"],
        "EXTERNAL_ID": ["1", "1"],
        "EVENT_TIME": [datetime(2026, 1, 5, 9, tzinfo=UTC)] * 2,
        "number": [1, 2],
    }
    outcome = sync_into_klaviyo(table, "events", metric="Seen")
    assert requests_with(outcome.side, EVENTS, ("external_id", "1")) == [1, 1]
    assert outcome.totals.accepted == 2


@pytest.mark.parametrize("seed", range(4))
def test_who_changes_addresses_again_and_again_ends_with_the_newest_whatever_comes_back_first(seed):
    random = Random(seed)
    ids = [random.randrange(40) for _ in range(1_000)]
    table = {
        "EXTERNAL_ID": [f"c-{n}" for n in ids],
        "EMAIL": [f"p{n}-{random.randrange(3)}@acme-demo.io" if random.random() < 0.9 else None for n in ids],
        "points": list(range(1_000)),
    }
    side = KlaviyoSide({"job_seconds": [random.randrange(5), random.randrange(20)]})
    outcome = sync_into_klaviyo(table, side=side, limits=SMALL, look=everybody)
    assert outcome.error is None
    newest = {f"c-{n}": row for row, n in enumerate(ids)}
    assert {one["external_id"]: one["properties"]["points"] for one in outcome.seen} == newest
    for _, request in side.family(IMPORT):
        keys = [key for one in people_of(request) for key in one]
        assert len(keys) == len(set(keys))


async def everybody(side):
    return (await side.control("GET", "/klaviyo/profiles?limit=100000"))["profiles"]


# --- options --------------------------------------------------------------------------------------------


async def two_people(side):
    for name in ("p0", "p1"):
        body = {"data": {"type": "profile", "attributes": {"email": f"{name}@acme-demo.io", "last_name": "Old"}}}
        await side.call("POST", "/api/profile-import", json.dumps(body).encode())


async def a_list(side):
    side.open()
    body = b'{"data":{"type":"list","attributes":{"name":"Warehouse"}}}'
    made = await side.call("POST", "/api/lists", body)
    return json.loads(made.body)["data"]["id"]


def test_with_update_only_unknown_people_are_passed_over():
    outcome = sync_into_klaviyo(people(5), update_only=True, before=two_people, look=profiles)
    assert (outcome.totals.accepted, outcome.totals.skipped_because) == (2, {"unknown_profile": 3})
    assert [profile["first_name"] for profile in outcome.seen.values()] == ["Ada", "Ada"]


@pytest.mark.parametrize(("policy", "last_name"), [("keep", "Old"), ("clear", None)])
def test_a_null_keeps_or_clears_as_asked(policy, last_name):
    table = people(2, LAST_NAME=pa.array([None, "New"]))
    outcome = sync_into_klaviyo(table, null_policy=policy, before=two_people, look=profiles)
    assert outcome.totals.accepted == 2
    held = {email: profile.get("last_name") for email, profile in outcome.seen.items()}
    assert held == {"p0@acme-demo.io": last_name, "p1@acme-demo.io": "New"}


@pytest.mark.parametrize("policy", ["keep", "clear"])
def test_profiles_are_added_to_lists_in_bulk_and_one_by_one(policy):
    side = Lasting()
    table = people(3, LAST_NAME=pa.array([None, "New", "New"]))
    lists = [run_virtually(a_list(side))]
    outcome = sync_into_klaviyo(table, side=side, null_policy=policy, list_ids=lists, look=profiles)
    assert [profile["lists"] for profile in outcome.seen.values()] == [["Warehouse"]] * 3


def test_a_list_that_does_not_exist_stops_the_sync():
    outcome = sync_into_klaviyo(people(5), list_ids=["NoPe99"])
    assert isinstance(outcome.error, DestinationRefused)
    assert "NoPe99" in str(outcome.error)
    assert len(outcome.side.requests) == 1


# --- trouble --------------------------------------------------------------------------------------------


def failing_at(family, turns, trouble):
    """Make a fault that hits the first requests of an endpoint."""
    hits = {"count": 0}

    def fault(request):
        if request.family != family or hits["count"] >= turns:
            return None
        hits["count"] += 1
        return trouble

    return fault


TROUBLES = [
    Response(503, {}, b"<html>"),
    Response(429, {"retry-after": "5"}, b""),
    Response(200, {}, b"<html>Sign in</html>"),
    NoAnswer("reset", may_have_arrived=True),
]


@pytest.mark.parametrize("family", [IMPORT, JOB])
@pytest.mark.parametrize("trouble", TROUBLES, ids=["503", "429", "html", "reset"])
def test_trouble_with_jobs_loses_and_doubles_nothing(family, trouble):
    side = KlaviyoSide(fault=failing_at(family, 3, trouble))
    outcome = sync_into_klaviyo(people(250), side=side, limits=SMALL, look=state)
    assert (outcome.error, outcome.totals.accepted, outcome.seen["profiles"]) == (None, 250, 250)


@pytest.mark.parametrize("trouble", TROUBLES, ids=["503", "429", "html", "reset"])
def test_trouble_with_events_loses_and_doubles_nothing(trouble):
    side = KlaviyoSide(fault=failing_at(EVENTS, 3, trouble))
    outcome = sync_into_klaviyo(visits(250), "events", side=side, metric="Visit", limits=SMALL, look=state)
    assert (outcome.error, outcome.totals.accepted, outcome.seen["events"]) == (None, 250, 250)


def test_a_request_that_klaviyo_finds_too_large_is_halved():
    side = KlaviyoSide(fault=lambda request: Response(413, {}, b"") if len(request.body) > 3_000 else None)
    outcome = sync_into_klaviyo(people(100), side=side, look=state)
    assert (outcome.totals.accepted, outcome.seen["profiles"]) == (100, 100)


# --- events ---------------------------------------------------------------------------------------------


def test_a_run_that_is_repeated_records_each_event_once():
    side = Lasting()
    for _ in range(2):
        outcome = sync_into_klaviyo(visits(120), "events", side=side, metric="Visit", look=state)
        assert outcome.totals.accepted == 120
    assert outcome.seen["events"] == 120


def test_the_same_event_twice_in_a_request_is_sent_once():
    table = visits(10) | {"UNIQUE_ID": [f"u{n // 2}" for n in range(10)], "EMAIL": ["a@b.io"] * 10}
    outcome = sync_into_klaviyo(table, "events", metric="Visit", look=state)
    assert (outcome.totals.accepted, outcome.totals.skipped_because) == (5, {"duplicate_event": 5})
    assert outcome.seen["events"] == 5


def test_events_of_a_person_whom_klaviyo_refuses_are_named_and_the_others_recorded():
    table = visits(50) | {"PHONE_NUMBER": ["+9991234567" if n % 10 == 3 else None for n in range(50)]}
    outcome = sync_into_klaviyo(table, "events", metric="Visit", look=state)
    assert dict(outcome.totals.rejects) == {"klaviyo_phone_ineligible": 5}
    assert (outcome.totals.accepted, outcome.seen["events"], len(outcome.side.family(EVENTS))) == (45, 45, 2)


# --- pacing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data_type", "family"), [("profiles", IMPORT), ("events", EVENTS)])
def test_a_long_sync_keeps_klaviyos_rates_on_both_clocks_without_a_429(data_type, family):
    limits, count = KlaviyoLimits(import_profiles=2, events=2), 1_000
    table = people(count) if data_type == "profiles" else visits(count, persons=count)
    options = {} if data_type == "profiles" else {"metric": "Visit"}
    settings = DeliverySettings(max_in_flight=64, window_rows=50_000)
    outcome = sync_into_klaviyo(table, data_type, settings=settings, limits=limits, rate_share=1, **options)
    times = [at for at, _ in outcome.side.family(family)]
    assert (outcome.totals.accepted, outcome.side.answers[429], len(times)) == (count, 0, count / 2)
    assert times[-1] > 180
    assert all(later - earlier > 60 - 0.1 for earlier, later in zip(times, times[150:], strict=False))


# --- whatever happens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data_type", ["profiles", "events"])
@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_every_row_has_its_outcome_and_klaviyo_has_what_was_accepted(data_type, seed):
    random = Random(seed)
    count = 400
    table = people(count) if data_type == "profiles" else visits(count, persons=count)
    phones = ["+9991234567" if random.random() < 0.05 else None for _ in range(count)]
    late = [f"email:p{n}@acme-demo.io" for n in range(count) if data_type == "profiles" and random.random() < 0.05]
    faults = [
        {"kind": "import_error", "error": "Odd", "identifiers": late or ["email:nobody@acme-demo.io"]},
        {"kind": "stray_error", "error": "Stray", "payload": None, "every": 3},
    ]

    def trouble(request):
        chances = {0: Response(503, {}, b""), 1: Response(429, {"retry-after": "1"}, b"")}
        chances[2] = NoAnswer("reset", may_have_arrived=True)
        if request.method == "POST" and len(request.body) > 1_000:  # a proxy's, and less is the cure
            chances[3] = Response(413, {}, b"")
        return chances.get(random.randrange(40))

    side = KlaviyoSide({"errors_listed": 2, "job_seconds": [1, 3]}, faults, trouble)
    limits = KlaviyoLimits(import_profiles=30, events=30)
    options = {} if data_type == "profiles" else {"metric": "Visit"}
    outcome = sync_into_klaviyo(
        table | {"PHONE_NUMBER": pa.array(phones, pa.string())},
        data_type,
        side=side,
        limits=limits,
        look=state,
        **options,
    )
    assert outcome.error is None
    assert outcome.totals.rows_read == count
    assert outcome.totals.accepted == outcome.seen[data_type]
    expected = {f"p{n}@acme-demo.io" for n, phone in enumerate(phones) if phone} | {
        name.removeprefix("email:") for name in late
    }
    assert expected <= rejected(outcome).keys()
