"""Sends changed rows of a warehouse table to Braze."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_cdi.destinations.braze.arguments import (
    BrazeDataType,
    OnLongArray,
    OnUnknownField,
    check_braze_arguments,
)
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.hooks.braze.hook import BrazeHook
from airflow_provider_cdi.transfers.arguments.arguments import SyncArguments, shows_arguments
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination


class WarehouseToBrazeOperator(WarehouseSyncOperator):
    """Sends the rows of a warehouse table that changed since the last run to Braze.

    The table, view or query has the columns of Braze Cloud Data Ingestion: ``UPDATED_AT``, at least one
    identifier (``EXTERNAL_ID``, ``ALIAS_NAME`` with ``ALIAS_LABEL``, ``BRAZE_ID``, ``EMAIL``, ``PHONE``; ``ID``
    for catalogs) and, except for deletes, ``PAYLOAD``. Names match without regard to case, further columns are
    ignored.

    .. seealso::
        :ref:`howto/operator:WarehouseToBrazeOperator` and :doc:`/how-a-run-works`

    :param warehouse_conn_id: connection of the warehouse (templated).
    :param ssh_conn_id: connection of an SSH server through which it is reached, in place of the ``ssh_conn_id`` in the
        extra of its own (templated).
    :param source: table or view of one to three parts; put a part in double quotes to keep its case (templated).
    :param sql: a query instead of ``source``, inline or the name of a ``.sql`` file (templated).
    :param data_type: ``attributes``, ``events``, ``purchases``, ``user_deletes`` or ``catalog_items``. Fixed for the
        life of the sync.
    :param braze_conn_id: connection of type ``braze`` (templated).
    :param columns: names that differ from the contract's, contract's name first: ``{"EXTERNAL_ID": "CUSTOMER_KEY"}``.
    :param payload_columns: columns from which the payload is built when there is no ``PAYLOAD`` column: a list of
        names, or a mapping of column to the place in the payload (``{"AMOUNT": "properties.amount"}``). Then nothing
        else is sent: ``EMAIL`` and ``PHONE`` identify at most.
    :param partition: read one part of the source, ``"0/8"`` to ``"7/8"`` for eight; for mapped tasks, see
        :func:`~airflow_provider_cdi.state.assets.mapped_sync` (templated).
    :param watermark_timezone: the zone whose clock an ``UPDATED_AT`` without a zone shows, ``"America/New_York"``;
        None is UTC.
    :param settle: how old a row must be by the warehouse's clock before it is sent, so that rows which are committed
        late come in time; in every run but windows and backfills.
    :param check_late: whether each run counts the rows that came below the watermark since the run before, which are
        not sent: at least so many, as far as numbers can tell.
    :param catalog: name of the catalog, for ``catalog_items`` (templated).
    :param merge: for ``catalog_items``: change the given fields of existing items (PATCH) instead of replacing whole
        items and creating missing ones (PUT).
    :param on_unknown_field: for ``catalog_items``: what becomes of an item with a field that the catalog does not have.
        ``stop`` stops the sync, ``reject`` rejects the item, ``drop`` sends it without the field, which the report
        counts and names. The last two need the permission ``catalogs.get``.
    :param on_long_array: for ``attributes``: ``send`` sends an array of more than 500 different elements, of which
        Braze keeps the latest 500, and counts the row as ``truncated_by_braze``; ``reject`` makes a reject of it.
    :param update_existing_only: change known users only and create none.
    :param initial: where a new sync starts: ``everything``, ``now``, or a timestamp, which is included; or a
        timestamp of which rows are delivered already, ``2026-01-05T08:59:58Z, 3 rows delivered`` (templated).
    :param sync_id: stable name of the sync; by default ``<dag_id>.<task_id>``, and ``<dag_id>/<task_id>`` where the
        DAG's id has dots.
    :param allow_repeats: another task of the DAG may send the same rows to the same place; without it that is a
        warning, and an error for events and purchases.
    :param same_source: a word of yours for the source: it is the same one, whatever its name or its text becomes.
    :param sync_mode: ``auto`` (incremental, or the data interval for a backfill), ``incremental``, ``full`` or
        ``window``; None leaves it to each run: the trigger form of
        :func:`~airflow_provider_cdi.transfers.params.sync_params`, or ``conf`` (templated).
    :param since: first moment of a window; None leaves it to each run, then to the data interval (templated).
    :param until: moment after a window; None leaves it to each run, then to the data interval, then it is now
        (templated).
    :param dry_run: read and check everything, send nothing, report what would be sent; None leaves it to each run
        (templated).
    :param dry_run_sample: how many rows a dry run shows in its log, each as it would be sent: 1 to 1,000. Whoever may
        read the log sees them, so this is for the DAG to say and not for who triggers a run; None shows none.
    :param dry_run_mask: fields that are ``***`` in there, by name, such as ``("email", "phone")``. ``("all",)``, the
        default, masks every value, and ``()`` none.
    :param lock_run_choices: whether a run that was triggered with another kind of run than the task's own stops. A dry
        run is always allowed. None locks ``user_deletes``.
    :param rejects_path: file for the rejects of a run, local or on any storage that ``ObjectStoragePath`` knows, for
        example ``s3://aws_default@bucket/rejects/{{ ti.task_id }}/{{ run_id }}.jsonl`` (templated). By default below
        the place that Airflow's option ``[cdi] rejects_path`` names, else below ``$AIRFLOW_HOME/cdi_rejects``. What a
        template fills in leads no further than to places below the part before the first template.
    :param allow_rejects_anywhere: let the templates of ``rejects_path`` lead anywhere, because what fills them in is to
        be trusted.
    :param rejects_keep: how long rejects are kept, a day or more. At the end of a run that has rejects, those of
        earlier runs go that are older, run by run, with the marks of what was sent again. None, the default, leaves it
        to Airflow's option ``[cdi] rejects_keep_days``, and without that keeps them for ever, as ``timedelta.max``
        does.
    :param max_rows: a gate: stop a run before it sends anything when more rows are due; see :doc:`/guides/gates`.
    :param max_share_of_source: a gate: the same for more than so many percent of the source's rows; not for a sync's
        first run, and not up to 20 rows.
    :param max_data_points: a gate, for ``attributes``, ``events`` and ``purchases``: the same for more data points, as
        Braze bills them at least. Reads the slice once more.
    :param max_new_profiles: a gate, for the same data types: the same for more users whom Braze does not know yet.
        Reads the slice once more, and asks Braze (permission ``users.export.ids``).
    :param max_reject_percent: fail the task when more of the due rows were rejected or are unknown, after everything
        else was delivered and the state saved; None never fails.
    :param stop_if_all_rejected: stop the run, and leave its rows due, when so many first rows (or all, where there are
        fewer and more than 20) are rejected with one code: then probably a choice is wrong, and not the rows. None
        never stops for it.
    :param delete_cap: for ``user_deletes``: how much one run may delete.
    :param limits: Braze's limits, where your contract has others than the documented ones.
    :param delivery: requests in flight, requests per second or share of the rate limit, retries, what to do with
        unknown outcomes.
    :param checkpoint: on Airflow 3.0 to 3.2, ``variable`` keeps the state in Airflow Variables too, so that a retry
        goes on where the last try stopped; ``auto`` uses what Airflow has for it (3.3 and later).
    :param max_active_tis_per_dag: keeps runs of the sync from overlapping; leave it at 1.
    """

    template_fields: Sequence[str] = (*WarehouseSyncOperator.template_fields, "braze_conn_id", "catalog")

    deleting_data_types = ("user_deletes",)
    place_fields = ("braze_conn_id", "catalog")
    vendor = "braze"
    counted_data_types = frozenset({"events", "purchases"})

    @shows_arguments(SyncArguments)
    def __init__(
        self,
        *,
        data_type: BrazeDataType,
        braze_conn_id: str = BrazeHook.default_conn_name,
        catalog: str | None = None,
        merge: bool = False,
        on_unknown_field: OnUnknownField = "stop",
        on_long_array: OnLongArray = "send",
        update_existing_only: bool = False,
        delete_cap: DeleteCap | None = None,
        limits: BrazeLimits | None = None,
        **arguments: Unpack[SyncArguments],
    ) -> None:
        super().__init__(data_type=data_type, **arguments)
        self.braze_conn_id = braze_conn_id
        self.catalog = catalog
        self.merge = merge
        self.on_unknown_field = on_unknown_field
        self.on_long_array = on_long_array
        self.update_existing_only = update_existing_only
        self.delete_cap = delete_cap
        self.limits = BrazeLimits() if limits is None else limits
        self.check_arguments()

    @classmethod
    def check_own_arguments(cls, given: Mapping[str, Any]) -> None:
        """Refuse arguments that make no sense for Braze."""
        check_braze_arguments(given)

    @cached_property
    def hook(self) -> BrazeHook:
        """The Braze connection."""
        return BrazeHook(self.braze_conn_id)

    def destination_name(self) -> str:
        """Return the instance's address, and the catalog where there is one."""
        place = super().destination_name()
        return f"{place}/catalogs/{self.catalog}" if self.catalog else place

    def make_destination(self, *, loads_history: bool) -> Destination:
        """Return the data type; it is the same for every kind of run."""
        from airflow_provider_cdi.destinations.braze import braze_destination

        return braze_destination(
            self.data_type,
            limits=self.limits,
            update_existing_only=self.update_existing_only,
            catalog=self.catalog,
            merge=self.merge,
            on_long_array=self.on_long_array,
            sends_contacts=not self.payload_columns,
            on_unknown_field=self.on_unknown_field,
        )

    def prepare_destination(self, destination: Destination) -> None:
        """Look the fields of the catalog up, where it matters whether an item has others."""
        if self.catalog is None or self.on_unknown_field == "stop":
            return
        from airflow_provider_cdi.destinations.braze.catalogs.items import CatalogItems

        if isinstance(destination, CatalogItems):
            destination.learn_fields(self.hook.get_catalog_fields(self.catalog))
