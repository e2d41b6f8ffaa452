"""Sends changed rows of a warehouse table to Klaviyo."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_cdi.destinations.klaviyo.arguments import (
    ConsentArguments,
    KlaviyoDataType,
    NullPolicy,
    OnBadPhone,
    check_klaviyo_arguments,
)
from airflow_provider_cdi.destinations.klaviyo.channel_names import ChannelName
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.hooks.klaviyo.hook import KlaviyoHook
from airflow_provider_cdi.transfers.arguments.arguments import SyncArguments, shows_arguments
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.version_compat import counts_deferred_tasks, default_deferrable

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_cdi.engine.ports import Destination
    from airflow_provider_cdi.hooks.klaviyo.transport import KlaviyoTransport

#: Rows wait in memory until their import has ended, 0.8 MB a thousand: with 100,000, ten imports are at work at once,
#: as many as Klaviyo's limit needs. ``window_rows=20_000`` takes 60 MB less and a third of that pace.
KLAVIYO_DELIVERY = DeliverySettings(max_in_flight=16, window_rows=100_000)
#: The part of Klaviyo's rate limits that a sync uses.
DEFAULT_RATE_SHARE = 0.9
#: Seconds without any outcome after which a deferrable task gives its worker back.
PATIENCE = 60.0


class WarehouseToKlaviyoOperator(WarehouseSyncOperator):
    """Sends the rows of a warehouse table that changed since the last run to Klaviyo.

    The table, view or query has ``UPDATED_AT`` and at least one identifier (``EMAIL``, ``PHONE_NUMBER``,
    ``EXTERNAL_ID``, ``KLAVIYO_ID``). For profiles and events, every other column is a field or a property under its own
    name, unless a ``PAYLOAD`` holds the properties. Names match without regard to case.

    .. seealso::
        :ref:`howto/operator:WarehouseToKlaviyoOperator` and :doc:`/how-a-run-works`

    All arguments of :class:`~airflow_provider_cdi.transfers.warehouse_to_braze.WarehouseToBrazeOperator` about source,
    kind of run, rejects, delivery and state are the same here (``lock_run_choices`` is on for ``privacy_deletions``,
    and rows that another task sends too are a warning at most). Those of its own:

    :param data_type: ``profiles`` or ``events``; or what people allow (:doc:`/klaviyo-consent`): ``subscribe``,
        ``unsubscribe``, ``suppress``, ``unsuppress``, ``privacy_deletions``. Fixed for the life of the sync.
    :param klaviyo_conn_id: connection of type ``klaviyo`` (templated).
    :param list_ids: for ``profiles``: ids of the lists to which every imported profile is added (templated). That is no
        consent.
    :param null_policy: for ``profiles``: what a NULL does. ``keep`` leaves the profile's value alone; ``clear`` empties
        it, which Klaviyo allows for one profile a request only: 750 rows a minute at most.
    :param update_only: for ``profiles``: change known profiles only; unknown ones are skipped.
    :param metric: for ``events``: the metric of rows without ``METRIC_NAME`` (templated).
    :param default_region: country of phone numbers without a country code, ``DE``; None takes E.164 only.
    :param on_bad_phone: for ``profiles`` and ``events``: ``reject`` rejects a row whose phone number is bad, or is
        refused by Klaviyo. ``drop`` sends the row without the number, and names it in the reject file; a row that has
        no other identifier is rejected all the same.
    :param backfill: for ``events``: record without triggering flows. None does so for rows of long ago: backfills,
        windows, full runs, and the runs of a sync that has no watermark yet.
    :param other_columns: whether columns that are no field become properties under their own names; None does so when
        there is no ``PAYLOAD``.
    :param channels: for ``subscribe`` and ``unsubscribe``: what the consent is for, ``["email_marketing"]``. Empty
        takes the channels that the source has a column of.
    :param list_id: for ``subscribe``: the list that the people are put on (templated).
    :param custom_source: for ``subscribe``: what Klaviyo shows as the source of the consent.
    :param historical_import: for ``subscribe``: the consent was given before, at ``CONSENTED_AT``; nobody is asked to
        confirm it.
    :param allow_resubscribe: for ``subscribe``: also people who said no after the row's consent was given.
    :param delete_cap: for ``privacy_deletions``: how much one run may delete.
    :param rate_share: share of Klaviyo's rate limits that the sync uses; the account's other integrations
        share them. None takes that of ``delivery``, else that of the connection, else 0.9.
    :param limits: Klaviyo's limits, where your contract has others than the documented ones.
    :param deferrable: give the worker back while Klaviyo works on jobs; a trigger waits for them. By default what
        ``[operators] default_deferrable`` says. Before Airflow 3.2 the DAG needs ``max_active_runs=1`` for it.
    :param poll_seconds: seconds between two looks of the trigger at a job, and before its first one. Below 10, Airflow
        may take a task that goes on at once for a failed one.
    :param delivery: requests in flight, retries, time to wait for a job (``RetryPolicy(job_seconds=...)``).
    """

    template_fields: Sequence[str] = (
        *WarehouseSyncOperator.template_fields,
        "klaviyo_conn_id",
        "list_ids",
        "list_id",
        "metric",
    )

    default_delivery = KLAVIYO_DELIVERY
    deleting_data_types = ("privacy_deletions",)

    place_fields = ("klaviyo_conn_id",)
    vendor = "klaviyo"

    @shows_arguments(SyncArguments)
    def __init__(
        self,
        *,
        data_type: KlaviyoDataType,
        klaviyo_conn_id: str = KlaviyoHook.default_conn_name,
        list_ids: Sequence[str] = (),
        null_policy: NullPolicy = "keep",
        update_only: bool = False,
        metric: str | None = None,
        default_region: str | None = None,
        on_bad_phone: OnBadPhone = "reject",
        backfill: bool | None = None,
        other_columns: bool | None = None,
        channels: Sequence[ChannelName] = (),
        list_id: str | None = None,
        custom_source: str | None = None,
        historical_import: bool = False,
        allow_resubscribe: bool = False,
        delete_cap: DeleteCap | None = None,
        rate_share: float | None = None,
        limits: KlaviyoLimits | None = None,
        deferrable: bool | None = None,
        poll_seconds: float = 30.0,
        **arguments: Unpack[SyncArguments],
    ) -> None:
        super().__init__(data_type=data_type, **arguments)
        self.klaviyo_conn_id = klaviyo_conn_id
        self.list_ids = list_ids
        self.null_policy = null_policy
        self.update_only = update_only
        self.metric = metric
        self.default_region = default_region
        self.on_bad_phone = on_bad_phone
        self.backfill = backfill
        self.other_columns = other_columns
        self.channels = channels
        self.list_id = list_id
        self.custom_source = custom_source
        self.historical_import = historical_import
        self.allow_resubscribe = allow_resubscribe
        self.delete_cap = delete_cap
        self.rate_share = rate_share
        self.limits = KlaviyoLimits() if limits is None else limits
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.poll_seconds = poll_seconds
        self.check_arguments()

    @classmethod
    def check_own_arguments(cls, given: Mapping[str, Any]) -> None:
        """Refuse arguments that make no sense for Klaviyo."""
        check_klaviyo_arguments(given)

    @cached_property
    def hook(self) -> KlaviyoHook:
        """The Klaviyo connection."""
        return KlaviyoHook(self.klaviyo_conn_id)

    def destination_name(self) -> str:
        """Return Klaviyo's address, and the account where the connection names it."""
        return self.hook.place

    def make_destination(self, *, loads_history: bool) -> Destination:
        """Return the data type."""
        from airflow_provider_cdi.destinations.klaviyo import KlaviyoArguments, klaviyo_destination

        arguments = KlaviyoArguments(
            list_ids=tuple(self.list_ids),
            null_policy=self.null_policy,
            update_only=self.update_only,
            metric=self.metric,
            default_region=self.default_region,
            on_bad_phone=self.on_bad_phone,
            backfill=self._is_backfill(loads_history=loads_history),
            other_columns=self.other_columns,
            consent=self._consent(),
            revision=self.hook.revision,
            rate_share=self._rate_share(),
            limits=self.limits,
        )
        return klaviyo_destination(self.data_type, arguments)

    def _rate_share(self) -> float:
        said = (self.rate_share, self.delivery.rate_share, self.hook.settings.rate_share)
        return next((share for share in said if share is not None), DEFAULT_RATE_SHARE)

    def _consent(self) -> ConsentArguments:
        return ConsentArguments(
            channels=self.channels,
            list_id=self.list_id,
            custom_source=self.custom_source,
            historical_import=self.historical_import,
            allow_resubscribe=self.allow_resubscribe,
        )

    def _is_backfill(self, *, loads_history: bool) -> bool:
        if self.backfill is None:
            return loads_history and self.data_type == "events"
        return self.backfill

    def make_transport(self) -> KlaviyoTransport:
        """Return what sends requests, once it is sure that the key belongs to the account that the connection names."""
        self.hook.refuse_other_account()
        if self.null_policy == "clear":
            self.log.info("null_policy is 'clear': profiles with a NULL go one by one, 750 a minute at most")
        return self.hook.transport(self.delivery.max_in_flight)

    def patience(self) -> float:
        """Return how long a try waits for jobs; for ever when the task is not to be deferred, or must not be."""
        if not self.deferrable:
            return math.inf
        if counts_deferred_tasks() or self._has_one_run_at_a_time():
            return PATIENCE
        self.log.warning(
            "The task is not deferred: this version of Airflow would start the next run of the sync meanwhile. Give "
            "the DAG max_active_runs=1."
        )
        return math.inf

    def make_trigger(self, jobs: Sequence[str], until: float) -> BaseTrigger:
        """Return what asks Klaviyo for the jobs."""
        from airflow_provider_cdi.destinations.klaviyo.consent.endpoints import SUPPRESS_JOB, UNSUPPRESS_JOB
        from airflow_provider_cdi.destinations.klaviyo.endpoints import IMPORT_JOB
        from airflow_provider_cdi.triggers.klaviyo_jobs import KlaviyoJobsTrigger

        endpoint = {"suppress": SUPPRESS_JOB, "unsuppress": UNSUPPRESS_JOB}.get(self.data_type, IMPORT_JOB)
        paths = [endpoint.request(name=job).path for job in jobs]
        return KlaviyoJobsTrigger(self.klaviyo_conn_id, paths, self.poll_seconds, until)

    def _has_one_run_at_a_time(self) -> bool:
        dag = self.get_dag()
        return dag is not None and dag.max_active_runs == 1
