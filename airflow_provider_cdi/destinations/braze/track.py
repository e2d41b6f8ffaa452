"""What ``attributes``, ``events`` and ``purchases`` share: ``POST /users/track``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.destinations.braze import attributes, events, purchases
from airflow_provider_cdi.destinations.braze.answers import Endpoint, read_answer
from airflow_provider_cdi.destinations.braze.identifiers import Identity, identifier_in_payload, identify_rows
from airflow_provider_cdi.destinations.braze.limits import ENVELOPE_BYTES, BrazeLimits
from airflow_provider_cdi.destinations.braze.operators import adds_up
from airflow_provider_cdi.destinations.columns import column, json_text, timestamp_texts
from airflow_provider_cdi.destinations.payload import (
    Payload,
    PayloadBounds,
    read_payload,
    splice,
    without_nulls,
)
from airflow_provider_cdi.destinations.plain import PlainDestination
from airflow_provider_cdi.destinations.structs import StructStyle, payload_texts
from airflow_provider_cdi.engine.contract import UPDATED_AT, Contract
from airflow_provider_cdi.engine.ports import Answer, BatchLimits, Request, Verdict
from airflow_provider_cdi.engine.records import Record, Rejection

_PATH = "/users/track"
_UPDATE_ONLY = "_update_existing_only"

_HEADS = {kind: b'{"%b":' % kind.encode() for kind in ("external_id", "user_alias", "braze_id", "email", "phone")}

_NO_TIME = Rejection("time_invalid", "time is missing, and UPDATED_AT is no time that could stand in.")


@dataclass(frozen=True, slots=True)
class TrackType:
    """One of the three arrays of ``/users/track``.

    :param contract: its columns; the contract's data type is also the name of the array.
    :param check: finds the first fault of a decoded payload, given the bytes of its text.
    :param is_dated: an event: it needs a time, and null members are left out. Otherwise null removes.
    :param takes_contacts: whether EMAIL and PHONE columns that do not identify are sent as attributes.
    """

    contract: Contract
    check: Callable[[dict[str, Any], int, BrazeLimits], Rejection | None]
    is_dated: bool
    takes_contacts: bool


ATTRIBUTES = TrackType(attributes.CONTRACT, attributes.check_attributes, is_dated=False, takes_contacts=True)
EVENTS = TrackType(events.CONTRACT, events.check_event, is_dated=True, takes_contacts=False)
PURCHASES = TrackType(purchases.CONTRACT, purchases.check_purchase, is_dated=True, takes_contacts=False)


class Track(PlainDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` for one of the three arrays.

    :param kind: which one.
    :param update_existing_only: whether rows of users that Braze does not know are ignored by Braze.
    :param now: seconds since the epoch, for the rate-limit header that gives a moment.
    """

    def __init__(
        self, kind: TrackType, limits: BrazeLimits, *, update_existing_only: bool, now: Callable[[], float]
    ) -> None:
        self._kind = kind
        self._limits = limits
        self._update_existing_only = update_existing_only
        self._now = now
        self._bounds = PayloadBounds(limits.payload_bytes, limits.payload_keys, limits.nesting)
        self._style = StructStyle(nested_time=not kind.is_dated, drop_nulls=kind.is_dated)
        self._endpoint = Endpoint("POST", _PATH, "users.track", array=kind.contract.data_type)

    @property
    def contract(self) -> Contract:
        """The columns that the source must have."""
        return self._kind.contract

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request."""
        return BatchLimits(self._limits.track_objects, self._limits.body_bytes - ENVELOPE_BYTES)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Attributes may be repeated but for ``inc`` and ``$add``; Braze counts a repeated event twice."""
        return not self._kind.is_dated and not any(adds_up(record) for record in records)

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into objects of the array, or the reasons why they cannot be sent."""
        identities = identify_rows(rows, self.contract.identifiers, self._limits)
        payloads = payload_texts(rows, self._style)
        times = _Times(rows)
        return [
            identity if isinstance(identity, Rejection) else self._encode_row(row, identity, raw, times)
            for row, (identity, raw) in enumerate(zip(identities, payloads, strict=True))
        ]

    def request(self, records: Sequence[Record]) -> Request:
        """Join objects into one request."""
        array = self.contract.data_type.encode()
        objects = b",".join([record.body for record in records])
        return Request("POST", _PATH, b'{"%b":[%b]}' % (array, objects))

    def read_answer(self, answer: Answer, records: Sequence[Record]) -> Verdict:
        """Say what the answer means, see :func:`~.answers.read_answer`."""
        return read_answer(answer, len(records), self._endpoint, self._now)

    def _encode_row(
        self, row: int, identity: Identity, raw: bytes | Rejection | None, times: _Times
    ) -> Record | Rejection:
        payload = read_payload(raw, self._bounds)
        if isinstance(payload, Rejection):
            return payload
        if self._kind.is_dated and None in payload.document.values():
            payload = without_nulls(payload)
        document = payload.document
        fault = identifier_in_payload(identity, document) or self._kind.check(document, len(payload.text), self._limits)
        if fault is not None:
            return fault
        members = self._members(row, identity, payload, times)
        return members if isinstance(members, Rejection) else Record(identity.key, splice(members, payload))

    def _members(self, row: int, identity: Identity, payload: Payload, times: _Times) -> list[bytes] | Rejection:
        """Say what stands before the payload's own members."""
        document = payload.document
        members = [_HEADS[identity.kind], identity.value]
        if self._kind.takes_contacts and identity.contacts:
            members.extend(
                b',"%b":%b' % (name.encode(), json_text(value))
                for name, value in identity.contacts
                if name not in document
            )
        if _UPDATE_ONLY not in document:
            members.append(self._update_only(identity))
        if self._kind.is_dated and "time" not in document:
            time = times.text(row)
            if time is None:
                return _NO_TIME
            members.append(b',"time":"%b"' % time.encode())
        return members

    def _update_only(self, identity: Identity) -> bytes:
        if self._update_existing_only:
            return b',"_update_existing_only":true'
        # Braze's default is true for aliases: without this, a new alias would silently not be created.
        return b',"_update_existing_only":false' if identity.kind == "user_alias" else b""


class _Times:
    """UPDATED_AT as text, for the rows that need it; made for the whole batch at the first need."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows
        self._texts: list[str | None] | None = None

    def text(self, row: int) -> str | None:
        """Give the row's UPDATED_AT; None when it is NULL or outside the years 1 to 9999."""
        if self._texts is None:
            array = column(self._rows, UPDATED_AT)
            self._texts = [None] * self._rows.num_rows if array is None else timestamp_texts(array)
        return self._texts[row]
