"""The rejects of a sync as its task declares it: where their index looks."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_cdi.rejects.index import RejectIndex, RejectPlace
from airflow_provider_cdi.rejects.parts import RejectPart, split_suffix
from airflow_provider_cdi.state.identity import mapped_name
from airflow_provider_cdi.transfers.arguments.checks import is_template
from airflow_provider_cdi.transfers.rejects.places import (
    configured_root,
    literal_root,
    rejects_below,
    rejects_top,
    says_only_where,
)

if TYPE_CHECKING:
    from airflow_provider_cdi.transfers.declared_sync import DeclaredSync


def reject_index(task: DeclaredSync, *, host: str = "", known: Sequence[RejectPart] = ()) -> RejectIndex:
    """Return the index of all rejects of a sync: of all its runs, tries and mapped instances.

    :param task: the sync. Where its ``rejects_path`` has a template, all files below the part in front of it are
        looked at.
    :param host: this machine's name as Airflow shows it; empty for its own.
    :param known: parts that the sync's state or reports name.
    """
    place = reject_place(task.dag_id, task.task_id, task.rejects_path, task.rejects_path_as_written)
    if "://" not in place.below:
        place = replace(place, host=host or socket.gethostname())
    return RejectIndex(str(task.sync_id), place, known, instances_of(str(task.sync_id)))


def instances_of(sync_id: str) -> str:
    """Return with what the names of a sync's mapped instances begin.

    :param sync_id: of the sync.
    """
    return f"{mapped_name(sync_id, None, None)}:"


def reject_place(dag_id: str, task_id: str, given: str | None, written: object) -> RejectPlace:
    """Return where the rejects of all runs of a task lie.

    :param dag_id: of the task.
    :param task_id: of the task.
    :param given: its ``rejects_path``, with its templates filled in as far as that can be done without a run.
    :param written: the same as it stands in the DAG file.
    """
    top = rejects_top(given, written)
    if given is not None and is_template(written):
        root = (literal_root(written) if isinstance(written, str) else None) or f"{configured_root()}/"
        return RejectPlace(_local(root), top=top, is_shared=True)
    if given is None or says_only_where(given):
        return RejectPlace(_local(rejects_below(given, dag_id, task_id)), top=top)
    stem, _ = split_suffix(_local(given))
    folder, _, _ = stem.rpartition("/")
    return RejectPlace(folder, begins=f"{stem}.", top=top)


def _local(path: str) -> str:
    path = path.removeprefix("file://")
    return path if "://" in path else os.path.abspath(os.path.expanduser(path))
