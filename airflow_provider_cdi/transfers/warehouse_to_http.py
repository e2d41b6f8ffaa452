"""Sends changed rows of a warehouse table to a service of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_cdi.destinations.http.arguments import (
    HttpDataType,
    HttpMethod,
    Repeats,
    check_http_arguments,
)
from airflow_provider_cdi.hooks.webhook.hook import WebhookHook
from airflow_provider_cdi.transfers.arguments.arguments import SyncArguments, shows_arguments
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination


class WarehouseToHttpOperator(WarehouseSyncOperator):
    """Sends the rows of a warehouse table that changed since the last run to a service of one's own, as JSON.

    The table, view or query has ``UPDATED_AT``, the column that ``id_column`` names, and ``PAYLOAD`` with one JSON
    object a row, or ``payload_columns``. Further columns are ignored.

    .. seealso::
        :ref:`howto/operator:WarehouseToHttpOperator` has the form of requests and answers, and the arguments that all
        syncs take; each of those is described at
        :class:`~airflow_provider_cdi.transfers.warehouse_to_braze.WarehouseToBrazeOperator`.

    :param endpoint: path at the connection's host, without a query (templated).
    :param http_conn_id: connection of type ``http`` (templated).
    :param data_type: ``rows``; there is no other.
    :param method: ``POST``, ``PUT`` or ``PATCH``.
    :param id_column: the column that says whose row it is; the member of each row too. Rows with the same value arrive
        in the order in which they were read.
    :param batch_rows: rows of one request, at most.
    :param body_bytes: bytes of one request's body, at most.
    :param repeats: what a row does at the service that comes again after an answer that was lost: ``harmless`` when
        it leaves what is there, ``count_twice`` when it may count once more; then ``on_unknown`` of ``delivery`` says
        whether it is sent again.
    """

    template_fields: Sequence[str] = (*WarehouseSyncOperator.template_fields, "http_conn_id", "endpoint")
    place_fields = ("http_conn_id", "endpoint")
    vendor = "http"

    @shows_arguments(SyncArguments)
    def __init__(
        self,
        *,
        endpoint: str,
        http_conn_id: str = WebhookHook.default_conn_name,
        data_type: HttpDataType = "rows",
        method: HttpMethod = "POST",
        id_column: str = "id",
        batch_rows: int = 500,
        body_bytes: int = 1_000_000,
        repeats: Repeats = "count_twice",
        **arguments: Unpack[SyncArguments],
    ) -> None:
        super().__init__(data_type=data_type, **arguments)
        self.endpoint = endpoint
        self.http_conn_id = http_conn_id
        self.method = method
        self.id_column = id_column
        self.batch_rows = batch_rows
        self.body_bytes = body_bytes
        self.repeats = repeats
        self.check_arguments()

    @classmethod
    def check_own_arguments(cls, given: Mapping[str, Any]) -> None:
        """Refuse arguments that make no sense for a service of one's own."""
        check_http_arguments(given)

    @cached_property
    def hook(self) -> WebhookHook:
        """The connection."""
        return WebhookHook(self.http_conn_id)

    def destination_name(self) -> str:
        """Return the address to which the rows go."""
        return self.hook.settings.base_url + self._path()

    def counts_every_row(self) -> bool:
        """Return whether a row counts once more when it comes once more."""
        return self.repeats == "count_twice"

    def make_destination(self, *, loads_history: bool) -> Destination:
        """Return the data type; it is the same for every kind of run."""
        from airflow_provider_cdi.destinations.http.rows import HttpRows

        return HttpRows(
            self._path(),
            method=self.method,
            id_column=self.id_column,
            batch_rows=self.batch_rows,
            body_bytes=self.body_bytes,
            repeats=self.repeats,
        )

    def _path(self) -> str:
        return f"/{self.endpoint.removeprefix('/')}"
