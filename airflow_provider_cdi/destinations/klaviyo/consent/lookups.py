"""Asking Klaviyo for the consent of people before they are subscribed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from airflow_provider_cdi.destinations.klaviyo.consent.guard import objection
from airflow_provider_cdi.destinations.klaviyo.consent.records import consent_of
from airflow_provider_cdi.destinations.klaviyo.responses.profile_questions import Found, Profile, ProfileQuestions
from airflow_provider_cdi.destinations.klaviyo.responses.sub_batches import verdict_of_part
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Completed, FollowUp, Request, Verdict

#: Consent is only shown when it is asked for.
CONSENT_QUERY = {"additional-fields[profile]": "subscriptions", "fields[profile]": "email,phone_number,subscriptions"}


class ConsentLookup:
    """A conversation that finds out who may be subscribed, and goes on with those.

    A row's e-mail address and phone number may be those of different profiles, so both are asked about.

    :param records: consents, all of one batch.
    :param most_ids: identifiers that one request asks about.
    :param list_id: the list that the people would be put on.
    :param go_on: what to do with the records that are left, never none.
    """

    def __init__(
        self, records: Sequence[Record], most_ids: int, list_id: str | None, go_on: Callable[[list[Record]], FollowUp]
    ) -> None:
        self._people = [consent_of(record) for record in records]
        self._most_ids = most_ids
        self._list_id = list_id
        self._go_on = go_on
        self._kinds = deque(("email", "phone_number"))
        self._profiles: list[list[Profile]] = [[] for _ in records]
        self._rejected: dict[int, Rejection] = {}

    def first(self) -> FollowUp:
        """Give the first question."""
        verdict = self._next()
        if not isinstance(verdict, FollowUp):
            raise TypeError("a consent has an e-mail address or a phone number")
        return verdict

    def questions(self) -> list[Request]:
        """Return all questions."""
        return [request for kind in self._kinds for request in self._about(kind).requests()]

    def _next(self) -> Verdict:
        # About nobody nothing is asked: that goes on at once.
        return self._about(self._kinds.popleft()).next() if self._kinds else self._decide()

    def _about(self, kind: str) -> ProfileQuestions:
        people = {place: person for place, person in enumerate(self._people) if kind in person.identifiers}
        return ProfileQuestions(kind, people, query=CONSENT_QUERY, most=self._most_ids, then=self._note)

    def _note(self, found: Found) -> Verdict:
        for place, profiles in found.profiles.items():
            self._profiles[place] += profiles
        self._rejected |= found.refused
        return self._next()

    def _decide(self) -> Verdict:
        reasons = [
            objection(person.consent, profiles, self._list_id)
            for person, profiles in zip(self._people, self._profiles, strict=True)
        ]
        skipped = {
            place: reason for place, reason in enumerate(reasons) if reason is not None and place not in self._rejected
        }
        left = [place for place in range(len(self._people)) if place not in skipped and place not in self._rejected]
        if not left:
            return Completed(self._rejected, skipped)
        going_on = self._go_on([self._people[place] for place in left])
        return verdict_of_part(going_on, left, skipped=skipped, rejected=self._rejected)
