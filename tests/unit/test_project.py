"""What a contributor's tools and GitHub read keeps step with what the Makefile and ``.ci/run`` do."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matrix
import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FORMS = [GITHUB / "ISSUE_TEMPLATE" / "bug.yml", GITHUB / "ISSUE_TEMPLATE" / "feature.yml"]
MAKEFILE = (ROOT / "Makefile").read_text()

#: Make's own variables: which Python, which version of Airflow. They choose one of what ``.ci/run`` does all of.
_CHOICES = ("PYTHON=", "VERSIONS=")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def jobs() -> dict[str, dict[str, Any]]:
    return dict(read(GITHUB / "workflows" / "ci.yml")["jobs"])


def made_by(lines: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield the words behind each ``make``, without the choice of one part."""
    for line in lines:
        if line.startswith("make "):
            words = shlex.split(re.sub(r"\$\{\{.*?\}\}", "", line))
            yield tuple(word for word in words[1:] if not word.startswith(_CHOICES))


def recipe(target: str) -> list[str]:
    found = re.search(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", MAKEFILE, re.MULTILINE)
    assert found
    return [line.strip() for line in found[1].splitlines()]


def test_the_workflow_makes_what_ci_run_makes():
    steps = [step["run"] for job in jobs().values() for step in job["steps"] if "run" in step]
    expected = list(made_by((ROOT / ".ci" / "run").read_text().splitlines()))
    assert expected
    assert sorted(made_by(steps)) == sorted(expected)


def test_every_version_of_airflow_that_the_matrix_knows_has_a_job():
    chosen = jobs()["matrix"]["strategy"]["matrix"]["airflow"]
    assert chosen == [release.version for release in matrix.RELEASES]


def test_every_python_that_the_package_names_has_a_job():
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg")
    named = re.findall(r"Python :: (3\.\d+)", metadata["metadata"]["classifiers"])
    assert jobs()["test"]["strategy"]["matrix"]["python"] == named


@pytest.mark.parametrize("choice", ["VERSIONS=3.1.8", ""])
def test_one_version_of_airflow_can_be_chosen(choice):
    command = [
        "make",
        "--dry-run",
        "--no-print-directory",
        "--old-file=.venv/.uv",
        "test-matrix",
        *filter(None, [choice]),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == [
        ".venv/bin/python",
        "tests/matrix.py",
        *choice.partition("=")[2].split(),
    ]


def test_pre_commit_runs_the_commands_of_make_lint():
    hooks = [hook for repo in read(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == [line.replace("$(BIN)", ".venv/bin") for line in recipe("lint")]
    # Each looks at the whole package: types and layers of one file alone say nothing.
    assert {hook["pass_filenames"] for hook in hooks} == {False}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_one_that_github_takes(path):
    form = read(path)
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)


def test_the_form_for_faults_asks_for_versions_report_and_log_and_warns_of_secrets():
    fields = {field.get("id"): field for field in read(FORMS[0])["body"]}
    assert {"versions", "report", "log"} <= set(fields)
    assert "no password" in fields[None]["attributes"]["value"]
    assert fields["clean"]["attributes"]["options"][0]["required"] is True


def test_every_target_of_make_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), GITHUB / "PULL_REQUEST_TEMPLATE.md"]
    code = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
    assert {name for page in pages if "_build" not in page.parts for name in code.findall(page.read_text())} <= targets
