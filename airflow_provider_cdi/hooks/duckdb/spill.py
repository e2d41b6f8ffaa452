"""What DuckDB puts on disk lies in a private directory.

It would lie beside the database's file, or in the working directory (``.tmp``) where the database is in memory: for
everybody to read, and left behind by a process that is killed.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow_provider_cdi.hooks.spill_directory import SpillDirectory

log = logging.getLogger(__name__)

#: Of this process: several connections may lead to one instance of DuckDB, which has one such setting.
SPILL = SpillDirectory()

_IS_DEFAULT = """
select current_setting('temp_directory'),
    current_setting('temp_directory') in (select coalesce(path, '') || '.tmp' from duckdb_databases())
"""


def keep_spill_private(connection: Any) -> None:
    """Give a connection a place for what it puts on disk, unless its own settings name one (``temp_directory``).

    Where there is no place, nothing is put on disk.

    :param connection: of DuckDB, with :data:`SPILL` borrowed until it is closed.
    """
    import duckdb

    ((current, is_default),) = connection.execute(_IS_DEFAULT).fetchall()
    if not is_default and not SPILL.is_stale(current):
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
