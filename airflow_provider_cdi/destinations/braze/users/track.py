"""What ``attributes``, ``events`` and ``purchases`` share: ``POST /users/track``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import types

from airflow_provider_cdi.destinations.braze.endpoint import Endpoint
from airflow_provider_cdi.destinations.braze.limits import ENVELOPE_BYTES, BrazeLimits
from airflow_provider_cdi.destinations.braze.nested_times import MARK, holds_odd_times, with_sent_times
from airflow_provider_cdi.destinations.braze.operators import adds_up
from airflow_provider_cdi.destinations.braze.responses.rate_headers import BrazeDestination
from airflow_provider_cdi.destinations.braze.responses.responses import interpret_response
from airflow_provider_cdi.destinations.braze.users import attributes
from airflow_provider_cdi.destinations.braze.users.data_points import counted
from airflow_provider_cdi.destinations.braze.users.fast_path_rows import fast_heads
from airflow_provider_cdi.destinations.braze.users.identifiers import (
    NEVER_IN_PAYLOAD,
    Identities,
    Identity,
    identifier_in_payload,
    needless_contacts,
)
from airflow_provider_cdi.destinations.braze.users.opt_outs import deliver_opt_outs, opt_out_record
from airflow_provider_cdi.destinations.braze.users.people import IDS_A_QUESTION, NewUsers
from airflow_provider_cdi.destinations.braze.users.track_types import TrackType
from airflow_provider_cdi.destinations.columns import column, json_text, timestamp_texts
from airflow_provider_cdi.destinations.fast_path_payloads import Look, fast_records, splice_fast
from airflow_provider_cdi.destinations.payload import (
    Payload,
    PayloadBounds,
    edited,
    read_payload,
    splice,
    without_nulls,
)
from airflow_provider_cdi.destinations.structs import StructStyle, payload_texts
from airflow_provider_cdi.destinations.times import sent_time
from airflow_provider_cdi.engine.ports import BatchLimits, Rate
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT, TableContract
from airflow_provider_cdi.engine.verdicts import Request, Response, Verdict

_PATH = "/users/track"
_UPDATE_ONLY = "_update_existing_only"
_CONTACT_NAMES = frozenset({"email", "phone"})
#: Names in a payload that have a say in what stands before it, or must not be there.
_SPECIAL = NEVER_IN_PAYLOAD | {_UPDATE_ONLY}

_HEADS = {kind: b'{"%b":' % kind.encode() for kind in ("external_id", "user_alias", "braze_id", "email", "phone")}

_BAD_TIME = Rejection("time_invalid", "time cannot be read as a time without doubt; write it as 2026-01-05T09:30:00Z.")
_NO_TIME = Rejection("time_invalid", "time is missing, and UPDATED_AT is no time that could stand in.")


class Track(BrazeDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` for one of the three arrays.

    :param kind: which one.
    :param update_existing_only: whether rows of users that Braze does not know are ignored by Braze.
    :param now: seconds since the epoch, for the rate-limit header that gives a moment.
    """

    documented_rate = Rate(3_000, 3)

    def __init__(
        self, kind: TrackType, limits: BrazeLimits, *, update_existing_only: bool, now: Callable[[], float]
    ) -> None:
        super().__init__(now)
        self._kind = kind
        self._limits = limits
        self._update_existing_only = update_existing_only
        # Too short for an array that is too long, which takes two bytes an element.
        self._flat_bytes = 0 if kind.is_dated else 2 * limits.array_elements
        self._check, self._is_dated = kind.check, kind.is_dated
        self._bounds = PayloadBounds(limits.payload_bytes, limits.payload_keys, limits.nesting)
        self._style = StructStyle(nested_time=not kind.is_dated, drop_nulls=kind.is_dated, forms=kind.forms)
        array = kind.contract.data_type
        counter = f"{array}_processed"
        self._endpoint = Endpoint("POST", _PATH, "users.track", array=array, counter=counter, counts_rows=kind.is_dated)

    @property
    def contract(self) -> TableContract:
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
        raws, batch = payload_texts(rows, self._style), _Batch(rows)
        records = self._encode_fast(rows, raws, batch)
        if None not in records:
            return records  # type: ignore[return-value]
        identities = Identities(rows, self.contract.identifiers, self._limits)
        return [
            record or self._encode_row(row, identities.of(row), raws[row], batch) for row, record in enumerate(records)
        ]

    def request(self, records: Sequence[Record]) -> Request:
        """Join objects into one request."""
        array = self.contract.data_type.encode()
        objects = b",".join([record.body for record in records])
        return Request("POST", _PATH, b'{"%b":[%b]}' % (array, objects))

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return what Braze counts, see :func:`~.data_points.counted`."""
        return counted(self.contract.data_type, records)

    @property
    def people_a_question(self) -> int:
        """About how many people one request asks."""
        return IDS_A_QUESTION

    def ask_who_is_new(self, records: Sequence[Record]) -> Verdict:
        """Begin to ask which users Braze does not know, see :mod:`~.people`."""
        return NewUsers(records, self._now).next()

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means, see :func:`~.responses.interpret_response`."""
        verdict = self._read(answer, records)
        if self._is_dated:
            return verdict
        most = self._limits.track_objects
        return deliver_opt_outs(verdict, records, most=most, request=self.request, read=self._read)

    def _read(self, answer: Response, records: Sequence[Record]) -> Verdict:
        return interpret_response(answer, records, self._endpoint, self._now)

    def _encode_fast(
        self, rows: pa.RecordBatch, raws: list[bytes | Rejection | None], batch: _Batch
    ) -> list[Record | None]:
        """Encode the rows that are like most; None for each that :meth:`_encode_row` must look at."""
        update_only, members = self._update_only("external_id").decode(), self._fast_members(batch)
        fast = fast_heads(rows, self._limits, with_contacts=self._kind.takes_contacts, more=update_only)
        if fast is None:
            return [None] * rows.num_rows
        look = Look(
            names=_SPECIAL | _CONTACT_NAMES if fast.has_contacts else _SPECIAL,
            flat_names=self._kind.flat_names,
            flat_bytes=self._flat_bytes,
            members=members,
        )
        bodies = splice_fast(fast.texts, raws, self._bounds, look)
        return fast_records(fast.keys, bodies)

    def _fast_members(self, batch: _Batch) -> Callable[[int, dict[str, Any], bytes], bytes | None]:
        check, limits, is_dated = self._check, self._limits, self._is_dated

        def members(row: int, document: dict[str, Any], text: bytes) -> bytes | None:
            if check(document, text, limits) or (MARK in text and holds_odd_times(text)):
                return None
            if not is_dated:
                return b""
            if None in document.values():
                return None
            if "time" not in document:
                return batch.time(row)
            time = document["time"]
            return b"" if time == sent_time(time) else None

        return members

    def _encode_row(
        self, row: int, identity: Identity | Rejection, raw: bytes | Rejection | None, batch: _Batch
    ) -> Record | Rejection:
        if isinstance(identity, Rejection):
            return identity
        payload = read_payload(raw, self._bounds)
        if isinstance(payload, Rejection):
            return self._without_attributes(identity, raw, payload)
        payload = self._without_needless(identity, payload, batch)
        document = payload.document
        fault = identifier_in_payload(identity, document)
        if fault is not None:
            return fault
        found = self._check(document, payload.text, self._limits)
        if isinstance(found, Rejection):
            return self._without_attributes(identity, payload.text, found)
        record = self._record(row, identity, payload, batch)
        if isinstance(record, Record):
            record.adjusted = found
        return record

    def _without_needless(self, identity: Identity, payload: Payload, batch: _Batch) -> Payload:
        """Leave out what says nothing: null in an event; in what is built, nested null and the identifier once more."""
        if self._is_dated:
            return without_nulls(payload) if None in payload.document.values() else payload
        if batch.is_built and b"null" in payload.text and payload.document.get("_merge_objects") is not True:
            payload = edited(payload, attributes.without_nested_nulls)
        if self._kind.takes_contacts:
            return payload
        needless = needless_contacts(identity, payload.document)
        return edited(payload, partial(_without, needless)) if needless else payload

    def _record(self, row: int, identity: Identity, payload: Payload, batch: _Batch) -> Record | Rejection:
        mended = self._with_sent_times(payload)
        if isinstance(mended, Rejection):
            return mended
        members = self._members(row, identity, mended, batch)
        return members if isinstance(members, Rejection) else Record(identity.key, splice(members, mended))

    def _with_sent_times(self, payload: Payload) -> Payload | Rejection:
        """Put the times of a payload into the form in which they are sent."""
        document = payload.document
        if MARK in payload.text and with_sent_times(document) != document:
            payload = edited(payload, with_sent_times)
        if not self._is_dated or "time" not in document:
            return payload
        time = sent_time(document["time"])
        if time is None:
            return _BAD_TIME
        return payload if time == document["time"] else edited(payload, lambda document: document | {"time": time})

    def _without_attributes(
        self, identity: Identity, raw: bytes | Rejection | None, fault: Rejection
    ) -> Record | Rejection:
        """Give what can be sent of a row whose payload cannot: of attributes the opt-outs, of an event nothing."""
        if self._is_dated or not isinstance(raw, bytes):
            return fault
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return fault
        if not isinstance(document, dict) or identifier_in_payload(identity, document) is not None:
            return fault
        said = document.get(_UPDATE_ONLY)
        update_only = b',"%b":%b' % (_UPDATE_ONLY.encode(), orjson.dumps(said)) if isinstance(said, bool) else b""
        head = _HEADS[identity.kind] + identity.value + (update_only or self._update_only(identity.kind))
        return opt_out_record(identity.key, head, document, fault)

    def _members(self, row: int, identity: Identity, payload: Payload, batch: _Batch) -> list[bytes] | Rejection:
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
            members.append(self._update_only(identity.kind))
        if self._is_dated and "time" not in document:
            time = batch.time(row)
            if time is None:
                return _NO_TIME
            members.append(b"," + time[:-1])
        return members

    def _update_only(self, kind: str) -> bytes:
        if self._update_existing_only:
            return b',"_update_existing_only":true'
        # Braze's default is true for aliases: without this, a new alias would silently not be created.
        return b',"_update_existing_only":false' if kind == "user_alias" else b""


def _without(names: Collection[str], document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


class _Batch:
    """What the rows of a batch have in common.

    :param rows: one batch.
    """

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows
        self._times: list[bytes | None] | None = None
        place = rows.schema.get_field_index(PAYLOAD)
        #: Whether the payload is built here: of columns, or of a struct or a map.
        self.is_built = place >= 0 and types.is_nested(rows.schema.field(place).type)

    def time(self, row: int) -> bytes | None:
        """Give UPDATED_AT as the member ``time`` and a comma; None when it is NULL or outside the years 1 to 9999."""
        if self._times is None:
            array = column(self._rows, UPDATED_AT)
            texts = [None] * self._rows.num_rows if array is None else timestamp_texts(array)
            self._times = [None if text is None else b'"time":"%b",' % text.encode() for text in texts]
        return self._times[row]
