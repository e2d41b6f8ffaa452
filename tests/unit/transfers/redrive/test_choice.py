"""Which rejects are meant: ages and timestamps, and what a run keeps of the choice."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.redrive.choice import RejectChoice, check_age, codes_of

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "bound"),
    [
        ("", "2026-11-30T12:00:00+00:00"),
        ("90m", "2026-11-30T10:30:00+00:00"),
        ("12H", "2026-11-30T00:00:00+00:00"),
        (" 2 w ", "2026-11-16T12:00:00+00:00"),
        ("2026-11-29", "2026-11-29T00:00:00+00:00"),
        ("2026-11-29T09:00:00+02:00", "2026-11-29T09:00:00+02:00"),
        ("2027-01-01T00:00:00Z", "2026-11-30T12:00:00+00:00"),
    ],
)
def test_an_age_becomes_a_time_and_never_one_after_the_run_began(said, bound):
    assert RejectChoice(older_than=said).at(NOON).older_than == bound


@pytest.mark.parametrize("said", ["soon", "12", "-1h", "999999w", "2026-13-01"])
def test_what_is_no_age_and_no_time_is_refused_in_words(said):
    with pytest.raises(ConfigurationError, match=r"no age and no timestamp\. Write an age"):
        check_age(said)


def test_a_choice_is_the_same_after_it_was_kept_as_json():
    choice = RejectChoice(codes=("a", "b"), run_id="r", unknown=True, stored_payload=True).at(NOON)
    assert RejectChoice.from_json(json.loads(json.dumps(choice.to_json() | {"more": 1}))) == choice
    assert choice.before == NOON


@pytest.mark.parametrize(
    "said", ["a,b", "a, b", "a\nb\n", "a;b", "a b", ["a\nb"], ["a", " b "], ("a,b", "a"), ["a", "", "b"]]
)
def test_codes_are_told_apart_however_a_person_writes_them(said):
    assert codes_of(said) == ("a", "b")


@pytest.mark.parametrize("said", ["", [], ()])
def test_no_code_is_any_code(said):
    assert codes_of(said) == ()


@pytest.mark.parametrize("said", [",", " \n ", [" "]])
def test_a_field_that_is_filled_in_without_a_code_is_not_any_code(said):
    with pytest.raises(ConfigurationError, match="holds no code"):
        codes_of(said)
