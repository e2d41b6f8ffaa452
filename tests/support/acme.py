"""A destination that somebody else adds, in one file: contacts at Acme, a service that does not exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Unpack

import pyarrow as pa
from airflow.sdk import Connection

from airflow_provider_cdi.argument_rules import check_arguments, text
from airflow_provider_cdi.destinations.base import BaseDestination
from airflow_provider_cdi.destinations.columns import json_text, read_identifiers
from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.payload import PayloadBounds, read_payload, splice
from airflow_provider_cdi.destinations.statuses import REFUSALS, Service, retry_after
from airflow_provider_cdi.destinations.structs import StructStyle, payload_texts
from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.verdicts import Ambiguous, Completed, Request, Response, Verdict
from airflow_provider_cdi.hooks.http.connection import make_settings, read_key
from airflow_provider_cdi.hooks.http.form import HTTP_FIELDS, HttpForm
from airflow_provider_cdi.hooks.http.hook import HttpHook
from airflow_provider_cdi.hooks.http.host import base_url
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.typed_extra import read_extra
from airflow_provider_cdi.transfers.arguments.arguments import SyncArguments, shows_arguments
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator

ACME = Service("Acme", "Acme never redirects. Check the host of the connection.", {401: "the token is wrong."})
REFUSED = Rejection("acme_refused", "Acme refused the contact.")
TOO_LARGE = Rejection("acme_too_large", "Acme refused the contact as too large.")


class AcmeHook(HttpHook):
    """The connection: a host and a token."""

    conn_name_attr = "acme_conn_id"
    default_conn_name = "acme_default"
    conn_type = "acme"
    hook_name = "Acme"
    form = HttpForm({"password": "Token"}, {"host": "api.acme.example"}, HTTP_FIELDS)

    def read_settings(self, connection: Connection) -> HttpSettings:
        """Read the fields."""
        token = read_key(connection.password, "put Acme's token there")
        url = base_url(connection.host or "", connection.port, example="api.acme.example")
        return make_settings(url, {"X-Token": token}, token, read_extra(connection))

    def check(self, call: Callable[[Request], Response]) -> tuple[bool, str]:
        """Ask who the token belongs to."""
        answer = call(Request("GET", "/me", b""))
        return answer.status == 200, f"Acme answered {answer.status}"


class Contacts(BaseDestination):
    """The data type: an e-mail address and what is known of it, at most 100 a request."""

    contract = TableContract("contacts", identifiers=("EMAIL",))
    limits = BatchLimits(records=100, body_bytes=100_000)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Acme keeps contacts by their address."""
        return True

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Put the address before what the payload says."""
        emails, raws = read_identifiers(rows, "EMAIL"), payload_texts(rows, StructStyle())
        return [_contact(*row) for row in zip(emails, raws, strict=True)]

    def request(self, records: Sequence[Record]) -> Request:
        """Join contacts into one request."""
        return Request("POST", "/contacts", b"[%b]" % b",".join([record.body for record in records]))

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Acme answers 200 and lists the places of the contacts that it refused."""
        failed = (json_object(answer.body) or {}).get("failed")
        if answer.status == 200:
            if not isinstance(failed, list) or not all(type(one) is int and 0 <= one < len(records) for one in failed):
                return Ambiguous("Acme answered 200 in another form than it documents")
            return Completed(dict.fromkeys(failed, REFUSED))
        refused = ACME.refused(answer.status, "POST /contacts", is_own=failed is not None)
        if answer.status == 413:
            return ACME.too_large(len(records), TOO_LARGE, refused, is_own=failed is not None)
        verdict = ACME.failure(answer.status, retry_after(answer))
        if verdict is None and answer.status in REFUSALS:
            return ACME.foreign(answer.status)
        if verdict is None:
            raise refused
        return verdict


class WarehouseToAcmeOperator(WarehouseSyncOperator):
    """Sends changed rows to Acme."""

    template_fields: Sequence[str] = (*WarehouseSyncOperator.template_fields, "acme_conn_id")
    place_fields = ("acme_conn_id",)

    @shows_arguments(SyncArguments)
    def __init__(
        self,
        *,
        data_type: str = "contacts",
        acme_conn_id: str = AcmeHook.default_conn_name,
        **arguments: Unpack[SyncArguments],
    ) -> None:
        super().__init__(data_type=data_type, **arguments)
        self.acme_conn_id = acme_conn_id
        self.check_arguments()

    @classmethod
    def check_own_arguments(cls, given: Mapping[str, Any]) -> None:
        """Refuse arguments that make no sense for Acme."""
        check_arguments(given, {"acme_conn_id": text("give the id of an Airflow connection", unset=())})

    @cached_property
    def hook(self) -> AcmeHook:
        """The connection."""
        return AcmeHook(self.acme_conn_id)

    def make_destination(self, *, loads_history: bool) -> Contacts:
        """Return the data type."""
        return Contacts()


def _contact(email: str | Rejection | None, raw: bytes | Rejection | None) -> Record | Rejection:
    if not isinstance(email, str):
        return email or Rejection("identifier_missing", "EMAIL holds no value.")
    payload = read_payload(raw, PayloadBounds(most_bytes=50_000, most_keys=None, nesting=10))
    if isinstance(payload, Rejection):
        return payload
    body = splice([b'{"email":%b' % json_text(email)], payload)
    return TOO_LARGE if len(body) > Contacts.limits.body_bytes else Record(f"email:{email}", body)
