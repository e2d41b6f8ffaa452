"""How many requests are in flight, in a model of clients, ways and services (see ``support.concurrency_model``)."""

from __future__ import annotations

import pytest
from support.concurrency_model import CLIENT_SECONDS, World, above, always, at_random, heavy_tail, mixed, simulate

#: What the model's client can do at best.
CLIENT_RATE = 1 / CLIENT_SECONDS


def needed(way: float) -> float:
    """How many requests in flight keep the client busy."""
    return (way + CLIENT_SECONDS) / CLIENT_SECONDS


@pytest.mark.parametrize("delay", [0.005, 0.02, 0.05, 0.1])
def test_a_fixed_delay_costs_less_than_two_per_cent_and_little_more_than_twice_what_is_needed_is_in_flight(delay):
    course = simulate(World(always(delay)), 8)
    assert course.rate(2, 8) >= 0.98 * CLIENT_RATE
    assert course.mean_in_flight(2, 8) <= 2.3 * needed(delay)


def test_with_a_delay_of_200_ms_the_most_that_is_allowed_is_in_flight():
    assert simulate(World(always(0.2)), 8).rate(3, 8) >= 0.95 * 256 / 0.2006


def test_without_delay_a_dozen_is_in_flight():
    course = simulate(World(always(0.0003)), 6)
    assert course.rate(0, 6) >= 0.98 * CLIENT_RATE
    assert course.most_allowed(3, 6) <= 16


def test_at_50_ms_a_hundred_are_in_flight_after_half_a_second_and_they_start_as_four():
    course = simulate(World(always(0.05)), 1)
    assert course.limit_at(0) <= 8
    assert course.limit_at(0.4) >= 100


def test_connections_that_take_two_round_trips_to_open_are_not_taken_for_a_queue():
    assert simulate(World(always(0.05), new_connection=0.1), 6).rate(2, 6) >= 0.95 * CLIENT_RATE


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_answers_that_take_40_ms_and_500_now_and_then_are_not_taken_for_a_queue(seed):
    course = simulate(World(heavy_tail(0.04, 0.5)), 12, seed)
    assert course.rate(4, 12) >= 0.95 * CLIENT_RATE


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mix_of_fast_and_slow_calls_never_comes_down_to_a_few(seed):
    course = simulate(World(mixed(0.03, 0.4, 0.2)), 12, seed)
    assert course.rate(4, 12) >= 0.9 * CLIENT_RATE
    assert course.least_allowed(2, 12) >= 32


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stalls_of_the_process_itself_are_not_taken_for_a_queue(seed):
    world = World(always(0.05), stall=(0.03, 0.06))
    assert simulate(world, 12, seed).rate(4, 12) >= 0.9 * simulate(
        World(always(0.0), stall=(0.03, 0.06)), 12, seed
    ).rate(4, 12)


def test_a_service_at_its_capacity_gets_all_it_can_do_and_no_long_queue():
    course = simulate(World(always(0.03), workers=20, work=0.02), 8)
    assert course.rate(2, 8) >= 0.98 * 1000
    assert course.mean_in_flight(2, 8) <= 2 * 50


def test_what_stood_in_a_queue_after_the_start_is_given_back():
    course = simulate(World(always(0.02), workers=1, work=0.005), 12)
    assert course.rate(2, 12) >= 0.98 * 200
    assert course.most_allowed(8, 12) <= 16


def test_a_way_that_became_longer_is_noticed_within_a_second():
    course = simulate(World(lambda _random, now: 0.1 if now > 5 else 0.02), 9)
    assert course.rate(6, 9) >= 0.93 * CLIENT_RATE
    assert course.limit_at(6) >= needed(0.1)


def test_a_way_that_became_shorter_loses_nothing():
    course = simulate(World(lambda _random, now: 0.02 if now > 3 else 0.1), 19)
    assert course.rate(3, 19) >= 0.95 * CLIENT_RATE


def test_a_way_that_became_longer_while_little_was_in_flight_does_not_keep_it_little():
    course = simulate(World(lambda _random, now: 0.1 if now > 3 else 0.0003), 12)
    assert course.rate(7, 12) >= 0.95 * CLIENT_RATE


def test_a_service_that_stood_still_for_two_seconds_is_back_within_two():
    course = simulate(World(lambda _random, now: 2.0 if 3 < now < 5 else 0.05), 10)
    assert course.rate(7, 10) >= 0.95 * CLIENT_RATE


