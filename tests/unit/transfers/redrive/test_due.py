"""Which rows a usual run sends without a redrive, and what a redrive has the watermark know."""

from __future__ import annotations

import pyarrow as pa
import pytest

from airflow_provider_cdi.engine.rows.row_hash import row_hashes
from airflow_provider_cdi.engine.rows.watermark import EXACT_TIES, Ties, Watermark
from airflow_provider_cdi.transfers.redrive.due import Due
from airflow_provider_cdi.transfers.redrive.taking import sortable

POSITION = "2026-01-05T00:00:01.000000Z"
AT, LATER = sortable(POSITION), sortable("2026-01-05T00:00:02.000000Z")


def row(text):
    return pa.record_batch({"EXTERNAL_ID": [text]})


def hash_of(text):
    return next(row_hashes(row(text)))


def watermark(*texts, more=0):
    return Watermark(POSITION, Ties([*map(hash_of, texts), *range(more)]), has_rejects=True)


@pytest.mark.parametrize(("mark", "is_due"), [(watermark(), True), (None, False)])
def test_a_row_behind_the_watermark_is_left_to_the_usual_run(mark, is_due):
    due = Due(mark)
    assert (due.by_its_time(LATER), due.by_its_time(AT)) == (is_due, False)


def test_at_the_watermark_what_it_knows_was_sent_and_what_it_does_not_know_is_new():
    due = Due(watermark("old"))
    assert (due.was_sent(AT, row("old")), due.was_sent(AT, row("mended"))) == (True, False)
    assert due.new_hashes(AT, [row("old"), row("mended")]) == (hash_of("mended"),)


@pytest.mark.parametrize(("mark", "at"), [(watermark("old"), LATER), (watermark("old", more=EXACT_TIES), AT)])
def test_elsewhere_and_among_too_many_rows_nothing_is_known_row_by_row(mark, at):
    due = Due(mark)
    assert (due.was_sent(at, row("old")), due.new_hashes(at, [row("mended")])) == (False, ())


def test_what_was_sent_takes_the_place_of_what_is_not_there_any_more():
    saved = []
    due = Due(watermark("bad", "good"), saved.append)
    due.look([AT], lambda bounds: (one for one in (row("mended"), row("good"))))
    due.note_sent([hash_of("mended")])
    (kept,) = saved
    assert (kept.position, kept.ties.exact, kept.has_rejects) == (POSITION, [hash_of("good"), hash_of("mended")], True)


def test_nothing_is_read_when_nothing_of_it_has_the_watermarks_time():
    Due(watermark("good")).look([LATER], lambda bounds: pytest.fail("it was read"))
