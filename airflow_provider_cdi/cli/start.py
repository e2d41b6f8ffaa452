"""The options that say where a preview or a plan begins to read, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import option
from airflow_provider_cdi.exceptions import UsageError

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.transfers.declared_sync import DeclaredSync
    from airflow_provider_cdi.transfers.preview import Start

#: For every command that shows what the next run would send.
START_ARGS = (
    option("--from-beginning", action="store_true", help="Read everything, whatever the state of the sync is"),
    option("--since", metavar="TIME", help="Read a window instead: its first moment, such as 2026-01-05T00:00:00Z"),
    option("--until", metavar="TIME", help="The moment after the window. Default: now"),
)


def check_start(options: argparse.Namespace) -> None:
    """Refuse a start that makes no sense, before a sync is looked for.

    :param options: of a command with :data:`START_ARGS`.
    :raises UsageError: then.
    """
    if options.from_beginning and (options.since or options.until):
        raise UsageError("--from-beginning reads everything and --since a window: give either of them.")


def chosen_start(options: argparse.Namespace, task: DeclaredSync) -> Start:
    """Return where to begin: where the options say, else where the next run of the sync does.

    :param options: of a command with :data:`START_ARGS` and :data:`~airflow_provider_cdi.cli.sync_args.SYNC_ARGS`.
    :param task: the sync.
    """
    from airflow_provider_cdi.transfers.preview import Start, stored_start

    if options.from_beginning or options.since or options.until:
        return Start(from_beginning=options.from_beginning, since=options.since or "", until=options.until or "")
    return stored_start(task, map_index=options.map_index)
