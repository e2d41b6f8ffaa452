"""What all commands share: their options, their exit codes, and how an error is told.

A command is a file of this room::

    def _run(options: argparse.Namespace) -> int | None: ...

    COMMAND = cdi_command("check", _run, help="…", args=(*SYNC_ARGS, option("--rows", type=int)), examples=("…",))

What it returns is the exit code: 0 or None when all is well, 1 when what was asked about is not. What is wrong with the
words of the command line is a :class:`~airflow_provider_cdi.exceptions.UsageError` and makes it 2. Standard output
carries the result (:mod:`airflow_provider_cdi.cli.output`) and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import ActionCommand, Arg

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, Unforeseen, UsageError, is_of_airflow

if TYPE_CHECKING:
    import argparse

GOOD, NOT_GOOD, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def option(*flags: str, **settings: Any) -> Arg:
    """Return an option of a command.

    :param flags: one name without dashes for what is given by its place, else the names of an option.
    :param settings: as ``argparse.ArgumentParser.add_argument`` takes them.
    """
    return Arg(flags, **settings)  # type: ignore[no-untyped-call]


ARG_OUTPUT = option(
    "-o",
    "--output",
    choices=("table", "json", "plain"),
    default="table",
    metavar="(table, json, plain)",
    help="How the result is printed; json is for programs. Default: table",
)
ARG_VERBOSE = option(
    "-v",
    "--verbose",
    action="store_true",
    help="Show what is logged, and of an error the place in the code. Values of rows are never shown",
)

Run = Callable[["argparse.Namespace"], int | None]


def cdi_command(
    name: str,
    run: Run,
    *,
    help: str,
    args: Sequence[Arg],
    examples: Sequence[str],
    description: str | None = None,
    output: Arg = ARG_OUTPUT,
) -> ActionCommand:
    """Return a command as Airflow knows them.

    :param name: as it is typed.
    :param run: does it; what it needs it imports itself.
    :param help: one line, for the list of commands.
    :param args: its own options; ``--output`` and ``--verbose`` are added.
    :param examples: what follows the command's name, one line each.
    :param description: for its ``--help``, when there is more to say.
    :param output: its ``--output``, when it prints in more ways than others.
    """

    def command(options: argparse.Namespace) -> None:
        sys.exit(exit_code(run, options))

    command.__name__ = name
    # argparse fills in the program's name: `airflow cdi check`, or `python -m airflow_provider_cdi check`.
    lines = [f"  %(prog)s {example.replace('%', '%%')}".rstrip() for example in examples]
    return ActionCommand(
        name=name,
        help=help,
        description=description or f"{help}.",
        func=command,
        args=(*args, output, ARG_VERBOSE),
        epilog="\n".join(["examples:" if len(lines) > 1 else "example:", *lines]),
    )


def exit_code(run: Run, options: argparse.Namespace) -> int:
    """Run a command; an error becomes words on standard error.

    :param run: the command.
    :param options: of its command line.
    :return: the exit code.
    """
    from airflow_provider_cdi.cli.output import tell
    from airflow_provider_cdi.cli.quiet import run_quietly
    from airflow_provider_cdi.version_compat import database_asked_for_secrets

    try:
        with database_asked_for_secrets():
            return run_quietly(run, options) or GOOD
    except KeyboardInterrupt:
        tell("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # `… | head` has seen enough
        _close_standard_output()
        return GOOD
    except Exception as error:
        return _tell_error(error, options)


def confirm(options: argparse.Namespace) -> None:
    """Ask a person whether to go on, unless ``--yes`` says so.

    :param options: of a command with ``--yes``.
    :raises UsageError: when nobody can be asked.
    :raises ConfigurationError: when the answer is no.
    """
    from airflow_provider_cdi.cli.output import tell

    if options.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask whether to go on: read what is said above and add --yes.")
    tell("Go on? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigurationError("Nothing was changed.")


def _tell_error(error: Exception, options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.output import tell
    from airflow_provider_cdi.cli.places import places

    is_clean = isinstance(error, CdiError) or is_of_airflow(error)
    told = error if is_clean else Unforeseen(error, f"The command {options.subcommand!r}")
    if options.verbose:
        tell(places(error))
    tell(f"Error: {told}")
    if not is_clean and not options.verbose:
        tell("With --verbose the way there is shown, without values.")
    return WRONG_USAGE if isinstance(error, UsageError) else NOT_GOOD


def _close_standard_output() -> None:
    import os

    # Python would write what is left when it ends, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
