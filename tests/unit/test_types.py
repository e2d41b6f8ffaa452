"""What editors and type checkers see of the operators: right DAG files pass mypy, each mistake has its error."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from airflow.sdk import BaseOperator
from support.airflow_versions import airflow_version

from airflow_provider_cdi.transfers.arguments.arguments import AirflowArguments

ROOT = Path(__file__).parents[2]
WRONG = Path("tests/types/wrong.py")
#: Line -> code of the error, and a word of its text.
MISTAKES = {
    number: found.groups()
    for number, line in enumerate((ROOT / WRONG).read_text().splitlines(), start=1)
    if (found := re.search(r"# \[([a-z-]+)\] (\w+)$", line))
}
_ERROR = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): error: (?P<text>.*)  \[(?P<code>[a-z-]+)\]$", re.MULTILINE)


@cache
def errors() -> list[dict[str, str]]:
    """Run mypy once over all files; it shares the cache of `make lint`."""
    pytest.importorskip("mypy")
    right = ["tests/types/right.py", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("dags/*.py"))]
    command = [sys.executable, "-m", "mypy", "--no-pretty", "--show-error-codes", str(WRONG), *right]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [found.groupdict() for found in _ERROR.finditer(done.stdout)]


def test_right_dag_files_pass():
    assert [error for error in errors() if error["path"] != str(WRONG)] == []


def test_every_mistake_has_its_error_at_its_line_and_nothing_else_has_one():
    found = {int(error["line"]) for error in errors() if error["path"] == str(WRONG)}
    assert found == set(MISTAKES)


@pytest.mark.parametrize("line", MISTAKES)
def test_the_error_says_what_is_wrong(line):
    code, word = MISTAKES[line]
    (error,) = [error for error in errors() if error["path"] == str(WRONG) and int(error["line"]) == line]
    assert error["code"] == code
    assert word in error["text"]


@pytest.mark.skipif(airflow_version() != (3, 3), reason="the list is that of the newest version")
def test_what_every_operator_of_airflow_takes_is_known_to_ours():
    names = set(inspect.signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}
    assert names - set(AirflowArguments.__annotations__) - {"max_active_tis_per_dag", "sla"} == set()
