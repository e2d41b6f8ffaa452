"""A folder for files that only their owner may read: made so, tightened, and reached through no link.

The top is a place that somebody chose, and stays as it is. Each folder below it is ours: mode 0700, and never a link,
which another user may have put there to have the rows elsewhere. Descriptors are walked instead of names, so that
nothing can be exchanged between the look and the use.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_LINK = "A part of the path below {top!r} is a link, and links are not followed there"


@contextmanager
def opened_folder(folder: str, top: str | None = None, *, make: bool = False) -> Iterator[int]:
    """Open a folder, for the calls of ``os`` that take ``dir_fd``.

    :param folder: its path.
    :param top: below which folders are ours; where the folder does not lie below it, or it is None, only what has to
        be made is.
    :param make: make what is missing, and tighten what is ours.
    :raises OSError: when it is missing, closed, or reached through a link below the top.
    """
    top, parts = _split(folder, top)
    if make:
        _make(Path(top))
    descriptor = os.open(top, _FOLDER)
    try:
        for part in parts:
            inner = _entered(descriptor, part, top, make=make)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def check_folder(folder: str, top: str | None = None) -> None:
    """Look whether a folder is there or could be made, and leave no trace.

    :raises OSError: when it could not.
    """
    top, parts = _split(folder, top)
    path = top
    for part in parts:
        path = os.path.join(path, part)
        if os.path.islink(path):
            raise _link(top)
    nearest = next(one for one in (Path(path), *Path(path).parents) if one.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(nearest))


def new_file(name: str, folder: int) -> IO[bytes]:
    """Make a file that nobody has open, in place of what has its name; it follows no link.

    :param name: within the folder.
    :param folder: its descriptor.
    """
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return open(os.open(name, flags, 0o600, dir_fd=folder), "wb")


def old_file(name: str, folder: int) -> IO[bytes]:
    """Open a file to read it; a link is refused.

    :param name: within the folder.
    :param folder: its descriptor.
    """
    return open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb")


def _split(folder: str, top: str | None) -> tuple[str, tuple[str, ...]]:
    folder = os.path.abspath(folder)
    if top is None:
        return folder, ()
    parts = Path(os.path.relpath(folder, top)).parts
    return (folder, ()) if parts[:1] == ("..",) else (os.path.abspath(top), parts)


def _make(top: Path) -> None:
    missing = [one for one in (top, *top.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def _entered(descriptor: int, part: str, top: str, *, make: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=descriptor)
    try:
        found = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
    except OSError:
        if stat.S_ISLNK(os.stat(part, dir_fd=descriptor, follow_symlinks=False).st_mode):
            raise _link(top) from None
        raise
    if make:
        _tighten(found)
    return found


def _tighten(descriptor: int) -> None:
    found = os.fstat(descriptor)
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == os.geteuid() and mode & 0o077:
        with suppress(OSError):  # some mounts have no modes
            os.fchmod(descriptor, mode & ~0o077)


def _link(top: str) -> OSError:
    return OSError(errno.ELOOP, _LINK.format(top=top))
