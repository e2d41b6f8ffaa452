"""Every command that a page shows is run here, or the page says above it who runs it, or what it needs.

A block of commands without a mark is run as a reader would: page by page, block by block, in one folder. A mark is a
comment right above the block: ``<!-- needs an account -->``, or ``<!-- run by .ci/run -->``.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.pages import PAGES, PROJECT, Block, all_blocks, blocks, inline_code, name_of
from support.shell_session import ShellSession, make_clone, migrated_home

SHELL = ("bash", "sh", "console", "shell")
#: Why a command is not run by anybody. A page needs a good reason for another one.
NEEDS = {"needs an account", "needs Java 17", "needs node", "needs a quiet machine and many minutes"}
_RUN_BY = re.compile(r"run by (\S+)")
#: How a command begins, in a sentence.
_COMMANDS = ("make", "python", "pip", "airflow", "pytest", "curl", "gcloud", "export", ".venv/bin/")
#: Commands of which a sentence speaks, without asking anybody to run them.
SPOKEN_OF = {"pip install pre-commit", "airflow dags test", "airflow db clean"}
#: What the commands of a page show, by what the page says.
SAID = {
    "cdi_sandbox/README.md": ('"attributes_processed":1', '"plan":"gold"', '"kind":"answer"'),
    "docs/cli/adopt.md": ('initial="2026-01-05T08:59:58.123456Z, 2 rows delivered"', "DAG users_hourly_to_braze"),
    "docs/quickstart.md": ("  accepted              2 ", "  accepted              0 ", "  0 requests"),
    "README.md": ("Connection success!",),
    "docs/cli.md": ("Set up, check and look at syncs", "Show which syncs use which connections"),
    "docs/cli/connections.md": ("braze_default | yes    | destination | users_to_braze | attributes",),
    "docs/connections/braze.md": ("Connection success!", "accepts the key. Granted: users.track"),
    "docs/connections/klaviyo.md": ("Connection success!", "accepts the key of the test account 'Acme Demo' (DeMo01)"),
}
MAKEFILE = (PROJECT / "Makefile").read_text()
TARGETS = dict(re.findall(r"^([a-z-]+):([^#=\n]*)", MAKEFILE, re.MULTILINE))


def commands(text: str) -> list[str]:
    """Return the commands of a block, one a line, without comments."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines) if line]


def unmarked(page: Path) -> list[Block]:
    return [block for block in blocks(page, *SHELL) if not block.mark]


def targets(text: str) -> list[str]:
    """Return what is made by the calls of make in a text."""
    return re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)


def made_by_ci() -> set[str]:
    """Return the targets that `.ci/run` makes, and what these need."""
    made = set(targets((PROJECT / ".ci" / "run").read_text()))
    return made | {needed for target in made for needed in TARGETS[target].split()}


def run_by_ci(command: str) -> bool:
    """Whether a command is a target that `.ci/run` makes, or tests that it runs with all others."""
    made = targets(command)
    chosen = re.findall(r"^\.venv/bin/pytest .*?(tests/\S+)", command)
    return made[0] in made_by_ci() if made else any((PROJECT / path).exists() for path in chosen)


MARKED = [block for block in all_blocks(*SHELL) if block.mark]


@pytest.mark.parametrize("block", MARKED, ids=lambda block: block.place)
def test_a_mark_above_commands_says_who_runs_them_or_what_they_need(block):
    found = _RUN_BY.fullmatch(block.mark)
    if not found:
        assert block.mark in NEEDS
    elif found[1] == ".ci/run":
        assert [command for command in commands(block.text) if not run_by_ci(command)] == []
    else:
        runs = (PROJECT / found[1]).read_text()
        assert [command for command in commands(block.text) if " ".join(command.split()[:2]) not in runs] == []


@pytest.mark.parametrize("block", MARKED, ids=lambda block: block.place)
def test_commands_that_are_not_run_here_are_commands_of_a_shell(block):
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert not done.stderr


def test_every_call_of_make_names_a_target_and_variables_that_the_makefile_has():
    shown = [block.text for block in all_blocks(*SHELL)] + [f"{text}\n" for page in PAGES for text in inline_code(page)]
    called = [call for text in shown for call in re.findall(r"^make (.*)", text, re.MULTILINE)]
    assert len(called) > 20
    for call in called:
        words = re.sub(r"#.*", "", re.sub(r'"[^"]*"', '""', call)).split()
        assert words[0] in TARGETS, call
        assert all(re.search(rf"\b{word.partition('=')[0]}\b", MAKEFILE) for word in words[1:]), call


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_in_a_sentence_is_one_that_a_block_shows(page):
    shown = {command for block in all_blocks(*SHELL) for command in commands(block.text)}
    found = [text for text in inline_code(page) if text.startswith(tuple(f"{word} " for word in _COMMANDS))]
    of_extras = r"pip install '\.\[(snowflake|redshift|bigquery|databricks)(,ssh)?\]'"
    unknown = {text for text in found if not text.startswith("make ") and not re.fullmatch(of_extras, text)}
    assert [text for text in sorted(unknown - SPOKEN_OF) if not any(each.startswith(text) for each in shown)] == []


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated_home(tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize("page", [page for page in PAGES if unmarked(page)], ids=name_of)
def test_the_commands_of_a_page_do_what_it_says(page, tmp_path, clone, home):
    with ShellSession(page, tmp_path, clone, home) as session:
        for block in blocks(page):
            if block.language == "python":
                session.save(block)
            elif block.language in SHELL and not block.mark:
                session.run(block)
    assert all(isinstance(connection, dict) for connection in session.connections())
    for said in SAID.get(name_of(page), ()):
        assert said in session.output
