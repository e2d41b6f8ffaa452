"""What holds for every data type of every destination: one set of cases, run for all of them with whole operators.

What needs no operator, no warehouse and no sandbox is in ``airflow_provider_cdi.testing``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.killable import WINDOW
from support.subjects import SUBJECTS, Subject

from airflow_provider_cdi.destinations import braze, klaviyo
from airflow_provider_cdi.engine.outcome.row_block import BLOCK_ROWS

TESTS = Path(__file__).parent.parent


class Conformance:
    """A subject between a warehouse and the sandbox."""

    def __init__(self, lab: Any, subject: Subject) -> None:
        self.lab, self.subject = lab, subject
        if subject.needs_catalog:
            lab.sandbox.create_catalog("things", n="number")
        if subject.needs_suppressed:
            self._suppress_everybody()

    def fill(self, query: str) -> None:
        self.lab.sql(f"create or replace table users as {query}")

    def add(self, query: str) -> None:
        self.lab.sql(f"insert into users {query}")

    def run(self, **arguments: Any) -> dict[str, Any]:
        report: dict[str, Any] = self.lab.run(kind=self.subject.kind, **self.subject.arguments, **arguments)
        outcomes = (report["accepted"], report["rejected"], report["skipped"], report["unknown"])
        assert report["rows_read"] == sum(outcomes)
        return report

    def fault(self, kind: str, **fields: Any) -> None:
        self.lab.sandbox.set_faults({"kind": kind, "path": self.subject.path, "method": "*", **fields})

    def refuse(self, *people: int) -> None:
        named = [self.subject.named(person) for person in people]
        if self.subject.names_rows:
            self.fault("refuse", identifiers=named, error="It is not wanted")
        else:
            # In the vendor's form: any other says nothing about rows.
            source = {"pointer": "/data/attributes/profile/data"}
            error = {"errors": [{"detail": "It is not wanted", "source": source}]}
            body = error if self.subject.path.startswith("/api/") else {"message": "It is not wanted"}
            self.fault("answer", identifiers=named, status=400, body=body)

    def done(self, report: dict[str, Any]) -> int:
        """Count the rows that stand as wanted: accepted, or found so because they were sent before."""
        return int(report["accepted"] + report["skipped_because"].get(self.subject.held, 0))

    def _suppress_everybody(self) -> None:
        klaviyo, kind = self.lab.sandbox.klaviyo, "profile-suppression-bulk-create-job"
        self.lab.sandbox.change(klaviyo={"job_seconds": [0, 0]})
        for first in range(0, self.subject.rows + 10, 100):
            emails = [self.subject.column[1].format(person) for person in range(first, first + 100)]
            profiles = {"data": [{"type": "profile", "attributes": {"email": email}} for email in emails]}
            klaviyo.call("POST", f"/api/{kind}s", {"data": {"type": kind, "attributes": {"profiles": profiles}}})
        klaviyo.state()

    def arrivals(self) -> dict[str, Any]:
        found: dict[str, Any] = self.lab.sandbox.received(self.subject.path)
        return found

    def everybody(self, rows: int) -> Counter[str]:
        return Counter({self.subject.named(person): 1 for person in range(rows)})


@pytest.fixture(params=list(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture
def sync(lab: Any, subject: Subject) -> Conformance:
    return Conformance(lab, subject)


def test_every_data_type_is_a_subject() -> None:
    of_braze = {f"braze {name}" for name in braze.DATA_TYPES}
    of_klaviyo = {f"klaviyo {name}" for name in (*klaviyo.DATA_TYPES, *klaviyo.CONSENT_TYPES)}
    assert set(SUBJECTS) == of_braze | of_klaviyo


def test_every_row_arrives_once_and_is_counted(sync: Conformance) -> None:
    rows = sync.subject.rows
    sync.fill(sync.subject.select(rows))
    report = sync.run()
    assert (report["rows_read"], report["accepted"]) == (rows, rows)
    assert (report["remarks"], report["adjusted"]) == ({}, {})
    assert sync.arrivals()["accepted"] == sync.everybody(rows)


def test_a_run_that_finds_nothing_sends_nothing(sync: Conformance) -> None:
    sync.fill(sync.subject.select(10))
    sync.run()
    requests = sync.arrivals()["requests"]
    report = sync.run()
    assert (report["rows_read"], report["requests"]) == (0, 0)
    assert sync.arrivals()["requests"] == requests


def test_a_new_row_with_the_watermarks_time_is_sent_alone(sync: Conformance) -> None:
    sync.fill(sync.subject.select(9, stamp="0"))
    sync.run()
    sync.add(sync.subject.select(1, stamp="0", first=9))
    report = sync.run()
    assert (report["accepted"], report["skipped_because"]) == (1, {"already_delivered": 9})
    assert sync.arrivals()["accepted"] == sync.everybody(10)


def test_rows_that_the_other_side_refuses_are_named_and_nobody_else(sync: Conformance) -> None:
    rows, column = sync.subject.rows, sync.subject.column
    refused = [1, rows // 2, rows - 1]
    sync.fill(sync.subject.select(rows))
    sync.refuse(*refused)
    report = sync.run()
    assert (report["accepted"], report["rejected"]) == (rows - 3, 3)
    named = [reject["identifier"][column[0]] for reject in sync.lab.rejected()]
    assert sorted(named) == sorted(column[1].format(person) for person in refused)
    assert all(reject["reason"] for reject in sync.lab.rejected())


def test_a_request_that_is_too_large_is_split(sync: Conformance) -> None:
    sync.fill(sync.subject.select(8))
    sync.fault("answer", status=413, times=1)
    report = sync.run()
    if sync.arrivals()["objects"] == 8:  # one row a request: there is nothing to split
        assert (report["accepted"], report["rejected"], report["splits"]) == (7, 1, 0)
    else:
        assert (report["accepted"], report["splits"]) == (8, 1)


@pytest.mark.parametrize("is_applied", [False, True])
def test_a_connection_that_breaks_loses_no_row(sync: Conformance, is_applied: bool) -> None:
    sync.fill(sync.subject.select(8))
    sync.fault("reset", applied=is_applied, times=1)
    report = sync.run()
    assert sync.done(report) == 8
    assert set(sync.arrivals()["accepted"]) == set(sync.everybody(8))


def test_what_would_count_twice_is_kept_aside_when_asked(sync: Conformance) -> None:
    from airflow_provider_cdi.engine.settings import DeliverySettings

    sync.fill(sync.subject.select(8))
    sync.fault("reset", applied=True, times=1)
    report = sync.run(delivery=DeliverySettings(on_unknown="reject"))
    unknown = report["unknown"]
    assert (unknown > 0) == sync.subject.repeat_counts_double
    assert sync.done(report) + unknown == 8
    assert max(sync.arrivals()["accepted"].values()) == 1 or not sync.subject.repeat_counts_double


def test_one_persons_rows_are_never_on_their_way_at_once(sync: Conformance) -> None:
    rows = sync.subject.rows
    sync.lab.sandbox.change(latency=0.01)
    sync.fill(sync.subject.select(rows, people=7))
    report = sync.run()
    assert report["accepted"] + report["skipped"] == rows
    assert (report["skipped"] > 0) <= sync.subject.merges
    assert sync.arrivals()["max_in_flight"] == 1
    state = sync.lab.sandbox.klaviyo.state()
    assert (state["job_overlaps"], state["job_repeats"]) == ({}, {})


def test_a_wrong_key_stops_the_run_with_a_sentence(sync: Conformance) -> None:
    sync.fill(sync.subject.select(8))
    sync.lab.connect_braze(password="not-the-key")
    sync.lab.connect_klaviyo(password="not-the-key")
    with pytest.raises(Exception, match=r"(?i)key") as error:
        sync.run()
    assert "not-the-key" not in str(error.value)
    assert sync.arrivals()["accepted"] == {}


def test_kill_9_loses_nothing_and_repeats_no_more_than_the_window(sync: Conformance, tmp_path: Path) -> None:
    rows = sync.subject.rows
    sync.fill(sync.subject.select(rows))
    sync.lab.sandbox.change(latency=0.05)
    sync.lab.sandbox.kill_at_request(0, start(sync, tmp_path), sync.subject.path)
    assert start(sync, tmp_path).wait() == 0
    received = sync.arrivals()
    assert set(received["accepted"]) == set(sync.everybody(rows))
    assert received["accepted_objects"] - rows <= WINDOW + BLOCK_ROWS
    assert received["max_in_flight"] == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["rows_read"], sync.done(report)) == (rows, rows)


def start(sync: Conformance, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    name = next(name for name, one in SUBJECTS.items() if one is sync.subject)
    command = [sys.executable, "-m", "support.killable", str(folder), name]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
