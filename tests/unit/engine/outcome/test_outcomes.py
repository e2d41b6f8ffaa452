"""What a delivery yields is what the ledger applies, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_world import CONTRACT

from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.outcome.row_block import BLOCK_ROWS
from airflow_provider_cdi.engine.rows.outcomes import Outcomes
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.testing.sources import Row, as_batch

BAD = Rejection("bad", "It is bad.")
OUTCOMES = ("accepted", "rejected", "skipped", "unknown")


def record(row: int) -> Record:
    one = Record(f"external_id:c-{row}", b"{}")
    one.row = row
    return one


def ledger_of(*batches: int) -> Ledger:
    ledger, first = Ledger(CONTRACT, None), 0
    for rows in batches:
        ledger.enter(as_batch([Row(first + n, f"c-{first + n}") for n in range(rows)]))
        first += rows
    return ledger


def outcomes_of(ends: dict[Record, str]) -> Outcomes:
    def those(end: str) -> list[Record]:
        return [one for one, what in ends.items() if what == end]

    return Outcomes(
        accepted=those("accepted"),
        rejected=[(one, BAD) for one in those("rejected")],
        skipped=[(one, "superseded") for one in those("skipped")],
        unknown=[(one, BAD) for one in those("unknown")],
    )


@settings(max_examples=25, deadline=None)
@given(
    batches=st.lists(st.integers(1, BLOCK_ROWS + 20), min_size=1, max_size=3), random=st.randoms(use_true_random=False)
)
def test_rows_of_any_blocks_in_any_order_get_the_outcome_that_was_yielded(batches, random):
    ledger = ledger_of(*batches)
    rows = random.sample(range(sum(batches)), sum(batches))
    ends = {record(row): random.choice(OUTCOMES) for row in rows}
    ledger.apply(outcomes_of(dict(list(ends.items())[:30])))
    ledger.apply(outcomes_of(dict(list(ends.items())[30:])))
    ledger.advance()
    assert ledger.is_settled
    counted = {end: sum(what == end for what in ends.values()) for end in OUTCOMES}
    totals = ledger.totals
    assert counted == {
        "accepted": totals.accepted,
        "rejected": totals.rejected,
        "skipped": totals.skipped,
        "unknown": totals.unknown,
    }


def test_rows_get_their_outcome_after_the_blocks_before_them_have_left():
    ledger = ledger_of(300, 300)
    ledger.apply(Outcomes(accepted=[record(row) for row in range(256)]))
    ledger.advance()
    ledger.apply(Outcomes(accepted=[record(row) for row in range(256, 600)]))
    ledger.advance()
    assert (ledger.is_settled, ledger.rows_in_prefix) == (True, 600)


@pytest.mark.parametrize("end", ["rejected", "unknown"])
def test_merged_records_share_the_fate_of_the_one_that_was_sent(end):
    ledger, kept = ledger_of(2), record(1)
    kept.followers = [(record(0), "superseded")]
    ledger.apply(outcomes_of({kept: end}))
    ledger.advance()
    assert getattr(ledger.totals, end) == 2


def test_a_record_that_was_merged_into_an_accepted_one_is_skipped_with_its_reason():
    ledger, kept = ledger_of(2), record(1)
    kept.followers = [(record(0), "superseded")]
    ledger.apply(Outcomes(accepted=[kept]))
    ledger.advance()
    assert (ledger.totals.accepted, dict(ledger.totals.skipped_because)) == (1, {"superseded": 1})


def test_a_row_that_was_mended_counts_for_what_was_changed_before_and_in_the_mending():
    ledger, first, mended = ledger_of(1), record(0), record(0)
    first.adjusted, mended.adjusted = ("array_truncated",), ("phone_dropped",)
    ledger.apply(Outcomes(accepted=[mended.in_place_of(first)]))
    ledger.advance()
    assert dict(ledger.totals.adjusted) == {"array_truncated": 1, "phone_dropped": 1}


def test_what_was_changed_of_a_row_counts_once_however_often_its_record_is_mended():
    ledger, first, mended = ledger_of(1), record(0), record(0)
    first.adjusted, mended.adjusted = ("array_truncated",), ("array_truncated", "phone_dropped")
    ledger.apply(Outcomes(accepted=[mended.in_place_of(first).in_place_of(first)]))
    ledger.advance()
    assert dict(ledger.totals.adjusted) == {"array_truncated": 1, "phone_dropped": 1}
