"""The arguments that all operators take: each is said here, once, with its type, and every operator shows it.

An operator's ``__init__`` takes ``**arguments: Unpack[SyncArguments]``: editors and type checkers read the names and
types from here, and :func:`shows_arguments` lets Airflow read the names, so that ``default_args`` and ``.partial()``
reach them.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict, TypeVar

from airflow_provider_cdi.engine.settings import DeliverySettings

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context, TaskGroup
    from airflow.sdk.types import WeightRuleParam

    Callback = Callable[[Context], Any]
    Callbacks = Callback | Collection[Callback] | None

#: Where progress is kept between tries: Airflow's state stores (3.3 and later) or, before, in Variables too.
CheckpointPlace = Literal["auto", "variable"]
SyncMode = Literal["auto", "incremental", "full", "window"]
Init = TypeVar("Init", bound=Callable[..., None])


class AirflowArguments(TypedDict, total=False):
    """What every operator of Airflow takes."""

    task_id: Required[str]
    dag: "DAG | None"
    task_group: "TaskGroup | None"
    default_args: dict[str, Any] | None
    params: Mapping[str, Any] | None
    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: Any
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    priority_weight: int
    weight_rule: "WeightRuleParam"
    queue: str
    pool: str | None
    pool_slots: int
    execution_timeout: timedelta | None
    on_execute_callback: "Callbacks"
    on_failure_callback: "Callbacks"
    on_success_callback: "Callbacks"
    on_retry_callback: "Callbacks"
    on_skipped_callback: "Callbacks"
    pre_execute: "Callable[[Context], None] | None"
    post_execute: "Callable[[Context, Any], None] | None"
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class SyncArguments(AirflowArguments, total=False):
    """What every sync takes; the operators' docstrings say what each argument does."""

    warehouse_conn_id: Required[str]
    ssh_conn_id: str | None
    source: str | None
    sql: str | None
    columns: Mapping[str, str] | None
    payload_columns: Sequence[str] | Mapping[str, str]
    partition: str | None
    watermark_timezone: str | None
    settle: timedelta
    check_late: bool
    sync_id: str | None
    same_source: str | None
    allow_repeats: bool
    initial: str | date
    sync_mode: SyncMode | str | None
    since: str | date | None
    until: str | date | None
    dry_run: str | bool | None
    dry_run_sample: int | None
    dry_run_mask: Sequence[str]
    lock_run_choices: bool | None
    rejects_path: str | None
    allow_rejects_anywhere: bool
    rejects_keep: timedelta | None
    max_rows: int | None
    max_share_of_source: float | None
    max_data_points: int | None
    max_new_profiles: int | None
    max_reject_percent: float | None
    stop_if_all_rejected: int | None
    delivery: DeliverySettings | None
    checkpoint: CheckpointPlace
    max_active_tis_per_dag: int | None


def own_names(arguments: type) -> list[str]:
    """Return the names of a sync's arguments that Airflow itself does not know."""
    return [name for name in arguments.__annotations__ if name not in AirflowArguments.__annotations__]


def shows_arguments(arguments: type) -> Callable[[Init], Init]:
    """Write the arguments that an ``__init__`` takes as ``**arguments`` into its signature.

    Airflow fills only names of the signature from ``default_args``, and takes only those in ``.partial()``.

    :param arguments: the ``TypedDict`` of ``**arguments``.
    """

    def show(init: Init) -> Init:
        signature = inspect.signature(init)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        rest = [one for one in signature.parameters.values() if one.kind is one.VAR_KEYWORD]
        shown = [_parameter(name, arguments) for name in own_names(arguments)]
        init.__signature__ = signature.replace(parameters=[*own, *shown, *rest])  # type: ignore[attr-defined]
        return init

    return show


def _parameter(name: str, arguments: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if name in arguments.__required_keys__ else ...
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=arguments.__annotations__[name]
    )
