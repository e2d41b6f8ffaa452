"""Whom Klaviyo bills: active profiles, those that can be written to by e-mail and are not suppressed.

Klaviyo, "Understanding active email profiles": "Any profile that can be emailed through Klaviyo is considered an active
email profile"; "suppressed profiles do not contribute towards your billing plan's profile count". Its community team
adds: it "has an email and is neither unsubscribed nor suppressed", whether or not it ever subscribed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from airflow_provider_cdi.destinations.base import BaseDestination
from airflow_provider_cdi.destinations.klaviyo.identifiers import PersonRecord
from airflow_provider_cdi.engine.rows.records import Record

_EMAIL = "email:"


class PeopleDestination(BaseDestination):
    """A data type of Klaviyo whose records are about people.

    Whether a profile is there, and active, only Klaviyo knows: what is sent tells how many may change at most.
    """

    #: What the key of a record names.
    key_names: ClassVar[str] = "people"
    #: 1 when a record can make its profile active, -1 when it can end that.
    active_change: int = 1

    def email_of(self, record: Record) -> str | None:
        """Return the address of a profile, as Klaviyo compares it; without one it is not active."""
        return next((key for key in record.keys if key.startswith(_EMAIL)), None)

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return what is taken away: nothing."""
        return {}


def sent_email(record: Record) -> str | None:
    """Return the address that is sent of a record, where not every identifier of its row is; None for none."""
    return record.identifiers.get("email", "").lower() or None if isinstance(record, PersonRecord) else None
