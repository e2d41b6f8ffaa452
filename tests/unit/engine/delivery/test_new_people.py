"""Counting new people: each once, in groups, with no more questions than the bound needs."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.engine.delivery import new_people
from airflow_provider_cdi.engine.delivery.new_people import NewPeople
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Completed
from airflow_provider_cdi.exceptions import RetryLater


class Town:
    """A destination that knows some people, by their keys."""

    people_a_question = 5

    def __init__(self, *known):
        self.known, self.asked = set(known), []

    def ask_who_is_new(self, records):
        self.asked += [record.key for record in records]
        return Completed(skipped={place: "new" for place, one in enumerate(records) if self.known.isdisjoint(one.keys)})


async def answer(question):
    return question


def count(town, keys, most=None):
    async def run():
        people = NewPeople(town, answer, most)
        await people.add(Record(key, b"{}", others=tuple(others)) for key, *others in keys)
        await people.ask_the_rest()
        return people

    return asyncio.run(run())


@given(st.lists(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_every_unknown_person_counts_once(rows, known):
    people = count(Town(*map(str, known)), [(str(row),) for row in rows])
    assert people.new == len(set(rows) - known)


def test_a_person_who_was_asked_about_is_not_asked_about_again():
    town = Town("a")
    people = count(town, [("a",), ("b",)] * 500)
    assert (town.asked, people.asked, people.new) == (["a", "b"], 2, 1)


def test_rows_of_one_person_under_different_identifiers_count_once():
    people = count(Town(), [("email:a", "id:1"), ("id:1",), ("id:1", "phone:3"), ("phone:3",)])
    assert people.new == 1


def test_nobody_else_is_asked_about_once_there_are_too_many():
    town = Town()
    people = count(town, [(str(number),) for number in range(10_000)], most=3)
    assert people.is_over
    assert len(town.asked) == Town.people_a_question * new_people.QUESTIONS_AT_ONCE


def test_what_is_remembered_of_known_people_has_a_bound(monkeypatch):
    monkeypatch.setattr(new_people, "MOST_KNOWN", 100)
    town = Town(*map(str, range(1_000)))
    people = count(town, [(str(number % 1_000),) for number in range(2_000)])
    assert (people.new, people.asked) == (0, 2_000)


def test_when_one_question_fails_the_others_are_taken_back():
    taken_back = []

    async def ask(question):
        if "x" in question.skipped.values():
            raise RetryLater("no answer")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            taken_back.append(question)
            raise

    class Shaky(Town):
        def ask_who_is_new(self, records):
            return Completed(skipped={0: "x" if records[0].key == "7" else "new"})

    async def run():
        people = NewPeople(Shaky(), ask)
        await people.add(Record(str(number), b"{}") for number in range(2, 12))
        try:
            await people.ask_the_rest()
        finally:
            await asyncio.sleep(0)

    with pytest.raises(RetryLater):
        asyncio.run(run())
    assert len(taken_back) == 1
