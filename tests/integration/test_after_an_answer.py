"""What runs after an answer fails in nobody's silence, and no value of a row makes it fail."""

from __future__ import annotations

import pytest

ROWS = 20_000
#: Where the odd row is; the ten rows with NaN are its neighbours.
PLACES = {"first": 0, "middle": ROWS // 2, "last": ROWS - 1}


def load(lab, place, kind, value):
    """One row with a value that Python does not hold, and ten with NaN beside it."""
    lab.sql(
        f"""create table odd as select timestamp '2026-01-01' + interval (i) second as updated_at,
        'c-' || i as external_id, case when i = {place} then {value} else null end::{kind} as born,
        case when i <> {place} and abs(i - {place}) <= {5 if 0 < place < ROWS - 1 else 10} then 'nan'::double
        else i end as score from range({ROWS}) numbers(i)"""
    )


def check(lab, run):
    report = run()
    assert (report["rows_read"], report["accepted"], report["rejected"]) == (ROWS, ROWS - 11, 11)
    lines = lab.rejected()
    assert len(lines) == 11
    assert {line["code"] for line in lines} == {"payload_type_unsupported"}
    assert run()["rows_read"] == 0


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_rows_that_python_cannot_hold_are_rejects_wherever_they_are_braze(lab, place):
    load(lab, place, "date", "date 'infinity'")
    check(lab, lambda: lab.run(source="odd", payload_columns=["born", "score"]))
    assert lab.arrivals()["accepted_objects"] == ROWS - 11


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_rows_that_python_cannot_hold_are_rejects_wherever_they_are_klaviyo(klaviyo_lab, place):
    load(klaviyo_lab, place, "date", "date 'infinity'")
    check(klaviyo_lab, lambda: klaviyo_lab.run(source="odd", payload_columns=["born", "score"]))


@pytest.mark.parametrize(
    ("kind", "value"),
    [("date", "date '-infinity'"), ("timestamp", "timestamp '290000-01-01'"), ("timestamp", "timestamp 'infinity'")],
)
def test_other_times_that_python_cannot_hold_are_rejects_too(lab, kind, value):
    load(lab, ROWS // 2, kind, value)
    check(lab, lambda: lab.run(source="odd", payload_columns=["born", "score"]))
