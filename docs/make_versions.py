"""Writes ``versions.md`` of what the tests run on: ``python docs/make_versions.py``."""

from __future__ import annotations

import configparser
import re
import runpy
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "versions.md"
WAREHOUSES = ("duckdb", "snowflake", "redshift", "bigquery", "databricks")
_PAGE = """# Versions

Made by `docs/make_versions.py` of `setup.cfg`, `constraints.txt` and `tests/matrix.py`, which say what is installed and
what is tested.

## Airflow

{airflow} or later. What touches Airflow is tested on the newest version of each line with the libraries of its time
(`make test-matrix`), everything else on {newest}.

| Airflow | tested | with libraries up to |
|---|---|---|
{lines}
A few libraries may be younger; `tests/matrix.py` names them. What 3.3 has and the others have not are
[stores for state](how-a-run-works.md#where-the-state-lives). `airflow cdi` is there since 3.2; before, the same
[commands](cli.md) are `python -m airflow_provider_cdi`.

## Python

{pythons}. The workflow `.github/workflows/ci.yml` runs `make test` on each of them, the rest on {first}.

## Warehouses

Each is an extra, `pip install '.[snowflake]'` from a clone, and `all` is all of them. What is under "at least" is what
pip asks for, what is under "tested" is what `make test` runs with.

| extra | brings | at least | tested |
|---|---|---|---|
{extras}
PostgreSQL, SQLite and every other warehouse whose hook is a `DbApiHook` need Airflow's provider for it and no extra.

## What comes with the package

| package | versions | tested |
|---|---|---|
{needs}"""


def page() -> str:
    """Return what the page says."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    options, pinned = setup["options"], pins()
    needs = {one.name: one for one in requirements(options["install_requires"])}
    airflow = needs.pop("apache-airflow")
    pythons = re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    return _PAGE.format(
        airflow=str(airflow.specifier).removeprefix(">=").removesuffix(".0"),
        newest=pinned[airflow.name],
        lines=rows(*((line(one.version), one.version, one.newest) for one in releases())),
        pythons=" and ".join([", ".join(pythons[:-1]), pythons[-1]]),
        first=pythons[0],
        extras=rows(*(extra(name, setup["options.extras_require"][name], pinned) for name in WAREHOUSES)),
        needs=rows(*((f"`{one.name}`", versions(one), pinned[one.name]) for one in needs.values())),
    )


def pins() -> dict[str, str]:
    """Return the version of each package that the tests run with."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {name: version for name, found, version in (one.partition("==") for one in lines) if found}


def requirements(text: str) -> list[Requirement]:
    """Read what ``setup.cfg`` asks for."""
    return [Requirement(one) for one in text.splitlines() if one and not one.startswith("#")]


def releases() -> list[Any]:
    """Return the versions of Airflow that the matrix knows."""
    return list(runpy.run_path(str(ROOT / "tests" / "matrix.py"))["RELEASES"])


def line(version: str) -> str:
    """Return the line that a version belongs to."""
    return version.rpartition(".")[0]


def versions(need: Requirement) -> str:
    """Say which versions will do."""
    return ", ".join(sorted(map(str, need.specifier), reverse=True)) or "any"


def extra(name: str, text: str, pinned: dict[str, str]) -> tuple[str, ...]:
    """Return the cells of an extra."""
    (need,) = requirements(text)
    return f"`{name}`", f"`{need.name}`", str(need.specifier).removeprefix(">="), pinned[need.name]


def rows(*lines: tuple[str, ...]) -> str:
    """Return the rows of a table."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    FILE.write_text(page())
