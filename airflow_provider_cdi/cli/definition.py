"""The commands of ``airflow cdi``, for Airflow and for ``python -m airflow_provider_cdi``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.cli.cli_config import ActionCommand, GroupCommand

from airflow_provider_cdi.cli.commands import (
    adopt,
    check,
    connections,
    keygen,
    list_syncs,
    plan,
    preview,
    rejects,
    setup_sql,
    state,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Each has a file of its own in ``commands``, and a page or a section in ``docs/cli``.
COMMANDS: Sequence[ActionCommand | GroupCommand] = (
    adopt.COMMAND,
    check.COMMAND,
    connections.COMMAND,
    keygen.COMMAND,
    plan.COMMAND,
    preview.COMMAND,
    rejects.COMMAND,
    setup_sql.COMMAND,
    state.COMMAND,
    list_syncs.COMMAND,
)


def get_cdi_commands() -> list[GroupCommand]:
    """Return the group ``cdi``, which the provider's ``cli`` key names (Airflow 3.2 and later)."""
    return [
        GroupCommand(
            name="cdi",
            help="Set up, check and look at syncs of a warehouse to Braze, Klaviyo or an HTTP service",
            subcommands=COMMANDS,
        )
    ]
