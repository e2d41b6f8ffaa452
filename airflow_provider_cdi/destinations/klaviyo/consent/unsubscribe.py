"""The data type ``unsubscribe``: in bulk, from channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from airflow_provider_cdi.destinations.klaviyo.active_profiles import PeopleDestination, sent_email
from airflow_provider_cdi.destinations.klaviyo.consent.channels import ChannelReader
from airflow_provider_cdi.destinations.klaviyo.consent.endpoints import UNSUBSCRIBE
from airflow_provider_cdi.destinations.klaviyo.consent.records import consent_body, merge_consents
from airflow_provider_cdi.destinations.klaviyo.consent.requests import ConsentRequest
from airflow_provider_cdi.destinations.klaviyo.consent.rows import CONTACTS, ConsentRows
from airflow_provider_cdi.destinations.klaviyo.endpoints import rates_of
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.destinations.klaviyo.push_tokens import PUSH_TOKENS
from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import Request, Response, Verdict

_KIND = "profile-subscription-bulk-delete-job"


class Unsubscribe(PeopleDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` that unsubscribes people.

    There is no list here on purpose: Klaviyo unsubscribes members of a list from that list only, and everybody else
    whom the request names from everything.

    :param channels: see :class:`~airflow_provider_cdi.destinations.klaviyo.consent.channels.ChannelReader`.
    :param revision: of Klaviyo's API, that is asked for; None for the newest.
    :param rate_share: the part of Klaviyo's rate limits to use.
    :param now: seconds since the epoch.
    """

    active_change = -1

    def __init__(
        self,
        channels: Sequence[str],
        limits: KlaviyoLimits,
        phones: Phones,
        *,
        revision: str | None,
        rate_share: float,
        now: Callable[[], float],
    ) -> None:
        self._limits = limits
        #: Our part of Klaviyo's rate limits.
        self.rates = rates_of((UNSUBSCRIBE,), rate_share)
        reader = ChannelReader(channels, wants=False, revision=revision)
        self._rows = ConsentRows("UNSUBSCRIBED", reader, limits, phones, is_historical=False, now=now)
        #: The columns that the source must have. One with a payload is data about people, not consent.
        self.contract = TableContract(
            "unsubscribe",
            identifiers=CONTACTS,
            found_by_any=True,
            has_payload=False,
            refuses_payload=True,
            optional=(*reader.columns, PUSH_TOKENS),
        )

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request."""
        return BatchLimits(self._limits.unsubscribe_profiles, self._limits.body_bytes - len(_body(())))

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Who is unsubscribed stays so, and no mail is sent."""
        return True

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Lay the newer row over the older one: the channels of both are left."""
        return merge_consents(older, newer)

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into unsubscriptions, or the reasons why they cannot be sent."""
        return self._rows.read(rows)

    def email_of(self, record: Record) -> str | None:
        """Return the address that is unsubscribed."""
        return sent_email(record)

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return how many people are unsubscribed."""
        return {"people_unsubscribed": len(records)}

    def request(self, records: Sequence[Record]) -> Request:
        """Unsubscribe people."""
        return UNSUBSCRIBE.request(_body(records))

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means. Klaviyo accepts with an empty answer, and there is no job to ask for."""
        return ConsentRequest(UNSUBSCRIBE, records, _body).read(answer)


def _body(records: Sequence[Record]) -> bytes:
    return consent_body(_KIND, records, attributes={}, list_id=None)
