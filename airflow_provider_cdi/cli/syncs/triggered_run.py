"""A run that a command triggers with choices: whether the syncs of the DAG take them, and how the DAG is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.arguments.checks import is_template
from airflow_provider_cdi.transfers.runs.choices import RunChoices, choose, declared_params
from airflow_provider_cdi.transfers.sync_tasks import sync_tasks
from airflow_provider_cdi.version_compat import airflow_option, trigger_run

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
    from airflow_provider_cdi.transfers.sync_tasks import SyncTask


@dataclass(frozen=True, slots=True)
class KnownDag:
    """A DAG as Airflow's metadata database has it.

    :param is_paused: whether its runs do not start.
    :param waiting: runs that were triggered for rejected rows and have no end yet.
    """

    is_paused: bool
    waiting: tuple[str, ...]


def known_dag(dag_id: str) -> KnownDag:
    """Look a DAG up.

    :param dag_id: its id.
    :raises ConfigurationError: when there is no database, or it does not have the DAG.
    """
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    runs = select(DagRun.run_id, DagRun.conf).where(DagRun.dag_id == dag_id, DagRun.state.in_(("queued", "running")))
    try:
        with create_session() as session:
            paused = session.scalar(
                select(DagModel.is_paused).where(DagModel.dag_id == dag_id, DagModel.is_stale.is_(False))
            )
            waiting = [run_id for run_id, conf in session.execute(runs) if (conf or {}).get("sync_mode") == "rejects"]
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"Airflow's metadata database cannot be read from here ({type(error).__name__}), so no run can be "
            "triggered. Call this where `airflow dags trigger` works, or fill in the trigger form."
        ) from None
    if paused is None:
        raise ConfigurationError(
            f"Airflow's metadata database does not have the DAG {dag_id!r} yet, or has it no more. Nothing was "
            "triggered. Wait until the DAG processor has read its file: `airflow dags list` shows it then."
        )
    return KnownDag(bool(paused), tuple(waiting))


def refusal(sync: SyncTask, conf: Mapping[str, Any]) -> str | None:
    """Return why a sync would refuse a run that is triggered with some choices; None when it would not.

    What the task leaves to templates, or to instances that only a run knows, the run itself decides.

    :param sync: the sync.
    :param conf: the choices.
    """
    if sync.missing is not None:
        return None
    operator = cast("WarehouseSyncOperator", sync.operator({}))
    said = {
        "sync_mode": operator.sync_mode,
        "since": operator.since,
        "until": operator.until,
        "dry_run": operator.is_dry_run,
    }
    said = {name: None if is_template(value) else value for name, value in said.items()}
    params = declared_params({"dag": sync.dag}, operator)
    shown = {name: param.value for name, param in params.items()}
    hands_on = airflow_option("core", "dag_run_conf_overrides_params").lower() != "false"
    context = {
        "dag_run": SimpleNamespace(conf=dict(conf), run_type="manual"),
        "params": {**shown, **conf} if hands_on else shown,
    }
    try:
        chosen = choose(said, context, params, is_locked=operator.is_locked)
    except ConfigurationError as error:
        return str(error)
    if chosen.dry_run:
        return "It would be a dry run, as the task or its form says, and send nothing. Take that out of the DAG first."
    passed_over = [name for name, value in conf.items() if getattr(chosen, name) != value]
    if not passed_over:
        return None
    return (
        f"The DAG has Params of its own named {', '.join(passed_over)}, which syncs do not read, so the run would be "
        "of another kind. Let the DAG's author rename them."
    )


def other_tasks(dag: DAG, task_id: str, conf: Mapping[str, Any]) -> list[str]:
    """Return in sentences what else a run of the DAG does.

    :param dag: the DAG.
    :param task_id: the task that the run is for.
    :param conf: the choices, which all syncs of the DAG read.
    """
    syncs = {one.task_id: one for one in sync_tasks([dag]) if one.task_id != task_id}
    refusing = [name for name, one in syncs.items() if refusal(one, conf) is not None]
    sending = [name for name in syncs if name not in refusing]
    others = [name for name in dag.task_ids if name != task_id and name not in syncs]
    told = {
        "The run is of the whole DAG: these other syncs send their own rejects by the same choice, too": sending,
        "These other syncs refuse such a run, and will be red": refusing,
        "The other tasks of the DAG run as in every run": others,
    }
    return [f"{words}: {', '.join(sorted(names))}." for words, names in told.items() if names]


def trigger(dag_id: str, conf: Mapping[str, Any]) -> str:
    """Trigger a run in the name of whoever calls; return its id.

    :param dag_id: of the DAG.
    :param conf: the choices.
    """
    from airflow_provider_cdi.state.by_hand.changes import person

    unknown = set(conf) - set(RunChoices.__slots__)
    assert not unknown, unknown  # noqa: S101  a name that no sync reads would make it a usual run
    return trigger_run(dag_id, dict(conf), person())
