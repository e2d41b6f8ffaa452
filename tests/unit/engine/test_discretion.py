"""What the engine handles shows no person's data where it is printed by accident: in a traceback, in a log."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.engine.ports import Merge
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
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
