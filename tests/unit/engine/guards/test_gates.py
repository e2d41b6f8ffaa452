"""What is too much for a gate, told with the numbers and the way on: just the maximum is not."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.guards.gates import SMALL, Gates, stop_if_any
from airflow_provider_cdi.exceptions import GuardTripped


def found(gates, due, total=0, *, is_first_run=False):
    return list(gates.over_rows(due, total, is_first_run=is_first_run))


def test_without_a_bound_nothing_is_too_much():
    gates = Gates()
    assert not gates.are_any
    assert found(gates, 10**9, 10**9) == []
    assert [*gates.over_data_points(10**9, "rows"), *gates.over_new_profiles(10**9, "rows")] == []


@pytest.mark.parametrize(("most", "over"), [(0, 1), (20, 21), (1_000, 1_001)])
def test_just_the_maximum_passes(most, over):
    gates = Gates(max_rows=most, max_data_points=most, max_new_profiles=most)
    for look in (lambda number: found(gates, number), lambda number: list(gates.over_data_points(number, "all rows")),
                 lambda number: list(gates.over_new_profiles(number, "all rows"))):  # fmt: skip
        assert look(most) == []
        (said,) = look(over)
        assert f"{over:,}" in said
        assert f"={most:,} allows. Nothing was sent." in said


def test_a_share_is_looked_at_above_a_few_rows_and_not_in_the_first_run():
    gates = Gates(max_share_of_source=10)
    assert found(gates, 100, 1_000) == []
    assert "101 of the source's 1,000 rows (10.1 %)" in found(gates, 101, 1_000)[0]
    assert found(gates, 1_000, 1_000, is_first_run=True) == []
    assert found(gates, SMALL, SMALL) == []
    assert found(gates, SMALL + 1, SMALL + 1)


def test_all_that_is_too_much_is_told_at_once_with_one_way_on():
    gates = Gates(max_rows=5, max_share_of_source=5, delete_cap=DeleteCap(rows=5))
    with pytest.raises(GuardTripped) as caught:
        stop_if_any(found(gates, 30, 30), gates.way_on)
    said = str(caught.value)
    assert [word in said for word in ("DeleteCap(rows=5)", "max_rows=5", "max_share_of_source=5")] == [True] * 3
    assert said.count('conf {"pass_gates": true}') == 1


def test_a_locked_task_is_not_told_of_a_choice_that_it_refuses():
    assert "pass_gates" not in Gates(max_rows=1, may_pass=False).way_on
    assert "lock_run_choices" in Gates(max_rows=1, may_pass=False).way_on


def test_only_the_shares_need_all_rows_counted():
    assert not Gates(max_rows=1, max_data_points=1, max_new_profiles=1).need_total
    assert Gates(max_share_of_source=1).need_total
    assert Gates(delete_cap=DeleteCap()).need_total
