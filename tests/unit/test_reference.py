"""The API reference holds what people import, and the guides can be linked to as those of Airflow's providers."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import runpy
import textwrap
from pathlib import Path
from typing import Any, get_args

import pytest
from airflow.sdk import BaseOperator

from airflow_provider_cdi.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "reference.md").read_text()
SHOWN = re.findall(r"^\.\. auto(?:class|data|function|module):: (\S+)$", PAGE, re.MULTILINE)
ANCHORS = runpy.run_path(str(DOCS / "howto_anchors.py"))["ANCHORS"]
_CODE = re.compile(r"^ *```python[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def named(name: str) -> Any:
    """Return the thing with a name; it may have several, because the package hands on what its modules define."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def imported_by(code: str) -> set[str]:
    """Return the names of this package that a piece of code imports from it."""
    nodes = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom))
    return {
        f"{node.module}.{one.name}"
        for node in nodes
        if (node.module or "").startswith("airflow_provider_cdi")
        for one in node.names
    }


def written_by_people() -> set[str]:
    """Return what the example DAGs and the examples of the pages import."""
    pages = [page for page in DOCS.rglob("*.md") if "_build" not in page.parts]
    codes = [textwrap.dedent(code) for page in pages for code in _CODE.findall(page.read_text())]
    codes += [path.read_text() for path in ROOT.glob("dags/*.py")]
    return {name for code in codes for name in imported_by(code)}


def operators() -> list[type[BaseOperator]]:
    info = get_provider_info()
    names = [one["python-module"] for one in info["transfers"]]
    names += [name for one in info["operators"] for name in one["python-modules"]]
    classes = [
        value for name in names for value in vars(importlib.import_module(name)).values() if inspect.isclass(value)
    ]
    return [one for one in classes if issubclass(one, BaseOperator) and one.__module__ in names]


def test_what_people_import_is_in_the_reference():
    modules, shown = tuple(f"{name}." for name in SHOWN), [named(name) for name in SHOWN]
    asked = {name for name in written_by_people() if not name.startswith(modules)}
    assert {name for name in asked if not any(named(name) is one for one in shown)} == set()


@pytest.mark.parametrize("name", SHOWN)
def test_every_name_of_the_reference_can_be_imported_and_says_what_it_is(name):
    shown = named(name)
    assert inspect.getdoc(shown) or get_args(shown)


def test_every_operator_and_every_connection_type_has_its_anchor():
    types = [one["connection-type"] for one in get_provider_info()["connection-types"]]
    expected = [f"howto/operator:{one.__name__}" for one in operators()]
    assert sorted(ANCHORS.values()) == sorted(
        [*expected, *(f"howto/connection:{name}" for name in types), "howto/notifier:SyncErrorNotifier"]
    )
    assert all((DOCS / f"{page}.md").is_file() for page in ANCHORS)


@pytest.mark.parametrize("operator", operators())
def test_an_operator_leads_to_its_guide(operator):
    _, _, behind = inspect.getdoc(operator).partition(".. seealso::\n")
    assert f":ref:`howto/operator:{operator.__name__}`" in behind.partition("\n\n")[0]
