"""Where a task's rejects go: what the task says, what Airflow's configuration says, or the worker's own disk.

Whatever a template of ``rejects_path`` filled in, they stay below a root. Who triggers a run chooses its ``conf`` and
its id, and so what a template makes of them. That person is not the one who wrote the DAG, and must not choose the
machine's folder or the bucket into which rows of people are written.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Sequence
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.rejects.parts import RejectPart, split_suffix
from airflow_provider_cdi.transfers.arguments.checks import TEMPLATE_MARKS, is_template
from airflow_provider_cdi.version_compat import airflow_option

#: A file system takes 255 bytes; the rest is for the try and the number.
_NAME_BYTES = 190
#: Executors whose tasks all run on the machine of their scheduler.
_ONE_MACHINE = frozenset({"LocalExecutor", "SequentialExecutor", "DebugExecutor", "MockExecutor"})
_MARKS = re.compile("|".join(map(re.escape, TEMPLATE_MARKS)))
#: A step up, or a sign that no path has.
_WRONG = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|\0")
#: ``s3://aws_default@bucket/``; a bucket that a template finishes is nobody's choice yet.
_BUCKET = re.compile(r"\w[\w+.-]*://[^/]+/.*", re.DOTALL)


def reject_file(
    ti: Any, sync_id: str, *, given: str | None, written: object, anywhere: bool, earlier: Sequence[RejectPart]
) -> RejectFile:
    """Return where the rejects of a try go.

    :param ti: the task instance.
    :param sync_id: of the sync; of an instance of a mapped task, its own name.
    :param given: the task's own ``rejects_path``, with its templates filled in.
    :param written: the same as it stands in the DAG file.
    :param anywhere: whether a template may lead out of the folder or address that stands before it.
    :param earlier: the parts that earlier tries of the run wrote.
    :raises ConfigurationError: when it leads there without leave.
    """
    if given is not None and not anywhere:
        check_below_root(given, written, configured_root())
    top = rejects_top(given, written)
    instance = -1 if ti.map_index is None else ti.map_index
    whose = {"sync_id": sync_id, "run_id": ti.run_id, "map_index": instance, "try_number": ti.try_number}
    return RejectFile(
        rejects_path(given, ti), earlier=earlier, try_number=ti.try_number, host=host_of(ti), top=top, whose=whose
    )


def rejects_path(given: str | None, ti: Any) -> str:
    """Return the name of a run's rejects, to which each part adds its try.

    :param given: the task's own argument. A folder, or an address that ends in ``/``, gets the run's names below it.
    :param ti: the task instance.
    """
    path = given or configured_root() + "/"
    if says_only_where(path):
        path = f"{rejects_below(given, ti.dag_id, ti.task_id)}/{_fit(ti.run_id)}.jsonl"
    if "://" not in path:
        path = os.path.abspath(os.path.expanduser(path))
    folder, slash, name = path.rpartition("/")
    stem, suffix = split_suffix(name)
    instance = f".{ti.map_index}" if ti.map_index is not None and ti.map_index >= 0 else ""
    return f"{folder}{slash}{_fit(stem)}{instance}{suffix}"


def rejects_below(given: str | None, dag_id: str, task_id: str) -> str:
    """Return the folder or address in which a task's rejects have names by their runs.

    :param given: the task's own argument, a folder or an address that ends in ``/``; None for the configured root.
    :param dag_id: of the task.
    :param task_id: of the task.
    """
    path = given or configured_root()
    return "/".join([path.rstrip("/"), *map(_fit, (dag_id, task_id))])


def rejects_top(given: str | None, written: object) -> str | None:
    """Return the local folder below which the folders of rejects are ours, see :mod:`.private_folder`.

    :param given: the task's own argument, with its templates filled in.
    :param written: the same as it stands in the DAG file.
    :return: None where the task names the file itself, or an address.
    """
    if given is None:
        top: str | None = configured_root()
    elif isinstance(written, str) and not is_template(written):
        top = given if says_only_where(given) else None
    else:
        top = (literal_root(written) if isinstance(written, str) else None) or configured_root()
    top = top.removeprefix("file://") if top else None
    return None if top is None or "://" in top else os.path.abspath(os.path.expanduser(top))


def check_below_root(given: str, written: object, configured: str) -> None:
    """Refuse what a template made of ``rejects_path``, where it leads out of its root.

    :param given: what it made.
    :param written: the argument as it stands in the DAG file.
    :param configured: the folder or address of ``[cdi] rejects_path``, which is the root where the argument has none.
    :raises ConfigurationError: then.
    """
    is_text = isinstance(written, str)
    if is_text and not _MARKS.search(str(written)):
        return
    root = literal_root(str(written)) if is_text else None
    if root is None:
        root, given = f"{_plain(configured)}/", _plain(given)
    if not given.startswith(root) or _WRONG.search(given[len(root) :]):
        raise ConfigurationError(
            f"rejects_path= was filled in for this run, and what it became does not stay below {root!r}. Nothing was "
            "sent. Who triggers a run must not choose where rows are written: begin rejects_path with the folder or "
            "bucket that all runs share, write the template behind it, and give it no '..'; or set "
            "allow_rejects_anywhere=True if the values in it are to be trusted."
        )


def literal_root(written: str) -> str | None:
    """Return the part of a template, up to a slash, that is the same in every run.

    :param written: the argument as it stands in the DAG file.
    :return: it ends with a slash; None when there is none, or none but the root of the disk.
    """
    fixed = _MARKS.split(written, maxsplit=1)[0]
    root = fixed[: fixed.rfind("/") + 1]
    local = root.removeprefix("file://")
    if "://" in local:
        return root if _BUCKET.fullmatch(local) else None
    return root if local.strip("/") else None


def host_of(ti: Any) -> str:
    """Return the machine's name as Airflow shows it for the task instance."""
    return str(getattr(ti, "hostname", None) or socket.gethostname())


