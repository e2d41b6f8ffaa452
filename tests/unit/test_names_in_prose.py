"""What docstrings, comments and pages call by name exists: a move of modules must not leave old names behind."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "airflow_provider_cdi", ROOT / "cdi_sandbox")
MODULES = [path for package in PACKAGES for path in package.rglob("*.py")]
PAGES = [
    *(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "cdi_sandbox/README.md")),
]
#: Files of a user's own, which a page has somebody make.
MADE_BY_READERS = {"make_table.py", "dags/users_to_braze.py"}

_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?\.?([\w.]+)`")
_FILE = re.compile(r"`([\w/]+\.py)`")


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def defined(tree: ast.AST, above: str) -> set[str]:
    """Return the dotted names of everything that a module or a class defines."""
    names = {above}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            names |= defined(node, f"{above}.{node.name}")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names |= {f"{above}.{node.name}"}
            names |= {f"{above}.{found.attr}" for found in ast.walk(node) if isinstance(found, ast.Attribute)}
        elif isinstance(node, ast.Assign):
            names |= {f"{above}.{target.id}" for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names |= {f"{above}.{node.target.id}"}
    return names


NAMES = {name for path in MODULES for name in defined(ast.parse(path.read_text()), dotted(path))}
ENDS = {".".join(parts[start:]) for name in NAMES for parts in [name.split(".")] for start in range(len(parts))}


def prose(path: Path) -> str:
    """Return the comments and the texts of a module."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return "\n".join(token.string for token in tokens if token.type in (tokenize.COMMENT, tokenize.STRING))


def is_file(name: str) -> bool:
    """Tell whether a name is that of one of our files, from any folder above it on."""
    return any(str(path).endswith(f"/{name}") for path in ROOT.glob(f"[!.]*/**/{name.rpartition('/')[2]}"))


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_what_a_modules_docstrings_refer_to_exists(path):
    assert [name for name in _ROLE.findall(prose(path)) if name not in ENDS] == []


@pytest.mark.parametrize("path", [*MODULES, *PAGES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_python_files_that_are_named_exist(path):
    text = path.read_text() if path.suffix == ".md" else prose(path)
    assert [name for name in _FILE.findall(text) if name not in MADE_BY_READERS and not is_file(name)] == []
