"""Which users a batch would make: asked in groups, by each kind of identifier, with a request that changes nothing."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.braze.users.people import UNKNOWN
from airflow_provider_cdi.engine.verdicts import Ambiguous, Completed, FollowUp, Response, Throttled
from airflow_provider_cdi.exceptions import DestinationRefused


def records(payload='{"plan": "pro"}', *, data_type="attributes", **columns):
    count = len(next(iter(columns.values())))
    times, payloads = pa.array([0] * count, pa.timestamp("us")), [payload] * count
    texts = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    destination = braze_destination(data_type)
    return destination, destination.encode(
        pa.RecordBatch.from_pydict({"UPDATED_AT": times, "PAYLOAD": payloads} | texts)
    )


def answered(body, status=201):
    return Response(status, {}, json.dumps(body).encode())


class Braze:
    """Knows some users, by what an export shows of them."""

    def __init__(self, *users):
        self.users, self.asked = users, []

    def answer(self, request):
        assert (request.method, request.path, request.changes) == ("POST", "/users/export/ids", False)
        asked = json.loads(request.body)
        self.asked.append({name: value for name, value in asked.items() if value and name != "fields_to_export"})
        found = [user for user in self.users if self._is_meant(user, asked)]
        return answered({"users": found, "message": "success"})

    @staticmethod
    def _is_meant(user, asked):
        aliases = [alias for alias in user.get("user_aliases", ()) if alias in asked.get("user_aliases", ())]
        contacts = [user.get("email") == asked.get("email_address", 0), user.get("phone") == asked.get("phone", 0)]
        return bool(aliases) or user.get("external_id", 0) in asked.get("external_ids", ()) or any(contacts)


def new_places(braze, destination, batch):
    verdict = destination.ask_who_is_new(batch)
    while isinstance(verdict, FollowUp):
        verdict = verdict.read(braze.answer(verdict.request))
    assert set(verdict.skipped.values()) <= {UNKNOWN}
    return list(verdict.skipped)


def test_each_kind_of_identifier_is_asked_about_and_the_unknown_ones_are_new():
    destination, batch = records(
        EXTERNAL_ID=["a", "ghost", None, None, None, None, None, None],
        ALIAS_NAME=[None, None, "n", "ghost", None, None, None, None],
        ALIAS_LABEL=[None, None, "l", "l", None, None, None, None],
        EMAIL=[None, None, None, None, "e@b.io", "ghost@b.io", None, None],
        PHONE=[None, None, None, None, None, None, "+491", "+492"],
    )
    alias = {"alias_name": "n", "alias_label": "l"}
    braze = Braze({"external_id": "a"}, {"user_aliases": [alias]}, {"email": "e@b.io"}, {"phone": "+491"})
    assert new_places(braze, destination, batch) == [1, 3, 5, 7]
    assert braze.asked == [
        {"external_ids": ["a", "ghost"], "user_aliases": [alias, {"alias_name": "ghost", "alias_label": "l"}]},
        {"email_address": "e@b.io"},
        {"email_address": "ghost@b.io"},
        {"phone": "+491"},
        {"phone": "+492"},
    ]


def test_fifty_people_are_asked_about_at_once_and_one_person_once():
    destination, batch = records(EXTERNAL_ID=[f"c-{number % 101}" for number in range(202)])
    braze = Braze(*({"external_id": f"c-{number}"} for number in range(100)))
    assert new_places(braze, destination, batch) == [100, 201]
    assert [len(question["external_ids"]) for question in braze.asked] == [50, 50, 1]


def test_rows_that_make_nobody_are_not_asked_about():
    destination, batch = records(BRAZE_ID=["5f"])
    assert destination.ask_who_is_new(batch) == Completed()
    destination, batch = records('{"_update_existing_only": true}', EXTERNAL_ID=["ghost"])
    assert destination.ask_who_is_new(batch) == Completed()


def test_an_event_makes_its_user():
    destination, batch = records('{"name": "seen"}', data_type="events", EXTERNAL_ID=["ghost"])
    assert new_places(Braze(), destination, batch) == [0]


def test_a_question_that_is_refused_names_the_permission_and_nobody():
    destination, batch = records(EXTERNAL_ID=["somebody"])
    question = destination.ask_who_is_new(batch)
    with pytest.raises(DestinationRefused, match=r"users\.export\.ids") as caught:
        question.read(answered({"message": "no"}, 403))
    assert "somebody" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Response(429, {"retry-after": "7"}, b"{}"), Throttled("Braze answered 429: over the rate limit", 7)),
        (Response(502, {}, b""), Ambiguous("Braze answered 502")),
        (Response(201, {}, b"<html>"), Ambiguous("Braze answered 201 without a list of users")),
    ],
)
def test_other_answers_are_asked_for_again(answer, verdict):
    destination, batch = records(EXTERNAL_ID=["a"])
    assert destination.ask_who_is_new(batch).read(answer) == verdict
