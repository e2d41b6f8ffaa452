"""The table of modules in ``architecture.md``: each with the first sentence of its docstring.

What a module is for is said where it is, so nothing has to be written here when one comes, goes or moves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "airflow_provider_cdi"
#: What stands in the page in the tables' place.
MARK = "```{module-table}\n```"

# ``:mod:`~a.b.c``` shows what stands behind the last dot, as Sphinx does.
_ROLE = re.compile(r":\w+:`(?:~[\w.]*\.)?([^`]+)`")


def modules(folder: Path) -> list[Path]:
    """Return the modules that lie in a folder itself, ``__init__`` left out."""
    return sorted(path for path in folder.glob("*.py") if path.stem != "__init__")


def folders(folder: Path = PACKAGE) -> Iterator[Path]:
    """Yield a package and the packages below it, each before its own."""
    yield folder
    for below in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield from folders(below)


def summary(path: Path) -> str:
    """Return what the docstring of a module says first, in Markdown."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    first = " ".join(text.partition("\n\n")[0].split())
    return _ROLE.sub(r"`\1`", first).replace("``", "`").replace("|", "\\|").removesuffix(".")


def markdown() -> str:
    """Return the tables, one for each folder."""
    parts = []
    for folder in folders():
        rows = "".join(f"| `{path.stem}` | {summary(path)} |\n" for path in modules(folder))
        name = folder.relative_to(ROOT).as_posix()
        parts.append(
            f"**`{name}/`**: {summary(folder / '__init__.py')}\n"
            + (f"\n| module | |\n|---|---|\n{rows}" if rows else "")
        )
    return "\n".join(parts)


def put_in(app: Any, _page: str, source: list[str]) -> None:
    """Put the tables where a page asks for them, and build it again when the package changed."""
    if MARK in source[0]:
        source[0] = source[0].replace(MARK, markdown())
        for path in PACKAGE.rglob("*.py"):
            app.env.note_dependency(str(path))


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx show us each page that it reads."""
    app.connect("source-read", put_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
