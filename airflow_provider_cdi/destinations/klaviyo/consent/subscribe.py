"""The data type ``subscribe``: in bulk, after a look at what Klaviyo knows about each person's consent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.destinations.klaviyo.active_profiles import PeopleDestination, sent_email
from airflow_provider_cdi.destinations.klaviyo.arguments import ConsentArguments
from airflow_provider_cdi.destinations.klaviyo.consent.channels import ChannelReader
from airflow_provider_cdi.destinations.klaviyo.consent.endpoints import SUBSCRIBE
from airflow_provider_cdi.destinations.klaviyo.consent.lookups import ConsentLookup
from airflow_provider_cdi.destinations.klaviyo.consent.records import BORN, consent_body, consent_of, merge_consents
from airflow_provider_cdi.destinations.klaviyo.consent.requests import ConsentRequest
from airflow_provider_cdi.destinations.klaviyo.consent.rows import (
    CONSENTED_AT,
    CONTACTS,
    ConsentRows,
)
from airflow_provider_cdi.destinations.klaviyo.endpoints import GET_PROFILES, rates_of
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.people import new_profiles
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.destinations.klaviyo.push_tokens import PUSH_TOKENS
from airflow_provider_cdi.destinations.klaviyo.revision_fields import refuse_missing
from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import FollowUp, Request, Response, Verdict

_KIND = "profile-subscription-bulk-create-job"


class Subscribe(PeopleDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` that subscribes people.

    A subscription takes away what stands against it: an earlier unsubscription, a spam complaint, a suppression by
    hand. So Klaviyo is asked first, and who said no after the row's consent is passed over.

    :param arguments: what the user chose. With ``allow_resubscribe`` Klaviyo is not asked.
    :param revision: of Klaviyo's API, that is asked for; None for the newest.
    :param rate_share: the part of Klaviyo's rate limits to use.
    :param now: seconds since the epoch.
    """

    def __init__(
        self,
        arguments: ConsentArguments,
        limits: KlaviyoLimits,
        phones: Phones,
        *,
        revision: str | None,
        rate_share: float,
        now: Callable[[], float],
    ) -> None:
        if arguments.historical_import:
            refuse_missing(revision, "historical_import", "historical_import", "leave it out")
        self._limits = limits
        self._list_id = arguments.list_id
        self._is_historical = is_historical = arguments.historical_import
        self._looks = not arguments.allow_resubscribe
        #: Our part of Klaviyo's rate limits.
        self.rates = rates_of((SUBSCRIBE, GET_PROFILES), rate_share)
        self._attributes: dict[str, Any] = {"historical_import": True} if is_historical else {}
        if arguments.custom_source is not None:
            self._attributes["custom_source"] = arguments.custom_source
        reader = ChannelReader(arguments.channels, wants=True, revision=revision)
        self._rows = ConsentRows("SUBSCRIBED", reader, limits, phones, is_historical=is_historical, now=now)
        when = (CONSENTED_AT,)
        #: The columns that the source must have. One with a payload is data about people, not consent.
        self.contract = TableContract(
            "subscribe",
            identifiers=CONTACTS,
            found_by_any=True,
            has_payload=False,
            refuses_payload=True,
            required=when if is_historical else (),
            optional=(*reader.columns, PUSH_TOKENS, BORN, *(() if is_historical else when)),
        )

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request.

        Where people are looked up first, no more than one lookup tells about: so little time passes between the two,
        and it is no slower, because there are as many lookups as subscriptions a minute.
        """
        most = self._limits.subscribe_profiles
        most = min(most, self._limits.lookup_ids) if self._looks else most
        return BatchLimits(most, self._limits.body_bytes - len(self._body(())))

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Without ``historical_import`` a repeat may send a second mail that asks for confirmation."""
        return self._is_historical

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Lay the newer consent over the older one."""
        return merge_consents(older, newer)

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into consents, or the reasons why they cannot be sent."""
        return self._rows.read(rows)

    def request(self, records: Sequence[Record]) -> Request:
        """Ask what Klaviyo knows about the people, unless it does not matter; else subscribe them."""
        return self._opening(records).request

    def questions(self, records: Sequence[Record]) -> Sequence[Request]:
        """Return what is asked about the people, unless it does not matter."""
        if not self._looks:
            return ()
        return ConsentLookup(records, self._limits.lookup_ids, self._list_id, self._submission).questions()

    def email_of(self, record: Record) -> str | None:
        """Return the address that is subscribed."""
        return sent_email(record)

    def request_to_known(self, records: Sequence[Record]) -> Request:
        """Subscribe people who have said nothing against it."""
        return self._submission(records).request

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer to :meth:`request` means."""
        return self._opening(records).read(answer)

    @property
    def people_a_question(self) -> int:
        """About how many people one request asks."""
        return self._limits.lookup_ids

    def ask_who_is_new(self, records: Sequence[Record]) -> Verdict:
        """Begin to ask whom Klaviyo does not know: a subscription makes a profile."""
        return new_profiles(records, lambda record: consent_of(record).identifiers, self._limits.lookup_ids)

    def _opening(self, records: Sequence[Record]) -> FollowUp:
        if not self._looks:
            return self._submission(records)
        return ConsentLookup(records, self._limits.lookup_ids, self._list_id, self._submission).first()

    def _submission(self, records: Sequence[Record]) -> FollowUp:
        return ConsentRequest(SUBSCRIBE, records, self._body).ask()

    def _body(self, records: Sequence[Record]) -> bytes:
        return consent_body(_KIND, records, attributes=self._attributes, list_id=self._list_id)
