"""``airflow cdi adopt``: the DAGs of the syncs that Braze's own Cloud Data Ingestion did so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import NOT_GOOD, cdi_command, option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from airflow_provider_cdi.setup.adopt.adoption import Adopted, Said
    from airflow_provider_cdi.setup.adopt.integration import Integration

_NAMED = "[INTEGRATION=]"
#: What Braze does not tell, by option: the field of ``Said``.
_SAID = ("source", "data_type", "warehouse_conn_id", "catalog")


def _run(options: argparse.Namespace) -> int | None:
    from datetime import UTC, datetime

    from airflow_provider_cdi.cli.output import print_json, print_text, tell
    from airflow_provider_cdi.exceptions import UsageError
    from airflow_provider_cdi.hooks.braze import BrazeHook
    from airflow_provider_cdi.setup.adopt.adoption import adopt

    if options.no_count and options.ties_delivered:
        raise UsageError("--ties-delivered counts the rows of the last timestamp: leave --no-count out.")
    adoption = adopt(
        BrazeHook(options.braze_conn_id),
        at=datetime.now(UTC),
        say=lambda integrations: _said(options, integrations),
        counts=not options.no_count,
        trusts_ties=options.ties_delivered,
    )
    if options.output == "json":
        print_json({"integrations": [one.to_json() for one in adoption.adopted], "dag_file": adoption.file})
    else:
        print_text(adoption.file)
        for one in adoption.adopted:
            for line in _lines(one):
                tell(line)
    return None if adoption.is_whole else NOT_GOOD


def _lines(one: Adopted) -> list[str]:
    """Return what became of an integration, for a person."""
    place = f"DAG {one.dag.dag_id}" if one.dag else "left out"
    lines = [f"{one.integration.describe()}: {place}"]
    if one.trouble:
        lines.append(f"  ! {one.trouble}")
    if one.start:
        lines += [f"  initial={one.start.initial!r}", f"  - {one.start.why}"]
    return lines + [f"  - {remark}" for remark in one.remarks]


def _said(options: argparse.Namespace, integrations: Sequence[Integration]) -> Mapping[str, Said]:
    from airflow_provider_cdi.setup.adopt.adoption import Said

    wanted = [_find(name, integrations) for name in options.integration] if options.integration else integrations
    told: dict[str, dict[str, str]] = {one.id: {} for one in wanted}
    for field in _SAID:
        for text in getattr(options, field) or ():
            for number, value in _meant(text, field, wanted).items():
                told[number][field] = value
    return {number: Said(**fields) for number, fields in told.items()}


def _meant(text: str, field: str, wanted: Sequence[Integration]) -> dict[str, str]:
    """Take ``INTEGRATION=VALUE`` apart; without a name it is for the only one, a connection or a type for all."""
    from airflow_provider_cdi.exceptions import UsageError

    for one in sorted(wanted, key=lambda integration: -len(integration.name)):
        for name in (one.name, one.id):
            if text.startswith(f"{name}="):
                return {one.id: text[len(name) + 1 :]}
    is_for_all = field in ("warehouse_conn_id", "data_type") or len(wanted) == 1
    if "=" in text or not is_for_all:
        names = ", ".join(one.name for one in wanted) or "none"
        flag = f"--{field.replace('_', '-')}"
        raise UsageError(f"{flag} {text!r} names no integration; write {flag} INTEGRATION=VALUE. There are: {names}.")
    return {one.id: text for one in wanted}


def _find(name: str, integrations: Sequence[Integration]) -> Integration:
    from airflow_provider_cdi.exceptions import UsageError

    found = [one for one in integrations if name in (one.id, one.name)]
    if len(found) != 1:
        names = ", ".join(f"{one.name} ({one.id})" for one in integrations) or "none"
        raise UsageError(
            f"--integration {name!r} is the name or the id of {len(found)} integrations. There are: {names}."
        )
    return found[0]


COMMAND = cdi_command(
    "adopt",
    _run,
    help="Take syncs over from Braze Cloud Data Ingestion",
    description=(
        "Read the integrations of Braze Cloud Data Ingestion and how far each has come, and print the DAGs that go on "
        "from there: on standard output the file, ready to save; on standard error what became of each integration. "
        "Nothing is changed in Braze or in the warehouse. Without --source it shows which integrations there are."
    ),
    args=(
        option("--braze-conn-id", default="braze_default", help="Connection of type braze. Default: braze_default"),
        option("--integration", action="append", help="Only this one, by name or id. May be repeated"),
        option("--source", action="append", metavar=f"{_NAMED}TABLE", help="Its table or view. May be repeated"),
        option(
            "--warehouse-conn-id",
            action="append",
            metavar=f"{_NAMED}CONN_ID",
            help="Connection of its warehouse. Default: snowflake_default and its like",
        ),
        option(
            "--data-type", action="append", metavar=f"{_NAMED}TYPE", help="Its data type, where Braze's is not known"
        ),
        option("--catalog", action="append", metavar=f"{_NAMED}CATALOG", help="Its catalog. Default: its own name"),
        option(
            "--ties-delivered",
            action="store_true",
            help="All rows with the last timestamp were sent: no load has stamped any with it since the last run",
        ),
        option("--no-count", action="store_true", help="Do not look into the tables; rows may then go out once more"),
    ),
    examples=(
        "",
        "--integration 'users hourly' --source CDI.INGESTION.USERS > dags/from_braze_cdi.py",
        "--source 'users hourly=CDI.USERS' --source 'orders=CDI.ORDERS' --warehouse-conn-id snowflake_cdi",
        "--output json",
    ),
)
