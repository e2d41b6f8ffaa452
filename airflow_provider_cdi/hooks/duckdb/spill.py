"""What DuckDB puts on disk lies in a private directory.

It would lie beside the database's file, or in the working directory (``.tmp``) where the database is in memory: for
everybody to read, and left behind by a process that is killed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from airflow_provider_cdi.hooks.spill_directory import SpillDirectory

log = logging.getLogger(__name__)

#: Of this process: several connections may lead to one instance of DuckDB, which has one such setting.
SPILL = SpillDirectory()

#: DuckDB's own place is the database's path with this at its end, and no more where the database is in memory.
_DEFAULT_END = ".tmp"


def keep_spill_private(connection: Any) -> None:
    """Give a connection a place for what it puts on disk, unless its own settings name one (``temp_directory``).

    Where there is no place, nothing is put on disk.

    :param connection: of DuckDB, with :data:`SPILL` borrowed until it is closed.
    """
    import duckdb

    # Not asked of the catalog: while another connection reads, 1.4 has no memory for that.
    ((current,),) = connection.execute("select current_setting('temp_directory')").fetchall()
    if not _is_default(current) and not SPILL.is_stale(current):
        return
    place = (SPILL.new_place() or "").replace("'", "''")
    try:
        connection.execute(f"SET temp_directory = '{place}'")
    except duckdb.Error as error:
        # Its settings are locked, or another part of this process has made it write already.
        log.warning(
            "What DuckDB puts on disk goes to %s, where others may read it, because the place could not be changed "
            "(%s): set temp_directory in the connection's extra to a directory of the worker's own.",
            current,
            type(error).__name__,
        )


def _is_default(place: str) -> bool:
    """Whether DuckDB chose the place itself: beside a database's file, or in the working directory."""
    return place == _DEFAULT_END or (place.endswith(_DEFAULT_END) and Path(place.removesuffix(_DEFAULT_END)).is_file())
