"""Which rejects are meant, by when they were written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_cdi.rejects.stored import RejectFilter, StoredReject

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def written(at):
    return StoredReject(
        part="p", line=0, place="r", sync_id="s", run_id="r", map_index=-1, try_number=1, at=at, outcome="rejected",
        code="x", reason="", identifier={}, updated_at="", payload=None, columns={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("at", "is_older", "is_newer"),
    [
        ("2026-01-05T11:59:59+00:00", True, False),
        ("2026-01-05T12:00:00+00:00", False, True),
        ("2026-01-05T13:00:00+02:00", True, False),
        ("2026-01-05T11:00:00", True, False),
        ("2026-01-05 13:00", False, True),
        ("", True, False),
        ("yesterday", True, False),
    ],
)
def test_a_reject_is_of_an_age_exactly_and_without_one_that_can_be_read_it_is_old(at, is_older, is_newer):
    reject = written(at)
    assert RejectFilter(older_than=NOON).takes(reject) == is_older
    assert RejectFilter(newer_than=NOON).takes(reject) == is_newer
    assert RejectFilter().takes(reject)
