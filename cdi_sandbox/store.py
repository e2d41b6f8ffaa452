"""Where a sandbox writes down what it holds, so that a restart brings it back."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import orjson

from cdi_sandbox.api.json import Json

_FORMAT = 1
_TABLE = (
    "create table if not exists document"
    " (kind text, key text, body blob not null, primary key (kind, key)) without rowid"
)


class Store(Protocol):
    """Keeps documents by kind and key. Nothing counts before ``commit``."""

    def load(self) -> Iterator[tuple[str, str, Json]]:
        """Yield everything that is kept as (kind, key, document), by kind and then by key."""
        ...

    def put(self, kind: str, key: str, document: Callable[[], Json]) -> None:
        """Keep a document; it is asked for when the change is committed."""
        ...

    def remove(self, kind: str, key: str) -> None:
        """Keep it no longer."""
        ...

    def commit(self) -> None:
        """Write down all changes since the last time, or none of them."""
        ...

    def clear(self) -> None:
        """Keep nothing any more."""
        ...

    def close(self) -> None:
        """End."""
        ...


class NoStore:
    """Keeps nothing: the sandbox lives in memory."""

    def load(self) -> Iterator[tuple[str, str, Json]]:
        """Yield nothing."""
        return iter(())

    def put(self, kind: str, key: str, document: Callable[[], Json]) -> None:
        """Do nothing."""

    def remove(self, kind: str, key: str) -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SqliteStore:
    """Keeps documents in an SQLite file; a killed process loses nothing that was answered.

    :param path: made when it does not exist.
    :raises ValueError: when the file is in use by another sandbox, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._changes: dict[tuple[str, str], Callable[[], Json] | None] = {}
        try:
            self._connection = _opened(path)
        except sqlite3.Error as error:
            raise ValueError(
                f"The store {path} cannot be opened ({error}). Is another sandbox using it? "
                "Name a file of a sandbox, or one that does not exist yet in a folder that does."
            ) from None

    def load(self) -> Iterator[tuple[str, str, Json]]:
        """Yield everything that is kept."""
        for kind, key, body in self._connection.execute("select kind, key, body from document order by kind, key"):
            yield kind, key, orjson.loads(body)

    def put(self, kind: str, key: str, document: Callable[[], Json]) -> None:
        """Keep a document from the next commit on."""
        self._changes[(kind, key)] = document

    def remove(self, kind: str, key: str) -> None:
        """Keep it no longer from the next commit on."""
        self._changes[(kind, key)] = None

    def commit(self) -> None:
        """Write down all changes in one transaction."""
        if not self._changes:
            return
        kept = [(*key, orjson.dumps(document())) for key, document in self._changes.items() if document]
        removed = [key for key, document in self._changes.items() if document is None]
        self._connection.execute("begin")
        self._connection.executemany("replace into document values (?, ?, ?)", kept)
        self._connection.executemany("delete from document where kind = ? and key = ?", removed)
        self._connection.execute("commit")
        self._changes.clear()

    def clear(self) -> None:
        """Delete all documents."""
        self._changes.clear()
        self._connection.execute("delete from document")

    def close(self) -> None:
        """Write down what is open, and close the file."""
        self.commit()
        self._connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    with suppress(OSError):  # it is there, or SQLite says better why it cannot be
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    # The application is made in one thread and runs in another, never in both at once.
    connection = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("pragma locking_mode = exclusive")
        found = connection.execute("pragma user_version").fetchone()[0]
        if found not in (0, _FORMAT):
            raise sqlite3.DatabaseError(f"it has format {found}, this version reads {_FORMAT}")
        _tighten(path)  # what SQLite makes beside it from here on gets the same mode
        # Safe against a killed process; only a power cut could lose the last requests.
        for pragma in ("journal_mode = wal", "synchronous = off"):
            connection.execute(f"pragma {pragma}")
        connection.execute(_TABLE)
        connection.execute(f"pragma user_version = {_FORMAT}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _tighten(path: Path) -> None:
    """Leave a store, with what SQLite has beside it, to its owner: what is sent here may be rows of people."""
    for file in (path, Path(f"{path}-wal")):
        with suppress(OSError):  # it is not there, or another user's, whose choice it is
            file.chmod(stat.S_IMODE(file.stat().st_mode) & ~0o077)
