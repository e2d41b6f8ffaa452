"""Rejects first, then the state."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_cdi.engine.checkpoints import Progress
from airflow_provider_cdi.engine.rejects import RejectedRow
from airflow_provider_cdi.engine.totals import Totals
from airflow_provider_cdi.reject_file import RejectFile
from airflow_provider_cdi.transfers.journal import TaskJournal

REJECT = RejectedRow("rejected", "bad_row", "Bad.", {"EXTERNAL_ID": "c-1"}, "2026-01-05T00:00:00Z", "{")


def test_the_state_is_saved_after_the_rejects_are_on_disk(tmp_path):
    path, seen = tmp_path / "run.jsonl", []
    journal = TaskJournal(RejectFile(str(path)), lambda checkpoint: seen.append((path.stat().st_size, checkpoint)))
    asyncio.run(journal.commit(Progress(None, Totals()), [REJECT]))
    ((size, checkpoint),) = seen
    assert size == checkpoint.rejects_written == len(REJECT.to_line())


def test_the_state_is_not_saved_when_the_rejects_cannot_be_written(tmp_path):
    saved = []
    journal = TaskJournal(RejectFile(str(tmp_path)), saved.append)
    with pytest.raises(OSError, match="directory"):
        asyncio.run(journal.commit(Progress(None, Totals()), [REJECT]))
    assert saved == []
