"""What became of rejects: the worst of their rows counts, and marks stand around the save that makes them true."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from airflow_provider_cdi.engine.delivery.traffic import Traffic
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.transfers.redrive.outcomes import RedriveNumbers, RedriveOutcomes
from airflow_provider_cdi.transfers.redrive.taking import TakenReject


class Marks:
    """Notes what is marked, and when the save was."""

    def __init__(self):
        self.seen = []

    def mark(self, fates):
        self.seen += [(reject.name, fate) for reject, fate in fates]

    def note_sent(self, hashes):
        self.seen.append(list(hashes))


def taken(name):
    return TakenReject(SimpleNamespace(name=name), (), b"")


def saved(outcomes, marks, rows):
    with outcomes.marking(Totals(accepted=rows)):
        marks.seen.append("saved")


@pytest.mark.parametrize(
    ("rows", "fate"),
    [
        (["accepted", "accepted"], "accepted"),
        (["accepted", "skipped"], "newer_row"),
        (["skipped", "unknown"], "unknown"),
        (["unknown", "rejected"], "rejected"),
    ],
)
def test_a_reject_of_several_rows_has_the_worst_fate_of_them(rows, fate):
    outcomes = RedriveOutcomes(marks := Marks())
    outcomes.note_sent([taken("a")], 2)
    outcomes.note_passed(rows)
    saved(outcomes, marks, 2)
    assert outcomes.fates == {fate: 1}


def test_what_arrived_is_marked_before_the_save_and_what_was_rejected_again_after_it():
    outcomes = RedriveOutcomes(marks := Marks())
    outcomes.note_sent([taken("a")], 1)
    outcomes.note_sent([taken("b")], 1)
    outcomes.note_not_sent([(taken("c"), "gone"), (taken("d"), "unclear")])
    outcomes.note_passed(["rejected", "accepted"])
    saved(outcomes, marks, 2)
    assert marks.seen == [("c", "gone"), ("b", "accepted"), "saved", ("a", "rejected")]


def test_rows_behind_what_is_saved_stay_without_a_mark_until_they_are():
    outcomes = RedriveOutcomes(marks := Marks(), rows_before=5)
    for name in "ab":
        outcomes.note_sent([taken(name)], 1)
    outcomes.note_passed(["accepted", "accepted"])
    saved(outcomes, marks, 6)
    assert marks.seen == [("a", "accepted"), "saved"]
    saved(outcomes, marks, 7)
    assert marks.seen[2:] == [("b", "accepted"), "saved"]


def test_the_watermark_knows_rows_before_their_rejects_are_marked():
    outcomes = RedriveOutcomes(marks := Marks())
    outcomes.note_sent([taken("a")], 1, [7])
    outcomes.note_sent([taken("b")], 1, [8])
    outcomes.note_passed(["accepted"])
    saved(outcomes, marks, 1)
    assert marks.seen == [[7], ("a", "accepted"), "saved"]


@pytest.mark.parametrize(
    ("fates", "without_key", "told"),
    [
        ({"gone": 2}, 0, "where that itself was mended: a mended row goes with the next usual run"),
        ({"unclear": 2}, 0, "give those that are to be sent times of their own"),
        ({}, 2, "cannot be found: a mended row goes with the next usual run when it has a new UPDATED_AT"),
        ({"accepted": 2}, 0, ""),
    ],
)
def test_the_report_says_what_to_do_about_rows_that_were_not_found(fates, without_key, told):
    numbers = RedriveNumbers(2, Counter(fates), 0, without_key, ())
    report = Report("rejects", Totals(), Traffic(), 1.0, 0.0, None, redrive=numbers.to_json())
    hints = [line for line in report.lines() if "mended" in line or "times of their own" in line]
    assert [told in line for line in hints] == [True] * bool(told)
