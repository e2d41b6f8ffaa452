"""Garbage collection is left as it was found."""

from __future__ import annotations

import gc

import pytest

from airflow_provider_cdi.transfers.runs.attempt import GC_THRESHOLDS, seldom_collected


def test_objects_from_before_are_not_looked_at_and_later_ones_seldom():
    before = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold() == GC_THRESHOLDS
        assert gc.get_freeze_count() > 10_000
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_a_sync_that_fails_leaves_it_as_it_was_too():
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="broken"), seldom_collected():
        raise ValueError("broken")
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
