"""Different keys are counted exactly while they are few, and then closely enough."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.forecast.distinct import DistinctCount


def counted(keys, **bounds):
    count = DistinctCount(**bounds)
    for key in keys:
        count.add(key)
    return count


def test_few_keys_are_counted_exactly_however_often_they_come():
    count = counted([f"external_id:c-{i % 40}" for i in range(1_000)])
    assert (count.number, count.is_exact) == (40, True)


def test_as_many_as_the_bound_are_exact_and_one_more_is_not():
    assert counted(map(str, range(60_000)), exact_up_to=60_000).is_exact
    assert not counted(map(str, range(60_001)), exact_up_to=60_000).is_exact


@pytest.mark.parametrize("number", [60_001, 150_000, 400_000])
def test_many_keys_are_estimated_within_three_standard_errors(number):
    count = counted(map(str, range(number)), exact_up_to=60_000)
    assert count.number == pytest.approx(number, rel=3 * 0.0081)


def test_an_estimate_does_not_grow_with_repeats():
    once = counted(map(str, range(70_000)), exact_up_to=60_000).number
    assert counted(map(str, [*range(70_000), *range(70_000)]), exact_up_to=60_000).number == once


def test_a_key_that_is_no_valid_text_counts():
    assert counted(["\udcff", "\udcff"]).number == 1
