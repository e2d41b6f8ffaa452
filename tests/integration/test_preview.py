"""A preview shows the bytes that the next run sends, and sends none itself: each data type, over real sockets."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.receiver import Receiver
from support.sync_kinds import BRAZE, KLAVIYO, ROWS, Kind, arguments_of, each_data_type, rows_of

from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.preview.preview import Preview
from airflow_provider_cdi.state.record import StateRecord
from airflow_provider_cdi.transfers.preview import Start, preview_sync
from cdi_sandbox.server import SandboxServer

#: Headers of every request, and the one that is new for each.
HEADERS, KEY = {"Accept", "Accept-Encoding", "Content-Type"}, {"Idempotency-Key"}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(klaviyo={"strict": True, "job_seconds": [0, 0]}, log_details=True) as server:
        yield server


class PreviewLab:
    """A sync that is previewed and then run."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.sandbox, self.sql = lab, lab.sandbox, lab.sql
        self.sandbox.create_catalog("shops", city="string", seats="number")
        #: What was sent to the sandbox before anything is previewed.
        self.before = len(self.sandbox.requests())

    def fill(self, kind: Kind, rows: int = ROWS) -> None:
        self.sql(f"create or replace table users as {rows_of(kind, range(rows))}")

    def add(self, kind: Kind, numbers: range) -> None:
        self.sql(f"insert into users {rows_of(kind, numbers)}")

    def preview(self, arguments: dict[str, Any], start: Start | None = None, **options: Any) -> Preview:
        return preview_sync(self.lab.make(**arguments), start or Start(), **options)

    def run(self, arguments: dict[str, Any]) -> dict[str, Any]:
        report: dict[str, Any] = self.lab.run(**arguments)
        return report

    def record(self) -> StateRecord:
        """Return what the runs have left."""
        return StateRecord.from_json(self.lab.world.asset.get("cdi_state"))

    def arrived(self) -> list[dict[str, Any]]:
        """List what came since the beginning, the last one first."""
        requests = self.sandbox.requests(10_000)
        return requests[: len(requests) - self.before]

    def sent(self) -> list[tuple[str, str, str]]:
        """List what came and changes something: method, path and body."""
        return sorted((one["method"], one["path"], one["body"]) for one in self.arrived() if one["method"] != "GET")


def planned(preview: Preview) -> list[tuple[str, str, str]]:
    """List the requests of a preview that change something, as the sandbox lists those that came."""
    requests = [one for one in preview.requests() if one["method"] != "GET"]
    return sorted((one["method"], urlsplit(one["url"]).path, one["body"]) for one in requests)


def own_bytes(preview: Preview) -> list[bytes]:
    """List what each row is in its request, for which it stands there."""
    requests = {one.number: one.request for one in preview.sample.requests}
    rows = preview.sample.rows
    assert all(row.body in requests[row.request].body for row in rows)
    return [row.body for row in rows]


@pytest.fixture
def preview_lab(lab: Any) -> PreviewLab:
    return PreviewLab(lab)


@each_data_type
def test_the_requests_of_a_whole_slice_are_those_of_the_run_byte_for_byte(preview_lab, destination, data_type, kind):
    preview_lab.fill(kind, rows := 3 if data_type == "privacy_deletions" else ROWS)
    arguments = arguments_of(destination, data_type, kind)
    preview, part = (preview_lab.preview(arguments, rows=number) for number in (rows, 2))
    assert (preview.sample.is_whole, len(preview.sample.rows)) == (True, rows)
    assert preview_lab.arrived() == []
    assert own_bytes(part) == own_bytes(preview)[:2]
    assert (part.sample.is_whole, part.sample.due) == (False, rows)
    report = preview_lab.run(arguments)
    assert (report["rows_read"], report["rejected"], report["unknown"]) == (rows, 0, 0)
    assert planned(preview) == preview_lab.sent()
    sent = next(one for one in preview_lab.arrived() if one["method"] != "GET")
    assert_sent(preview.requests()[0]["headers"], sent["headers"])


