"""Rows that are sent with a change: counted by what it is, to the row and over all tries, and told once."""

from __future__ import annotations

import pytest
from support.engine_world import ThingDestination, Things, make_run

from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.exceptions import Interrupted
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import run_virtually


class Adjusting(ThingDestination):
    """Leaves something out of every third row."""

    def _entry(self, row):
        entry = super()._entry(row)
        if int(row["EXTERNAL_ID"].removeprefix("c-")) % 3 == 0:
            entry.adjusted = ("field_dropped: colour", "array_truncated")
        return entry


def rows(count):
    return [Row(float(number - 1000), f"c-{number}", "{}") for number in range(count)]


def run(source, things=None, journal=None, **kwargs):
    things, journal = things or Things(), journal or MemoryJournal()
    sync = make_run(
        source, things, journal, incremental(journal.progress), journal.progress, destination=Adjusting(), **kwargs
    )
    return run_virtually(sync.run()), journal


def test_rows_that_were_sent_with_a_change_are_counted_by_what_it_is(caplog):
    report, _ = run(ListSource(rows(900)))
    assert report.totals.accepted == 900
    assert report.to_json()["adjusted"] == {"array_truncated": 300, "field_dropped: colour": 300}
    assert any("array_truncated 300, field_dropped: colour 300" in line for line in report.lines())
    assert [record.args[0] for record in caplog.records if "adjusted" in record.message] == [
        "array_truncated",
        "field_dropped: colour",
    ]


def test_a_row_that_was_rejected_in_the_end_was_not_sent_with_a_change():
    report, _ = run(ListSource(rows(9)), Things(refuses={"c-3", "c-4"}))
    assert report.totals.rejected == 2
    assert report.totals.adjusted == {"array_truncated": 2, "field_dropped: colour": 2}


def test_a_retry_counts_the_changed_rows_of_all_tries():
    source, journal, asked = ListSource(rows(600)), MemoryJournal(), []

    def stop():
        asked.append(1)
        return len(asked) > 40

    with pytest.raises(Interrupted):
        run(source, journal=journal, stop_requested=stop)
    assert 0 < journal.progress.totals.adjusted["array_truncated"] < 200
    report, _ = run(source, journal=journal)
    assert report.totals.adjusted["array_truncated"] == 200


def test_totals_are_stored_with_the_changes_and_read_without_them():
    stored = Totals(accepted=3)
    stored.adjusted["phone_dropped"] = 2
    assert Totals.from_json(stored.to_json()) == stored
    old = {name: value for name, value in stored.to_json().items() if name != "adjusted"}
    assert Totals.from_json(old) == Totals(accepted=3)
