"""Reading rejects back, as a person does who has the report: the files that it names and no others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def lines_of(parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rejects of the parts that a report names."""
    found: list[dict[str, Any]] = []
    for part in parts:
        lines = [line for name in names_of(part) for line in Path(name).read_bytes().splitlines(keepends=True)]
        assert all(line.endswith(b"\n") for line in lines)
        assert len(lines) == part["rows"], part
        found += map(json.loads, lines)
    return found


def names_of(part: Mapping[str, Any]) -> list[str]:
    """Return the files of a part: with a star in its name, the first ones by number."""
    if "*" not in part["path"]:
        return [part["path"]]
    return [part["path"].replace("*", f"{number:05d}") for number in range(part["files"])]


def lines_below(folder: Path) -> list[dict[str, Any]]:
    """Return all rejects that lie below a folder, whoever wrote them."""
    files = sorted(path for path in folder.rglob("*.jsonl") if path.is_file())
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]
