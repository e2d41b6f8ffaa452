"""The command of the live check: steps to take, and a report to print."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from uuid import uuid4

from airflow_provider_cdi.destinations.braze import DATA_TYPES, braze_destination
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.exceptions import CdiError
from airflow_provider_cdi.live_check.findings import Finding, State
from airflow_provider_cdi.live_check.profiles import PROFILES, Profile
from airflow_provider_cdi.live_check.report import names_of, report
from airflow_provider_cdi.live_check.steps import of_connection, of_rows
from airflow_provider_cdi.live_check.warehouse import CheckedWarehouse, Rows, versions


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, and print the report; what goes on is told on the error output.

    :param arguments: of the command line.
    :return: 0 when nothing failed, 1 when something did, 2 when there is nothing to check.
    """
    chosen = _parser().parse_args(arguments)
    profile = PROFILES[chosen.warehouse]
    tag = f"cdi_live_check_{uuid4().hex[:8]}"
    try:
        warehouse = CheckedWarehouse(chosen.conn_id or f"{chosen.warehouse}_default", profile, tag)
    except CdiError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    findings = []
    for finding in _findings(warehouse, chosen):
        sys.stderr.write(f"{finding.state.value:8} {finding.step}\n")
        findings.append(finding)
    sys.stdout.write(_report(chosen, profile, warehouse, findings))
    return int(any(finding.state is State.FAILED for finding in findings))


def _report(
    chosen: argparse.Namespace, profile: Profile, warehouse: CheckedWarehouse, findings: Sequence[Finding]
) -> str:
    names = names_of(warehouse.connection, table=chosen.table, create_in=chosen.create_in)
    return report(chosen.warehouse, profile.rights, versions(profile), findings, names)


def _findings(warehouse: CheckedWarehouse, chosen: argparse.Namespace) -> Iterator[Finding]:
    yield from of_connection(warehouse)
    if chosen.table:
        yield from of_rows(warehouse, Rows("your table", chosen.table, contract=_contract(chosen.data_type)))
    if chosen.create_in:
        yield from _of_a_table(warehouse, chosen.create_in)


def _of_a_table(warehouse: CheckedWarehouse, schema: str) -> Iterator[Finding]:
    name = f"{schema}.{warehouse.tag}"
    try:
        with warehouse.sample_table(name):
            yield from of_rows(warehouse, Rows("the sample, as a table", name, is_sample=True))
    except CdiError as error:
        # What of_rows finds never comes here: the table was not made, or not dropped.
        yield Finding("create and drop a table", State.FAILED, 0.0, f"Look whether {warehouse.tag} is there. {error}")
    else:
        yield Finding("create and drop a table", State.PASSED, 0.0, "The sample's table was made and dropped.")


def _contract(data_type: str) -> TableContract:
    return braze_destination(data_type, catalog="live_check" if data_type == "catalog_items" else None).contract


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_cdi.live_check", description=__doc__)
    parser.add_argument("--warehouse", required=True, choices=list(PROFILES))
    parser.add_argument(
        "--conn-id", help="Airflow connection, for example of AIRFLOW_CONN_SNOWFLAKE_DEFAULT; <warehouse>_default"
    )
    parser.add_argument("--table", help="a table or view of yours to read from, too; a small one")
    parser.add_argument("--data-type", choices=DATA_TYPES, default="attributes", help="what --table holds")
    parser.add_argument("--create-in", help="schema or dataset in which a table is created, read and dropped, too")
    return parser
