"""What is told of an answer in the report holds nothing of the rows that the answer is about."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.destinations.row_values import values_of, without_values
from airflow_provider_cdi.engine.rows.records import Record


def told(said, *bodies, more=()):
    records = [Record("k", json.dumps(body).encode()) for body in bodies]
    return without_values(said, values_of(records, more))


@pytest.mark.parametrize(
    ("said", "body", "expected"),
    [
        ("c-1 is blocked", {"external_id": "c-1"}, "… is blocked"),
        ("C-1 is blocked", {"external_id": "c-1"}, "… is blocked"),
        ("c-10 is blocked", {"external_id": "c-1"}, "c-10 is blocked"),
        ("New York is no city", {"city": "New York"}, "… is no city"),
        ("New Yorker is no city", {"city": "New York"}, "New Yorker is no city"),
        ("Ada Lovelace and Ada", {"name": "Ada", "full": "Ada Lovelace"}, "… and …"),
        ("wrong: +49 (151)", {"phone": "+49 (151)"}, "wrong: +…)"),
        ("36 is too old", {"age": 36}, "… is too old"),
        ("3.5 is too much", {"price": 3.5}, "… is too much"),
        ("true is no text", {"member": True}, "true is no text"),
        ("red in a list", {"colours": [{"name": "red"}]}, "… in a list"),
        ("profile is a type", {"type": "profile"}, "profile is a type"),
        ("ada@example.org is bad", {}, "… is bad"),
        ("'someone' and \"else\"", {}, "… and …"),
        ("call +49 151 1234567 now", {}, "call … now"),
        ("a colon: stays", {}, "a colon: stays"),
        ("", {"city": "x"}, ""),
    ],
)
def test_values_of_the_row_addresses_numbers_and_quotes_are_hidden(said, body, expected):
    assert told(said, body) == expected


def test_the_values_of_every_row_and_further_ones_are_hidden():
    assert told("one two three four", {"a": "one"}, {"a": "two"}, more=[{"b": "three"}]) == "… … … four"


def test_a_long_sentence_is_cut():
    assert len(told("word " * 200)) <= 300


def test_the_values_of_a_large_request_are_hidden_too():
    bodies = [{"attributes": {"email": f"p{n}@acme.io", "first_name": f"name {n}"}} for n in range(10_000)]
    assert told("name 9999 of p77@acme.io is refused", *bodies) == "… of … is refused"
