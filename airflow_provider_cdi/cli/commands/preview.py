"""``airflow cdi preview``: the first rows as the next run would send them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.command import GOOD, NOT_GOOD, cdi_command, option
from airflow_provider_cdi.cli.start import START_ARGS, check_start, chosen_start
from airflow_provider_cdi.cli.sync_args import SYNC_ARGS
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.preview.masks import Mask
    from airflow_provider_cdi.preview.preview import Preview


def _run(options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.find_sync import find_sync
    from airflow_provider_cdi.transfers.preview import preview_sync

    mask = _checked(options)
    task = find_sync(options)
    preview = preview_sync(task, chosen_start(options, task), rows=options.rows, mask=mask)
    _print(preview, options.output)
    return GOOD if preview.is_good else NOT_GOOD


def _checked(options: argparse.Namespace) -> Mask:
    """Refuse what makes no sense; return what is masked."""
    from airflow_provider_cdi.preview.masks import Mask
    from airflow_provider_cdi.transfers.arguments.checks import MOST_ROWS

    if not 1 <= options.rows <= MOST_ROWS:
        raise UsageError(f"--rows is {options.rows}; a preview shows 1 to {MOST_ROWS:,} rows.")
    check_start(options)
    try:
        return Mask() if options.mask is None else Mask.of(options.mask.split(","))
    except ConfigurationError as error:
        raise UsageError(f"--mask: {error}") from None


def _print(preview: Preview, output: str) -> None:
    from airflow_provider_cdi.cli.output import print_json, print_result, print_text, printable

    if output == "json":
        print_json(preview.to_json())
    elif output == "plain":
        print_text(printable(preview.text()))
    else:
        print_text(printable("\n".join(preview.remarks())))
        rows, requests = preview.rows(), preview.requests()
        if rows:
            print_result([_row(row) for row in rows], output)
        if requests:
            print_result([_request(request) for request in requests], output)
            print_text(
                "--output plain has payloads in full and the requests with headers and bodies; json has them too."
            )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    from airflow_provider_cdi.cli.output import shortened, whose

    return {
        "outcome": row["outcome"],
        "request": row["request"],
        "identifier": whose(row["identifier"]),
        "updated_at": row["updated_at"],
        "payload": shortened(row["payload"] or ""),
        "why": ": ".join(filter(None, (row["code"], row["reason"]))) or ", ".join(row["adjusted"]),
    }


def _request(request: dict[str, Any]) -> dict[str, Any]:
    return {name: request[name] for name in ("number", "method", "url", "rows", "bytes")}


COMMAND = cdi_command(
    "preview",
    _run,
    help="Show the first rows of a sync as its next run would send them, and send nothing",
    description=(
        "Show the first rows of a sync as its next run would send them: each row's own bytes, the requests, what is "
        "rejected or skipped and why. Nothing is sent, saved or locked, and the DAG may be paused"
    ),
    args=(
        *SYNC_ARGS,
        option("--rows", type=int, default=10, help="How many rows that are due, 1 to 1000. Default: 10"),
        option(
            "--mask",
            metavar="FIELDS",
            help="Fields that are shown as ***, such as email,phone; their values are masked wherever else they stand. "
            "all masks every value",
        ),
        *START_ARGS,
    ),
    examples=(
        "--dag-id users_to_braze --mask email,phone",
        "--warehouse-conn-id snowflake_default --source USERS --data-type attributes --braze-conn-id braze_default",
        "--sync-id users --rows 3 --output plain",
    ),
)
