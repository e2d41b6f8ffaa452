"""Whom a plan asks about: as many people as wanted, each once, and whoever has the smallest hashes."""

from __future__ import annotations

import random

from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.forecast.distinct import DistinctCount
from airflow_provider_cdi.forecast.new_people import PeopleSample


def sampled(keys, most):
    count, sample = DistinctCount(), PeopleSample(most)
    for key in keys:
        sample.offer(count.add(key), Record(key, b"{}"))
    return sorted(record.key for record in sample.records)


def test_everybody_is_in_a_sample_that_is_large_enough_once():
    keys = [f"c-{i % 30}" for i in range(90)]
    assert sampled(keys, 50) == sorted(set(keys))


def test_the_sample_is_the_same_whatever_the_order_and_the_repeats():
    keys = [f"c-{i}" for i in range(500)]
    shuffled = keys * 2
    random.Random(1).shuffle(shuffled)
    assert sampled(keys, 40) == sampled(shuffled, 40)
    assert len(sampled(keys, 40)) == 40


def test_nobody_is_kept_when_nobody_is_to_be_asked_about():
    assert sampled(["a", "b"], 0) == []
