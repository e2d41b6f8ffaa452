"""Asking which people Braze does not know yet: ``POST /users/export/ids``, which changes nothing.

Braze, "Export user profile by identifier": 50 external ids and aliases a request, or one e-mail address or phone
number; 250 requests a minute, 2,500 for customers from before 2024-08-22. What was sent a moment ago may be missing for
some seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from airflow_provider_cdi.destinations.braze.endpoint import Endpoint
from airflow_provider_cdi.destinations.braze.responses.rate_headers import wait_of
from airflow_provider_cdi.destinations.braze.responses.refusals import BRAZE, refusal
from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Ambiguous, Completed, FollowUp, Request, Response, Verdict

#: External ids and aliases that one request asks about.
IDS_A_QUESTION = 50
#: What the report counts such people by, and why a row is passed over where nobody is to be made.
UNKNOWN = "unknown_user"

_EXPORT = Endpoint("POST", "/users/export/ids", "users.export.ids")
#: Braze's name of one person in the question, by that in a row.
_ONE_BY_ONE = {"email": "email_address", "phone": "phone"}

#: Kind of identifier and its value; an alias is label and name.
_Person = tuple[str, Any]


class NewUsers:
    """A conversation that finds out which records would make a user.

    Rows that change known users only, and those of a ``braze_id``, make none: nobody is asked about them.

    :param records: of attributes, events or purchases.
    :param now: seconds since the epoch, by Braze's clock where it is known.
    """

    def __init__(self, records: Sequence[Record], now: Callable[[], float]) -> None:
        self._now = now
        self._places: dict[_Person, list[int]] = {}
        for place, record in enumerate(records):
            person = _person(orjson.loads(record.body))
            if person is not None:
                self._places.setdefault(person, []).append(place)
        many = [person for person in self._places if person[0] not in _ONE_BY_ONE]
        groups = [many[start : start + IDS_A_QUESTION] for start in range(0, len(many), IDS_A_QUESTION)]
        groups += [[person] for person in self._places if person[0] in _ONE_BY_ONE]
        self._questions = deque(groups)
        self._unknown: list[int] = []

    def next(self) -> FollowUp | Completed:
        """Give the next question; when all are answered, the places of the new people as ``skipped``."""
        if not self._questions:
            return Completed(skipped=dict.fromkeys(sorted(self._unknown), UNKNOWN))
        return FollowUp(_question(self._questions[0]), self._read)

    def _read(self, answer: Response) -> Verdict:
        body = json_object(answer.body)
        if not 200 <= answer.status < 300:
            failure = BRAZE.failure(answer.status, wait_of(answer.headers, self._now))
            if failure is not None:
                return failure
            raise refusal(answer.status, body, _EXPORT)
        users = (body or {}).get("users")
        if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
            return Ambiguous(f"Braze answered {answer.status} without a list of users")
        people = self._questions.popleft()
        known = set(people) if people[0][0] in _ONE_BY_ONE and users else _shown(users)
        self._unknown += [place for person in people if person not in known for place in self._places[person]]
        return self.next()


def _person(document: Mapping[str, Any]) -> _Person | None:
    """Say whom an object would make; None for nobody."""
    if document.get("_update_existing_only") is True or "braze_id" in document:
        return None
    if "user_alias" in document:
        alias = document["user_alias"]
        return "user_alias", (alias["alias_label"], alias["alias_name"])
    kind = next(kind for kind in ("external_id", *_ONE_BY_ONE) if kind in document)
    return kind, document[kind]


def _question(people: Sequence[_Person]) -> Request:
    kind, value = people[0]
    if kind in _ONE_BY_ONE:
        asked: dict[str, Any] = {_ONE_BY_ONE[kind]: value}
    else:
        ids = [value for kind, value in people if kind == "external_id"]
        aliases = [{"alias_name": alias[1], "alias_label": alias[0]} for kind, alias in people if kind == "user_alias"]
        asked = {"external_ids": ids, "user_aliases": aliases}
    body = orjson.dumps({**asked, "fields_to_export": ["external_id", "user_aliases"]})
    return Request(_EXPORT.method, _EXPORT.path, body, _EXPORT.path, is_question=True)


def _shown(users: Sequence[Mapping[str, Any]]) -> set[_Person]:
    aliases = [alias for user in users for alias in user.get("user_aliases") or ()]
    return {("external_id", user.get("external_id")) for user in users} | {
        ("user_alias", (alias.get("alias_label"), alias.get("alias_name"))) for alias in aliases
    }
