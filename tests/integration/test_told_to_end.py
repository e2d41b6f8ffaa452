"""A process that is told to end does so, whatever hangs: the driver, its cancel, the count, the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
#: Much more than it takes and much less than a hang; a busy machine needs it, and a good run does not wait for it.
BOUND = 120

SCRIPT = """
import asyncio, signal, sys, threading
from airflow_provider_cdi.engine.clock import SystemClock
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.exceptions import Interrupted
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from support.engine_world import ThingDestination, Things

HANGS = sys.argv[1]
told, delivered = threading.Event(), threading.Event()

def hang():
    print("hangs", flush=True)
    threading.Event().wait()

class Stuck(ListSource):
    def count(self, *args, **kwargs):
        if HANGS == "count":
            hang()
        return super().count(*args, **kwargs)

    def read(self, bounds):
        yield from super().read(bounds)
        if HANGS == "read":
            delivered.wait()
            hang()

    def cancel(self):
        threading.Event().wait()

class StuckThings(Things):
    async def send(self, request):
        if HANGS == "send":
            print("hangs", flush=True)
            await asyncio.Event().wait()
        answer = await super().send(request)
        if len(self.applied) == 30:
            delivered.set()
        return answer

signal.signal(signal.SIGTERM, lambda *_: told.set())
source = Stuck([Row(-1000 + n, f"c-{n}") for n in range(30)])
journal = MemoryJournal()
inputs = RunInputs(source=source, destination=ThingDestination(), transport=StuckThings(delay=0.001), journal=journal,
                   part=incremental(), clock=SystemClock(), settings=DeliverySettings(max_in_flight=2),
                   stop_requested=told.is_set)
try:
    asyncio.run(Run(inputs).run())
except Interrupted:
    saved = journal.progress.totals.accepted if journal.progress else 0
    print("ended", saved, flush=True)
"""


@pytest.mark.parametrize(("hangs", "saved"), [("count", 0), ("read", 30), ("send", 0)])
def test_a_hanging_driver_whose_cancel_hangs_too_does_not_hold_the_end_up(hangs, saved):
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, hangs], env=environment, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "hangs\n"
        process.send_signal(signal.SIGTERM)
        try:
            said, _ = process.communicate(timeout=BOUND)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0
    # Both requests in flight hang, and either may say so first.
    assert said.splitlines()[-1] == f"ended {saved}"


def test_a_try_without_room_to_sort_ends_at_once_with_the_reason(lab, tmp_path):
    lab.sql(
        """create table users as select timestamp '2026-01-01' + interval (hash(i) % 100000) second as updated_at,
        'c-' || i as external_id, '{"n":"' || repeat(md5(i::varchar), 4) || '"}' as payload from range(60000) r(i)"""
    )
    gone = tmp_path / "gone"
    script = f"""
import sys, tempfile
tempfile.tempdir = {str(gone)!r}
from support.killable import main
from pathlib import Path
main(Path({str(tmp_path)!r}))
"""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=BOUND, check=False
    )
    assert done.returncode != 0
    assert "The temporary directory cannot be used for sorting" in done.stderr
    assert "opened again" not in done.stderr + done.stdout
    assert lab.arrivals()["requests"] == 0
