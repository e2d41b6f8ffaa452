"""``python -m airflow_provider_cdi …``: the commands of ``airflow cdi``, for every version of Airflow."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

import argcomplete
from airflow.cli.cli_config import ActionCommand, DefaultHelpParser, GroupCommand
from rich_argparse import RawTextRichHelpFormatter

from airflow_provider_cdi.cli.definition import get_cdi_commands

PROGRAM = "python -m airflow_provider_cdi"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and exit with its code.

    :param arguments: of the command line.
    """
    parser = make_parser()
    argcomplete.autocomplete(parser)
    options = parser.parse_args(arguments)
    options.func(options)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, as Airflow makes its own."""
    (cdi,) = get_cdi_commands()
    parser = DefaultHelpParser(prog=PROGRAM, description=cdi.help, formatter_class=RawTextRichHelpFormatter)
    _add_commands(parser, cdi.subcommands)
    return parser


def _add_commands(parser: argparse.ArgumentParser, commands: Iterable[ActionCommand | GroupCommand]) -> None:
    places = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    for command in sorted(commands, key=lambda one: one.name):
        place = places.add_parser(
            command.name,
            help=command.help,
            description=command.description or command.help,
            epilog=command.epilog,
            formatter_class=RawTextRichHelpFormatter,
        )
        if isinstance(command, GroupCommand):
            _add_commands(place, command.subcommands)
        else:
            for arg in command.args:
                arg.add_to_parser(place)
            place.set_defaults(func=command.func)
