"""Asking Klaviyo for profiles by one kind of identifier, as many at once as it allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.klaviyo.endpoints import GET_PROFILES
from airflow_provider_cdi.destinations.klaviyo.identifiers import PersonRecord, comparable
from airflow_provider_cdi.destinations.klaviyo.responses.codes import klaviyo_rejection
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import ApiError, read_errors
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import REFUSALS, refusal
from airflow_provider_cdi.destinations.klaviyo.responses.responses import failure_of_read
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.verdicts import Ambiguous, FollowUp, Request, Response, Verdict

#: Bytes of a request's path that servers and proxies take without question.
_LONGEST_PATH = 6_000

Profile = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What Klaviyo said about some people.

    :param profiles: place -> the profiles that Klaviyo found by the identifier of that place.
    :param refused: place -> why Klaviyo does not want to be asked about it.
    """

    profiles: dict[int, list[Profile]] = field(default_factory=dict)
    refused: dict[int, Rejection] = field(default_factory=dict)


class ProfileQuestions:
    """A conversation that finds the profiles of some people.

    :param kind: Klaviyo's name of the identifier that all of them have.
    :param people: place -> a person.
    :param query: what is asked for of each profile; the identifier must be among it.
    :param most: identifiers that one request asks about.
    :param then: what to do with what was found.
    """

    def __init__(
        self,
        kind: str,
        people: Mapping[int, PersonRecord],
        *,
        query: Mapping[str, str],
        most: int,
        then: Callable[[Found], Verdict],
    ) -> None:
        self._kind = kind
        self._people = people
        self._query = {**query, "page[size]": str(most)}
        self._then = then
        self._found = Found()
        places = list(people)
        self._questions = deque(places[start : start + most] for start in range(0, len(places), most))

    def next(self) -> Verdict:
        """Give the next question; when all are answered, what comes of it."""
        return FollowUp(self._first(), self._read) if self._questions else self._then(self._found)

    def requests(self) -> list[Request]:
        """Return all questions that are left, as if each had its answer."""
        asked = []
        while self._questions:
            asked.append(self._first())
            self._questions.popleft()
        return asked

    def _first(self) -> Request:
        while len((request := self._request(self._questions[0])).path) > _LONGEST_PATH and len(self._questions[0]) > 1:
            self._halve_question()
        return request

    def _request(self, places: Sequence[int]) -> Request:
        values = orjson.dumps([self._value(place) for place in places]).decode()
        return GET_PROFILES.request(query={**self._query, "filter": f"any({self._kind},{values})"})

    def _value(self, place: int) -> str:
        return self._people[place].identifiers[self._kind]

    def _halve_question(self) -> None:
        places = self._questions.popleft()
        middle = len(places) // 2
        self._questions.extendleft([places[middle:], places[:middle]])

    def _read(self, answer: Response) -> Verdict:
        if answer.status in REFUSALS and (errors := read_errors(answer.body)):
            return self._read_refusal(answer, errors[0])
        failure = failure_of_read(answer, GET_PROFILES)
        if failure is not None:
            return failure
        profiles = (json_object(answer.body) or {}).get("data") if answer.status == 200 else None
        if not isinstance(profiles, list) or not all(isinstance(profile, dict) for profile in profiles):
            return Ambiguous(f"Klaviyo answered {answer.status} without a list of profiles")
        places = self._questions[0]
        by_value: dict[str, list[int]] = {}
        for place in places:
            by_value.setdefault(comparable(self._kind, self._value(place)), []).append(place)
        meant = [by_value.get(_identifier(profile, self._kind) or "", []) for profile in profiles]
        if len(by_value) == 1:
            # Whatever it shows, it was found by the one identifier that was asked about.
            meant = [list(places)] * len(profiles)
        elif not all(meant):
            # A profile can be found by a second address that it does not show.
            self._halve_question()
            return self.next()
        for profile, owners in zip(profiles, meant, strict=True):
            for place in owners:
                self._found.profiles.setdefault(place, []).append(profile)
        self._questions.popleft()
        return self.next()

    def _read_refusal(self, answer: Response, error: ApiError) -> Verdict:
        """Find the identifier that Klaviyo does not want to be asked about: it names none."""
        is_about_filter = error.parameter == "filter" or (not error.parameter and "filter" in error.detail.lower())
        if not is_about_filter:
            raise refusal(answer, GET_PROFILES)
        if len(self._questions[0]) > 1:
            self._halve_question()
            return self.next()
        (place,) = self._questions.popleft()
        self._found.refused[place] = klaviyo_rejection(error, self._people[place])
        if len(self._found.refused) == len(self._people) > 1:
            raise refusal(answer, GET_PROFILES)  # it is not the identifiers, if it is all of them
        return self.next()


def _identifier(profile: Profile, kind: str) -> str | None:
    attributes = profile.get("attributes")
    value = profile.get("id") if kind == "id" else attributes.get(kind) if isinstance(attributes, dict) else None
    return comparable(kind, value) if isinstance(value, str) else None
