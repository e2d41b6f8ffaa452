"""What is said about the revision that answers."""

from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_cdi.hooks.klaviyo.revision import DEFAULT_REVISION, about_revision

TODAY = date(2028, 7, 1)


def about(retires, served=DEFAULT_REVISION):
    headers = {"x-klaviyo-api-revision": served, "x-klaviyo-api-retirement-date": retires}
    return about_revision(headers, DEFAULT_REVISION, TODAY)


@pytest.mark.parametrize("retires", ["2028-09-30", "2028-10-15", "", "soon"])
def test_nothing_is_said_while_it_lives_on_for_long_or_nobody_knows(retires):
    assert about(retires) == []


@pytest.mark.parametrize(("retires", "days"), [("2028-09-29", 90), ("2028-07-02", 1), ("2028-07-01", 0)])
def test_a_near_retirement_is_told_with_its_date(retires, days):
    (sentence,) = about(retires)
    assert f"revision {DEFAULT_REVISION} retires on {retires} (in {days} days)" in sentence


def test_a_retirement_that_has_passed_is_told():
    assert "was to retire on 2028-06-30" in about("2028-06-30")[0]


def test_another_revision_than_the_one_asked_for_is_told():
    (sentence,) = about("2029-01-15", served="2027-01-15")
    assert "answers with the API revision 2027-01-15 although 2026-10-15 was asked for" in sentence


def test_answers_without_the_headers_say_nothing():
    assert about_revision({}, DEFAULT_REVISION, TODAY) == []