@pytest.mark.parametrize("share", [0.001, 0.01, 0.02])
def test_errors_now_and_then_cost_only_themselves(share):
    course = simulate(World(always(0.05), fails=lambda random, _now, _count: random.random() < share), 10)
    assert course.rate(2, 10) >= 0.97 * (1 - share) * CLIENT_RATE


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("share", "kept"), [(1 / 10, 0.97), (1 / 7, 0.95), (1 / 3, 0.8), (1 / 2, 0.7)])
@pytest.mark.parametrize("delay", [0.02, 0.05])
def test_failures_that_do_not_come_from_our_load_cost_little_more_than_themselves(delay, share, kept, seed):
    course = simulate(World(always(delay), fails=at_random(share)), 15, seed)
    assert course.rate(2, 15) >= kept * (1 - share) * CLIENT_RATE


def test_failures_that_come_at_once_do_not_starve_the_others():
    course = simulate(World(always(0.05), fails=at_random(1 / 7), failing_seconds=0.001), 12)
    assert course.rate(2, 12) >= 0.95 * 6 / 7 * CLIENT_RATE


def test_failures_that_begin_in_the_middle_of_a_run_cost_little_more_than_themselves():
    course = simulate(World(always(0.05), fails=lambda random, now, _count: now > 4 and random.random() < 0.2), 12)
    assert course.rate(5, 12) >= 0.9 * 0.8 * CLIENT_RATE


def test_a_time_without_any_success_leaves_a_few_in_flight_and_all_are_back_four_seconds_later():
    course = simulate(World(always(0.05), fails=lambda _random, now, _count: 3 < now < 5), 11)
    assert course.limit_at(4.8) <= 16
    assert course.rate(9, 11) >= 0.97 * CLIENT_RATE


def test_a_service_that_never_answers_well_gets_as_few_requests_as_there_may_be():
    course = simulate(World(always(0.05), fails=at_random(1.0)), 10)
    assert course.most_allowed(0, 10) <= 4


@pytest.mark.parametrize(("failing_seconds", "share"), [(None, 0.08), (0.005, 0.05)])
def test_a_service_that_refuses_more_than_40_at_once_is_used_and_seldom_asked_for_more(failing_seconds, share):
    course = simulate(World(always(0.05), fails=above(40), failing_seconds=failing_seconds), 15)
    assert course.rate(3, 15) >= 0.83 * 40 / 0.0506
    assert course.mean_in_flight(3, 15) <= 44
    assert course.share_of_failures(3, 15) <= share


def test_a_service_that_fails_above_40_at_once_and_now_and_then_besides_is_used_and_relieved():
    world = World(always(0.05), fails=lambda random, _now, count: count >= 40 or random.random() < 1 / 20)
    course = simulate(world, 15)
    assert course.rate(3, 15) >= 0.7 * 40 / 0.0506
    assert course.mean_in_flight(3, 15) <= 44


def test_several_that_begin_together_share_a_service_of_fixed_capacity():
    course = simulate(World(always(0.02), workers=8, work=0.02, clients=4), 20)
    rates = course.rates(2, 20)
    assert sum(rates) >= 0.98 * 400
    assert min(rates) >= 0.8 * max(rates)
    assert course.mean_in_flight(2, 20) <= 4 * 16


@pytest.mark.parametrize(
    "world",
    [
        World(always(0.02), workers=8, work=0.02, clients=2, apart=5),
        World(always(0.02), workers=32, work=0.05, clients=3, apart=4),
        World(always(0.05), fails=at_random(1 / 7), clients=3, apart=4),
    ],
    ids=["8 workers", "32 workers", "one in seven fails"],
)
def test_one_that_comes_later_gets_its_share(world):
    rates = simulate(world, 40).rates(20, 40)
    assert min(rates) >= 0.7 * max(rates)


def test_the_limit_does_not_grow_while_the_pacer_is_what_binds():
    course = simulate(World(always(0.05), pace=0.01), 8)
    assert course.rate(1, 8) >= 0.99 * 100
    assert course.most_allowed(0, 8) <= 10


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_pace_is_kept_when_answers_differ_much(seed):
    assert simulate(World(heavy_tail(0.04, 0.5), pace=0.001), 12, seed).rate(5, 12) >= 0.97 * 1000


def test_the_limit_does_not_grow_while_the_source_is_what_binds():
    course = simulate(World(always(0.05), source=300), 12)
    assert course.rate(2, 12) >= 0.99 * 300
    assert course.most_allowed(0, 12) <= 40


@pytest.mark.parametrize("most", [1, 2, 4, 16])
def test_never_more_than_the_maximum_are_in_flight_and_as_many_where_they_help(most):
    course = simulate(World(always(0.05)), 6, most=most)
    assert max(course.in_flight) == [most]
    assert course.rate(1, 6) >= 0.95 * most / 0.0506


@pytest.mark.parametrize("delay", [0.02, 0.05])
def test_what_the_limit_goes_up_and_down_costs_nothing(delay):
    course = simulate(World(always(delay)), 20)
    assert course.rate(5, 20) >= 0.99 * CLIENT_RATE
    assert course.least_allowed(5, 20) >= needed(delay)
    assert course.most_allowed(5, 20) <= 2.5 * needed(delay)
