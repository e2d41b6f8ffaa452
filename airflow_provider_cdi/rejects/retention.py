"""How long rejects are kept: what lies there of a run goes as a whole, with its marks, when all of it is old."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_cdi.rejects.index import RejectIndex
from airflow_provider_cdi.rejects.lines import parse_line
from airflow_provider_cdi.rejects.listing import RunFiles
from airflow_provider_cdi.rejects.stored import written_at

#: Of a time that nobody can read: it may be young.
_NEVER = datetime.max.replace(tzinfo=UTC)


#: From the first try of a run to the last one, which may join what the first one wrote.
_LONGEST_RUN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class OldRun:
    """The files of a run, all of whose rejects are old.

    :param files: its files.
    :param rejects: how many lines they have.
    :param newest: when the last of them was written, as ISO 8601.
    """

    files: RunFiles
    rejects: int
    newest: str


def old_runs(index: RejectIndex, before: datetime, *, keep: Collection[str] = ()) -> Iterator[OldRun]:
    """Give the runs of a sync all of whose rejects were written before a moment.

    Only files that were last written before it are read, so the cost does not grow with what is kept.

    :param index: of the sync.
    :param before: the moment.
    :param keep: tokens of parts that are still needed, because the record of the sync names them.
    :raises RetryLater: when the storage does not do its part.
    :raises ConfigurationError: when it never can.
    """
    for run in (one for found in index.runs() for one in _apart(index, found)):
        is_needed = any(part.token in keep for part in run.parts)
        if run.modified < before.timestamp() and not is_needed and (old := _as_old(index, run, before)):
            yield old


def remove(index: RejectIndex, run: OldRun) -> None:
    """Delete the files of a run: the marks last, so that what is left by a kill is marked as it was.

    :param index: that found it.
    :param run: what goes.
    :raises RetryLater: when the storage does not do its part.
    :raises ConfigurationError: when it never can.
    """
    parts = [part.name for part in run.files.parts]
    try:
        index.storage.remove(parts)
        index.storage.remove([name for name in run.files.names() if name not in parts])
    except index.storage.errors as error:
        raise index.explained(error, f"Rejects below {index.place.below!r} cannot be deleted") from None


def remove_old(index: RejectIndex, before: datetime, *, keep: Collection[str] = ()) -> int:
    """Delete what is old; say how many rejects went.

    :param index: of the sync.
    :param before: see :func:`old_runs`.
    :param keep: see :func:`old_runs`.
    """
    gone = 0
    for run in old_runs(index, before, keep=keep):
        remove(index, run)
        gone += run.rejects
    remove_old_marks(index, before)
    return gone


def remove_old_marks(index: RejectIndex, before: datetime) -> None:
    """Delete marks of rejects that are all gone, where ``rejects_path`` gives all runs one name, so none goes whole.

    A mark is written after what it marks: where every part that is left was written long after it, it marks nothing.

    :param index: of the sync.
    :param before: the moment before which they were written.
    :raises RetryLater: when the storage does not do its part.
    :raises ConfigurationError: when it never can.
    """
    if not index.place.begins:
        return
    for run in index.runs():
        first = min(before.timestamp(), *(part.modified for part in run.parts)) - _LONGEST_RUN.total_seconds()
        try:
            index.storage.remove([name for name, written in run.marks.items() if written < first])
        except index.storage.errors as error:
            raise index.explained(error, f"Marks of rejects in {index.place.below!r} cannot be deleted") from None


def _apart(index: RejectIndex, run: RunFiles) -> list[RunFiles]:
    """Return what goes as a whole: a run, or each part where ``rejects_path`` gives all runs one name."""
    if not index.place.begins:
        return [run]
    parts: dict[str, RunFiles] = {}
    for part in run.parts:
        seals = {token: name for token, name in run.seals.items() if token == part.token}
        parts.setdefault(part.token, RunFiles(run.folder, run.name, seals=seals)).parts.append(part)
    return list(parts.values())


def _as_old(index: RejectIndex, run: RunFiles, before: datetime) -> OldRun | None:
    """Read a run; None when a line of it is another sync's, or not old."""
    rejects, newest = 0, ""
    limit = before.astimezone(UTC)
    try:
        for part in run.parts:
            for line in index.storage.lines(part.name):
                found = _line(line)
                if found is None:
                    if index.place.is_shared:
                        return None
                    continue
                sync_id, at = found.get("sync_id", ""), found.get("at", "")
                if not index.owns(sync_id, found.get("map_index", -1)) or (index.place.is_shared and not sync_id):
                    return None
                if at and (written_at(at) or _NEVER) >= limit:
                    return None
                rejects, newest = rejects + 1, max(newest, at)
    except FileNotFoundError:  # somebody else deletes, or joins, just now
        return None
    except index.storage.errors as error:
        raise index.explained(error, f"The rejects below {index.place.below!r} cannot be read") from None
    return OldRun(run, rejects, newest)


def _line(line: bytes) -> dict[str, Any] | None:
    try:
        return parse_line(line)
    except ValueError:
        return None
