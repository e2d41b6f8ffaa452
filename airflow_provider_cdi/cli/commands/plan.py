"""``airflow cdi plan``: what the next run comes to, before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.command import GOOD, NOT_GOOD, cdi_command, option
from airflow_provider_cdi.cli.start import START_ARGS, check_start, chosen_start
from airflow_provider_cdi.cli.sync_args import SYNC_ARGS
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.preview.masks import Mask
    from airflow_provider_cdi.transfers.forecast import SyncForecast

#: People that are asked about, at most.
MOST_ASKED = 10_000
#: Says that nothing is masked.
_NONE = "none"


def _run(options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.find_sync import find_sync
    from airflow_provider_cdi.transfers.forecast import forecast_sync

    mask = _checked(options)
    task = find_sync(options)
    forecast = forecast_sync(task, chosen_start(options, task), mask=mask, ask=options.ask or 0)
    _print(forecast, options.output)
    return GOOD if forecast.is_good else NOT_GOOD


def _checked(options: argparse.Namespace) -> Mask:
    """Refuse what makes no sense; return what is masked."""
    from airflow_provider_cdi.preview.masks import Mask

    if options.ask is not None and not 1 <= options.ask <= MOST_ASKED:
        raise UsageError(f"--ask is {options.ask}; a plan asks about 1 to {MOST_ASKED:,} people.")
    check_start(options)
    try:
        return Mask() if options.mask == _NONE else Mask.of(options.mask.split(","))
    except ConfigurationError as error:
        raise UsageError(f"--mask: {error}") from None


def _print(forecast: SyncForecast, output: str) -> None:
    from airflow_provider_cdi.cli.output import print_json, print_result, print_text, printable

    document = forecast.to_json()
    if output == "json":
        print_json(document)
        return
    print_text(printable("\n".join(forecast.lines())))
    examples = [_example(one, is_table=output == "table") for one in document["plan"]["examples"]]
    if examples:
        print_text("")
        print_result(examples, output)


def _example(example: dict[str, Any], *, is_table: bool) -> dict[str, Any]:
    from airflow_provider_cdi.cli.output import PLAIN_CHARS, shortened, whose

    payload = " ".join((example["payload"] or "").split())
    return {
        "outcome": example["outcome"],
        "code": example["code"],
        "updated_at": example["updated_at"],
        "identifier": shortened(whose(example["identifier"]), PLAIN_CHARS),
        "payload": shortened(payload) if is_table else shortened(payload, PLAIN_CHARS),
        "reason": example["reason"],
    }


COMMAND = cdi_command(
    "plan",
    _run,
    help="Say what the next run of a sync comes to, and send nothing",
    description=(
        "Read every row that the next run of a sync would read, and say what it comes to: rows, rejects with examples, "
        "people, deletes, requests, bytes, minutes, and what the vendor bills. Nothing is sent, saved or locked, and "
        "the DAG may be paused. The rows are read in the warehouse, which may cost money there"
    ),
    args=(
        *SYNC_ARGS,
        option(
            "--mask",
            metavar="FIELDS",
            default="all",
            help="Fields of the examples that are shown as ***, such as email,phone; none shows every value. "
            "Default: all",
        ),
        option(
            "--ask",
            type=int,
            metavar="N",
            help="Ask the destination about N people, chosen by chance, whether it knows them, and estimate from that "
            f"how many are new; at most {MOST_ASKED}. Default: nobody is asked, or all where max_new_profiles is set",
        ),
        *START_ARGS,
    ),
    examples=(
        "--dag-id users_to_braze",
        "--dag-id users_to_braze --from-beginning --output json",
        "--sync-id users --ask 1000",
        "--sync-id users --mask email,phone --output plain",
    ),
)
