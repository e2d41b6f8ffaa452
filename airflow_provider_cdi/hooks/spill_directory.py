"""A directory for rows that a database in our own process puts on disk: nobody else reads it, and none stays behind.

It is made in the temporary directory (``TMPDIR``) when the first connection wants it and removed after the last one. A
process that is killed leaves its directory to the next one that wants such a directory on that machine. Whether its
maker lives is asked of a lock, which the system lets go of with the process, whatever ends that.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Lock

log = logging.getLogger(__name__)

PREFIX = "cdi-spill-"
_LOCK = "lock"


class SpillDirectory:
    """The directory of this process, for as long as somebody has borrowed it."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._borrowers = 0
        self._made: _LockedDirectory | None = None
        self._numbers = count()
        self._has_cleaned = False

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Keep the directory during the body; where none can be made, the body does without."""
        self._borrow()
        try:
            yield
        finally:
            self._give_back()

    def new_place(self) -> str | None:
        """Return a path in the directory, another one at each call; None where there is no directory."""
        return str(self._made.path / str(next(self._numbers))) if self._made else None

    def is_stale(self, place: str) -> bool:
        """Whether a path was a place in a directory that is gone by now."""
        folder = Path(place).parent
        return folder.name.startswith(PREFIX) and (self._made is None or folder != self._made.path)

    def _borrow(self) -> None:
        with self._guard:
            self._borrowers += 1
            if self._made is not None:
                return
            try:
                self._made = _LockedDirectory.make()
            except OSError as error:
                log.warning(
                    "No private directory can be made in the temporary directory (%s), so the database puts nothing on "
                    "disk: set TMPDIR to a directory that exists and that the worker may write to.",
                    error.strerror or type(error).__name__,
                )
                return
            if not self._has_cleaned:
                self._has_cleaned = True
                remove_abandoned(self._made.path.parent)

    def _give_back(self) -> None:
        with self._guard:
            self._borrowers -= 1
            if not self._borrowers and self._made is not None:
                made, self._made = self._made, None
                made.remove()


class _LockedDirectory:
    """A directory whose lock this process holds."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def make(cls) -> _LockedDirectory:
        while True:
            path = Path(tempfile.mkdtemp(prefix=PREFIX))  # with a name that nobody knows before, and for us alone
            try:
                lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError:
                path.rmdir()
                raise
            if _is_still_ours(path, lock):
                return cls(path, lock)
            os.close(lock)

    def remove(self) -> None:
        try:
            _empty_and_remove(self.path)
        except OSError as error:  # the next process that cleans does it
            log.warning("%s could not be removed (%s).", self.path, error.strerror or type(error).__name__)
        finally:
            os.close(self._lock)


def _is_still_ours(path: Path, lock: int) -> bool:
    """Take the lock; another process, which cleans, may have come in between, and then it removes the directory."""
    try:
        return _is_locked_by_us(lock) and (path / _LOCK).exists()
    except OSError:
        return True  # this file system has no locks, so nobody cleans here


def remove_abandoned(parent: Path) -> None:
    """Remove the directories of processes that are no more, and were of this very user.

    :param parent: where they lie.
    """
    with suppress(OSError):
        for path in parent.glob(f"{PREFIX}*"):
            _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    # What fails here is another process that makes, holds or removes its directory.
    with suppress(OSError):
        if not _is_private(path):
            return
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if _is_locked_by_us(lock):
                _empty_and_remove(path)
                log.info("Removed %s, which a process that was killed had left behind.", path)
        finally:
            os.close(lock)


def _is_private(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _is_locked_by_us(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _empty_and_remove(path: Path) -> None:
    """Remove the lock last: whoever is killed here leaves what the next one can clean."""
    for one in path.iterdir():
        if one.name == _LOCK:
            continue
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()
    (path / _LOCK).unlink()
    path.rmdir()
