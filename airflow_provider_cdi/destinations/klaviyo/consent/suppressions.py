"""The data types ``suppress`` and ``unsuppress``: e-mail addresses that get nothing any more, or may again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
import pyarrow as pa

from airflow_provider_cdi.destinations.klaviyo.active_profiles import PeopleDestination
from airflow_provider_cdi.destinations.klaviyo.consent.endpoints import (
    SUPPRESS,
    SUPPRESS_JOB,
    UNSUPPRESS,
    UNSUPPRESS_JOB,
)
from airflow_provider_cdi.destinations.klaviyo.consent.suppression_jobs import Goal, SuppressionJob
from airflow_provider_cdi.destinations.klaviyo.endpoints import GET_PROFILES, Endpoint, rates_of
from airflow_provider_cdi.destinations.klaviyo.identifiers import Identity, PersonRecord, identify_rows
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.destinations.klaviyo.responses.job_watch import submitted_job
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import REFUSALS
from airflow_provider_cdi.destinations.klaviyo.responses.responses import failure_of
from airflow_provider_cdi.destinations.klaviyo.responses.row_refusals import profile_places, read_refusal
from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import FollowUp, Request, Response, Verdict

_IDENTIFIERS = ("EMAIL",)
#: An address stands only once in a job.
_ONCE = "suppression"


class Direction(NamedTuple):
    """Into suppression, or out of it."""

    data_type: str
    kind: str
    endpoint: Endpoint
    job: Endpoint
    goal: Goal


SUPPRESSING = Direction(
    "suppress",
    "profile-suppression-bulk-create-job",
    SUPPRESS,
    SUPPRESS_JOB,
    Goal(is_suppressed=True, held="already_suppressed"),
)
UNSUPPRESSING = Direction(
    "unsuppress",
    "profile-suppression-bulk-delete-job",
    UNSUPPRESS,
    UNSUPPRESS_JOB,
    Goal(is_suppressed=False, held="not_suppressed"),
)


class Suppressions(PeopleDestination):
    """A :class:`~airflow_provider_cdi.engine.abilities.JobDestination` that suppresses addresses, or takes that back.

    :param rate_share: the part of Klaviyo's rate limits to use.
    """

    def __init__(self, direction: Direction, limits: KlaviyoLimits, *, rate_share: float) -> None:
        self._direction = direction
        self._limits = limits
        #: Who is suppressed is active no more.
        self.active_change = -1 if direction is SUPPRESSING else 1
        #: Our part of Klaviyo's rate limits.
        self.rates = rates_of((direction.endpoint, direction.job, GET_PROFILES), rate_share)
        #: The columns that the source must have. One with a payload is data about people.
        self.contract = TableContract(
            direction.data_type,
            identifiers=_IDENTIFIERS,
            has_payload=False,
            refuses_payload=True,
        )

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request."""
        return BatchLimits(self._limits.suppress_emails, self._limits.body_bytes - len(self._body(())))

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Klaviyo skips an address that is suppressed already, or not any more."""
        return True

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Two rows of one address say the same."""
        return Merge(newer, older, "superseded")

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into addresses, or the reasons why they cannot be sent."""
        return [
            identity if isinstance(identity, Rejection) else _record(identity)
            for identity in identify_rows(rows, _IDENTIFIERS, self._limits, Phones())
        ]

    def request(self, records: Sequence[Record]) -> Request:
        """Join addresses into one request."""
        return self._direction.endpoint.request(self._body(records))

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return how many addresses are suppressed."""
        return {"addresses_suppressed": len(records) if self._direction is SUPPRESSING else 0}

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means: mostly a job that is to be asked for."""
        if answer.status in REFUSALS:
            return read_refusal(answer, self._direction.endpoint, records, profile_places(len(records)))
        failure = failure_of(answer, self._direction.endpoint)
        return failure or submitted_job(answer, self._direction.kind, lambda name: self._job(name, records))

    def attach(self, job: str, records: Sequence[Record]) -> FollowUp:
        """Ask for a job of an earlier try; if Klaviyo has forgotten it, send the addresses again."""
        return self._job(job, records).ask()

    def _job(self, name: str, records: Sequence[Record]) -> SuppressionJob:
        def send_again() -> FollowUp:
            return FollowUp(self.request(records), lambda answer: self.interpret_response(answer, records))

        return SuppressionJob(
            name,
            records,
            endpoint=self._direction.job,
            goal=self._direction.goal,
            most_ids=self._limits.lookup_ids,
            when_gone=send_again,
        )

    def _body(self, records: Sequence[Record]) -> bytes:
        addresses = b",".join([record.body for record in records])
        return b'{"data":{"type":"%b","attributes":{"profiles":{"data":[%b]}}}}' % (
            self._direction.kind.encode(),
            addresses,
        )


def _record(identity: Identity) -> PersonRecord:
    body = orjson.dumps({"type": "profile", "attributes": identity.attributes})
    return PersonRecord(identity.key, body, unique=_ONCE, others=identity.others)
