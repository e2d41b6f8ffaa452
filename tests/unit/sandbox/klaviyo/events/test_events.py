"""Events: checked as a whole, written once, and lost without a word."""

from __future__ import annotations

import pytest
from support.klaviyo_world import event, pointers, single_event

ADA = {"email": "ada@acme-demo.io"}
WHEN = "2026-09-20T09:15:00+00:00"
ENTRIES = "/data/attributes/events-bulk-create/data"


def dropped(klaviyo):
    return klaviyo.state()["dropped"]


def test_events_are_accepted_with_nothing_in_the_answer(klaviyo):
    answer = klaviyo.send_events((ADA, event(unique_id="1"), event("Bought", unique_id="2", value=59.9)))
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (202, b"", "0")


def test_events_make_profiles_and_metrics(klaviyo):
    sent = event("Bought", time=WHEN, unique_id="POS-1", value=59.9, value_currency="EUR", properties={"items": 3})
    klaviyo.send_events((ADA, sent))
    assert klaviyo.events(email="ada@acme-demo.io") == [
        {
            "profile_id": klaviyo.profile(email="ada@acme-demo.io")["id"],
            "metric": "Bought",
            "time": WHEN,
            "unique_id": "POS-1",
            "value": 59.9,
            "value_currency": "EUR",
            "properties": {"items": 3},
            "backfill": False,
        }
    ]
    assert [metric["attributes"]["name"] for metric in klaviyo.get("/api/metrics")["data"]] == ["Bought"]


def test_attributes_beside_the_identifier_update_the_profile(klaviyo):
    klaviyo.send_events(({**ADA, "first_name": "Ada"}, event(unique_id="1")))
    shown = klaviyo.profile(email="ada@acme-demo.io")
    assert shown["first_name"] == "Ada"
    assert shown["last_event_date"]


def test_a_single_event_is_accepted_with_nothing_in_the_answer(klaviyo):
    answer = single_event(klaviyo, {"attributes": ADA}, event(unique_id="1"))
    assert (answer.status_code, answer.content) == (202, b"")
    assert len(klaviyo.events()) == 1


def test_a_backfill_is_recorded_as_one(klaviyo):
    klaviyo.send_events((ADA, event(unique_id="1", backfill=True), event(unique_id="2")))
    assert [each["backfill"] for each in klaviyo.events()] == [True, False]


def test_without_a_time_an_event_happened_when_it_was_received(klaviyo):
    klaviyo.send_events((ADA, event(unique_id="1")))
    assert klaviyo.events()[0]["time"] == "2026-09-21T14:13:20+00:00"


def test_the_time_is_cut_to_the_second(klaviyo):
    klaviyo.send_events((ADA, event(unique_id="1", time="2026-09-20T09:15:00.999Z")))
    assert klaviyo.events()[0]["time"] == WHEN


def test_once_a_metric_had_a_value_a_missing_one_is_zero(klaviyo):
    klaviyo.send_events((ADA, event(unique_id="1"), event(unique_id="2", value=3), event(unique_id="3")))
    assert [each.get("value") for each in klaviyo.events()] == [None, 3, 0]


# --- written once ----------------------------------------------------------------------------------------


def test_a_repeat_of_an_earlier_event_is_accepted_and_changes_nothing(klaviyo):
    klaviyo.send_events((ADA, event(unique_id="1", value=1)))
    assert klaviyo.send_events((ADA, event(unique_id="1", value=2))).status_code == 202
    assert [each["value"] for each in klaviyo.events()] == [1]
    assert dropped(klaviyo) == {"repeated unique_id": 1}


def test_a_repeat_within_one_request_refuses_it_all(klaviyo):
    answer = klaviyo.send_events((ADA, event(unique_id="1"), event(unique_id="2")), (ADA, event(unique_id="1")))
    assert pointers(answer) == [f"{ENTRIES}/1/attributes/events/data/0/attributes/unique_id"]
    assert answer.json()["errors"][0]["detail"] == "Duplicate unique_id for the same profile and metric"
    assert klaviyo.events() == []


def test_a_unique_id_counts_for_one_profile_and_one_metric(klaviyo):
    klaviyo.send_events(
        (ADA, event(unique_id="1"), event("Bought", unique_id="1")), ({"external_id": "b"}, event(unique_id="1"))
    )
    assert len(klaviyo.events()) == 3