def assert_sent(shown: dict[str, str], sent: Mapping[str, str]) -> None:
    """Compare the headers that a preview shows with those that came."""
    assert {name for name, value in shown.items() if value != "***"} >= {"Content-Type", "Accept-Encoding"}
    assert all(value == "***" or value == sent[name.lower()] for name, value in shown.items())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_requests_to_a_service_of_ones_own_are_those_of_the_run_byte_for_byte(preview_lab, receiver, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", json.dumps(receiver.connection))
    kind = Kind("'c-' || i as id, 'gold' as plan, 1.50 as price", {"payload_columns": ["plan", "price"]})
    preview_lab.fill(kind)
    arguments = arguments_of("http", "rows", kind) | {"endpoint": "v1/users", "batch_rows": 50}
    preview = preview_lab.preview(arguments, rows=ROWS)
    assert receiver.requests == []
    preview_lab.run(arguments)
    assert sorted(receiver.bodies) == sorted(one["body"].encode() for one in preview.requests())
    (headers, _), shown = receiver.requests[0], preview.requests()[0]["headers"]
    assert set(shown) - {"User-Agent"} == {*HEADERS, "Authorization", "X-Tenant", "X-Timestamp", "X-Signature", *KEY}
    assert_sent(shown, headers)


def test_the_next_preview_begins_where_the_last_run_ended(preview_lab):
    kind = BRAZE["attributes"]
    preview_lab.fill(kind, 5)
    arguments = arguments_of("braze", "attributes", kind)
    preview_lab.run(arguments)
    preview_lab.add(kind, range(4, 8))  # a new row with the watermark's own time, and three behind it
    preview = preview_lab.preview(arguments, Start(preview_lab.record()))
    told = [(row["identifier"]["EXTERNAL_ID"], row["outcome"], row["code"]) for row in preview.rows()]
    assert told == [
        ("c-4", "skipped", "already_delivered"),
        ("c-4", "sent", None),
        ("c-5", "sent", None),
        ("c-6", "sent", None),
        ("c-7", "sent", None),
    ]
    preview_lab.lab.sandbox.reset()
    preview_lab.before = 0
    preview_lab.run(arguments)
    assert planned(preview) == preview_lab.sent()


def test_rows_that_are_rejected_or_whose_time_has_not_come_are_told_as_such(preview_lab):
    preview_lab.sql(
        """create table users as select * from (values
            (timestamp '2026-01-01', 'c-1', '{"n": 1}'), (timestamp '2026-01-02', 'c-2', 'no JSON'),
            (now()::timestamp + interval 3 day, 'c-3', '{"n": 3}'), (null, 'c-4', '{"n": 4}'),
            (now()::timestamp - interval 1 minute, 'c-5', '{"n": 5}')) as rows(updated_at, external_id, payload)"""
    )
    arguments = arguments_of("braze", "attributes", BRAZE["attributes"]) | {"settle": timedelta(hours=1)}
    preview = preview_lab.preview(arguments)
    told = {row["identifier"]["EXTERNAL_ID"]: (row["outcome"], row["code"]) for row in preview.rows()}
    assert told == {
        "c-1": ("sent", None),
        "c-2": ("rejected", "payload_not_json"),
        "c-5": ("skipped", "settling"),
        "c-3": ("skipped", "future"),
    }
    assert preview.to_json()["skipped"] == {"future": 1, "settling": 1, "no_updated_at": 1}


def test_a_preview_of_catalog_items_asks_for_the_fields_where_encoding_needs_them_and_for_nothing_else(preview_lab):
    kind = BRAZE["catalog_items"]
    preview_lab.fill(kind, 3)
    arguments = arguments_of("braze", "catalog_items", kind) | {"on_unknown_field": "drop"}
    preview = preview_lab.preview(arguments)
    assert [(one["method"], one["path"]) for one in preview_lab.arrived()] == [("GET", "/catalogs")]
    preview_lab.run(arguments)
    assert planned(preview) == preview_lab.sent()


def test_who_would_be_looked_up_first_is_not_looked_up_and_the_request_after_it_is_shown(preview_lab):
    kind = KLAVIYO["subscribe"]
    preview_lab.fill(kind, 3)
    preview = preview_lab.preview(arguments_of("klaviyo", "subscribe", kind))
    assert preview_lab.arrived() == []
    asked, sent = preview.requests()
    assert (asked["method"], asked["rows"], sent["method"], sent["rows"]) == ("GET", 0, "POST", 3)
    assert any("looked up" in remark for remark in preview.remarks())


def test_rows_that_become_one_are_shown_as_the_one_that_is_sent(preview_lab):
    kind = KLAVIYO["profiles"]
    preview_lab.fill(kind, 3)
    preview_lab.sql("insert into users select updated_at + interval 1 day, email, phone_number, external_id, 'Bo', 9 "
                    "from users where visits = 1")  # fmt: skip
    arguments = arguments_of("klaviyo", "profiles", kind)
    preview = preview_lab.preview(arguments)
    assert [(row["outcome"], row["code"]) for row in preview.rows()] == [
        ("sent", None),
        ("skipped", "superseded"),
        ("sent", None),
        ("sent", None),
    ]
    assert (preview.requests()[0]["rows"], '"first_name":"Bo"' in preview.rows()[3]["payload"]) == (4, True)
    preview_lab.run(arguments)
    assert planned(preview) == preview_lab.sent()


def test_a_row_of_which_only_a_part_can_be_sent_is_a_reject_with_that_part(preview_lab):
    kind = BRAZE["attributes"]
    preview_lab.fill(kind, 2)
    too_deep = """'{"email_subscribe": "unsubscribed", "n": ' || repeat('[', 80) || repeat(']', 80) || '}'"""
    preview_lab.sql(f"update users set payload = {too_deep} where external_id = 'c-0'")
    arguments = arguments_of("braze", "attributes", kind)
    preview = preview_lab.preview(arguments)
    row = preview.rows()[0]
    assert (row["outcome"], row["request"]) == ("rejected", 1)
    assert row["payload"] == '{"external_id":"c-0","email_subscribe":"unsubscribed"}'
    assert "Delivered all the same: email_subscribe" in row["reason"]
    report = preview_lab.run(arguments)
    assert (report["rejects"], planned(preview)) == ({row["code"]: 1}, preview_lab.sent())
    assert preview_lab.run(arguments | {"dry_run": True, "sync_mode": "full"})["rejects"] == report["rejects"]


def test_a_run_that_a_guard_would_stop_is_told_with_its_rows(preview_lab):
    kind = BRAZE["user_deletes"]
    preview_lab.fill(kind, 3)
    preview = preview_lab.preview(arguments_of("braze", "user_deletes", kind) | {"delete_cap": DeleteCap(rows=2)})
    assert not preview.is_good
    assert "would delete 3 users" in preview.to_json()["stopped_by"]
    assert len(preview.rows()) == 3


def test_a_window_is_previewed_whatever_the_state_is(preview_lab):
    preview_lab.fill(BRAZE["attributes"], 10)
    window = Start(since="2026-01-01T00:00:03", until="2026-01-01T00:00:05")
    preview = preview_lab.preview(arguments_of("braze", "attributes", BRAZE["attributes"]), window)
    assert [row["identifier"]["EXTERNAL_ID"] for row in preview.rows()] == ["c-3", "c-4"]


def test_a_dry_run_shows_its_first_rows_in_the_log_when_the_task_says_so(preview_lab, capsys):
    preview_lab.fill(BRAZE["attributes"], 10)
    arguments = arguments_of("braze", "attributes", BRAZE["attributes"]) | {"dry_run_sample": 2, "dry_run": True}
    report, said = preview_lab.run(arguments | {"dry_run_mask": ("email",)}), capsys.readouterr().out
    assert '{"external_id":"c-1","first_name": "Ana 1", "email": "***", "n": 1.50}' in said
    assert "Ana 2" not in said
    assert (report["dry_run"], report["accepted"], preview_lab.arrived()) == (True, 10, [])
    assert "Ana" not in json.dumps([report, preview_lab.lab.world.asset.kept, str(preview_lab.lab.world.xcoms)])


@pytest.mark.parametrize("more", [{"dry_run_sample": 2}, {}], ids=["sample", "no sample"])
def test_nothing_of_a_row_is_in_the_log_of_a_dry_run_unless_the_task_says_so(preview_lab, caplog, capsys, more):
    preview_lab.fill(BRAZE["attributes"], 10)
    with caplog.at_level(logging.DEBUG):
        preview_lab.run(arguments_of("braze", "attributes", BRAZE["attributes"]) | {"dry_run": True} | more)
    said = caplog.text + capsys.readouterr().out
    assert ('"first_name": "***"' in said) == bool(more)
    assert not re.search(r"Ana|acme-demo|\bc-\d", said)


def test_a_preview_leaves_nothing_behind(preview_lab, tmp_path):
    preview_lab.fill(BRAZE["attributes"], 10)
    before = sorted(tmp_path.rglob("*"))
    preview_lab.preview(arguments_of("braze", "attributes", BRAZE["attributes"]))
    world = preview_lab.lab.world
    assert (world.asset.kept, world.runs, world.xcoms) == ({}, {}, {})
    assert sorted(tmp_path.rglob("*")) == before