def warn_of_several_machines(rejects: RejectFile, executor: str | None, log: Any) -> None:
    """Say what a local path means where tries run on several machines.

    :param rejects: of this try.
    :param executor: the task's own, None for the default one.
    :param log: of the task.
    """
    name = executor_name(executor, airflow_option("core", "executor"))
    if not rejects.host or name in _ONE_MACHINE:
        return
    log.warning(
        "Rejects of this try stay on the disk of %s, in %s, and %s uses more machines than this one: each try leaves "
        "its part where it runs, and a machine that goes takes its part with it. The report names all parts. To have "
        "them in one place, set [cdi] rejects_path in Airflow's configuration (AIRFLOW__CDI__REJECTS_PATH) to storage "
        "that all workers share, such as s3://aws_default@bucket/rejects, or file:///mnt/rejects for a mount.",
        rejects.host,
        os.path.dirname(rejects.path),
        name,
    )


def executor_name(chosen: str | None, configured: str) -> str:
    """Return the class name of the executor that runs a task.

    :param chosen: by the task: an alias, a class name or a path; None for the first of the configured ones.
    :param configured: ``[core] executor``: several with commas, ``alias:path``, and ``team=…;…`` for teams.
    """
    entries = [entry.split("=")[-1].strip() for entry in re.split("[,;]", configured) if entry.strip()]
    names = {alias: path for alias, _, path in (entry.rpartition(":") for entry in entries) if alias}
    entry = chosen or (entries[0] if entries else "LocalExecutor")
    return names.get(entry, entry).rpartition(":")[2].rpartition(".")[2]


def configured_root() -> str:
    """Return the folder or address below which the rejects of all syncs go that say nothing else."""
    home = os.environ.get("AIRFLOW_HOME", "~/airflow")
    return airflow_option("cdi", "rejects_path") or os.path.join(home, "cdi_rejects")


def says_only_where(path: str) -> bool:
    """Whether a ``rejects_path`` is a folder or an address, below which runs have names, and no file's own name."""
    return path.endswith("/") or ("://" not in path and os.path.isdir(os.path.expanduser(path)))


def _fit(name: str) -> str:
    """Return a name that every file system takes, and that leads nowhere else."""
    name = name.replace("/", "_")
    name = "_" * len(name) if name in (".", "..") else name
    if len(name.encode()) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return name.encode()[:_NAME_BYTES].decode(errors="ignore") + "-" + digest


def _plain(path: str) -> str:
    path = path.removeprefix("file://")
    return path.rstrip("/") if "://" in path else os.path.abspath(os.path.expanduser(path))
