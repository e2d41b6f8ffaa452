"""What a change by hand leaves in the record, and that versions before it read the record still."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.exceptions import UsageError
from airflow_provider_cdi.state.by_hand.changes import changed_record, check_reason, moved_record
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.record import CHANGES_KEPT, Change, Checkpoint, StateRecord
from airflow_provider_cdi.state.store import Instance

ID = Identity("users", "attributes", "https://rest.iad-01.braze.com", "a_dag.sync")
MARK = Watermark("2026-01-05T00:00:00.000000Z", Ties([1]))
RECORD = StateRecord(
    ID,
    7,
    Checkpoint(MARK, Totals(), jobs=(SubmittedJob("digest", "job"),)),
    "a_run",
    "2026-01-06T00:00:00Z",
    copies=(Instance("a_run", -1),),
)
#: What version 1 looks at in a record that it finds.
READ_BY_VERSION_1 = {"v", "sync_id", "data_type", "destination", "owner", "gen", "run_id", "at", "watermark", "totals"}


def change(why="a test"):
    return Change("ada@host", "2026-01-07T00:00:00Z", why, "before")


def test_a_changed_record_is_newer_and_forgets_what_hung_on_the_old_watermark():
    made = changed_record(RECORD, ID, Watermark("2026-01-01T00:00:00.000000Z", Ties()), change())
    assert (made.gen, made.checkpoint.jobs, made.run_id, made.copies) == (8, (), "", RECORD.copies)
    assert made.is_by_hand
    assert not RECORD.is_by_hand


def test_a_changed_record_comes_back_as_it_was_stored():
    made = changed_record(RECORD, ID, None, change(), from_beginning=True)
    assert StateRecord.from_json(made.to_json()) == made
    moved = moved_record(RECORD, ("people",), change())
    assert StateRecord.from_json(moved.to_json()).moved_to == ("people",)


def test_a_changed_record_has_what_version_1_reads_and_the_same_version():
    stored = changed_record(RECORD, ID, MARK, change()).to_json()
    assert stored["v"] == 1
    assert stored.keys() >= READ_BY_VERSION_1


def test_a_record_keeps_the_newest_changes_alone():
    made = RECORD
    for number in range(CHANGES_KEPT + 3):
        made = changed_record(made, ID, MARK, change(f"number {number}"))
    assert [one.why for one in StateRecord.from_json(made.to_json()).changed] == [
        f"number {number}" for number in range(3, CHANGES_KEPT + 3)
    ]


def test_a_note_of_a_later_version_is_read():
    stored = RECORD.to_json() | {"changed": [{"by": "ada", "more": 1}, "odd"], "moved_to": None}
    assert [one.by for one in StateRecord.from_json(stored).changed] == ["ada", ""]


def test_a_record_that_nobody_changed_is_stored_as_before():
    assert RECORD.to_json().keys() & {"changed", "from_beginning", "moved_to"} == set()


@pytest.mark.parametrize("why", ["", "  ", "x" * 501])
def test_a_change_wants_a_reason_that_a_record_has_room_for(why):
    with pytest.raises(UsageError, match="say why in a sentence"):
        check_reason(why)
    check_reason("x" * 500)
