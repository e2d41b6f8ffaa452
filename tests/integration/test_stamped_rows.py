"""Rows that the query itself stamps, from real warehouses through the operator to the sandbox."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

ROWS = "select 'c-' || i as external_id, '{\"n\":' || i || '}' as payload, i from range(300) as numbers(i)"
SHOWN_IN_NEW_YORK = "now() at time zone 'America/New_York'"


def stamped(clock: str) -> str:
    return f"create view users as select {clock} as updated_at, * exclude i from ({ROWS})"


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING)
    return lambda: [record.message for record in caplog.records if "time of the query itself" in record.message]


@pytest.mark.parametrize(
    ("clock", "arguments"),
    [
        ("current_timestamp", {}),
        ("now()::timestamp", {}),
        ("now()::timestamp_ns", {}),
        ("date_trunc('millisecond', now()::timestamp)", {}),
        ("date_trunc('second', now()::timestamp)", {}),
        ("date_trunc('second', now())", {}),
        (SHOWN_IN_NEW_YORK, {"watermark_timezone": "America/New_York"}),
        (f"date_trunc('second', {SHOWN_IN_NEW_YORK})", {"watermark_timezone": "America/New_York"}),
    ],
)
def test_every_run_sends_the_rows_that_a_view_stamps_and_warns_once(lab, warnings, clock, arguments):
    lab.sql(stamped(clock))
    for number in (1, 2, 3):
        report = lab.run(**arguments)
        assert (report["rows_read"], report["accepted"], report["skipped_because"]) == (300, 300, {})
        assert len(warnings()) == number
    assert set(lab.arrivals()["received"].values()) == {3}
