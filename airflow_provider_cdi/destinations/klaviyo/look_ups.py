"""Asking which people Klaviyo knows, before anything is sent about them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from airflow_provider_cdi.destinations.klaviyo.identifiers import KINDS, PersonRecord
from airflow_provider_cdi.destinations.klaviyo.parts import verdict_of_part
from airflow_provider_cdi.destinations.klaviyo.profile_questions import Found, ProfileQuestions
from airflow_provider_cdi.engine.ports import Ask, Settled, Verdict
from airflow_provider_cdi.engine.records import Record, Rejection

#: Why a row of a person that Klaviyo does not know is passed over.
UNKNOWN = "unknown_profile"

#: Klaviyo sends whole profiles unless it is told what is needed.
_QUERY = {"fields[profile]": "email,phone_number,external_id"}


class LookUp:
    """A conversation that finds out which records are about known people, and goes on with those.

    A person is known by any of the row's identifiers; they are asked about in the order of ``KINDS``.

    :param records: all of one batch.
    :param most_ids: identifiers that one request asks about.
    :param go_on: what to do with the records that are left, never none.
    """

    def __init__(self, records: Sequence[Record], most_ids: int, go_on: Callable[[list[Record]], Ask]) -> None:
        self._people = [_person(record) for record in records]
        self._most_ids = most_ids
        self._go_on = go_on
        self._unknown = set(range(len(records)))
        self._rejected: dict[int, Rejection] = {}
        self._kinds = deque(KINDS.values())

    def first(self) -> Ask:
        """Give the first question. There is one, because every record has an identifier."""
        verdict = self._next()
        if not isinstance(verdict, Ask):
            raise TypeError("a look-up needs records with identifiers")
        return verdict

    def _next(self) -> Verdict:
        """Ask about the next kind of identifiers, of those who are not known by the kinds before."""
        while self._kinds:
            kind = self._kinds.popleft()
            people = {
                place: self._people[place] for place in sorted(self._unknown) if kind in self._people[place].identifiers
            }
            if people:
                return ProfileQuestions(kind, people, query=_QUERY, most=self._most_ids, then=self._note).next()
        return self._end()

    def _note(self, found: Found) -> Verdict:
        self._unknown -= found.profiles.keys() | found.refused.keys()
        self._rejected |= found.refused
        return self._next()

    def _end(self) -> Verdict:
        skipped = dict.fromkeys(self._unknown, UNKNOWN)
        left = [place for place in range(len(self._people)) if place not in skipped and place not in self._rejected]
        if not left:
            return Settled(self._rejected, skipped)
        going_on = self._go_on([self._people[place] for place in left])
        return verdict_of_part(going_on, left, skipped=skipped, rejected=self._rejected)


def _person(record: Record) -> PersonRecord:
    if not isinstance(record, PersonRecord):
        raise TypeError("only records of people can be looked up")
    return record
