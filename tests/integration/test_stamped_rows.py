"""Rows that the query itself stamps, from real warehouses through the operator to the sandbox."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.hooks.sql.source import SqlSource

ROWS = "select 'c-' || i as external_id, '{\"n\":' || i || '}' as payload, i from range(300) as numbers(i)"
SHOWN_IN_NEW_YORK = "now() at time zone 'America/New_York'"


def stamped(clock: str) -> str:
    return f"create view users as select {clock} as updated_at, * exclude i from ({ROWS})"


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING)
    return lambda: [record.message for record in caplog.records if "time of the query itself" in record.message]


@pytest.mark.parametrize(
    ("clock", "arguments"),
    [
        ("current_timestamp", {}),
        ("now()::timestamp", {}),
        ("now()::timestamp_ns", {}),
        ("date_trunc('millisecond', now()::timestamp)", {}),
        ("date_trunc('second', now()::timestamp)", {}),
        ("date_trunc('second', now())", {}),
        (SHOWN_IN_NEW_YORK, {"watermark_timezone": "America/New_York"}),
        (f"date_trunc('second', {SHOWN_IN_NEW_YORK})", {"watermark_timezone": "America/New_York"}),
    ],
)
def test_every_run_sends_the_rows_that_a_view_stamps_and_warns_once(lab, warnings, clock, arguments):
    lab.sql(stamped(clock))
    for number in (1, 2, 3):
        report = lab.run(**arguments)
        assert (report["rows_read"], report["accepted"], report["skipped_because"]) == (300, 300, {})
        assert len(warnings()) == number
    assert set(lab.arrivals()["received"].values()) == {3}


SQLITE_CLOCKS = ["current_timestamp", "strftime('%Y-%m-%d %H:%M:%f', 'now')", "datetime('now')"]


@pytest.fixture
def sqlite(lab, tmp_path, monkeypatch):
    path = tmp_path / "warehouse.sqlite"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))

    def run(*statements: str) -> None:
        with sqlite3.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    run(
        "create table people (external_id text, payload text)",
        "insert into people values ('a', '{}'), ('b', '{}')",
        "create table kept (updated_at text, external_id text, payload text)",
        "insert into kept values ('2026-01-01 00:00:00', 'k', '{}')",
    )
    lab.sql = run
    return lab


@pytest.mark.parametrize("clock", SQLITE_CLOCKS)
def test_sqlite_has_whole_seconds_and_milliseconds(sqlite, warnings, clock):
    sqlite.sql(f"create view users as select {clock} as updated_at, * from people union all select * from kept")
    assert [sqlite.run()["accepted"] for _ in range(3)] == [3, 2, 2]
    assert len(warnings()) == 3


def test_sqlite_shows_the_clock_of_a_place(sqlite):
    seoul = "strftime('%Y-%m-%d %H:%M:%f', 'now', '+9 hours')"
    sqlite.sql(f"create view users as select {seoul} as updated_at, * from people")
    assert [sqlite.run(watermark_timezone="Asia/Seoul")["accepted"] for _ in range(2)] == [2, 2]


# --- beside other rows and times ------------------------------------------------------------------------


def test_rows_of_the_future_stay_there_and_the_watermark_stays_with_rows_that_keep_their_time(lab, warnings):
    lab.sql(
        "create table kept (updated_at timestamp, external_id varchar, payload varchar)",
        "insert into kept values ('2026-01-01', 'k', '{}'), (now()::timestamp + interval 1 day, 'tomorrow', '{}')",
        "create view users as select * from kept union all select now()::timestamp, 'c-' || i, '{}' from range(9) t(i)",
    )
    first = lab.run()
    assert (first["accepted"], first["skipped_because"]) == (10, {"future": 1})
    assert first["watermark"].startswith("2026-01-01T00:00:00")
    assert lab.run()["accepted"] == 9
    assert len(warnings()) == 2


def test_rows_that_were_just_written_are_not_taken_for_such(lab, warnings):
    lab.sql(
        "create table users as select now()::timestamp as updated_at, 'c-' || i as external_id, '{}' as payload "
        "from range(9) t(i)"
    )
    assert [lab.run()["accepted"] for _ in range(2)] == [9, 0]
    lab.sql("insert into users values (date_trunc('second', now()::timestamp), 'whole', '{}')")
    lab.run()
    assert warnings() == []


@pytest.mark.parametrize("skew", [timedelta(hours=-2), timedelta(hours=2)], ids=["behind", "ahead"])
def test_the_clock_of_the_worker_does_not_matter(lab, monkeypatch, skew):
    class Skewed(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + skew

    for module in ("transfers.declared_sync", "hooks.sql.source", "engine.clock"):
        monkeypatch.setattr(f"airflow_provider_cdi.{module}.datetime", Skewed)
    lab.sql(
        "create table users as select now()::timestamp as updated_at, 'now' as external_id, '{}' as payload "
        "union all select now()::timestamp + interval 1 hour, 'in an hour', '{}'"
    )
    report = lab.run()
    assert set(lab.arrivals()["received"]) == {"external_id:now"}
    assert report["skipped_because"] == {"future": 1}


# --- kinds of runs and what goes wrong ------------------------------------------------------------------


def test_a_full_run_and_a_dry_run_read_them_and_a_window_that_holds_now(lab):
    lab.sql(stamped("current_timestamp"))
    assert lab.run(dry_run=True)["accepted"] == 300
    assert lab.run(sync_mode="full")["accepted"] == 300
    bounds = {"since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    assert lab.run(sync_mode="window", **bounds)["accepted"] == 300
    past = {"since": "2026-01-01T00:00:00Z", "until": datetime.now(UTC) - timedelta(minutes=1)}
    assert lab.run(sync_mode="window", **past)["rows_read"] == 0


def test_the_parts_of_a_table_that_is_stamped_are_the_table(lab):
    lab.sql(stamped("current_timestamp"))
    accepted = [lab.run(partition=f"{part}/3", sync_id=f"part-{part}")["accepted"] for part in range(3)]
    assert sum(accepted) == 300
    assert set(lab.arrivals()["received"].values()) == {1}


def test_a_clear_of_a_finished_run_sends_them_again(lab):
    lab.sql(stamped("current_timestamp"))
    lab.run(run_id="run-1")
    assert lab.run(run_id="run-1", context={"clear_number": 1})["accepted"] == 300


def test_a_retry_sends_all_of_them_and_of_the_others_no_later_ones(lab):
    lab.sql(
        "create table kept as select timestamp '2026-01-01' + interval (i) second as updated_at, 'k-' || i as "
        "external_id, '{}' as payload from range(100) t(i)",
        f"create view users as select * from kept union all select current_timestamp, * exclude i from ({ROWS})",
    )
    lab.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/track", "after": 4})
    settings = DeliverySettings(max_in_flight=1, retry=RetryPolicy(attempts=2, first_wait=0.01))
    with pytest.raises(RetryLater):
        lab.run(run_id="run-1", delivery=settings)
    lab.sandbox.clear_faults()
    lab.sql("insert into kept values (now()::timestamp, 'later', '{}')")
    lab.run(run_id="run-1", delivery=settings)
    accepted = lab.arrivals()["accepted"]
    assert "external_id:later" not in accepted
    assert {accepted[f"external_id:k-{number}"] for number in range(100)} == {1}
    assert all(accepted[f"external_id:c-{number}"] >= 1 for number in range(300))
    lab.run(run_id="run-2")
    assert lab.arrivals()["accepted"]["external_id:later"] == 1


def test_klaviyo_gets_them_with_every_run_too(klaviyo_lab, warnings):
    klaviyo_lab.sql(
        "create view users as select current_timestamp as updated_at, 'p' || i || '@acme-demo.io' as email "
        "from range(20) t(i)"
    )
    assert [klaviyo_lab.run()["accepted"] for _ in range(2)] == [20, 20]
    assert klaviyo_lab.submissions() == 2
    assert len(warnings()) == 2


@pytest.mark.parametrize("moment", ["count", "now", "read"])
def test_a_row_that_is_written_beside_them_while_a_run_begins_is_sent_once(lab, monkeypatch, moment):
    lab.sql(
        "create table kept (updated_at timestamp, external_id varchar, payload varchar)",
        f"create view users as select * from kept union all select current_timestamp, * exclude i from ({ROWS})",
    )
    original, written = getattr(SqlSource, moment), []

    def with_a_write_before(self, *args, **more):
        if not written:
            written.append(lab.sql("insert into kept values (now()::timestamp, 'k', '{}')"))
        return original(self, *args, **more)

    monkeypatch.setattr(SqlSource, moment, with_a_write_before)
    assert sum(lab.run()["accepted"] for _ in range(3)) == 901
    assert lab.arrivals()["accepted"]["external_id:k"] == 1
