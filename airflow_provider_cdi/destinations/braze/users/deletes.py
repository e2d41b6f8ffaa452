"""The data type ``user_deletes``: ``POST /users/delete``, one kind of identifier a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from airflow_provider_cdi.destinations.braze.endpoint import Endpoint
from airflow_provider_cdi.destinations.braze.limits import ENVELOPE_BYTES, BrazeLimits
from airflow_provider_cdi.destinations.braze.responses.rate_headers import BrazeDestination
from airflow_provider_cdi.destinations.braze.responses.responses import interpret_response
from airflow_provider_cdi.destinations.braze.users.fast_path_rows import fast_identifiers
from airflow_provider_cdi.destinations.braze.users.identifiers import PAIRS, PRIMARY, Identities, Identity
from airflow_provider_cdi.destinations.fast_path_payloads import fast_records
from airflow_provider_cdi.engine.ports import BatchLimits, Rate
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import Request, Response, Verdict

# Braze CDI refuses a table with a PAYLOAD column, so that a table of attributes cannot delete its users.
CONTRACT = TableContract("user_deletes", identifiers=PRIMARY, pairs=PAIRS, has_payload=False, refuses_payload=True)

_ENDPOINT = Endpoint("POST", "/users/delete", "users.delete", counter="deleted")
#: The array of each identifier; Braze: only one kind a request, so each is a group.
_ARRAYS = {"external_id": "external_ids", "user_alias": "user_aliases", "braze_id": "braze_ids"}


class UserDeletes(BrazeDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` that deletes users.

    :param now: seconds since the epoch, for the rate-limit header that gives a moment.
    """

    contract = CONTRACT
    #: Shared with the endpoints of aliases, identify and merge.
    documented_rate = Rate(20_000, 60)

    def __init__(self, limits: BrazeLimits, *, now: Callable[[], float]) -> None:
        super().__init__(now)
        self._limits = limits

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request."""
        return BatchLimits(self._limits.delete_ids, self._limits.body_bytes - ENVELOPE_BYTES)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Who is deleted stays deleted."""
        return True

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into ids to delete, grouped by their kind."""
        identities = Identities(rows, CONTRACT.identifiers, self._limits)
        return [entry or _record(identities.of(row)) for row, entry in enumerate(self._encode_fast(rows))]

    def _encode_fast(self, rows: pa.RecordBatch) -> list[Record | None]:
        """Encode the rows that are like most; None for each that needs a closer look."""
        fast = fast_identifiers(rows, self._limits)
        if fast is None:
            return [None] * rows.num_rows
        return fast_records(fast.keys, fast.texts, _ARRAYS["external_id"])

    def request(self, records: Sequence[Record]) -> Request:
        """Join ids of one kind into one request."""
        ids = b",".join([record.body for record in records])
        return Request(_ENDPOINT.method, _ENDPOINT.path, b'{"%b":[%b]}' % (records[0].group.encode(), ids))

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return how many users are deleted; Braze: that logs no data points."""
        return {"data_points": 0, "users_deleted": len(records)}

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means; its ``deleted`` counts queued ids: fewer than sent are remarked on."""
        return interpret_response(answer, records, _ENDPOINT, self._now)


def _record(identity: Identity | Rejection) -> Record | Rejection:
    if isinstance(identity, Rejection):
        return identity
    return Record(identity.key, identity.value, _ARRAYS[identity.kind])
