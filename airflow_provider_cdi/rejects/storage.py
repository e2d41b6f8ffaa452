"""Where files of rejects are put: a local folder, or whatever Airflow's ``ObjectStoragePath`` reaches."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any, NamedTuple, Protocol

from airflow_provider_cdi.private_folder import check_folder, new_file, old_file, opened_folder

#: More than a checkpoint usually writes: a proof that is too small passes on a disk that is as good as full.
PROOF_BYTES = 1024 * 1024
_NEW = ".new"
_CONNECTION = re.compile(r"\w[\w+.-]*://([^/@]+)@")


class FoundFile(NamedTuple):
    """A file of a storage.

    :param name: as the calls of the storage take it.
    :param modified: when it was written, in seconds since 1970; infinite where the storage does not say.
    """

    name: str
    modified: float


class RejectStorage(Protocol):
    """Whole files under names."""

    #: What its calls raise when the storage does not do its part.
    errors: tuple[type[Exception], ...]

    def told(self, error: Exception) -> str:
        """Say what went wrong, for logs: without what a client may have put into its text."""
        ...

    def prove(self, name: str, *, by_writing: bool) -> None:
        """Make sure that a file of this name could be put.

        :param by_writing: make its folder, write a file beside it and remove that; else only look.
        """
        ...

    def put(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all; it is durable on return."""
        ...

    def has(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        ...

    def join(self, names: Sequence[str], into: str) -> bool:
        """Make one file of several; say whether that is possible here. The several ones stay."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; those that are not there do not matter."""
        ...

    def find(self, below: str) -> list[FoundFile]:
        """Return all files below a folder or address, sorted by name; none when there is no such place."""
        ...

    def lines(self, name: str) -> Iterator[bytes]:
        """Read a file line by line."""
        ...


class LocalFolder:
    """A folder of this machine, or a mount in it. Only the owner may read what is made here.

    :param top: the folder below which all folders are ours, see :mod:`.private_folder`.
    """

    errors: tuple[type[Exception], ...] = (OSError,)

    def told(self, error: Exception) -> str:
        """See :class:`RejectStorage`: these texts are the system's, or this package's own."""
        return getattr(error, "strerror", None) or type(error).__name__

    def __init__(self, top: str | None = None) -> None:
        self._top = top

    def prove(self, name: str, *, by_writing: bool) -> None:
        """See :class:`RejectStorage`."""
        if not by_writing:
            check_folder(os.path.dirname(name), self._top)
            return
        proof = f"{name}.proof"
        with self._written_whole(proof) as file:
            _take_room(file)
        self.remove([proof])

    def put(self, name: str, content: bytes) -> None:
        """See :class:`RejectStorage`."""
        with self._written_whole(name) as file:
            file.write(content)

    def has(self, name: str) -> bool:
        """See :class:`RejectStorage`."""
        try:
            with self._opened(name) as (folder, own_name):
                return stat.S_ISREG(os.stat(own_name, dir_fd=folder, follow_symlinks=False).st_mode)
        except OSError:
            return False

    def join(self, names: Sequence[str], into: str) -> bool:
        """See :class:`RejectStorage`."""
        with self._written_whole(into) as file:
            for name in names:
                with self._opened(name) as (folder, own_name), old_file(own_name, folder) as one:
                    shutil.copyfileobj(one, file)
        return True

    def remove(self, names: Sequence[str]) -> None:
        """See :class:`RejectStorage`."""
        for name in names:
            for one in (name, name + _NEW):  # the second is what a kill left half written
                with contextlib.suppress(FileNotFoundError), self._opened(one) as (folder, own_name):
                    os.unlink(own_name, dir_fd=folder)

    def find(self, below: str) -> list[FoundFile]:
        """See :class:`RejectStorage`; links are not followed."""
        found = []
        for folder, _, names in os.walk(below, onerror=_raise_if_closed):
            for path in (os.path.join(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):  # joined with others meanwhile
                    about = os.lstat(path)
                    if stat.S_ISREG(about.st_mode):
                        found.append(FoundFile(path, about.st_mtime))
        return sorted(found)

    def lines(self, name: str) -> Iterator[bytes]:
        """See :class:`RejectStorage`."""
        with self._opened(name) as (folder, own_name), old_file(own_name, folder) as file:
            yield from file

    @contextlib.contextmanager
    def _opened(self, name: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Give a file's folder and its name in there."""
        with opened_folder(os.path.dirname(name), self._top, make=make) as folder:
            yield folder, os.path.basename(name)

    @contextlib.contextmanager
    def _written_whole(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file that appears under its name when all of it is on the disk, whatever happens before."""
        with self._opened(name, make=True) as (folder, own_name):
            new = own_name + _NEW
            try:
                with new_file(new, folder) as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(new, own_name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):  # what went wrong first is what counts
                    os.unlink(new, dir_fd=folder)
                raise
            with contextlib.suppress(OSError):  # some network file systems cannot keep names durable and need not
                os.fsync(folder)


class ObjectStore:
    """An address such as ``s3://aws_default@bucket/rejects/run.jsonl``."""

    #: Each file system has errors of its own.
    errors: tuple[type[Exception], ...] = (Exception,)

    def told(self, error: Exception) -> str:
        """See :class:`RejectStorage`: a client's text may quote an address with its signature."""
        number = error.errno if isinstance(error, OSError) else None
        return os.strerror(number) if number else type(error).__name__

    def prove(self, name: str, *, by_writing: bool) -> None:
        """See :class:`RejectStorage`."""
        place = _object(f"{name.rpartition('/')[0]}/cdi_proof")
        _ = place.fs  # made here: a missing package and an unknown scheme show now
        if not by_writing:
            return
        place.write_bytes(b"")
        # Who may write but not remove has rejects all the same; who removed it meanwhile is another task.
        with contextlib.suppress(PermissionError, FileNotFoundError):
            _remove(place)

    def put(self, name: str, content: bytes) -> None:
        """See :class:`RejectStorage`."""
        _object(name).write_bytes(content)

    def has(self, name: str) -> bool:
        """See :class:`RejectStorage`."""
        return bool(_object(name).exists())

    def join(self, names: Sequence[str], into: str) -> bool:
        """See :class:`RejectStorage`: every file would travel here and back."""
        return False

    def remove(self, names: Sequence[str]) -> None:
        """See :class:`RejectStorage`."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                _remove(_object(name))

    def find(self, below: str) -> list[FoundFile]:
        """See :class:`RejectStorage`: what is there now, not what the client remembers."""
        place = _object(below)
        place.fs.invalidate_cache()
        scheme, _, rest = below.partition("://")
        login = f"{rest.partition('@')[0]}@" if "@" in rest.partition("/")[0] else ""
        try:
            found = place.fs.find(place.path, detail=True)
        except FileNotFoundError:
            return []
        return sorted(
            FoundFile(f"{scheme}://{login}{name.lstrip('/')}", _modified(about)) for name, about in found.items()
        )

    def lines(self, name: str) -> Iterator[bytes]:
        """See :class:`RejectStorage`."""
        with _object(name).open("rb") as file:
            yield from file


def storage_of(place: str, top: str | None = None) -> RejectStorage:
    """Return the storage of a path or an address.

    :param place: ``file://`` is a local path.
    :param top: of a local path, see :class:`LocalFolder`.
    """
    return ObjectStore() if "://" in place.removeprefix("file://") else LocalFolder(top)


#: What file systems call the time of a file.
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


def _modified(about: Mapping[str, Any]) -> float:
    found = next((about[name] for name in _TIMES if about.get(name)), float("inf"))
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    return found.timestamp() if isinstance(found, datetime) else float(found)


def _raise_if_closed(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _object(name: str) -> Any:
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(name)


def _remove(place: Any) -> None:
    """Remove one object; ``unlink`` of the path would take a name such as ``run[1].jsonl`` for a pattern."""
    place.fs.rm_file(place.path)


def _take_room(file: IO[bytes]) -> None:
    if hasattr(os, "posix_fallocate"):  # room without anything written into it
        os.posix_fallocate(file.fileno(), 0, PROOF_BYTES)
    else:
        file.write(bytes(PROOF_BYTES))


def connection_of(place: str) -> str | None:
    """Return the id of the connection that an address names, as in ``s3://aws_default@bucket/rejects``.

    :param place: where rejects go; None for a folder, and for an address that names none.
    """
    found = _CONNECTION.match(place)
    return found[1] if found else None
