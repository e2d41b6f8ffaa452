"""``kill -9`` in the middle, and again: nothing is lost, and no more is sent again than was in flight."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from support.killable import WINDOW
from support.reject_lines import lines_of

from airflow_provider_cdi.engine.outcome.row_block import BLOCK_ROWS

TESTS = Path(__file__).parent.parent
ROWS = 30_000


def start(folder):
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen(
        [sys.executable, "-m", "support.killable", str(folder)], env=environment, stderr=subprocess.DEVNULL
    )


def kill_after(requests, process, sandbox):
    deadline = time.monotonic() + 60
    while sandbox.state()["requests"].get("/users/track", {}).get("requests", 0) < requests:
        assert process.poll() is None, "the try ended before it was killed"
        assert time.monotonic() < deadline, "the try sends nothing"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_kill_9_twice_and_a_third_try_deliver_every_row_and_repeat_no_more_than_the_window(lab, tmp_path):
    lab.sql(
        f"""create table users as select timestamp '2026-01-01' + interval (i // 50) second as updated_at,
        'c-' || i as external_id, case when i % 1000 = 7 then 'bad' else '{{"n":' || i || '}}' end as payload
        from range({ROWS}) as numbers(i)"""
    )
    lab.sandbox.change(latency=0.01)
    for requests in (80, 200):
        kill_after(requests, start(tmp_path), lab.sandbox)
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
