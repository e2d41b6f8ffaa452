"""What a deferred task keeps, and how long it waits for the same jobs."""

from __future__ import annotations

import json

from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.state.plan import Plan
from airflow_provider_cdi.state.record import Checkpoint
from airflow_provider_cdi.transfers.runs.waiting import Waiting

NOON = "2026-01-05T12:00:00.000000Z"
PLAN = Plan(Slice("incremental", NOON), 0)
PART = RejectPart("/rejects/run.try1-3f9a1c2b.jsonl", "worker-a", 1, 2)
CHECKPOINT = Checkpoint(Watermark(NOON, Ties([1])), Totals(accepted=5), (PART,), (SubmittedJob("digest", "job-1"),))


def test_it_survives_storage():
    waiting = Waiting.after(None, PLAN, CHECKPOINT, ["job-2", "job-1"], 7.5)
    kept = json.loads(json.dumps(waiting.to_json()))
    assert Waiting.from_json(kept).to_json() == waiting.to_json()
    assert Waiting.from_json(kept).checkpoint.jobs == CHECKPOINT.jobs
    assert Waiting.from_json(kept).checkpoint.rejects == (PART,)


def test_it_survives_storage_when_nothing_was_saved_yet():
    kept = json.loads(json.dumps(Waiting.after(None, PLAN, None, ["job-1"], 7.5).to_json()))
    assert Waiting.from_json(kept).checkpoint is None


def test_the_wait_for_the_same_jobs_goes_on():
    first = Waiting.after(None, PLAN, None, ["job-1", "job-2"], 100.0)
    assert Waiting.after(first, PLAN, None, ["job-2", "job-1"], 200.0).since == 100.0


def test_the_wait_for_other_jobs_begins_anew():
    first = Waiting.after(None, PLAN, None, ["job-1", "job-2"], 100.0)
    assert Waiting.after(first, PLAN, None, ["job-2"], 200.0).since == 200.0
