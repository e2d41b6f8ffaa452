"""What the engine handles shows no person's data where it is printed by accident: in a traceback, in a log."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.engine.ports import Merge
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.rows.rejects import RejectedRow, without_personal_data
from airflow_provider_cdi.engine.verdicts import Request, Response

PERSON = "ada@example.org"

SHOWN = {
    "request": Request("POST", "/users/track", PERSON.encode()),
    "answer": Response(400, {"x-echo": PERSON}, PERSON.encode()),
    "record": Record(f"email:{PERSON}", PERSON.encode()),
    "merge": Merge(Record(PERSON, PERSON.encode()), Record(PERSON, PERSON.encode()), "same_person"),
    "reject": RejectedRow("rejected", "bad", "It is bad.", {"EMAIL": PERSON}, "2026", PERSON, {"NOTE": PERSON}),
}


@pytest.mark.parametrize("what", SHOWN)
def test_nothing_shows_a_body_or_an_identifier(what):
    assert PERSON not in repr(SHOWN[what])
    assert PERSON not in str(SHOWN[what])


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (f"{PERSON} has a null inside.", "… has a null inside."),
        ("properties.+49 151 1234567 has over 255 characters.", "properties.… has over 255 characters."),
        ("PAYLOAD has more than 1,048,576 bytes.", "PAYLOAD has more than 1,048,576 bytes."),
    ],
)
def test_a_field_that_is_called_as_a_person_is_not_shown_and_the_rest_of_the_sentence_is(reason, shown):
    assert without_personal_data(reason) == shown
