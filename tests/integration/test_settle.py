"""Rows that are held back until they are old enough, by the warehouse's clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

MINUTES = timedelta(minutes=10)
TABLE = "create table users (updated_at timestamp, external_id varchar, payload varchar default '{}')"


def insert(lab, person, minutes_ago):
    lab.sql(f"insert into users (updated_at, external_id) values "
            f"(now()::timestamp - to_minutes({minutes_ago}), '{person}')")  # fmt: skip


def grow_older(lab, minutes):
    lab.sql(f"update users set updated_at = updated_at - interval {minutes} minute")


@pytest.fixture
def table(lab):
    lab.sql(TABLE)
    for person, minutes_ago in (("old", 30), ("young", 5), ("younger", 1)):
        insert(lab, person, minutes_ago)
    return lab


@pytest.mark.parametrize("sync_mode", ["auto", "full"])
def test_rows_wait_until_they_are_old_enough_in_runs_that_move_the_watermark(table, sync_mode):
    report = table.run(settle=MINUTES, sync_mode=sync_mode)
    assert set(table.arrivals()["received"]) == {"external_id:old"}
    assert (report["accepted"], report["skipped_because"]) == (1, {"settling": 2})
    assert report["rows_read"] == 3


def test_a_row_that_is_committed_late_is_sent_when_it_is_not_later_than_settle(table):
    table.run(settle=MINUTES)
    insert(table, "late", 8)
    table.run(settle=MINUTES)
    grow_older(table, 9)
    report = table.run(settle=MINUTES)
    assert report["skipped_because"] == {}
    assert table.arrivals()["received"] == {f"external_id:{who}": 1 for who in ("old", "late", "young", "younger")}


def test_rows_of_the_future_are_told_from_those_that_settle(table):
    insert(table, "tomorrow", -1440)
    assert table.run(settle=MINUTES)["skipped_because"] == {"settling": 2, "future": 1}


def test_a_sync_that_is_told_to_settle_later_counts_no_row_that_was_sent_as_one_that_waits(table):
    table.run()
    report = table.run(settle=MINUTES)
    assert (report["rows_read"], report["requests"]) == (0, 0)


def test_a_window_does_not_settle(table):
    bounds = {"since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    report = table.run(settle=MINUTES, sync_mode="window", **bounds)
    assert (report["accepted"], report["skipped_because"]) == (3, {})


def test_a_dry_run_says_how_many_rows_wait(table):
    assert table.run(settle=MINUTES, dry_run=True)["skipped_because"] == {"settling": 2}


def test_rows_on_the_clock_of_a_place_settle_by_it(lab):
    shown = "(now() at time zone 'Asia/Seoul')"
    lab.sql(f"""create table users as select {shown} - interval 30 minute as updated_at, 'old' as external_id,
        '{{}}' as payload union all select {shown} - interval 5 minute, 'young', '{{}}'""")  # fmt: skip
    report = lab.run(settle=MINUTES, watermark_timezone="Asia/Seoul")
    assert (report["accepted"], report["skipped_because"]) == (1, {"settling": 1})


def test_rows_that_the_query_stamps_need_not_settle(table):
    table.sql("create view mixed as select * from users union all select current_timestamp, 'computed', '{}'")
    for _ in range(2):
        report = table.run(settle=MINUTES, source="mixed")
        assert report["skipped_because"]["settling"] == 2
    assert table.arrivals()["received"] == {"external_id:old": 1, "external_id:computed": 2}
