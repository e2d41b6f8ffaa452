"""Below which folder or address the rejects of a run stay, whatever a template of ``rejects_path`` filled in.

Who triggers a run chooses its ``conf`` and its id, and so what a template makes of them. That person is not the one who
wrote the DAG, and must not choose the machine's folder or the bucket into which rows of people are written.
"""

from __future__ import annotations

import os
import re

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.arguments.checks import TEMPLATE_MARKS

_MARKS = re.compile("|".join(map(re.escape, TEMPLATE_MARKS)))
#: A step up, or a sign that no path has.
_WRONG = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|\0")
#: ``s3://aws_default@bucket/``; a bucket that a template finishes is nobody's choice yet.
_BUCKET = re.compile(r"\w[\w+.-]*://[^/]+/.*", re.DOTALL)


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


def _plain(path: str) -> str:
    path = path.removeprefix("file://")
    return path.rstrip("/") if "://" in path else os.path.abspath(os.path.expanduser(path))
