"""Rejects whose rows a usual run sends by itself: looking for them costs a run nothing where there are none."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.transfers.redrive.sent_by_itself import SentByItself

AT = "2026-01-05T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("after", "opened"), [(None, 0), (Watermark(AT, Ties([1])), 0), (Watermark(AT, Ties([1]), has_rejects=True), 1)]
)
def test_the_rejects_of_a_sync_are_looked_up_only_when_a_row_at_the_watermark_was_rejected(after, opened):
    opening = []

    class Index:
        def __init__(self):
            opening.append(self)

        def entries(self, chosen):
            return iter(())

        def mark(self, marks, *, run, at):
            assert list(marks) == []

    sent = SentByItself(
        open_index=Index, source=None, contract=None, name="s", run_id="run-1", log=logging.getLogger("test")
    )
    sent.mark(after)
    assert len(opening) == opened
