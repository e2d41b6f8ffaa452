"""Takes syncs over from Braze's own CDI: what it has sent, and the DAG that sends the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.braze.arguments import DATA_TYPES
from airflow_provider_cdi.exceptions import CdiError
from airflow_provider_cdi.hooks.braze.cdi import list_integrations, list_jobs
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook
from airflow_provider_cdi.setup.adopt.dag_file import DagOfSync, dag_file, dag_id_of
from airflow_provider_cdi.setup.adopt.history import History, read_history
from airflow_provider_cdi.setup.adopt.integration import Integration, Job
from airflow_provider_cdi.setup.adopt.schedule import cron_of
from airflow_provider_cdi.setup.adopt.start import Start, find_start

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Source
    from airflow_provider_cdi.hooks.braze.hook import BrazeHook

#: Runs of one page, from which the schedule is told.
_RECENT = 10


@dataclass(frozen=True, slots=True)
class Said:
    """What Braze does not tell of an integration.

    :param source: its table or view; None when nobody said it.
    :param data_type: instead of what its type means.
    :param warehouse_conn_id: instead of Airflow's usual connection for its warehouse.
    :param catalog: of ``catalog_items``; None for the one that is called like the integration.
    """

    source: str | None = None
    data_type: str | None = None
    warehouse_conn_id: str | None = None
    catalog: str | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """One integration, and what became of it.

    :param integration: as Braze tells of it.
    :param dag: of its sync; None when it was left out.
    :param start: where the sync starts; None when it was left out.
    :param trouble: why it was left out, or what must be done first; empty for nothing.
    :param remarks: what one should know.
    """

    integration: Integration
    dag: DagOfSync | None = None
    start: Start | None = None
    trouble: str = ""
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        one, dag, start = self.integration, self.dag, self.start
        return {
            "integration_id": one.id,
            "integration": one.name,
            "type": one.type,
            "status": one.status,
            "warehouse": one.warehouse,
            "dag_id": dag.dag_id if dag else None,
            "schedule": dag.schedule if dag else None,
            "initial": start.initial if start else None,
            "exact": start.is_exact if start else None,
            "because": start.why if start else None,
            "trouble": self.trouble or None,
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True)
class Adoption:
    """What came of it.

    :param adopted: an entry for each integration, those that were left out included.
    :param file: the DAG file.
    """

    adopted: tuple[Adopted, ...]
    file: str

    @property
    def is_whole(self) -> bool:
        """Whether each integration has a DAG and nothing must be done first."""
        return not any(one.trouble for one in self.adopted)


@dataclass(frozen=True, slots=True)
class _Work:
    hook: BrazeHook
    said: Mapping[str, Said] = field(default_factory=dict)
    counts: bool = True
    trusts_ties: bool = False


def adopt(
    hook: BrazeHook,
    *,
    at: datetime,
    say: Callable[[Sequence[Integration]], Mapping[str, Said]],
    counts: bool = True,
    trusts_ties: bool = False,
) -> Adoption:
    """Take integrations over: nothing is changed, neither in Braze nor in the warehouse.

    :param hook: the Braze connection; its key needs ``cdi.integration_list`` and ``cdi.integration_job_status``.
    :param at: now.
    :param say: is given the integrations, and returns by id, for those that are wanted, what Braze does not tell.
    :param counts: whether the tables are counted in, which tells the rows of the last timestamp apart.
    :param trusts_ties: take all rows of the last timestamp for sent, where numbers do not tell.
    :raises DestinationRefused: when the key lacks a permission.
    :raises RetryLater: when Braze could not be asked.
    """
    integrations = [Integration.read(member) for member in list_integrations(hook)]
    work = _Work(hook, say(integrations), counts, trusts_ties)
    adopted: list[Adopted] = []
    for integration in integrations:
        if integration.id in work.said:
            taken = {one.dag.dag_id for one in adopted if one.dag}
            adopted.append(_adopt_one(integration, dag_id_of(integration.name, taken), work))
    left_out = [f"Left out: {one.integration.describe()}: {one.trouble}." for one in adopted if one.dag is None]
    file = dag_file((one.dag for one in adopted if one.dag), left_out, at=at)
    return Adoption(tuple(adopted), file)


def _adopt_one(integration: Integration, dag_id: str, work: _Work) -> Adopted:
    said = work.said[integration.id]
    missing = _missing(integration, said)
    jobs = (Job.read(member) for member in list_jobs(work.hook, integration.id))
    recent = list(islice(jobs, _RECENT))
    history = read_history(integration, chain(recent, jobs))
    remarks = tuple(_remarks(integration, history))
    if missing:
        return Adopted(integration, trouble=missing, remarks=remarks)
    arguments = _arguments(integration, said, work.hook.conn_id)
    try:
        source = _open(arguments, is_asked=work.counts)
        start = find_start(history, source, trusts_ties=work.trusts_ties)
    except CdiError as error:
        return Adopted(integration, trouble=f"it cannot be taken over: {error}".rstrip("."), remarks=remarks)
    schedule = cron_of((job.started for job in recent if job.started), integration.next_run)
    if schedule is None:
        remarks = (*remarks, "Braze tells no schedule, so its DAG runs when it is triggered: set schedule=")
    remarks += _about_repeats(start, arguments["data_type"])
    arguments["initial"] = start.initial
    comments = (integration.describe() + ".", f"{_sentence(start.why)}.", *(f"{_sentence(one)}." for one in remarks))
    dag = DagOfSync(dag_id, schedule, arguments, comments)
    return Adopted(integration, dag, start, _first_of_all(integration, history), remarks)


def _missing(integration: Integration, said: Said) -> str:
    """Say what must be known before there can be a DAG; empty when all is known."""
    if (said.data_type or integration.data_type) is None:
        types = ", ".join(DATA_TYPES)
        return f"its type {integration.type!r} is none that is known here; say which of {types} it is with --data-type"
    if (said.warehouse_conn_id or integration.connection) is None:
        return (
            f"its source {integration.warehouse!r} is none of the four warehouses; name the Airflow connection of its "
            "database with --warehouse-conn-id"
        )
    if said.source is None:
        return "Braze does not tell its table; name it with --source"
    return ""


def _arguments(integration: Integration, said: Said, braze_conn_id: str) -> dict[str, Any]:
    data_type = said.data_type or integration.data_type
    arguments: dict[str, Any] = {
        "warehouse_conn_id": said.warehouse_conn_id or integration.connection,
        "source": said.source,
        "data_type": data_type,
        "braze_conn_id": braze_conn_id,
    }
    if said.catalog or data_type == "catalog_items":
        arguments["catalog"] = said.catalog or integration.name
    return arguments


def _open(arguments: Mapping[str, Any], *, is_asked: bool) -> Source | None:
    """Check the arguments, and look at the table when it is to be asked."""
    contract = braze_destination(arguments["data_type"], catalog=arguments.get("catalog")).contract
    if not is_asked:
        return None
    return get_warehouse_hook(arguments["warehouse_conn_id"]).source(arguments["source"], contract=contract)


def _first_of_all(integration: Integration, history: History) -> str:
    if history.is_running:
        return f"a run of it goes on: pause {integration.name!r} in Braze, wait for the run to end, and adopt it again"
    return ""


def _remarks(integration: Integration, history: History) -> Iterable[str]:
    if history.last is None:
        yield "It never ran" if not history.synced else "Braze lists no run of it any more"
    elif history.last.status in ("error", "config_error"):
        yield f"Its last run ended with {history.last.status}; what is meant to be sent begins behind the last good one"
    elif history.last.status not in ("success", "partial", "running"):
        yield f"Its last run ended with {history.last.status!r}, a status that is not known here: look at it in Braze"
    if history.failed:
        yield (
            f"Its last run with rows left {history.failed:,} of them with errors; CDI does not send those again, and "
            "neither does the new sync: give them a new UPDATED_AT"
        )
    if integration.is_active:
        yield "It is active in Braze: pause it there, and adopt it again, before its DAG is unpaused"
    else:
        yield f"Braze says that it is {integration.status or 'without a status'!r}"


def _about_repeats(start: Start, data_type: str) -> tuple[str, ...]:
    if start.is_exact or data_type not in ("events", "purchases"):
        return ()
    return (
        f"For {data_type} what is sent twice counts twice: if no load has stamped rows with that time since CDI's last "
        "run, say --ties-delivered",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
