"""``kill -9`` in the middle, and again: nothing is lost, and no more is sent again than was in flight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.airflow_world import make_operator
from support.killable import WINDOW
from support.reject_lines import lines_of

from airflow_provider_cdi.engine.outcome.row_block import BLOCK_ROWS
from airflow_provider_cdi.rejects.stored import RejectFilter
from airflow_provider_cdi.transfers.rejects.stored import reject_index

TESTS = Path(__file__).parent.parent
ROWS = 30_000


def start(folder, *more):
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen(
        [sys.executable, "-m", "support.killable", str(folder), *more], env=environment, stderr=subprocess.DEVNULL
    )


def test_kill_9_twice_and_a_third_try_deliver_every_row_and_repeat_no_more_than_the_window(lab, tmp_path):
    lab.sql(
        f"""create table users as select timestamp '2026-01-01' + interval (i // 50) second as updated_at,
        'c-' || i as external_id, case when i % 1000 = 7 then 'bad' else '{{"n":' || i || '}}' end as payload
        from range({ROWS}) as numbers(i)"""
    )
    lab.sandbox.change(latency=0.01)
    for requests in (80, 120):
        lab.sandbox.kill_at_request(requests, start(tmp_path))
    assert start(tmp_path).wait() == 0
    received = lab.arrivals()
    bad = ROWS // 1000
    assert received["distinct_accepted"] == ROWS - bad
    assert received["accepted_objects"] - (ROWS - bad) <= 2 * (WINDOW + BLOCK_ROWS)
    assert received["max_in_flight"] == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["rows_read"], report["accepted"], report["rejected"]) == (ROWS, ROWS - bad, bad)
    (part,) = report["rejects_files"]
    assert [one["identifier"]["EXTERNAL_ID"] for one in lines_of([part])] == [f"c-{i}" for i in range(7, ROWS, 1000)]


def test_kill_9_in_the_middle_of_a_redrive_repeats_no_more_than_the_window_and_marks_what_arrived(lab, tmp_path):
    event = """'{"name":"seen","time":"2026-01-01T00:00:00Z","properties":{"n":' || i || '}}'"""
    lab.sql(
        f"""create table users as select timestamp '2026-01-01' + interval (i) second as updated_at, i,
        'c-' || i as external_id, case when i % 2 = 1 then 'bad' else {event} end as payload
        from range(8_001) as numbers(i)"""
    )
    assert start(tmp_path, "braze events").wait() == 0
    lab.sql(f"update users set payload = {event} where payload = 'bad'")
    lab.sandbox.change(latency=0.01)
    lab.sandbox.kill_at_request(36, start(tmp_path, "braze events", "again"))
    before, marked = lab.arrivals()["received"], marks(tmp_path)
    assert 0 < len(marked) < 4_000
    assert all(before.get(f"external_id:{who}") for who in marked)
    assert start(tmp_path, "braze events", "again").wait() == 0
    received = lab.arrivals()
    assert received["distinct_accepted"] == 8_001
    assert received["accepted_objects"] - 8_001 <= WINDOW + BLOCK_ROWS
    assert marks(tmp_path) == {f"c-{i}": "accepted" for i in range(1, 8_000, 2)}


def marks(folder):
    """Return who was marked, and as what."""
    found = reject_index(make_operator(rejects_path=str(folder / "rejects" / "run.jsonl"))).entries(
        RejectFilter(include_redriven=True)
    )
    return {one.identifier["EXTERNAL_ID"]: one.mark.fate for one in found if one.mark}
