"""Asking which people Klaviyo knows, before anything is sent about them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from airflow_provider_cdi.destinations.klaviyo.identifiers import KINDS, PersonRecord
from airflow_provider_cdi.destinations.klaviyo.phone_drops import WithoutPhone
from airflow_provider_cdi.destinations.klaviyo.responses.profile_questions import Found, ProfileQuestions
from airflow_provider_cdi.destinations.klaviyo.responses.sub_batches import verdict_of_part
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Completed, FollowUp, Request, Verdict

#: Why a row of a person that Klaviyo does not know is passed over.
UNKNOWN = "unknown_profile"
_PHONE = KINDS["PHONE_NUMBER"]

#: Klaviyo sends whole profiles unless it is told what is needed.
_QUERY = {"fields[profile]": "email,phone_number,external_id"}


class Lookup:
    """A conversation that finds out which records are about known people, and goes on with those.

    A person is known by any of the row's identifiers; they are asked about in the order of ``KINDS``.

    :param records: all of one batch.
    :param most_ids: identifiers that one request asks about.
    :param go_on: what to do with the records that are left, never none.
    :param without_phone: gives a record without a phone number that Klaviyo does not want to be asked about; None for:
        the record is rejected.
    """

    def __init__(
        self,
        records: Sequence[Record],
        most_ids: int,
        go_on: Callable[[list[Record]], FollowUp | Completed],
        without_phone: WithoutPhone | None = None,
    ) -> None:
        self._people = [_person(record) for record in records]
        self._most_ids = most_ids
        self._go_on = go_on
        self._unknown = set(range(len(records)))
        self._rejected: dict[int, Rejection] = {}
        self._mended: dict[int, Record] = {}
        self._without_phone = without_phone
        self._kinds = deque(KINDS.values())

    def first(self) -> FollowUp:
        """Give the first question. There is one, because every record has an identifier."""
        verdict = self._next()
        if not isinstance(verdict, FollowUp):
            raise TypeError("a lookup needs records with identifiers")
        return verdict

    def questions(self) -> list[Request]:
        """Return what is asked when everybody is known by the first identifier that is asked about."""
        asked: list[Request] = []
        for kind in self._kinds:
            people = self._people_with(kind)
            self._unknown -= people.keys()
            asked += ProfileQuestions(
                kind, people, query=_QUERY, most=self._most_ids, then=lambda found: self._end()
            ).requests()
        return asked

    def _next(self) -> Verdict:
        """Ask about the next kind of identifiers, of those who are not known by the kinds before."""
        while self._kinds:
            kind = self._kinds.popleft()
            people = self._people_with(kind)
            if people:
                then = partial(self._note, kind)
                return ProfileQuestions(kind, people, query=_QUERY, most=self._most_ids, then=then).next()
        return self._end()

    def _people_with(self, kind: str) -> dict[int, PersonRecord]:
        people = self._people
        return {place: people[place] for place in sorted(self._unknown) if kind in people[place].identifiers}

    def _note(self, kind: str, found: Found) -> Verdict:
        self._unknown -= found.profiles.keys() | found.refused.keys()
        for place, rejection in found.refused.items():
            mended = self._without_phone(self._people[place]) if self._without_phone and kind == _PHONE else None
            if mended is None:
                self._rejected[place] = rejection
            else:
                self._mended[place] = mended
        return self._next()

    def _end(self) -> Verdict:
        skipped = dict.fromkeys(self._unknown, UNKNOWN)
        done = skipped.keys() | self._rejected.keys() | self._mended.keys()
        left = [place for place in range(len(self._people)) if place not in done]
        if not left:
            return Completed(self._rejected, skipped, self._mended)
        going_on = self._go_on([self._people[place] for place in left])
        return verdict_of_part(going_on, left, skipped=skipped, rejected=self._rejected, mended=self._mended)


def _person(record: Record) -> PersonRecord:
    if not isinstance(record, PersonRecord):
        raise TypeError("only records of people can be looked up")
    return record
