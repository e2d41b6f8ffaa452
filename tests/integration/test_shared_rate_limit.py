"""Three processes with one key, real sockets and the sandbox's limit: they share it without talking to each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.waiting import BOUND

from cdi_sandbox.server import SandboxServer

TESTS = Path(__file__).parent.parent
#: Of the sandbox: requests in each second, of everybody.
LIMIT = 60
ROWS = 110


@pytest.fixture
def sandbox():
    with SandboxServer(rates={"track": [LIMIT, 1]}, latency=0.02) as server:
        yield server


def start(sandbox, name):
    return subprocess.Popen(
        [sys.executable, "-m", "support.rate_sharer", sandbox.url, sandbox.key, name, str(ROWS)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_three_processes_that_share_a_key_converge_to_the_share_of_its_limit(sandbox):
    processes = [start(sandbox, name) for name in "abc"]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    reports = [json.loads(process.communicate(timeout=BOUND)[0]) for process in processes]
    visits = sandbox.requests()
    windows = Counter(int(visit["at"]) for visit in visits if visit["status"] == 201)
    steady = [windows[second] for second in sorted(windows)[2:-1]]

    assert [report["accepted"] for report in reports] == [ROWS] * 3
    assert len(steady) >= 4
    assert sum(steady) / len(steady) == pytest.approx(0.8 * LIMIT, rel=0.1)
    assert max(steady) < LIMIT
    assert len(visits) - 3 * ROWS == sum(report["held_back"] for report in reports) <= 3
    # As many rows each: whoever got less of the limit took longer.
    seconds = [report["seconds"] for report in reports]
    assert min(seconds) > 0.7 * max(seconds)
