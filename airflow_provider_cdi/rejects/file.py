"""The rejects of a run as one try of it writes them: one line of JSON a reject, durable before the watermark passes.

Each try writes a part of its own, on the machine where it runs, and touches nothing that another try wrote. A part
grows by whole files; the record of the sync names the parts and how many files of each count. So a kill at any moment,
a retry on another machine and a deferred task that comes back elsewhere leave each counted reject in exactly one file
that the record names.
"""

from __future__ import annotations

import errno
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, MissingConnection, RejectsNotWritten
from airflow_provider_cdi.rejects.parts import RejectPart, at_most, split_suffix
from airflow_provider_cdi.rejects.storage import connection_of, storage_of

log = logging.getLogger(__name__)

#: What brings a file system to Airflow.
_PACKAGES = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "s3a": "apache-airflow-providers-amazon[s3fs]",
    "s3n": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "gcs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
    "abfss": "apache-airflow-providers-microsoft-azure",
    "adl": "apache-airflow-providers-microsoft-azure",
}
#: What Airflow, fsspec and universal-pathlib say of a scheme that they do not know.
_UNKNOWN = ("No filesystem registered", "Protocol not known", "Unsupported filesystem")
#: Troubles of a disk or a mount that may be over at the next try, or are not there on the next machine.
_PASSING = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EBUSY", "EAGAIN", "EMFILE",
                 "ENFILE", "EHOSTDOWN", "EHOSTUNREACH", "ENODEV", "ENXIO")
)  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


