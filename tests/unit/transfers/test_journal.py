"""Rejects first, then the state."""

from __future__ import annotations

import asyncio

import pytest
from support.reject_lines import lines_of

from airflow_provider_cdi.engine.rows.progress import Progress
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.exceptions import RejectsNotWritten
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.transfers.runs.journal import TaskJournal

REJECT = RejectedRow("rejected", "bad_row", "Bad.", {"EXTERNAL_ID": "c-1"}, "2026-01-05T00:00:00Z", "{")


def test_the_state_is_saved_after_the_rejects_are_on_disk(tmp_path):
    seen = []
    file = RejectFile(str(tmp_path / "run.jsonl"))
    journal = TaskJournal(file, lambda checkpoint: seen.append((lines_of(file.places()), checkpoint)))
    asyncio.run(journal.commit(Progress(None, Totals()), [REJECT]))
    ((lines, checkpoint),) = seen
    assert (len(lines), checkpoint.rejects) == (1, file.parts)


def test_the_state_is_not_saved_when_the_rejects_cannot_be_written(tmp_path):
    saved = []
    (tmp_path / "file").touch()
    journal = TaskJournal(RejectFile(str(tmp_path / "file" / "run.jsonl")), saved.append)
    with pytest.raises(RejectsNotWritten, match="what was acknowledged before the first of them is saved"):
        asyncio.run(journal.commit(Progress(None, Totals()), [REJECT]))
    assert saved == []


def test_rejects_whose_save_failed_are_written_again_and_counted_once(tmp_path):
    answers = iter([ConnectionError("the API server is away"), None])

    def save(_):
        if (error := next(answers)) is not None:
            raise error

    file = RejectFile(str(tmp_path / "run.jsonl"))
    journal = TaskJournal(file, save)
    with pytest.raises(ConnectionError):
        asyncio.run(journal.commit(Progress(None, Totals()), [REJECT]))
    asyncio.run(journal.commit(Progress(None, Totals()), [REJECT]))
    assert len(lines_of(file.places())) == 1
