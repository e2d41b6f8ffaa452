"""``airflow cdi check``: whether a sync would work, step by step, before it sends anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import NOT_GOOD, cdi_command, option
from airflow_provider_cdi.cli.sync_args import SYNC_ARGS

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.checks.depth.look import DepthCheck
    from airflow_provider_cdi.checks.findings import Finding
    from airflow_provider_cdi.engine.rows.table_contract import TableContract
    from airflow_provider_cdi.transfers.base import WarehouseSyncOperator


def _run(options: argparse.Namespace) -> int | None:
    from airflow_provider_cdi.checks.findings import State
    from airflow_provider_cdi.checks.shown import line, summary
    from airflow_provider_cdi.cli.output import print_json, print_result, print_text, printable, tell

    sync = None if _is_connection_alone(options) else _sync(options)
    depth = _depth(options, sync)
    findings = []
    for finding in _findings(options, sync, depth):
        findings.append(finding)
        if options.report:
            tell(f"{finding.state.value:8} {finding.step}")
        elif options.output == "table":
            print_text(printable(line(finding)))
    if options.report and depth:
        print_text(depth.report(findings))
    elif options.output == "json":
        print_json(summary(sync.sync_id if sync else None, findings))
    elif options.output == "plain":
        print_result([finding.to_json() for finding in findings], options.output)
    fatal = {State.FAILED, State.WARNING} if options.fail_on == "warning" else {State.FAILED}
    return NOT_GOOD if any(finding.state in fatal for finding in findings) else None


def _is_connection_alone(options: argparse.Namespace) -> bool:
    """Whether nothing says which sync it is, or where its rows go: then the warehouse is checked alone."""
    names = ("dag_id", "task_id", "sync_id", "braze_conn_id", "klaviyo_conn_id", "http_conn_id")
    return options.warehouse_conn_id is not None and all(getattr(options, name) is None for name in names)


def _sync(options: argparse.Namespace) -> WarehouseSyncOperator:
    from airflow_provider_cdi.cli.find_sync import find_sync

    return find_sync(options)


def _findings(
    options: argparse.Namespace, sync: WarehouseSyncOperator | None, depth: DepthCheck | None
) -> Iterator[Finding]:
    from airflow_provider_cdi.checks.sync import check_sync, check_warehouse
    from airflow_provider_cdi.checks.warehouse.subject import SourceArguments

    if sync is not None:
        yield from check_sync(sync, counts=not options.no_counts)
    elif depth is None or not options.report:
        source = SourceArguments(table=options.source, sql=options.sql, contract=_contract(options.data_type))
        yield from check_warehouse(options.warehouse_conn_id, source, counts=not options.no_counts)
    if depth is not None:
        yield from depth.findings()


def _depth(options: argparse.Namespace, sync: WarehouseSyncOperator | None) -> DepthCheck | None:
    from airflow_provider_cdi.exceptions import UsageError

    if not options.in_depth:
        if options.create_in or options.report:
            raise UsageError("--create-in and --report belong to a check in depth: add --in-depth.")
        return None
    from airflow_provider_cdi.checks.depth.look import DepthCheck

    conn_id = sync.warehouse_conn_id if sync else options.warehouse_conn_id
    contract = _contract(sync.data_type if sync else options.data_type)
    table = sync.source if sync else options.source
    return DepthCheck(conn_id, table=table, contract=contract, create_in=options.create_in)


def _contract(data_type: str | None) -> TableContract | None:
    """Return what a data type asks for, before it is known where the rows go; those of Braze go first."""
    from airflow_provider_cdi.destinations import braze, klaviyo
    from airflow_provider_cdi.exceptions import UsageError

    if data_type is None or data_type == "rows":
        return None
    if data_type in braze.DATA_TYPES:
        catalog = "catalog" if data_type == "catalog_items" else None
        return braze.braze_destination(data_type, catalog=catalog).contract
    names = (*klaviyo.DATA_TYPES, *klaviyo.CONSENT_TYPES)
    if data_type in names:
        return klaviyo.klaviyo_destination(data_type).contract
    raise UsageError(f"There is no data type {data_type!r}: give one of {', '.join((*braze.DATA_TYPES, *names))}.")


COMMAND = cdi_command(
    "check",
    _run,
    help="Check step by step whether a sync would work, before it sends anything",
    description="Check network, TLS, log-in, compute, table, columns, privileges and UPDATED_AT of the warehouse, then "
    "network, key, permissions and catalog of the destination. Nothing is sent and nothing is written, but with "
    "--create-in. With --warehouse-conn-id alone, the warehouse is checked alone. The exit code is 1 when a step "
    "failed.",
    args=(
        *SYNC_ARGS,
        option(
            "--no-counts", action="store_true", help="Leave out what reads the whole source (NULLs, ties, identifiers)"
        ),
        option(
            "--fail-on",
            choices=("failure", "warning"),
            default="failure",
            metavar="(failure, warning)",
            help="Which findings make the exit code 1. Default: failure",
        ),
        option(
            "--in-depth",
            action="store_true",
            help="Look too whether what is taken for granted of the warehouse holds in this account: precision, "
            "bounds, types, quoting, cancelling; some sixty small queries, a minute or two",
        ),
        option("--create-in", metavar="SCHEMA", help="With --in-depth: create a table there, read it and drop it, too"),
        option(
            "--report",
            action="store_true",
            help="With --in-depth: print a report as Markdown that can be sent to a stranger, names left out",
        ),
    ),
    examples=(
        "--dag-id users_to_braze",
        "--sync-id users_attributes --output json",
        "--warehouse-conn-id snowflake_default --source USERS --data-type attributes --braze-conn-id braze_default",
        "--warehouse-conn-id snowflake_default --in-depth --report > report.md",
    ),
)
