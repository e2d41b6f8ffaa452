"""The DAG files of this machine, read as Airflow reads them, without its database."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.cli.quiet import prints_to_stderr
from airflow_provider_cdi.exceptions import UsageError

if TYPE_CHECKING:
    from airflow.sdk import DAG


@dataclass
class DagFiles:
    """What DAG files hold.

    :param places: the folders or files that were read.
    :param dags: by their id.
    :param errors: file, folder or bundle -> why it could not be read, in one line.
    """

    places: list[str] = field(default_factory=list)
    dags: dict[str, DAG] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def unread(self) -> str:
        """Return in lines of their own what could not be read; empty for nothing."""
        return "".join(f"\n  {file} could not be read: {error}" for file, error in self.errors.items())


def read_dag_files(place: str | None = None) -> DagFiles:
    """Read DAG files.

    :param place: a folder or a file; None for all that Airflow is configured with (its DAG bundles).
    :raises UsageError: when there is no such file or folder.
    """
    from airflow_provider_cdi.version_compat import parse_dags

    found = DagFiles()
    with prints_to_stderr():
        for name, root, folder in _places(place, found):
            if str(root) not in sys.path:  # files import from the folder that they are in
                sys.path.append(str(root))
            bag = parse_dags(folder, root, name)
            found.places.append(str(folder))
            found.dags |= bag.dags
            found.errors |= {str(root / file): _last_line(text) for file, text in bag.import_errors.items()}
    return found


def _places(place: str | None, found: DagFiles) -> Iterator[tuple[str, Path, Path]]:
    if place is None:
        yield from _bundles(found)
        return
    path = Path(os.path.expandvars(place)).expanduser().absolute()
    if not path.exists():
        raise UsageError(f"There is no file or folder {place!r} with DAGs. Give the path of one that is there.")
    yield "command-line", path if path.is_dir() else path.parent, path


def _bundles(found: DagFiles) -> Iterator[tuple[str, Path, Path]]:
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    untyped: Any = DagBundlesManager
    manager = untyped()
    for name in manager._bundle_config:
        if name == "example_dags" or name.endswith("-example-dags"):
            continue
        try:
            bundle = manager.get_bundle(name)
            bundle.initialize()
        except Exception as error:  # wrong arguments, or a Git server that is away: told, and the others are read
            found.errors[f"DAG bundle {name}"] = f"it cannot be made or fetched ({type(error).__name__})"
            continue
        path = bundle.path
        if path.exists():
            yield name, path, path
        else:
            found.errors[str(path)] = "there is no such folder"


def _last_line(text: Any) -> str:
    lines = str(text).strip().splitlines()
    return lines[-1].strip() if lines else "nobody said why"
