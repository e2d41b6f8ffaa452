"""Reading the times of events and purchases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdi_sandbox.times import read_moment

SEVEN = datetime(2026, 1, 5, 9, 0, 7, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T09:00:07Z", SEVEN),
        ("2026-01-05 09:00:07", SEVEN),
        ("2026-01-05T11:00:07+02:00", SEVEN),
        ("2026-01-05T09:00:07.250Z", SEVEN + 0.25),
        ("2026-01-05T09:00:07:250Z", SEVEN + 0.25),
        ("2026-01-05T09:00:07:250+0000", SEVEN + 0.25),
        ("2026-01-05T09:00Z", SEVEN - 7),
    ],
)
def test_a_time_is_read_to_its_fraction(text: str, moment: float) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize("text", ["yesterday", "2026-13-05T09:00:07Z", "2026-01-05T25:00:00Z", 7, None])
def test_what_is_no_time_is_none(text: object) -> None:
    assert read_moment(text) is None
