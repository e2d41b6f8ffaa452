"""Klaviyo through the operator, from a DuckDB table to the sandbox, over real sockets: as Braze, and its own."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.version_compat import AirflowFailException

PROFILES = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, 'c' || i || '@acme-demo.io' as email, 'Ada' as first_name, i as visits
    from range({rows}) as numbers(i)"""
EVENTS = """create table events as select timestamp '2026-01-01' + interval (i) second as updated_at,
    timestamp '2025-12-01' + interval (i) minute as event_time, 'c' || (i % 5) || '@acme-demo.io' as email,
    'ORD-' || i as unique_id, 'Order' as metric_name, 9.5 as value, i as items from range({rows}) as numbers(i)"""

NEW_EVENT = (
    """insert into events values ({updated_at}, now()::timestamp, 'c1@acme-demo.io', 'ORD-new', 'Order', 1, 1)"""
)


def run_events(lab, **arguments):
    return lab.run(**{"source": "events", "data_type": "events", "sync_id": "events", **arguments})


def test_profiles_arrive_with_their_fields_and_properties(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=300))
    report = klaviyo_lab.run()
    assert (report["accepted"], report["rejected"], report["destination"]) == (300, 0, klaviyo_lab.sandbox.url)
    profile = klaviyo_lab.klaviyo.profile(external_id="c-7")
    assert (profile["email"], profile["first_name"]) == ("c7@acme-demo.io", "Ada")
    assert profile["properties"] == {"visits": 7}


def test_a_second_run_over_an_unchanged_table_sends_nothing(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=10))
    klaviyo_lab.run()
    klaviyo_lab.sandbox.reset()
    assert klaviyo_lab.run()["requests"] == 0
    assert klaviyo_lab.sandbox.requests() == []


def test_profiles_are_added_to_lists(klaviyo_lab):
    list_id = klaviyo_lab.klaviyo.create_list("Warehouse")
    klaviyo_lab.sql(PROFILES.format(rows=3))
    klaviyo_lab.run(list_ids=[list_id])
    assert klaviyo_lab.klaviyo.state()["lists"] == {"Warehouse": 3}


def test_an_unknown_list_stops_the_sync(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=3))
    with pytest.raises(AirflowFailException, match="list"):
        klaviyo_lab.run(list_ids=["NoPe99"])
    assert klaviyo_lab.klaviyo.state()["profiles"] == 0


def test_nulls_are_cleared_when_asked_for(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=3))
    klaviyo_lab.run()
    klaviyo_lab.sql("update users set first_name = null, updated_at = timestamp '2026-02-01' where visits < 2")
    klaviyo_lab.run()
    assert klaviyo_lab.klaviyo.profile(external_id="c-1")["first_name"] == "Ada"
    klaviyo_lab.sql("update users set updated_at = timestamp '2026-02-02' where visits < 1")
    klaviyo_lab.run(null_policy="clear")
    assert "first_name" not in klaviyo_lab.klaviyo.profile(external_id="c-0")


def test_update_only_passes_over_whom_klaviyo_does_not_know(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=3))
    klaviyo_lab.run()
    klaviyo_lab.sql(
        "insert into users values (timestamp '2026-02-01', 'new', 'new@acme-demo.io', 'Bo', 1), "
        "(timestamp '2026-02-01', 'c-1', 'c1@acme-demo.io', 'Bo', 1)"
    )
    report = klaviyo_lab.run(update_only=True)
    assert (report["accepted"], report["skipped_because"]["unknown_profile"]) == (1, 1)
    assert klaviyo_lab.klaviyo.state()["profiles"] == 3


def test_events_of_a_first_run_trigger_no_flow_and_later_ones_do(klaviyo_lab):
    klaviyo_lab.sql(EVENTS.format(rows=20))
    assert run_events(klaviyo_lab)["accepted"] == 20
    klaviyo_lab.sql(NEW_EVENT.format(updated_at="timestamp '2026-02-01'"))
    run_events(klaviyo_lab)
    flags = {event["unique_id"]: event["backfill"] for event in klaviyo_lab.klaviyo.events()}
    assert flags.pop("ORD-new") is False
    assert set(flags.values()) == {True}


def test_events_of_a_window_trigger_no_flow(klaviyo_lab):
    klaviyo_lab.sql(EVENTS.format(rows=20))
    window = {"sync_mode": "window", "since": "2026-01-01T00:00:05", "until": "2026-01-01T00:00:10"}
    run_events(klaviyo_lab, **window)
    assert [event["backfill"] for event in klaviyo_lab.klaviyo.events()] == [True] * 5


def test_backfill_may_be_chosen(klaviyo_lab):
    klaviyo_lab.sql(EVENTS.format(rows=2))
    run_events(klaviyo_lab, backfill=False)
    assert [event["backfill"] for event in klaviyo_lab.klaviyo.events()] == [False] * 2


def test_a_sync_that_began_with_now_triggers_flows_from_its_second_run_on(klaviyo_lab):
    klaviyo_lab.sql(EVENTS.format(rows=2))
    run_events(klaviyo_lab, initial="now")
    klaviyo_lab.sql(NEW_EVENT.format(updated_at="now()::timestamp"))
    run_events(klaviyo_lab, initial="now")
    assert [event["backfill"] for event in klaviyo_lab.klaviyo.events()] == [False]


def test_a_fixed_metric_stands_in_for_the_column(klaviyo_lab):
    klaviyo_lab.sql(EVENTS.format(rows=1), "alter table events drop column metric_name")
    run_events(klaviyo_lab, metric="In-Store Purchase")
    assert [event["metric"] for event in klaviyo_lab.klaviyo.events()] == ["In-Store Purchase"]


def test_a_dry_run_asks_klaviyo_nothing(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=30))
    report = klaviyo_lab.run(dry_run=True, deferrable=True)
    assert (report["dry_run"], report["accepted"], report["requests"]) == (True, 30, 1)
    assert report["plan"]["data_points"] is None
    assert klaviyo_lab.sandbox.requests() == []


def test_the_key_of_another_account_stops_the_run_before_anything_is_sent(klaviyo_lab):
    klaviyo_lab.connect_klaviyo(extra={"account": "OtHeR1"})
    klaviyo_lab.sql(PROFILES.format(rows=3))
    with pytest.raises(AirflowFailException, match="belongs to the account 'DeMo01'"):
        klaviyo_lab.run()
    assert klaviyo_lab.submissions() == 0


def test_a_state_of_another_account_is_not_gone_on_with(klaviyo_lab):
    klaviyo_lab.connect_klaviyo(extra={"account": "DeMo01"})
    klaviyo_lab.sql(PROFILES.format(rows=3))
    klaviyo_lab.run()
    klaviyo_lab.connect_klaviyo(extra={"account": "OtHeR1"})
    with pytest.raises(AirflowFailException, match="has always had the destination"):
        klaviyo_lab.run()
