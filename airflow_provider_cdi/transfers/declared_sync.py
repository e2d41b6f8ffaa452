"""A sync as its task declares it: arguments, name, identity, source, state. How it runs is in :mod:`.base`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_cdi.engine.settings import FIRST_ROWS
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.airflow_calls import steady
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.state.identity import (
    Identity,
    Reading,
    default_sync_id,
    former_mapped_name,
    former_sync_id,
    mapped_name,
)
from airflow_provider_cdi.transfers.arguments.arguments import SyncArguments, own_names, shows_arguments
from airflow_provider_cdi.transfers.destination_side import DestinationSide

# A DAG file imports this module: what needs pyarrow, a driver or an HTTP library is imported when a task runs.
if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_cdi.engine.ports import Destination, Source
    from airflow_provider_cdi.engine.reading.partition import DigestRange
    from airflow_provider_cdi.state.sync_state import SyncState

_OWN = frozenset(own_names(SyncArguments))


class DeclaredSync(DestinationSide):
    """What a task says of its sync, and what can be known of it before it runs."""

    template_fields: Sequence[str] = (
        "warehouse_conn_id",
        "ssh_conn_id",
        "source",
        "sql",
        "partition",
        "initial",
        "sync_mode",
        "since",
        "until",
        "is_dry_run",
        "rejects_path",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}
    ui_color = "#e6f2ff"

    @shows_arguments(SyncArguments)
    def __init__(self, *, data_type: str, **arguments: Unpack[SyncArguments]) -> None:
        airflows: dict[str, Any] = {name: arguments[name] for name in arguments if name not in _OWN}  # type: ignore[literal-required]
        super().__init__(max_active_tis_per_dag=arguments.get("max_active_tis_per_dag", 1), **airflows)
        self.data_type = data_type
        self.warehouse_conn_id = arguments["warehouse_conn_id"]
        self.ssh_conn_id = arguments.get("ssh_conn_id")
        self.source = arguments.get("source")
        self.sql = arguments.get("sql")
        self.columns = arguments.get("columns")
        self.payload_columns = arguments.get("payload_columns", ())
        self.partition = arguments.get("partition")
        self.watermark_timezone = arguments.get("watermark_timezone")
        self.settle = arguments.get("settle", timedelta(0))
        self.check_late = arguments.get("check_late", False)
        self.same_source = arguments.get("same_source")
        self.allow_repeats = arguments.get("allow_repeats", False)
        sync_id = arguments.get("sync_id")
        self.sync_id = default_sync_id(self.dag_id, self.task_id) if sync_id is None else sync_id
        self._has_default_sync_id = sync_id is None
        self.initial = arguments.get("initial", "everything")
        self.sync_mode = arguments.get("sync_mode")
        self.since = arguments.get("since")
        self.until = arguments.get("until")
        self.is_dry_run = arguments.get("dry_run")
        self.dry_run_sample = arguments.get("dry_run_sample")
        self.dry_run_mask = arguments.get("dry_run_mask", ("all",))
        self.lock_run_choices = arguments.get("lock_run_choices")
        self.rejects_path = arguments.get("rejects_path")
        self.rejects_path_as_written = self.rejects_path
        self.allow_rejects_anywhere = arguments.get("allow_rejects_anywhere", False)
        self.rejects_keep = arguments.get("rejects_keep")
        self.max_rows = arguments.get("max_rows")
        self.max_share_of_source = arguments.get("max_share_of_source")
        self.max_data_points = arguments.get("max_data_points")
        self.max_new_profiles = arguments.get("max_new_profiles")
        self.max_reject_percent = arguments.get("max_reject_percent")
        self.stop_if_all_rejected = arguments.get("stop_if_all_rejected", FIRST_ROWS)
        delivery = arguments.get("delivery")
        self.delivery = self.default_delivery if delivery is None else delivery
        self.checkpoint = arguments.get("checkpoint", "auto")
        # Inlet and outlet: an asset that is only an outlet loses its state when the DAG file is gone for a moment.
        asset = sync_asset(str(self.sync_id))  # whether it is a text at all is checked below
        self.inlets = [*(one for one in self.inlets if one != asset), asset]
        self.outlets = [*(one for one in self.outlets if one != asset), asset]
        self._cancel_reading: Callable[[], None] | None = None
        self._refuse_callbacks_of_dag()

    def _refuse_callbacks_of_dag(self) -> None:
        """Refuse notifiers where they would not know of which sync to tell, before it is night."""
        dag = self.get_dag()
        for name in ("on_failure_callback", "on_success_callback"):
            given = getattr(dag, name, None)
            for one in given if isinstance(given, list | tuple) else [given]:
                if getattr(one, "is_of_tasks", False):
                    raise ConfigurationError(
                        f"Task {self.task_id!r}: {name}= of its DAG has a {type(one).__name__}, which tells of a task: "
                        f"give it to the task, or to all by default_args={{{name!r}: …}}."
                    )

    def open_source(self, destination: Destination, part: DigestRange | None = None) -> Source:
        """Look at the source and match its columns with what the destination wants. Reads no row of it, or a few.

        :param destination: whose contract the columns must meet.
        :param part: which rows, instead of those of ``partition=``.
        """
        from airflow_provider_cdi.engine.reading.partition import Partition
        from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

        source = get_warehouse_hook(self.warehouse_conn_id, self.sync_id, self.ssh_conn_id).source(
            self.source,
            sql=self.sql,
            contract=destination.contract,
            columns=self.columns,
            payload_columns=self.payload_columns,
            partition=part or (Partition.parse(self.partition) if self.partition else None),
            watermark_timezone=self.watermark_timezone,
        )
        self._cancel_reading = source.cancel
        return source

    def open_state(self, context: Context) -> SyncState:
        """Open what Airflow keeps of the sync, for a run of it."""
        from airflow_provider_cdi.state.stores.choice import choose_stores
        from airflow_provider_cdi.state.sync_state import SyncState

        steadied, identity = steady(context), self.identity(context["ti"])
        stores = choose_stores(steadied, identity, in_variables=self.checkpoint == "variable")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return SyncState(steadied["ti"], identity, at, stores, log=self.log)

    def identity(self, ti: Any) -> Identity:
        """Return what is fixed for the life of the sync.

        :param ti: the task instance, or what has its ``dag_id``, ``task_id`` and ``map_index``.
        """
        former = former_sync_id(ti.dag_id, ti.task_id)
        reads = Reading.of(
            source=self.source,
            sql=self.sql,
            connection=self.warehouse_conn_id,
            columns=self.columns or {},
            timezone=self.watermark_timezone,
            partition=self.partition if ti.map_index is None or ti.map_index < 0 else None,
            same_source=self.same_source,
        )
        return Identity(
            self.name_of(ti),
            self.data_type,
            self.destination_name(),
            default_sync_id(ti.dag_id, ti.task_id),
            asset_id=self.sync_id,
            reads=reads,
            former_names=self._former_names(ti),
            former_owner=former,
        )

    def _former_names(self, ti: Any) -> tuple[str, ...]:
        """Return what earlier versions called this sync, where that was something else."""
        sync_id = former_sync_id(ti.dag_id, ti.task_id) if self._has_default_sync_id else self.sync_id
        is_mapped = ti.map_index is not None and ti.map_index >= 0
        name = former_mapped_name(sync_id, self.source, self.partition) if is_mapped else sync_id
        return (name,) if name != self.name_of(ti) else ()

    def name_of(self, ti: Any) -> str:
        """Return the sync's name; a mapped task's name says which table and which partition it is."""
        if ti.map_index is None or ti.map_index < 0:
            return self.sync_id
        if not (self.source or self.partition):
            raise ConfigurationError(
                f"The mapped task {self.task_id!r} reads a query: give each of its instances a partition= or use "
                "source= with a view, so that its watermark keeps its place when their order changes."
            )
        return mapped_name(self.sync_id, self.source, self.partition)
