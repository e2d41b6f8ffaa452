"""The page about adding a destination shows what there is, and the example is as short as it says."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "extending.md"
NAMED = sorted(set(re.findall(r"`(airflow_provider_cdi(?:\.\w+)+)`", PAGE.read_text())))
SHOWN = re.findall(r"```\{literalinclude\} (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
#: Without docstrings, comments, blank lines and imports.
MOST_LINES = 100
EXAMPLE = ("transfers/warehouse_to_http.py", "destinations/http/rows.py")


def lines_of_code(path: Path) -> int:
    """Count what somebody had to think of."""
    source = path.read_text()
    nodes = list(ast.walk(ast.parse(source)))
    imports = [one for one in nodes if isinstance(one, (ast.Import, ast.ImportFrom))]
    texts = [one for one in nodes if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)]
    spent = {line for one in (*imports, *texts) for line in range(one.lineno, (one.end_lineno or 0) + 1)}
    lines = enumerate(source.splitlines(), start=1)
    return sum(1 for number, line in lines if line.strip() and not line.strip().startswith("#") and number not in spent)


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_is_there(name):
    parts = name.split(".")
    module = next(
        ".".join(parts[:end]) for end in range(len(parts), 0, -1) if parts[end - 1].islower() and is_module(parts[:end])
    )
    thing = importlib.import_module(module)
    for part in parts[module.count(".") + 1 :]:
        thing = getattr(thing, part)


def is_module(parts):
    path = ROOT.joinpath(*parts)
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize(("path", "options"), SHOWN, ids=[path for path, _ in SHOWN])
def test_what_the_page_shows_is_there(path, options):
    source = (PAGE.parent / path).read_text()
    for option, text in re.findall(r"^:(pyobject|start-at|end-before): (.+)$", options, re.MULTILINE):
        assert (f"class {text}" if option == "pyobject" else text) in source


def test_operator_and_data_type_of_the_example_are_short():
    assert sum(lines_of_code(ROOT / "airflow_provider_cdi" / path) for path in EXAMPLE) < MOST_LINES