def test_without_a_unique_id_one_event_a_second_is_kept(klaviyo):
    answer = klaviyo.send_events((ADA, event(time=WHEN), event(time=WHEN), event("Bought", time=WHEN)))
    assert answer.status_code == 202
    assert [each["metric"] for each in klaviyo.events()] == ["Opened", "Bought"]
    assert dropped(klaviyo) == {"same metric and second without unique_id": 1}


# --- lost without a word ---------------------------------------------------------------------------------


@pytest.mark.parametrize("email", ["a@example.com", "a@TEST.com"])
def test_events_of_example_addresses_vanish(klaviyo, email):
    assert klaviyo.send_events(({"email": email}, event(unique_id="1"))).status_code == 202
    assert (klaviyo.events(), klaviyo.state()["profiles"]) == ([], 0)
    assert dropped(klaviyo) == {"e-mail domain of examples and tests": 1}


def test_example_addresses_can_be_let_through(make_klaviyo):
    klaviyo = make_klaviyo(silent_domains=[])
    klaviyo.send_events(({"email": "a@example.com"}, event(unique_id="1")))
    assert len(klaviyo.events()) == 1


def test_an_id_that_leads_nowhere_loses_the_event(klaviyo):
    profile = {"id": "01K" + "9" * 23, "attributes": ADA}
    assert single_event(klaviyo, profile, event(unique_id="1")).status_code == 202
    assert dropped(klaviyo) == {"wrong identifiers": 1}


def test_identifiers_of_different_profiles_lose_the_event(klaviyo):
    klaviyo.import_attributes(ADA, {"external_id": "c-2"})
    klaviyo.send_events(({**ADA, "external_id": "c-2"}, event(unique_id="1")))
    assert dropped(klaviyo) == {"wrong identifiers": 1}


def test_events_vanish_on_demand_all_of_them_or_those_of_somebody(klaviyo):
    klaviyo.sandbox.set_fault(kind="drop", identifiers=["external_id:c-2"], times=1)
    klaviyo.send_events((ADA, event(unique_id="1")), ({"external_id": "c-2"}, event(unique_id="1")))
    klaviyo.sandbox.set_fault(kind="drop", times=1)
    klaviyo.send_events((ADA, event(unique_id="2")))
    assert [each["unique_id"] for each in klaviyo.events()] == ["1"]
    assert dropped(klaviyo) == {"on demand": 2}


@pytest.mark.parametrize(
    "properties",
    [
        {f"p{n}": n for n in range(401)},
        {"text": "ü" * 50_001},
        {"list": [0] * 4_001},
        {"deep": [[[[[[[[[[1]]]]]]]]]]},
        {"number": 2**63},
    ],
    ids=["properties", "string", "array", "nesting", "integer"],
)
def test_an_event_over_a_limit_is_refused_or_lost_as_chosen(klaviyo, properties):
    sent = ADA, event(unique_id="1", properties=properties)
    assert pointers(klaviyo.send_events(sent)) == [f"{ENTRIES}/0/attributes/events/data/0/attributes/properties"]
    klaviyo.change(event_limits="drop")
    assert klaviyo.send_events(sent).status_code == 202
    assert (klaviyo.events(), dropped(klaviyo)) == ([], {"over a limit": 1})


def test_an_event_at_its_limits_is_kept(klaviyo):
    properties = {f"p{n}": n for n in range(397)} | {"text": "x" * 100_000, "list": [0] * 4_000, "n": 2**63 - 1}
    assert klaviyo.send_events((ADA, event(unique_id="1", properties=properties))).status_code == 202
    assert len(klaviyo.events()) == 1


# --- revisions -------------------------------------------------------------------------------------------


def test_until_2026_no_event_could_be_older_than_2000(klaviyo):
    sent = ADA, event(unique_id="1", time="1995-01-01T00:00:00Z")
    assert klaviyo.send_events(sent, revision="2026-04-15").status_code == 400
    assert klaviyo.send_events(sent, revision="2026-07-15").status_code == 202


