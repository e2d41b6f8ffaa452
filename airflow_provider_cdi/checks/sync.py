"""The check of one sync, or of one connection alone: which steps there are, in their order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_cdi.checks.destination.braze import BrazeLook
from airflow_provider_cdi.checks.destination.klaviyo import KlaviyoLook
from airflow_provider_cdi.checks.destination.way import DestinationWay
from airflow_provider_cdi.checks.findings import Finding
from airflow_provider_cdi.checks.steps import Step, taken
from airflow_provider_cdi.checks.warehouse.profiles import profile_of
from airflow_provider_cdi.checks.warehouse.source import SourceLook
from airflow_provider_cdi.checks.warehouse.subject import SourceArguments, Subject
from airflow_provider_cdi.checks.warehouse.watermark import WatermarkLook
from airflow_provider_cdi.checks.warehouse.way import Way
from airflow_provider_cdi.exceptions import CdiError
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination
    from airflow_provider_cdi.transfers.base import WarehouseSyncOperator

#: The name under which a warehouse's own history shows what a check asks.
TAG = "cdi_check"


def check_sync(
    sync: WarehouseSyncOperator, *, counts: bool = True, now: Callable[[], datetime] | None = None
) -> Iterator[Finding]:
    """Check everything that a run of a sync needs. Nothing is sent and nothing is written.

    :param sync: the operator, its templates rendered.
    :param counts: whether the whole source may be read by aggregates (NULLs, ties); without, it costs next to nothing.
    :param now: the worker's clock; given by tests.
    :return: findings, each as soon as it is known.
    """
    yield from taken(_steps_of_sync(sync, counts=counts, now=now or _utc))


def check_warehouse(
    conn_id: str,
    source: SourceArguments | None = None,
    *,
    counts: bool = True,
    now: Callable[[], datetime] | None = None,
) -> Iterator[Finding]:
    """Check a warehouse connection alone, before there is a sync.

    :param conn_id: the Airflow connection's id.
    :param source: what is to be read, where it is known already.
    :param counts: see :func:`check_sync`.
    :param now: see :func:`check_sync`.
    """
    subject = Subject(conn_id, source or SourceArguments(), TAG)
    yield from taken(_steps_of_warehouse(subject, counts=counts, now=now or _utc))


def _steps_of_sync(sync: WarehouseSyncOperator, *, counts: bool, now: Callable[[], datetime]) -> Iterator[Step]:
    yield Step("sync arguments", lambda: _arguments(sync))
    destination, unknown = _destination_of(sync)
    source = SourceArguments(
        table=sync.source,
        sql=sync.sql,
        contract=destination.contract if destination else None,
        no_contract=unknown,
        columns=sync.columns,
        payload_columns=sync.payload_columns,
        partition=sync.partition,
        watermark_timezone=sync.watermark_timezone,
    )
    subject = Subject(sync.warehouse_conn_id, source, TAG, sync.ssh_conn_id)
    profile, sent_fields = profile_of(_conn_type(subject)), dict[str, None]()
    is_free = sync.data_type == "catalog_items"
    yield from Way(subject, profile, now).steps()
    yield from SourceLook(subject, profile, destination, counts=counts, sent_fields=sent_fields).steps()
    yield from WatermarkLook(subject, profile, resends_are_free=is_free, counts=counts).steps()
    # Made when the steps before are taken: the fields that a sample would send are known then.
    yield from _destination_look(sync, now, sent_fields).steps()


def _steps_of_warehouse(subject: Subject, *, counts: bool, now: Callable[[], datetime]) -> Iterator[Step]:
    profile = profile_of(_conn_type(subject))
    yield from Way(subject, profile, now).steps()
    if subject.source.is_given:
        yield from SourceLook(subject, profile, None, counts=counts).steps()
        yield from WatermarkLook(subject, profile, counts=counts).steps()


def _arguments(sync: WarehouseSyncOperator) -> str:
    sync.check_rendered()
    source = f"the table {sync.source}" if sync.source else "a query"
    return f"The sync {sync.sync_id!r} sends {sync.data_type} from {source}."


def _destination_of(sync: WarehouseSyncOperator) -> tuple[Destination | None, str]:
    """Return what encodes rows, or why there is nothing: the steps of the destination tell it once more."""
    try:
        return sync.make_destination(loads_history=False), ""
    except CdiError as error:
        return None, f"The destination cannot be made, so it is not known what it asks for. {error}"


def _destination_look(
    sync: WarehouseSyncOperator, now: Callable[[], datetime], sent_fields: Collection[str]
) -> DestinationWay:
    if isinstance(sync, WarehouseToBrazeOperator):
        return BrazeLook(sync.hook, now, sync=sync, sent_fields=sent_fields)
    if isinstance(sync, WarehouseToKlaviyoOperator):
        return KlaviyoLook(sync.hook, now, sync=sync)
    return DestinationWay(sync.hook, now)


def _conn_type(subject: Subject) -> str | None:
    try:
        return subject.connection.conn_type
    except CdiError:
        return None  # the first step tells it


def _utc() -> datetime:
    return datetime.now(UTC)
