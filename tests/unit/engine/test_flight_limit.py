"""How many requests are in flight, in a model of clients, ways and services (see ``support.flight_model``)."""

from __future__ import annotations

import pytest
from support.flight_model import CLIENT_SECONDS, World, always, fly, heavy_tail

#: What the model's client can do at best.
CLIENT_RATE = 1 / CLIENT_SECONDS


def needed(way: float) -> float:
    """How many requests in flight keep the client busy."""
    return (way + CLIENT_SECONDS) / CLIENT_SECONDS


@pytest.mark.parametrize("delay", [0.005, 0.02, 0.05, 0.1])
def test_a_fixed_delay_costs_less_than_two_per_cent_and_less_than_twice_what_is_needed_is_in_flight(delay):
    flight = fly(World(always(delay)), 8)
    assert flight.rate(2, 8) >= 0.98 * CLIENT_RATE
    assert flight.mean_in_flight(2, 8) <= 2 * needed(delay)


def test_with_a_delay_of_200_ms_the_most_that_is_allowed_is_in_flight():
    assert fly(World(always(0.2)), 8).rate(3, 8) >= 0.95 * 256 / 0.2006


def test_without_delay_a_handful_is_in_flight():
    flight = fly(World(always(0.0003)), 6)
    assert flight.rate(0, 6) >= 0.98 * CLIENT_RATE
    assert flight.most_allowed(3, 6) <= 8


def test_at_50_ms_a_hundred_are_in_flight_after_half_a_second_and_they_start_as_four():
    flight = fly(World(always(0.05)), 1)
    assert flight.limits[0] <= 8
    assert flight.limits[4] >= 100


def test_connections_that_take_two_round_trips_to_open_are_not_taken_for_a_queue():
    assert fly(World(always(0.05), new_connection=0.1), 6).rate(2, 6) >= 0.95 * CLIENT_RATE


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_answers_that_take_40_ms_and_500_now_and_then_are_not_taken_for_a_queue(seed):
    flight = fly(World(heavy_tail(0.04, 0.5)), 12, seed)
    assert flight.rate(4, 12) >= 0.95 * CLIENT_RATE


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mix_of_fast_and_slow_calls_never_comes_down_to_a_few(seed):
    flight = fly(World(lambda random, _now: 0.03 if random.random() < 0.8 else 0.4), 12, seed)
    assert flight.rate(4, 12) >= 0.9 * CLIENT_RATE
    assert flight.least_allowed(2, 12) >= 32


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stalls_of_the_process_itself_are_not_taken_for_a_queue(seed):
    world = World(always(0.05), stall=(0.03, 0.06))
    assert fly(world, 12, seed).rate(4, 12) >= 0.9 * fly(World(always(0.0), stall=(0.03, 0.06)), 12, seed).rate(4, 12)


def test_a_service_at_its_capacity_gets_all_it_can_do_and_no_long_queue():
    flight = fly(World(always(0.03), workers=20, work=0.02), 8)
    assert flight.rate(2, 8) >= 0.98 * 1000
    assert flight.mean_in_flight(2, 8) <= 2 * 50


def test_what_stood_in_a_queue_after_the_start_is_given_back():
    flight = fly(World(always(0.02), workers=1, work=0.005), 12)
    assert flight.rate(2, 12) >= 0.98 * 200
    assert flight.most_allowed(8, 12) <= 12


def test_a_way_that_became_longer_is_noticed_within_a_second():
    flight = fly(World(lambda _random, now: 0.1 if now > 5 else 0.02), 9)
    assert flight.rate(6, 9) >= 0.93 * CLIENT_RATE
    assert flight.limits[60] >= needed(0.1)


def test_what_a_shorter_way_does_not_need_any_more_is_given_back_within_fifteen_seconds():
    flight = fly(World(lambda _random, now: 0.02 if now > 3 else 0.1), 19)
    assert flight.rate(3, 19) >= 0.95 * CLIENT_RATE
    assert flight.most_allowed(18, 19) <= 2 * needed(0.02)


def test_a_way_that_became_longer_while_little_was_in_flight_does_not_keep_it_little():
    flight = fly(World(lambda _random, now: 0.1 if now > 3 else 0.0003), 12)
    assert flight.rate(7, 12) >= 0.95 * CLIENT_RATE


def test_a_service_that_stood_still_for_two_seconds_is_back_within_two():
    flight = fly(World(lambda _random, now: 2.0 if 3 < now < 5 else 0.05), 10)
    assert flight.rate(7, 10) >= 0.95 * CLIENT_RATE


@pytest.mark.parametrize("share", [0.001, 0.01, 0.02])
def test_errors_now_and_then_cost_only_themselves(share):
    flight = fly(World(always(0.05), fails=lambda random, _now, _count: random.random() < share), 10)
    assert flight.rate(2, 10) >= 0.97 * (1 - share) * CLIENT_RATE


def test_a_time_of_errors_leaves_four_in_flight_and_all_are_back_four_seconds_later():
    world = World(always(0.05), fails=lambda random, now, _count: 3 < now < 5 and random.random() < 0.5)
    flight = fly(world, 11)
    assert flight.limits[48] <= 8
    assert flight.rate(9, 11) >= 0.97 * CLIENT_RATE


def test_a_service_that_refuses_more_than_40_at_once_is_used_and_seldom_asked_for_more():
    flight = fly(World(always(0.05), fails=lambda _random, _now, count: count >= 40), 15)
    assert flight.rate(3, 15) >= 0.85 * 40 / 0.0506
    assert flight.mean_in_flight(3, 15) <= 44


def test_the_limit_does_not_grow_while_the_pacer_is_what_binds():
    flight = fly(World(always(0.05), pace=0.01), 8)
    assert flight.rate(1, 8) >= 0.99 * 100
    assert flight.most_allowed(0, 8) <= 10


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_pace_is_kept_when_answers_differ_much(seed):
    assert fly(World(heavy_tail(0.04, 0.5), pace=0.001), 12, seed).rate(5, 12) >= 0.97 * 1000


def test_the_limit_does_not_grow_while_the_source_is_what_binds():
    flight = fly(World(always(0.05), source=300), 12)
    assert flight.rate(2, 12) >= 0.99 * 300
    assert flight.most_allowed(0, 12) <= 40


@pytest.mark.parametrize("most", [1, 2, 4, 16])
def test_never_more_than_the_maximum_are_in_flight_and_as_many_where_they_help(most):
    flight = fly(World(always(0.05)), 6, most=most)
    assert max(flight.in_flight) == most
    assert flight.rate(1, 6) >= 0.95 * most / 0.0506


def test_the_limit_is_steady_where_nothing_changes():
    flight = fly(World(always(0.05)), 9)
    assert flight.most_allowed(4, 9) <= 1.1 * flight.least_allowed(4, 9)