@pytest.mark.parametrize(("revision", "inside", "status"), [
    ("2026-07-15", True, 202),
    ("2026-10-15", True, 400),
    ("2026-10-15", False, 202),
])  # fmt: skip
def test_the_meta_of_a_single_events_profile_moved_out_of_its_attributes(klaviyo, revision, inside, status):
    meta = {"patch_properties": {"append": {"stores": ["Hamburg"]}}}
    profile = {"attributes": {**ADA, "meta": meta}} if inside else {"attributes": ADA, "meta": meta}
    answer = single_event(klaviyo, profile, event(unique_id="1"), revision=revision)
    assert answer.status_code == status
    if status == 202:
        assert klaviyo.profile(email="ada@acme-demo.io")["properties"] == {"stores": ["Hamburg"]}


def test_there_were_no_bulk_events_before_may_2024(make_klaviyo):
    klaviyo = make_klaviyo(now=1_715_000_000.0)  # before they were made
    assert klaviyo.send_events((ADA, event(unique_id="1")), revision="2024-02-15").status_code == 404


# --- reading back ----------------------------------------------------------------------------------------


def test_events_of_a_profile_are_read_back_with_klaviyos_own_properties(klaviyo):
    klaviyo.send_events((ADA, event("Bought", time=WHEN, unique_id="POS-1", value=59.9, properties={"items": 3})))
    klaviyo.send_events(({"external_id": "c-2"}, event(unique_id="1")))
    key = klaviyo.profile(email="ada@acme-demo.io")["id"]
    found = klaviyo.get(f'/api/events?filter=equals(profile_id,"{key}")&include=profile,metric')
    (shown,) = found["data"]
    assert shown["attributes"]["event_properties"] == {"items": 3, "$event_id": "POS-1", "$value": 59.9}
    assert (shown["attributes"]["timestamp"], shown["attributes"]["datetime"]) == (1789895700, WHEN)
    assert [each["type"] for each in found["included"]] == ["profile", "metric"]


def test_events_are_sorted_by_their_time(klaviyo):
    klaviyo.send_events((ADA, *(event(unique_id=str(n), time=f"2026-09-1{n}T00:00:00Z") for n in (2, 1, 3))))

    def order(query):
        found = klaviyo.get(f"/api/events?{query}")["data"]
        return [each["attributes"]["event_properties"]["$event_id"] for each in found]

    assert order("sort=datetime") == ["1", "2", "3"]
    assert order("sort=-datetime") == ["3", "2", "1"]
    assert order("filter=greater-than(datetime,2026-09-11T12:00:00Z)&sort=datetime") == ["2", "3"]
    assert order("page[size]=1") == ["3"]


def test_events_go_with_their_profile(klaviyo):
    klaviyo.send_events((ADA, event(unique_id="1")))
    content = {"profile": {"data": {"type": "profile", "attributes": ADA}}}
    klaviyo.send("data-privacy-deletion-jobs", "data-privacy-deletion-job", content)
    assert klaviyo.events() == []
    klaviyo.send_events((ADA, event(unique_id="1")))
    assert len(klaviyo.events()) == 1


def test_events_move_with_a_merge_and_repeats_are_dropped(make_klaviyo):
    klaviyo = make_klaviyo(on_conflict="merge")
    phone = {"phone_number": "+4915112345678"}
    klaviyo.send_events((ADA, event(unique_id="1")), (phone, event(unique_id="1"), event(unique_id="2")))
    klaviyo.upsert(**ADA, **phone)
    assert sorted(each["unique_id"] for each in klaviyo.events(email="ada@acme-demo.io")) == ["1", "2"]


def test_events_wait_for_their_effect(make_klaviyo):
    klaviyo = make_klaviyo(shared={"apply_delay": 60})
    klaviyo.send_events((ADA, event(unique_id="1")))
    assert klaviyo.events() == []
    klaviyo.clock.now += 60
    assert len(klaviyo.events()) == 1


def test_counting_only_keeps_no_events(make_klaviyo):
    klaviyo = make_klaviyo(shared={"keep": "counts"})
    klaviyo.send_events((ADA, event(unique_id="1")))
    assert klaviyo.events() == []
    assert klaviyo.sandbox.received("/api/event-bulk-create-jobs")["accepted"] == {"email:ada@acme-demo.io": 1}