class RejectFile:
    """Writes the rejects of one try, and knows those of the tries before it.

    :param path: the name of the run's rejects, ``…/run.jsonl``; each part adds its try to it. A local path, or an
        address such as ``s3://aws_default@bucket/rejects/run.jsonl``. ``file:///mnt/rejects/run.jsonl`` is a mount that
        all machines share.
    :param earlier: the parts that a checkpoint names.
    :param try_number: of the task. A deferred task comes back in the same try and goes on with its part.
    :param host: this machine's name.
    :param top: the local folder below which all folders are of this package: they are made and kept for the owner
        alone, and no link is followed there.
    :param whose: what each line says of the run that it belongs to.
    :param now: the time to note in lines.
    """

    def __init__(
        self,
        path: str,
        *,
        earlier: Sequence[RejectPart] = (),
        try_number: int = 1,
        host: str = "",
        top: str | None = None,
        whose: Mapping[str, Any] | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.path = path.removeprefix("file://")
        #: Empty for storage that all machines share.
        self.host = "" if "://" in path else host
        self._storage = storage_of(self.path, top)
        self._earlier = [part if part.path else replace(part, path=self.path) for part in earlier]
        self._try_number = try_number
        self._whose = dict(whose or {})
        self._now = now
        self._own: RejectPart | None = None
        #: The part as it was before the last :meth:`write`, if that wrote something.
        self._before: RejectPart | None = None

    @property
    def parts(self) -> tuple[RejectPart, ...]:
        """Everything that is written, of all tries: what a checkpoint keeps."""
        return at_most([part for part in self._all() if part.rows])

    def prove(self) -> None:
        """Make sure that rejects can be written, before anything is sent.

        :raises ConfigurationError: when they never can.
        :raises RejectsNotWritten: when the disk is full, or the storage is away.
        """
        self._try_out(by_writing=True)

    def look(self) -> None:
        """Do what can be done of :meth:`prove` without leaving a trace.

        :raises ConfigurationError: see :meth:`prove`.
        """
        self._try_out(by_writing=False)

    def _try_out(self, *, by_writing: bool) -> None:
        try:
            self._storage.prove(self._new_part().numbered(0), by_writing=by_writing)
        except self._storage.errors as error:
            raise self._explained(error, "Nothing was sent.") from None

    def write(self, rows: Sequence[RejectedRow]) -> None:
        """Write rows down. They are durable on return, and count when :attr:`parts` is saved.

        :param rows: in the order of reading; an empty list writes nothing and makes no file.
        :raises RejectsNotWritten: when the storage does not take them; nothing of them counts then.
        """
        self._before = None
        if not rows:
            return
        try:
            part = self._own = self._own or self._continued() or self._new_part()
            self._storage.put(part.numbered(part.files), self._content(part, rows))
        except self._storage.errors as error:
            raise RejectsNotWritten(str(self._explained(error, _LATER))) from None
        self._before = part
        self._own = replace(part, files=part.files + 1, rows=part.rows + len(rows))

    def _content(self, part: RejectPart, rows: Sequence[RejectedRow]) -> bytes:
        """Return the lines of rows. Each has a name of its own, which it keeps when its part is joined with others."""
        whose = {**self._whose, "at": self._now().isoformat(timespec="seconds"), "part": part.token}
        return b"".join(row.to_line({**whose, "line": line}) for line, row in enumerate(rows, part.rows))

    def take_back(self) -> None:
        """Say that the save after the last write failed: nobody knows whether the rows count.

        They will be written again. What is saved then names them once, whatever became of the save before: the part
        ends in front of them, and a new one begins.
        """
        if self._before is not None and self._before is not self._own:
            self._earlier += [self._before] if self._before.files else []
            self._own = None

    def join(self) -> Sequence[str]:
        """Make one file of all parts that lie here, at the end of a run.

        :return: the files that are superfluous once :attr:`parts` is saved (:meth:`finish`).
        """
        try:
            here = [part for part in self._all() if self._is_here(part)]
            # A try that was killed may have left one file more than counts.
            stray = [part.numbered(part.files) for part in here if part is not self._own and part.files]
            if here == [replace(part, files=0) for part in here[:1]]:
                return stray  # there is nothing, or one file already
            names = [name for part in here for name in part.names()]
            joined = replace(self._own or self._new_part(), files=0, rows=sum(part.rows for part in here))
            if self._storage.join(names, joined.path):
                self._earlier, self._own = [part for part in self._earlier if part not in here], joined
                return names + stray
        except self._storage.errors as error:
            log.warning(
                "The rejects stay in several files, because they could not be joined (%s).", self._storage.told(error)
            )
            return ()
        return stray

    def finish(self, names: Sequence[str]) -> None:
        """Remove what :meth:`join` named, and seal the parts that stay in several files; a failure changes nothing.

        The seal says how many of the files count, when no record does any more.

        :param names: of the files that are superfluous.
        """
        try:
            self._storage.remove(names)
            for part in self._all():
                if part.files and self._is_here(part):
                    self._storage.put(part.seal, orjson.dumps({"files": part.files, "rows": part.rows}))
        except self._storage.errors as error:
            log.warning(
                "Files of rejects that are not needed any more could not be removed, or the others not sealed (%s).",
                self._storage.told(error),
            )

    def places(self) -> list[dict[str, Any]]:
        """Return where the rejects are, for the report."""
        return [
            {"path": part.pattern, "host": part.host or None, "files": max(1, part.files), "rows": part.rows}
            for part in self.parts
        ]

    # --- parts ----------------------------------------------------------------------------------------

    def _all(self) -> list[RejectPart]:
        return [*self._earlier, *([self._own] if self._own else [])]

    def _new_part(self) -> RejectPart:
        stem, suffix = split_suffix(self.path)
        return RejectPart(f"{stem}.try{self._try_number}-{secrets.token_hex(4)}{suffix}", self.host, 0, 0)

    def _continued(self) -> RejectPart | None:
        """Return the part of this very try that lies here, from before it was deferred."""
        start = f"{split_suffix(self.path)[0]}.try{self._try_number}-"
        for part in self._earlier:
            if part.path.startswith(start) and part.files and self._is_here(part):
                if self._storage.has(part.numbered(part.files)):
                    continue  # its last save failed, so something lies behind what counts
                self._earlier.remove(part)
                return part
        return None

    def _is_here(self, part: RejectPart) -> bool:
        if part.host != self.host or "*" in part.path or not part.rows:
            return False
        return self._storage.has(part.names()[-1])

    def _explained(self, error: Exception, consequence: str) -> CdiError:
        where = f"{self.path!r}" + (f" on {self.host!r}" if self.host else "")
        if isinstance(error, ImportError) or str(error).startswith(_UNKNOWN):
            scheme = self.path.partition("://")[0]
            package = _PACKAGES.get(scheme)
            cure = f"pip install '{package}'" if package else f"use one of {', '.join(sorted(_PACKAGES))}, or a folder"
            return ConfigurationError(
                f"Rejects would go to {where}, and this worker has no file system for {scheme}://. {consequence} "
                f"To mend it: {cure}."
            )
        if (conn_id := connection_of(self.path)) and isinstance(error, _missing_connection()):
            return MissingConnection(conn_id)
        text = f"Rejects cannot be written to {where}: {self._storage.told(error)}."
        if isinstance(error, ValueError) or (isinstance(error, OSError) and error.errno not in _PASSING):
            return ConfigurationError(f"{text} {consequence} {_CURE}")
        return RejectsNotWritten(f"{text} {consequence} Make room, or bring the storage back. {_CURE}")


_LATER = "The run ends here: what was acknowledged before the first of them is saved, and a new try goes on from there."
_CURE = "rejects_path= of the task, or Airflow's option [cdi] rejects_path, must be a place where its worker may write."


def _missing_connection() -> type[Exception]:
    from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]  # in 3.0 and 3.3 alike

    return AirflowNotFoundException
