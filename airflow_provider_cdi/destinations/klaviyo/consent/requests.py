"""One request about consents, until each channel of each row is delivered or refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from airflow_provider_cdi.destinations.klaviyo.consent.channels import Channel
from airflow_provider_cdi.destinations.klaviyo.consent.records import ConsentRecord, consent_of, without
from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.responses.codes import klaviyo_rejection
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import ApiError, read_errors
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import REFUSALS
from airflow_provider_cdi.destinations.klaviyo.responses.responses import failure_of, unexpected
from airflow_provider_cdi.destinations.klaviyo.responses.row_refusals import profile_places, read_refusal
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, Completed, FollowUp, Response, Verdict

#: Where in a profile an error points: at a channel of it, at one of its contacts, or at its date of birth.
_PART = re.compile(
    r"/attributes/(?:subscriptions/(?P<medium>\w+)(?:/(?P<purpose>\w+))?|(?P<contact>email|phone_number)|(?P<born>age_\w+))"
)


class ConsentRequest:
    """A conversation in which a channel that Klaviyo refuses is left out, and the rest of its row is sent again.

    Klaviyo takes a request as a whole or not at all. An opt-out must not wait for what another channel of the same
    person lacks.

    :param records: consents, all of one batch.
    :param body: puts consents into the body of a request.
    """

    def __init__(
        self, endpoint: Endpoint, records: Sequence[Record], body: Callable[[Sequence[Record]], bytes]
    ) -> None:
        self._endpoint = endpoint
        self._body = body
        self._left = {place: consent_of(record) for place, record in enumerate(records)}
        self._rejected: dict[int, Rejection] = {}
        self._is_whole = True

    def ask(self) -> FollowUp:
        """Send what is left."""
        return FollowUp(self._endpoint.request(self._body(list(self._left.values()))), self.read)

    def read(self, answer: Response) -> Verdict:
        """Say what the answer means. Klaviyo accepts with an empty answer, and there is no job to ask for."""
        if answer.status in REFUSALS:
            return self._read_refusal(answer)
        return failure_of(answer, self._endpoint) or unexpected(answer, 202) or self._settled()

    def _settled(self) -> Completed:
        short = {place: record.shortfall for place, record in self._left.items()}
        return Completed(self._rejected | {place: why for place, why in short.items() if why is not None})

    def _read_refusal(self, answer: Response) -> Verdict:
        places, records = list(self._left), list(self._left.values())
        where = profile_places(len(records))
        verdict = read_refusal(answer, self._endpoint, records, where)
        if not isinstance(verdict, BatchRejected) or not verdict.named:
            return verdict
        errors: dict[int, list[ApiError]] = {}
        for error in read_errors(answer.body):
            for place in where.find(error.pointer):
                errors.setdefault(place, []).append(error)
        reduced = {place: _reduced(records[place], found) for place, found in errors.items()}
        if self._is_whole and not any(reduced.values()):
            return verdict  # as whole rows: the engine sends the others again
        self._is_whole = False
        for place, record in reduced.items():
            if record is None:
                self._rejected[places[place]] = verdict.named[place]
                del self._left[places[place]]
            else:
                self._left[places[place]] = record
        return self.ask() if self._left else Completed(self._rejected)


def _reduced(record: ConsentRecord, errors: Sequence[ApiError]) -> ConsentRecord | None:
    """Leave out of a consent what errors point at; None when nothing is left of it."""
    refused: dict[Channel, Rejection] = {}
    contacts = set()
    for error in errors:
        channels, contact = _meant(record, error.pointer)
        contacts.add(contact)
        for channel in channels:
            refused.setdefault(channel, klaviyo_rejection(error, record))
    # What points at nothing that was sent cannot be left out.
    points_at_nothing = not refused and contacts.isdisjoint(record.identifiers)
    return None if points_at_nothing else without(record, refused, contacts)


def _meant(record: ConsentRecord, pointer: str) -> tuple[list[Channel], str]:
    """Say which channels of a consent a pointer means, all where it names none; and which contact."""
    channels = list(record.consent.moments)
    found = _PART.search(pointer)
    if found is None:
        return channels, ""
    if found["contact"]:
        meant = [channel for channel in channels if channel.identifier == found["contact"]]
        return meant, found["contact"]
    medium = found["medium"] or "sms"  # the age gate is that of SMS
    meant = [one for one in channels if one.medium == medium and found["purpose"] in (None, one.purpose)]
    # A purpose that no channel has is a member beside them: the whole medium is meant.
    return meant or [one for one in channels if one.medium == medium] or channels, ""
