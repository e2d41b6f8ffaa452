"""The pages of the commands and their ``--help`` say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from airflow.cli.cli_config import GroupCommand

from airflow_provider_cdi.cli.command import ARG_OUTPUT, ARG_VERBOSE
from airflow_provider_cdi.cli.definition import COMMANDS
from airflow_provider_cdi.cli.sync_args import SYNC_ARGS

DOCS = Path(__file__).parents[3] / "docs"
INDEX = (DOCS / "cli.md").read_text()
SHARED = (*SYNC_ARGS, ARG_OUTPUT, ARG_VERBOSE)
EACH = pytest.mark.parametrize("command", COMMANDS, ids=[one.name for one in COMMANDS])


def actions(command):
    return (
        [one for each in command.subcommands for one in actions(each)]
        if isinstance(command, GroupCommand)
        else [command]
    )


def long_names(args):
    return {flag for arg in args for flag in arg.flags if flag.startswith("--")}


@EACH
def test_the_page_of_all_commands_has_each_with_its_words(command):
    assert re.search(
        rf"^\| \[`{command.name}`\]\(cli/[\w-]+\.md[\w#-]*\) \| {re.escape(command.help)} \|$",
        INDEX,
        re.MULTILINE,
    )


def test_the_page_of_all_commands_has_no_other():
    assert set(re.findall(r"^\| \[`([\w-]+)`\]", INDEX, re.MULTILINE)) == {one.name for one in COMMANDS}


def test_the_page_of_all_commands_has_the_options_that_they_share():
    assert {flag for flag in long_names(SHARED) if f"`{flag}`" not in INDEX and f"`{flag} " not in INDEX} == set()


@EACH
def test_the_page_of_a_command_has_all_its_options(command):
    (page,) = re.findall(rf"^\| \[`{command.name}`\]\((cli/[\w-]+\.md)", INDEX, re.MULTILINE)
    own = {flag for one in actions(command) for flag in long_names(one.args)} - long_names(SHARED)
    text = (DOCS / page).read_text()
    assert {flag for flag in own if not re.search(rf"{flag}(?![\w-])", text)} == set()


@EACH
def test_an_option_that_a_page_names_is_one(command):
    (page,) = re.findall(rf"^\| \[`{command.name}`\]\((cli/[\w-]+\.md)", INDEX, re.MULTILINE)
    known = {flag for one in actions(command) for flag in long_names(one.args)}
    table = re.findall(r"^\| `(--[\w-]+)", (DOCS / page).read_text(), re.MULTILINE)
    assert set(table) - known == set()
