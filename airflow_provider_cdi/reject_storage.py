"""Where files of rejects are put: a local folder, or whatever Airflow's ``ObjectStoragePath`` reaches."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

#: More than a checkpoint usually writes: a proof that is too small passes on a disk that is as good as full.
PROOF_BYTES = 1024 * 1024
_NEW = ".new"


class RejectStorage(Protocol):
    """Whole files under names."""

    #: What its calls raise when the storage does not do its part.
    errors: tuple[type[Exception], ...]

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


class LocalFolder:
    """A folder of this machine, or a mount in it. Only the owner may read what is made here."""

    errors: tuple[type[Exception], ...] = (OSError,)

    def prove(self, name: str, *, by_writing: bool) -> None:
        """See :class:`RejectStorage`."""
        if not by_writing:
            _look_at(Path(name).parent)
            return
        proof = f"{name}.proof"
        with _written_whole(proof) as file:
            _take_room(file)
        os.unlink(proof)

    def put(self, name: str, content: bytes) -> None:
        """See :class:`RejectStorage`."""
        with _written_whole(name) as file:
            file.write(content)

    def has(self, name: str) -> bool:
        """See :class:`RejectStorage`."""
        return os.path.exists(name)

    def join(self, names: Sequence[str], into: str) -> bool:
        """See :class:`RejectStorage`."""
        with _written_whole(into) as file:
            for name in names:
                with open(name, "rb") as one:
                    shutil.copyfileobj(one, file)
        return True

    def remove(self, names: Sequence[str]) -> None:
        """See :class:`RejectStorage`."""
        for name in names:
            for one in (name, name + _NEW):  # the second is what a kill left half written
                Path(one).unlink(missing_ok=True)


class ObjectStore:
    """An address such as ``s3://aws_default@bucket/rejects/run.jsonl``."""

    #: Each file system has errors of its own.
    errors: tuple[type[Exception], ...] = (Exception,)

    def prove(self, name: str, *, by_writing: bool) -> None:
        """See :class:`RejectStorage`."""
        place = _object(f"{name.rpartition('/')[0]}/cdi_proof")
        _ = place.fs  # made here: a missing package and an unknown scheme show now
        if not by_writing:
            return
        place.write_bytes(b"")
        # Who may write but not remove has rejects all the same; who removed it meanwhile is another task.
        with contextlib.suppress(PermissionError, FileNotFoundError):
            place.unlink()

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
                _object(name).unlink()


def _object(name: str) -> Any:
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(name)


@contextlib.contextmanager
def _written_whole(name: str) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name when all of it is on the disk, whatever happens before."""
    _make_folder(Path(name).parent)
    new = name + _NEW
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, name)
    except BaseException:
        with contextlib.suppress(OSError):  # what went wrong first is what counts
            os.unlink(new)
        raise
    _keep_entries_of(os.path.dirname(name))


def _take_room(file: IO[bytes]) -> None:
    if hasattr(os, "posix_fallocate"):  # room without anything written into it
        os.posix_fallocate(file.fileno(), 0, PROOF_BYTES)
    else:
        file.write(bytes(PROOF_BYTES))


def _make_folder(folder: Path) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def _keep_entries_of(folder: str) -> None:
    """Make the names in a folder durable; some network file systems cannot and need not."""
    descriptor = os.open(folder or ".", os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _look_at(folder: Path) -> None:
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(nearest))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied", str(nearest))
