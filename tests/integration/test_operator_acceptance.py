"""What the issue promises, from a DuckDB table through the operator to the sandbox, over real sockets."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.version_compat import AirflowFailException

QUICK = DeliverySettings(retry=RetryPolicy(attempts=3, first_wait=0.01))
CUSTOMERS = """create table users as select timestamp '2026-01-01' + interval (i // 50) second as updated_at,
    'c-' || i as external_id, {payload} as payload from range({rows}) as numbers(i)"""

TIES = """create table users as select timestamp '2026-01-01' as updated_at, 'c-' || i as external_id, '{{}}' as payload
    from range({rows}) as numbers(i)"""


def customers(rows, payload="""'{"visits":' || i || '}'"""):
    return CUSTOMERS.format(rows=rows, payload=payload)


def test_the_100_rows_refused_inside_201_answers_of_100_000_are_named_and_no_other(lab):
    # every 500th row breaks the contract before sending, every 1000th is refused by Braze inside a 201
    payload = """case when i % 500 = 7 then 'no json' when i % 1000 = 13 then '{"email":"nonsense"}'
        else '{"visits":' || i || '}' end"""
    lab.sql(customers(100_000, payload))
    report = lab.run()
    refused = {f"c-{i}" for i in range(13, 100_000, 1000)}
    broken = {f"c-{i}" for i in range(7, 100_000, 500)}
    assert report["rejects"] == {"braze_email_invalid": 100, "payload_not_json": 200}
    rejected = lab.rejected()
    assert {r["identifier"]["EXTERNAL_ID"] for r in rejected if r["code"] == "braze_email_invalid"} == refused
    assert {r["identifier"]["EXTERNAL_ID"] for r in rejected if r["code"] == "payload_not_json"} == broken
    assert report["accepted"] == 100_000 - len(refused) - len(broken) == lab.sandbox.state()["users"]


def test_a_second_run_over_an_unchanged_table_sends_no_request(lab):
    lab.sql(customers(1_000))
    lab.run()
    lab.sandbox.reset()
    report = lab.run()
    assert (report["requests"], report["rows_read"], lab.arrivals()["requests"]) == (0, 0, 0)


def test_a_new_row_with_the_watermarks_timestamp_is_sent_alone_in_a_tie_group_of_1_000(lab):
    lab.sql(TIES.format(rows=1_000))
    lab.run()
    lab.sandbox.reset()
    lab.sql("insert into users values (timestamp '2026-01-01', 'c-0500b', '{}')")
    lab.run()
    assert lab.arrivals()["received"] == {"external_id:c-0500b": 1}


def test_a_new_row_in_a_tie_group_of_1_000_000_drags_less_than_a_hundredth_with_it(lab):
    lab.sql(TIES.format(rows=1_000_000))
    lab.sandbox.change(keep="counts")
    assert lab.run()["accepted"] == 1_000_000
    lab.sandbox.reset()
    lab.sql("insert into users values (timestamp '2026-01-01', 'c-500000b', '{}')")
    lab.run()
    received = lab.arrivals()["received"]
    assert received["external_id:c-500000b"] == 1
    assert len(received) < 10_000
    assert len(json.dumps(lab.world.asset.get("cdi_state"))) < 32_000


def test_a_row_stamped_tomorrow_does_not_stop_rows_stamped_today(lab):
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)")
    lab.sql("insert into users values (now()::timestamp + interval 1 day, 'tomorrow', '{}')")
    lab.sql("insert into users values (now()::timestamp - interval 1 hour, 'an hour ago', '{}')")
    first = lab.run()
    lab.sql("insert into users values (now()::timestamp - interval 1 minute, 'a minute ago', '{}')")
    lab.run()
    assert set(lab.arrivals()["received"]) == {"external_id:an hour ago", "external_id:a minute ago"}
    assert first["skipped_because"] == {"future": 1}


def test_the_state_record_holds_no_identifier_and_no_payload(lab):
    lab.sql(customers(100, """'{"secret":"s3cr3t"}'"""))
    report = lab.run()
    kept = json.dumps([lab.world.asset.kept, [run.kept for run in lab.world.runs.values()], report])
    assert "c-42" not in kept
    assert "s3cr3t" not in kept


def test_a_retry_goes_on_where_the_first_try_stopped_and_reports_the_whole_run(lab):
    lab.sql(customers(3_000))
    lab.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/track", "after": 30})
    settings = DeliverySettings(max_in_flight=2, window_rows=500, retry=QUICK.retry)
    with pytest.raises(RetryLater, match="3 attempts"):
        lab.run(run_id="run-1", delivery=settings)
    lab.sandbox.clear_faults()
    report = lab.run(run_id="run-1", delivery=settings)
    received = lab.arrivals()["accepted"]
    assert report["rows_read"] == report["accepted"] == 3_000 == len(received)
    assert sum(received.values()) <= 3_000 + 500 + 256


def test_a_failed_run_leaves_the_rest_to_the_next_run(lab):
    lab.sql(customers(3_000))
    lab.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/track", "after": 30})
    with pytest.raises(RetryLater):
        lab.run(delivery=QUICK)
    lab.sandbox.clear_faults()
    lab.run(delivery=QUICK)
    assert len(lab.arrivals()["accepted"]) == 3_000


def test_clearing_a_finished_run_replays_its_slice_and_leaves_the_watermark_alone(lab):
    lab.sql(customers(100))
    lab.run(run_id="run-1")
    lab.sql("insert into users values (timestamp '2026-02-01', 'later', '{}')")
    later = lab.run(run_id="run-2")
    lab.sandbox.reset()
    lab.run(run_id="run-1", context={"clear_number": 1})
    assert len(lab.arrivals()["received"]) == 100
    lab.sandbox.reset()
    assert lab.run(run_id="run-3")["watermark"] == later["watermark"]
    assert lab.arrivals()["requests"] == 0


def test_a_full_run_sends_everything_again_and_the_next_run_nothing(lab):
    lab.sql(customers(100))
    lab.run()
    lab.sandbox.reset()
    lab.run(sync_mode="full")
    assert len(lab.arrivals()["received"]) == 100
    assert lab.run()["requests"] == 0


def test_a_window_sends_its_rows_and_moves_nothing(lab):
    lab.sql(customers(1_000))
    before = lab.run()["watermark"]
    lab.sandbox.reset()
    report = lab.run(sync_mode="window", since="2026-01-01T00:00:05", until="2026-01-01T00:00:07")
    assert (report["accepted"], report["moves_watermark"], report["watermark"]) == (100, False, before)
    assert lab.run()["watermark"] == before


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(lab):
    lab.sql(customers(200, """case when i = 7 then 'bad' else '{}' end"""))
    report = lab.run(dry_run=True)
    assert (report["dry_run"], report["accepted"], report["rejected"], report["requests"]) == (True, 199, 1, 3)
    assert lab.arrivals()["requests"] == 0
    assert lab.world.asset.get("cdi_state")["watermark"] is None
    lab.world.successes = 1
    assert lab.run()["accepted"] == 199


@pytest.mark.parametrize("initial", ["now", "2026-01-01T00:00:10Z"])
def test_initial_says_where_a_new_sync_starts(lab, initial):
    lab.sql(customers(1_000))
    report = lab.run(initial=initial)
    assert report["accepted"] == (0 if initial == "now" else 500)


def test_a_sync_that_began_with_now_sends_what_came_after_its_first_run(lab):
    lab.sql(customers(10))
    lab.run(initial="now")
    lab.sql("insert into users values (now()::timestamp, 'new', '{}')")
    lab.run(initial="now")
    assert set(lab.arrivals()["received"]) == {"external_id:new"}


def test_too_many_rejects_fail_the_task_after_everything_else_was_delivered_and_saved(lab):
    lab.sql(customers(200, """case when i % 10 = 0 then 'bad' else '{}' end"""))
    with pytest.raises(AirflowFailException, match=r"10.00 % of the rows were rejected"):
        lab.run(max_reject_percent=5)
    assert len(lab.arrivals()["received"]) == 180
    assert lab.run(max_reject_percent=5)["rows_read"] == 0


def test_events_are_sent_again_after_a_lost_answer_unless_told_otherwise(lab):
    lab.sql("create table users as select timestamp '2026-01-01' as updated_at, 'c-' || i as external_id, "
            """'{"name":"seen"}' as payload from range(10) as numbers(i)""")  # fmt: skip
    lab.sandbox.set_faults({"kind": "reset", "applied": True, "times": 1, "path": "/users/track"})
    report = lab.run(data_type="events", delivery=QUICK)
    assert (report["accepted"], lab.sandbox.state()["events"]) == (10, 20)


def test_events_with_a_lost_answer_are_kept_aside_when_told_so(lab):
    lab.sql("create table users as select timestamp '2026-01-01' as updated_at, 'c-' || i as external_id, "
            """'{"name":"seen"}' as payload from range(10) as numbers(i)""")  # fmt: skip
    lab.sandbox.set_faults({"kind": "reset", "applied": True, "times": 1, "path": "/users/track"})
    report = lab.run(data_type="events", delivery=DeliverySettings(on_unknown="reject"))
    assert (report["unknown"], report["accepted"], lab.sandbox.state()["events"]) == (10, 0, 10)
    assert {row["code"] for row in lab.rejected()} == {"no_answer"}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "answer", "status": 500, "body": "<html>sorry</html>", "content_type": "text/html"},
        {"kind": "answer", "status": 502},
        {"kind": "answer", "status": 504},
        {"kind": "answer", "status": 429, "headers": {"x-ratelimit-retry-after": "0"}},
        {"kind": "answer", "status": 201, "body": "<html>a proxy</html>", "content_type": "text/html"},
        {"kind": "reset", "applied": False},
        {"kind": "reset", "applied": True},
        {"kind": "cut"},
        {"kind": "truncate"},
    ],
    ids=lambda fault: "-".join(str(fault[key]) for key in ("kind", "status", "applied") if key in fault),
)
def test_every_third_request_in_trouble_loses_nothing(lab, fault):
    lab.sql(customers(1_000))
    lab.sandbox.set_faults({**fault, "path": "/users/track", "every": 3})
    settings = DeliverySettings(max_in_flight=4, retry=RetryPolicy(attempts=12, first_wait=0.01))
    report = lab.run(delivery=settings)
    assert report["accepted"] == 1_000 == lab.sandbox.state()["users"]
    assert report["retries"] > 0
    assert lab.arrivals()["max_in_flight"] == 1


def test_a_413_is_split_until_it_fits(lab):
    lab.sql(customers(150))
    lab.sandbox.set_faults({"kind": "answer", "status": 413, "path": "/users/track", "times": 3})
    report = lab.run(delivery=DeliverySettings(max_in_flight=1))
    assert (report["accepted"], report["rejected"]) == (150, 0)
    assert report["splits"] == 3


def test_user_deletes_go_out_by_kind_of_identifier(lab):
    lab.sql(customers(30))
    lab.run()
    lab.sql("create table gone (updated_at timestamp, external_id varchar, braze_id varchar)")
    lab.sql(
        "insert into gone values ('2026-01-02', 'c-1', null), ('2026-01-02', 'c-2', null), ('2026-01-02', null, 'x')"
    )
    report = lab.run(source="gone", data_type="user_deletes", sync_id="gone")
    assert (report["accepted"], report["requests"], lab.sandbox.state()["users"]) == (3, 2, 28)


def test_the_delete_cap_stops_the_run_before_anything_is_sent(lab):
    lab.sql("create table gone as select timestamp '2026-01-02' as updated_at, 'c-' || i as external_id "
            "from range(51) as numbers(i)")  # fmt: skip
    with pytest.raises(AirflowFailException, match="would delete 51 users"):
        lab.run(source="gone", data_type="user_deletes", delete_cap=DeleteCap(rows=50))
    assert lab.arrivals("/users/delete")["requests"] == 0


def test_the_delete_cap_does_not_stop_the_retry_of_a_first_run(lab):
    lab.sql("create table gone as select timestamp '2026-01-01' + interval (i) second as updated_at, "
            "'c-' || i as external_id from range(900) as numbers(i)")  # fmt: skip
    lab.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/delete", "after": 7})
    settings = DeliverySettings(max_in_flight=1, window_rows=300, retry=QUICK.retry)
    arguments = {"source": "gone", "data_type": "user_deletes", "run_id": "run-1", "delivery": settings}
    with pytest.raises(RetryLater):
        lab.run(**arguments)
    lab.sandbox.clear_faults()
    assert lab.run(**arguments)["accepted"] == 900


def test_deletes_refuse_a_source_with_a_payload(lab):
    lab.sql(customers(3))
    with pytest.raises(AirflowFailException, match="PAYLOAD"):
        lab.run(data_type="user_deletes")


def test_catalog_items_are_replaced_created_and_deleted(lab):
    lab.sandbox.create_catalog("shops", city="string", seats="number")
    lab.sql("create table shops (updated_at timestamp, id varchar, payload varchar, deleted boolean)")
    lab.sql("""insert into shops values ('2026-01-01', 's-1', '{"city":"Seoul","seats":4}', false),
        ('2026-01-01', 's-2', '{"city":"Jeju"}', null)""")
    lab.run(source="shops", data_type="catalog_items", catalog="shops")
    lab.sql("""insert into shops values ('2026-01-02', 's-1', '{"city":"Busan"}', false),
        ('2026-01-02', 's-2', null, true)""")
    lab.run(source="shops", data_type="catalog_items", catalog="shops")
    assert lab.sandbox.catalog_items("shops") == {"s-1": {"id": "s-1", "city": "Busan"}}


def test_merge_changes_the_given_fields_alone(lab):
    lab.sandbox.create_catalog("shops", city="string", seats="number")
    lab.sql("create table shops (updated_at timestamp, id varchar, payload varchar)")
    lab.sql("""insert into shops values ('2026-01-01', 's-1', '{"city":"Seoul","seats":4}')""")
    lab.run(source="shops", data_type="catalog_items", catalog="shops")
    lab.sql("""insert into shops values ('2026-01-02', 's-1', '{"city":"Busan"}')""")
    lab.run(source="shops", data_type="catalog_items", catalog="shops", merge=True)
    assert lab.sandbox.catalog_items("shops")["s-1"] == {"id": "s-1", "city": "Busan", "seats": 4}


def test_a_payload_is_built_from_columns_with_right_types(lab):
    lab.sql("""create table users as select timestamp '2026-01-01' as updated_at, 'c-1' as external_id,
        date '1990-05-01' as dob, 12.50::decimal(10, 2) as spent, ['a', 'b'] as tags, {'city': 'Seoul'} as home,
        true as vip""")
    lab.run(payload_columns=["dob", "spent", "tags", "home", "vip"])
    user = lab.sandbox.user(external_id="c-1")
    assert user["dob"] == "1990-05-01"
    assert user["custom_attributes"] == {"spent": 12.5, "tags": ["a", "b"], "home": {"city": "Seoul"}, "vip": True}


def test_columns_map_other_names_to_the_contract(lab):
    lab.sql("""create table users as select timestamp '2026-01-01' as changed, 'c-1' as customer, '{"a":1}' as body""")
    lab.run(columns={"UPDATED_AT": "changed", "external_id": "customer", "PAYLOAD": "body"})
    assert lab.sandbox.user(external_id="c-1")["custom_attributes"] == {"a": 1}


def test_a_query_is_a_source(lab):
    lab.sql(customers(100))
    report = lab.run(source=None, sql="select * from users where external_id like 'c-1%';")
    assert report["accepted"] == 11


# --- a clock of a place ---------------------------------------------------------------------------------


def test_rows_on_the_clock_of_a_place_go_out_when_their_time_has_come_there(lab):
    shown = "(current_timestamp at time zone 'America/New_York')"
    lab.sql(
        f"""create table users as
        select {shown} - interval 1 minute as updated_at, 'a' as external_id, '{{}}' as payload union all
        select {shown} + interval 1 hour, 'b', '{{}}'"""
    )
    report = lab.run(watermark_timezone="America/New_York")
    assert set(lab.arrivals()["received"]) == {"external_id:a"}
    assert report["skipped_because"] == {"future": 1}
    assert report["watermark"].endswith("(America/New_York)")
    assert lab.run(watermark_timezone="America/New_York")["rows_read"] == 1
