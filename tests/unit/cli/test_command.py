"""How commands end: exit codes, and errors in one line without a traceback or a value."""

from __future__ import annotations

import argparse
import logging
import warnings

import pytest
from airflow.exceptions import AirflowConfigException

from airflow_provider_cdi.cli.command import cdi_command, exit_code
from airflow_provider_cdi.cli.output import print_text
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError

QUIET = argparse.Namespace(subcommand="any", verbose=False)
VERBOSE = argparse.Namespace(subcommand="any", verbose=True)


def raising(error):
    def run(options):
        raise error

    return run


def ended(capsys, run, options=QUIET):
    capsys.readouterr()
    code = exit_code(run, options)
    return code, *capsys.readouterr()


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1)])
def test_what_a_command_returns_is_its_exit_code(capsys, returned, code):
    assert ended(capsys, lambda options: returned)[0] == code


@pytest.mark.parametrize(("error", "code"), [(UsageError("Say it so."), 2), (ConfigurationError("Say it so."), 1)])
def test_an_error_of_ours_is_one_line_on_standard_error(capsys, error, code):
    assert ended(capsys, raising(error)) == (code, "", "Error: Say it so.\n")


def test_an_error_that_nobody_foresaw_is_told_by_its_place_and_not_by_its_text(capsys):
    code, out, err = ended(capsys, raising(ValueError("anna@example.com")))
    assert (code, out) == (1, "")
    assert err.startswith("Error: The command 'any' failed in a way that nobody foresaw: ValueError in test_command.py")
    assert "Traceback" not in err
    assert "anna@example.com" not in err


def test_an_error_of_airflow_is_told_in_its_own_words(capsys):
    code, _, err = ended(capsys, raising(AirflowConfigException("section/key [core/x] not found")))
    assert (code, err) == (1, "Error: section/key [core/x] not found\n")


def test_verbose_shows_the_way_to_an_error_without_its_text(capsys):
    def run(options):
        try:
            raise ValueError("anna@example.com")
        except ValueError as error:
            raise ConfigurationError("The table cannot be read.") from error

    code, _, err = ended(capsys, run, VERBOSE)
    assert code == 1
    assert "test_command.py" in err
    assert "builtins.ValueError\n" in err
    assert "ConfigurationError: The table cannot be read." in err
    assert err.endswith("Error: The table cannot be read.\n")


def test_verbose_never_shows_what_stands_in_the_code_s_values(capsys):
    error = ValueError("anna@example.com")
    error.add_note("row of anna@example.com")
    _, _, err = ended(capsys, raising(error), VERBOSE)
    assert "raise error" in err
    assert "anna" not in err


def test_an_interrupted_command_ends_with_130(capsys):
    assert ended(capsys, raising(KeyboardInterrupt())) == (130, "", "Interrupted.\n")


def test_logs_and_warnings_stay_out_of_both_outputs(capsys):
    def run(options):
        logging.getLogger("some.driver").error("row of anna")
        warnings.warn("row of anna", stacklevel=1)
        print_text("result")

    assert ended(capsys, run) == (0, "result\n", "")


def test_an_error_cannot_command_the_terminal(capsys):
    _, _, err = ended(capsys, raising(ConfigurationError("table \x1b[2Jusers\r")))
    assert err == "Error: table \\x1b[2Jusers\\x0d\n"


def test_the_help_shows_each_example_with_the_program_s_name(capsys):
    command = cdi_command("any", lambda options: None, help="Any", args=(), examples=("--rows 5", "100%"))
    parser = argparse.ArgumentParser(prog="airflow cdi any", epilog=command.epilog)
    assert "airflow cdi any --rows 5" in parser.format_help()
    assert "airflow cdi any 100%" in parser.format_help()
