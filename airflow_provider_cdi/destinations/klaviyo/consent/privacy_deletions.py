"""The data type ``privacy_deletions``: profiles that are deleted for good, one a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson
import pyarrow as pa

from airflow_provider_cdi.destinations.klaviyo.active_profiles import PeopleDestination
from airflow_provider_cdi.destinations.klaviyo.consent.endpoints import DELETE_PROFILE
from airflow_provider_cdi.destinations.klaviyo.endpoints import rates_of
from airflow_provider_cdi.destinations.klaviyo.identifiers import Identity, PersonRecord, identify_rows
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import read_errors
from airflow_provider_cdi.destinations.klaviyo.responses.lookups import UNKNOWN
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import REFUSALS
from airflow_provider_cdi.destinations.klaviyo.responses.responses import failure_of, unexpected
from airflow_provider_cdi.destinations.klaviyo.responses.row_refusals import places_of_one, read_refusal
from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import Completed, Request, Response, Verdict

#: Klaviyo takes exactly one of these.
_IDENTIFIERS = ("KLAVIYO_ID", "EMAIL", "PHONE_NUMBER")
# A table with a payload is data about people: it must not delete them.
CONTRACT = TableContract(
    "privacy_deletions",
    identifiers=_IDENTIFIERS,
    has_payload=False,
    refuses_payload=True,
)

_BODY = b'{"data":{"type":"data-privacy-deletion-job","attributes":{"profile":{"data":%b}}}}'
_ALONE = places_of_one("/data/attributes/profile")
_SEVERAL = Rejection(
    "several_identifiers", "More than one of KLAVIYO_ID, EMAIL and PHONE_NUMBER is filled, and Klaviyo takes only one."
)
#: Klaviyo documents only the empty 202. Should it miss a profile after all, that must not end the run.
_NO_PROFILE = re.compile(r"\bprofile\b.*\b(not found|does not exist|not exist)\b", re.IGNORECASE)


class PrivacyDeletions(PeopleDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` that deletes profiles and everything about them.

    :param rate_share: the part of Klaviyo's rate limits to use: 60 deletions a minute.
    """

    contract = CONTRACT
    active_change = -1

    def __init__(self, limits: KlaviyoLimits, phones: Phones, *, rate_share: float) -> None:
        self._limits = limits
        self._phones = phones
        #: Our part of Klaviyo's rate limits.
        self.rates = rates_of((DELETE_PROFILE,), rate_share)

    @property
    def limits(self) -> BatchLimits:
        """Klaviyo: one profile a request."""
        return BatchLimits(1, self._limits.body_bytes - len(_BODY))

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Who is deleted stays deleted."""
        return True

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into profiles to delete, or the reasons why they cannot be sent."""
        return [
            identity if isinstance(identity, Rejection) else _record(identity)
            for identity in identify_rows(rows, _IDENTIFIERS, self._limits, self._phones)
        ]

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return how many profiles are deleted."""
        return {"profiles_deleted": len(records)}

    def request(self, records: Sequence[Record]) -> Request:
        """Delete one profile."""
        return DELETE_PROFILE.request(_BODY % records[0].body)

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means. Klaviyo accepts with an empty answer, and there is no job to ask for."""
        if answer.status in REFUSALS:
            return read_refusal(answer, DELETE_PROFILE, records, _ALONE)
        if answer.status == 404 and any(_NO_PROFILE.search(error.detail) for error in read_errors(answer.body)):
            return Completed(skipped={0: UNKNOWN})
        return failure_of(answer, DELETE_PROFILE) or unexpected(answer, 202) or Completed()


def _record(identity: Identity) -> Record | Rejection:
    if len(identity.values) > 1:
        return _SEVERAL
    name = {"id": identity.values["id"]} if "id" in identity.values else {}
    body = orjson.dumps({"type": "profile", **name, "attributes": identity.attributes})
    return PersonRecord(identity.key, body, others=identity.others)
