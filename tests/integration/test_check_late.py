"""Rows that came below the watermark are counted as far as numbers can tell."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.state.record import Checkpoint

TABLE = """create table users as select timestamp '2026-01-01' + interval (i // 3) minute as updated_at,
    'c-' || i as external_id, '{}' as payload from range(300) as numbers(i)"""


@pytest.fixture
def table(lab):
    lab.sql(TABLE)
    return lab


def insert(lab, at, person="late"):
    lab.sql(f"insert into users values (timestamp '{at}', '{person}', '{{}}')")


def late(lab, **arguments):
    return lab.run(check_late=True, **arguments)["late"]


def test_the_first_run_cannot_tell_and_the_next_ones_can(table, caplog):
    caplog.set_level(logging.WARNING)
    assert late(table) is None
    assert late(table) == 0
    insert(table, "2026-01-01 00:30:30")
    insert(table, "2026-01-01 00:00:00")
    report = table.run(check_late=True)
    assert (report["late"], report["rows_read"], report["requests"]) == (2, 0, 0)
    assert any("At least 2 rows came" in record.message for record in caplog.records)
    assert late(table) == 0


def test_rows_that_the_next_run_sends_are_not_late(table):
    late(table)
    insert(table, "2026-01-02")
    insert(table, "2026-01-01 01:39:00", "at the watermark")
    report = table.run(check_late=True)
    assert (report["late"], report["accepted"]) == (0, 2)
    insert(table, "2026-01-01 01:39:30")
    assert late(table) == 1


def test_what_left_hides_what_came_and_fewer_rows_than_before_say_that_nobody_can_tell(table):
    late(table)
    table.sql("update users set updated_at = timestamp '2026-01-02' where external_id in ('c-1', 'c-2')")
    insert(table, "2026-01-01 00:30:30")
    report = table.run(check_late=True)
    assert (report["late"], report["accepted"]) == (None, 2)
    insert(table, "2026-01-01 00:30:31", "another")
    assert late(table) == 1


def test_a_run_that_does_not_count_leaves_nothing_to_compare_with(table):
    late(table)
    table.run()
    insert(table, "2026-01-03")
    table.run()
    assert late(table) is None
    assert late(table) == 0


@pytest.mark.parametrize("mode", ["window", "full"])
def test_windows_and_full_runs_do_not_tell(table, mode):
    late(table)
    insert(table, "2026-01-01 00:30:30")
    bounds = {"since": "2026-01-01", "until": "2026-01-02"} if mode == "window" else {}
    assert late(table, sync_mode=mode, **bounds) is None
    assert late(table) == (1 if mode == "window" else 0)


def test_a_watermark_that_a_person_wrote_is_a_new_beginning(table):
    late(table)
    record = table.world.asset.get("cdi_state")
    table.world.asset.set("cdi_state", {**record, "watermark": "2026-01-01T00:10:00Z"})
    assert late(table) is None


def test_a_retry_counts_on_from_its_checkpoint(table):
    late(table)
    table.sql(TABLE.replace("create table users as", "insert into users").replace("'2026-01-01'", "'2026-01-02'"))
    table.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/track", "after": 2})
    settings = DeliverySettings(max_in_flight=1, window_rows=50, retry=RetryPolicy(attempts=2, first_wait=0.01))
    with pytest.raises(RetryLater):
        table.run(run_id="run-x", check_late=True, delivery=settings)
    table.sandbox.clear_faults()
    insert(table, "2026-01-01 12:00:00")
    report = table.run(run_id="run-x", check_late=True, delivery=settings)
    assert (report["late"], report["accepted"]) == (1, 300)
    assert late(table) == 0


def test_rows_that_the_query_stamps_are_not_late(table):
    table.sql("create view mixed as select * from users union all select current_timestamp, 'computed', '{}'")
    assert [late(table, source="mixed") for _ in range(3)] == [None, 0, 0]


def test_a_table_that_was_empty_at_first(lab):
    lab.sql(TABLE.replace("range(300)", "range(0)"))
    assert late(lab) is None
    insert(lab, "2026-01-05")
    assert late(lab) is None
    insert(lab, "2026-01-04")
    assert late(lab) == 1


def test_one_more_query_beside_the_slices(table, monkeypatch):
    from airflow_provider_cdi.hooks.sql.source import SqlSource

    asked = []
    count = SqlSource.count
    monkeypatch.setattr(
        SqlSource, "count", lambda self, *args, **more: asked.append(args) or count(self, *args, **more)
    )
    late(table)
    assert len(asked) == 1
    late(table)
    assert len(asked) == 3


def test_a_record_of_an_earlier_version_has_no_number_of_rows():
    totals = {"accepted": 1, "rejected": 0, "unknown": 0, "rejects": {}, "skipped_because": {}}
    old = Checkpoint.from_json({"watermark": None, "totals": totals, "rejects_written": 0})
    assert old.below is None
    assert "below" not in old.to_json()
