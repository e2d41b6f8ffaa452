"""Which rejects a command line means."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import option
from airflow_provider_cdi.cli.sync_args import SYNC_ARGS
from airflow_provider_cdi.exceptions import UsageError
from airflow_provider_cdi.rejects.stored import OUTCOMES, RejectFilter
from airflow_provider_cdi.transfers.redrive.choice import codes_of, moment_of

if TYPE_CHECKING:
    import argparse

_NAMING = {"--dag-id", "--task-id", "--sync-id", "--map-index", "--dag-file"}

#: The sync, for commands about what its runs left.
REJECT_SYNC_ARGS = tuple(one for one in SYNC_ARGS if _NAMING & set(one.flags))
ARG_CODE = option(
    "--code",
    action="append",
    dest="codes",
    metavar="CODE",
    help="Only rejects with this code. May be repeated, or be several with commas between them",
)
ARG_RUN_ID = option("--run-id", help="Only rejects of this run")
ARG_OLDER_THAN = option(
    "--older-than",
    metavar="TIME",
    help="Only what was rejected before this moment, such as 2026-01-05T00:00:00Z, or longer ago than 7d, 12h, 30m",
)
#: Which of its rejects; :func:`filter_of` reads them.
FILTER_ARGS = (
    ARG_CODE,
    ARG_RUN_ID,
    ARG_OLDER_THAN,
    option("--newer-than", metavar="TIME", help="Only what was rejected at this moment or later, or within 7d, 12h"),
    option("--identifier", metavar="VALUE", help="Only rejects one of whose identifier columns has this value"),
    option(
        "--outcome",
        action="append",
        dest="outcomes",
        choices=OUTCOMES,
        metavar="(rejected, unknown, accepted)",
        help="Only rejects with this outcome; accepted went without a part. May be repeated",
    ),
    option("--all", action="store_true", dest="all_of_them", help="Those too that were sent again since"),
)


def filter_of(options: argparse.Namespace, now: datetime, *, include_redriven: bool) -> RejectFilter:
    """Return which rejects are meant.

    :param options: of a command with :data:`FILTER_ARGS`.
    :param now: the time.
    :param include_redriven: whether those are meant that were sent again.
    :raises UsageError: when a time is none.
    """
    return RejectFilter(
        codes=frozenset(chosen_codes(options)),
        run_id=options.run_id,
        older_than=moment("--older-than", options.older_than, now),
        newer_than=moment("--newer-than", options.newer_than, now),
        identifier=options.identifier,
        outcomes=frozenset(options.outcomes or OUTCOMES),
        include_redriven=include_redriven,
    )


def chosen_codes(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the codes that are meant; none for any.

    :param options: of a command with :data:`ARG_CODE`.
    :raises UsageError: when the option is there and names none, as an empty variable of a shell does.
    """
    codes = codes_of(options.codes or ())
    if options.codes and not codes:
        raise UsageError("--code is empty. Name a code, or leave the option out for any code.")
    return codes


def moment(name: str, text: str | None, now: datetime) -> datetime | None:
    """Read a moment, or an age such as ``7d``.

    :param name: of the option.
    :param text: what it was given; None for nothing.
    :param now: the time; a moment without a zone is in UTC.
    :raises UsageError: when it is neither.
    """
    if text is None:
        return None
    try:
        return moment_of(text, now)
    except OverflowError:
        raise UsageError(f"{name} {text} is longer ago than there are dates.") from None
    except ValueError:
        raise UsageError(
            f"{name} is {text!r}; give a moment such as 2026-01-05T00:00:00Z, or an age: 7d, 12h or 30m."
        ) from None
