"""Templates of a sync, filled in without a run: what only a run knows is told, and asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import UsageError
from airflow_provider_cdi.state.identity import mapped_name
from airflow_provider_cdi.transfers.arguments.checks import is_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
    from airflow_provider_cdi.transfers.sync_tasks import SyncTask

#: What a task may leave to each run, by the names that the operator keeps them under: without a run nobody chose.
_CHOICES = {"sync_mode": "sync_mode", "since": "since", "until": "until", "is_dry_run": "dry_run"}
#: Nothing is written there by a command.
_LEFT = frozenset({"rejects_path"})


class OnlyARunKnows(UsageError):
    """A template asks for what only a run has.

    :param names: of what it asks for.
    """

    def __init__(self, names: str) -> None:
        super().__init__(f"only a run knows {names}")


def fill_in(operator: WarehouseSyncOperator, *, now: datetime | None = None) -> list[str]:
    """Fill in the templates of an operator as a run that is triggered now would.

    Variables, connections, params and macros are those of Airflow. ``ds``, ``ts`` and ``logical_date`` are of this
    moment. The choices of a run (``since``, ``until``, ``sync_mode``, ``dry_run``) that only a run knows are left out.

    :param operator: of a DAG; it is changed.
    :param now: the moment; None for the clock's.
    :return: what a person should know, one sentence each.
    :raises UsageError: when another argument's template cannot be filled in.
    """
    told = []
    for name in operator.template_fields:
        value = getattr(operator, name)
        if name in _LEFT or not (isinstance(value, str) or is_template(value)):
            continue
        try:
            filled = without_a_run(operator, value, now=now)
        except UsageError as error:
            if name not in _CHOICES or not isinstance(error, OnlyARunKnows):
                raise UsageError(f"{name} has a template: {error}. Give what it should be: --arg {name}=…") from error
            filled = None
            told.append(f"{_CHOICES[name]} is left out: {error}.")
        else:
            told.extend(_told(operator, name, value, filled))
        setattr(operator, name, filled)
    return told


def _told(operator: WarehouseSyncOperator, name: str, value: Any, filled: Any) -> Iterator[str]:
    if not is_template(value) or (isinstance(value, str) and value.endswith(".sql")):
        return  # a file's text is long, and may hold what is secret
    may_be_secret = _variables(operator.get_template_env(), value) & {"conn", "var"}
    shown = "filled in" if may_be_secret else f"{filled!r}"
    yield f"{name} is {shown} by its template, for a run that is triggered now."


def without_a_run(task: Any, value: Any, *, now: datetime | None = None) -> Any:
    """Return a value with its templates filled in.

    :param task: an operator, or a mapped one.
    :param value: as it is written.
    :param now: the moment; None for the clock's.
    :raises UsageError: when a run must fill it in, or when it cannot be filled in.
    """
    from jinja2 import TemplateError

    context, env = _context(task, now or datetime.now(UTC)), task.get_template_env()
    if missing := sorted(_variables(env, value) - context.keys()):
        raise OnlyARunKnows(", ".join(missing))
    try:
        return task.render_template(value, context, env)
    except TemplateError as error:
        raise UsageError(f"it cannot be filled in: {error}") from error
    except Exception as error:  # whatever a macro, a Variable or a secrets backend raises; its text may be a secret
        raise UsageError(f"it cannot be filled in ({type(error).__name__})") from error


def name_without_a_run(sync: SyncTask) -> str | None:
    """Return what a sync is called where its state is kept, a mapped instance with its table and partition.

    :param sync: a sync of a DAG file.
    :return: None where only a run knows, because what a mapped instance reads has a template or comes from a task.
    """
    if sync.missing is not None:
        return None
    if sync.map_index is None:
        return sync.sync_id
    given = (sync.argument("source"), sync.argument("partition"))
    try:
        return mapped_name(sync.sync_id, *(without_a_run(sync.task, one) if is_template(one) else one for one in given))
    except UsageError:
        return None


def _variables(env: Any, value: Any) -> set[str]:
    """Return the names that a template asks of its context, and what another task returns in words."""
    from jinja2 import TemplateSyntaxError, meta

    if isinstance(value, (list, tuple)):
        return {name for one in value for name in _variables(env, one)}
    if hasattr(value, "resolve"):
        return {"what another task returns"}
    try:
        return meta.find_undeclared_variables(env.parse(str(value)))
    except TemplateSyntaxError:
        return set()  # rendering it says what is wrong


def _context(task: Any, now: datetime) -> dict[str, Any]:
    from airflow.sdk.execution_time.context import ConnectionAccessor, MacrosAccessor, VariableAccessor

    accessors: Any = VariableAccessor
    context: dict[str, Any] = {
        "dag": task.get_dag(),
        "task": task,
        "params": dict(_params(task)),
        "var": {"value": accessors(deserialize_json=False), "json": accessors(deserialize_json=True)},
        "conn": ConnectionAccessor(),
        "macros": MacrosAccessor(),
    }
    return {**context, **_dates(now), **_own_names(task)}


def _params(task: Any) -> Iterator[tuple[str, Any]]:
    dag = task.get_dag()
    for params in (dag.params if dag else {}, task.params):
        yield from params.dump().items() if hasattr(params, "dump") else params.items()


def _own_names(task: Any) -> Mapping[str, Any]:
    dag = task.get_dag()
    return (dag.user_defined_macros or {}) if dag else {}


def _dates(now: datetime) -> dict[str, Any]:
    import pendulum

    date, text = pendulum.instance(now), now.isoformat()
    return {
        "logical_date": date,
        "ds": now.strftime("%Y-%m-%d"),
        "ds_nodash": now.strftime("%Y%m%d"),
        "ts": text,
        "ts_nodash": now.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": text.replace("-", "").replace(":", ""),
    }
