"""The data type ``rows``: batches of rows as JSON objects, ``{"rows": [...]}``, to one path of a service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

import pyarrow as pa

from airflow_provider_cdi.argument_rules import DEEPEST_NESTING
from airflow_provider_cdi.destinations.base import BaseDestination
from airflow_provider_cdi.destinations.columns import json_text, read_identifiers
from airflow_provider_cdi.destinations.http.arguments import Repeats
from airflow_provider_cdi.destinations.http.responses import interpret_response
from airflow_provider_cdi.destinations.payload import PayloadBounds, read_payload, splice
from airflow_provider_cdi.destinations.structs import StructStyle, payload_texts
from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import Request, Response, Verdict

#: Room in a body for what stands around the records: ``{"rows":[…]}``.
_ENVELOPE_BYTES = 11


@dataclass(frozen=True, slots=True)
class KeyedRequest(Request):
    """A request that the service can tell from others when it comes again.

    :param key: the same for every attempt.
    """

    key: str = ""


class HttpRows(BaseDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` for a service of one's own.

    :param path: where the rows go.
    :param method: of the requests.
    :param id_column: the column that says whose row it is; the member of each row too.
    :param batch_rows: rows a request.
    :param body_bytes: bytes of a request's body.
    :param repeats: whether a row that comes again changes nothing there.
    :param new_key: makes the key of a request.
    """

    def __init__(
        self,
        path: str,
        *,
        method: str = "POST",
        id_column: str = "id",
        batch_rows: int = 500,
        body_bytes: int = 1_000_000,
        repeats: Repeats = "count_twice",
        new_key: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self.contract = TableContract("rows", identifiers=(id_column,))
        self.limits = BatchLimits(batch_rows, body_bytes - _ENVELOPE_BYTES)
        self._path, self._method, self._id, self._new_key = path, method, id_column, new_key
        self._is_harmless = repeats == "harmless"
        self._bounds = PayloadBounds(self.limits.body_bytes, None, DEEPEST_NESTING)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Only the user can know."""
        return self._is_harmless

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into objects: the identifier, as text, and the members of the payload."""
        ids, raws = read_identifiers(rows, self._id), payload_texts(rows, StructStyle())
        return [self._encode_row(*row) for row in zip(ids, raws, strict=True)]

    def request(self, records: Sequence[Record]) -> Request:
        """Join objects into one request."""
        rows = b",".join([record.body for record in records])
        return KeyedRequest(self._method, self._path, b'{"rows":[%b]}' % rows, key=self._new_key())

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means, see :mod:`.http.responses`."""
        return interpret_response(answer, records, f"{self._method} {self._path}")

    def _encode_row(self, identifier: str | Rejection | None, raw: bytes | Rejection | None) -> Record | Rejection:
        if not isinstance(identifier, str):
            return identifier or Rejection("identifier_missing", f"{self._id} holds no value.")
        payload = read_payload(raw, self._bounds)
        if isinstance(payload, Rejection):
            return payload
        if self._id in payload.document:
            return Rejection("identifier_in_payload", f"PAYLOAD names {self._id}, which comes from the column.")
        body = splice([b"{%b:%b" % (json_text(self._id), json_text(identifier))], payload)
        if len(body) > self.limits.body_bytes:
            return Rejection("payload_too_large", f"The row has more than {self.limits.body_bytes:,} bytes.")
        return Record(f"id:{identifier}", body)
