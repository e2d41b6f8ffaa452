"""How rows leave Redshift: one cursor in one read-only transaction, fetched in pieces that every cluster allows.

``execute`` of redshift_connector holds a whole result before it returns, so nothing large goes through it alone
(measured with 2.2.0: 530 MB for a million rows, against 60 with a cursor).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import localcontext
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pyarrow as pa

from airflow_provider_cdi.engine.clean_up import closing
from airflow_provider_cdi.exceptions import ConfigurationError, SourceError
from airflow_provider_cdi.hooks.sql.reader import FETCH_BYTES, Statement

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.arrow.rows import RowShape

log = logging.getLogger(__name__)

#: What a FETCH may ask for on a cluster of one node; larger ones allow more (Developer Guide, DECLARE).
SINGLE_NODE_ROWS = 1000
#: Stands for a bound value until it is written into the text: the mark of ``hooks/sql/statements.py`` itself.
PLACEHOLDER = "\x00"

_CURSOR = "cdi_rows"
_POSITION = re.compile(r"[0-9:.+ -]+")
_FETCH_LIMIT = re.compile(r"fetch size \d+ exceeds the limit of (\d+)", re.IGNORECASE)
#: The driver scales a NUMERIC in the current decimal context, and the usual one rounds to 28 digits.
_DIGITS = 76
#: Types without a form in JSON (redshift_connector.utils.oids): the driver would hand out hexadecimal digits of the
#: first ones, and objects of its own for intervals.
_FORMLESS = {
    6551: "binary values (VARBYTE)",
    3000: "binary values (GEOMETRY)",
    3999: "binary values (GEOMETRY)",
    3001: "binary values (GEOGRAPHY)",
    1186: "intervals",
    1188: "intervals",
    1190: "intervals",
}


class RedshiftError(Exception):
    """What the server said. redshift_connector puts its fields into a dict, with details that may hold a row.

    :param message: the server's sentence.
    :param sqlstate: its SQLSTATE.
    """

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@contextmanager
def server_words() -> Iterator[None]:
    """Raise the driver's errors that repeat the server's as :class:`RedshiftError`."""
    try:
        yield
    except Exception as error:
        fields = error.args[0] if error.args else None
        if not isinstance(fields, dict) or "C" not in fields:
            raise
        raise RedshiftError(fields.get("M", ""), fields["C"]) from None


class RedshiftReader:
    """Streams through a cursor of the server.

    :param rows: what one FETCH asks for at most. Where the cluster allows fewer, its number counts.
    """

    sorts = False

    def __init__(self, rows: int = SINGLE_NODE_ROWS) -> None:
        #: Opens a further connection, which :meth:`stop` needs.
        self.connect: Callable[[], Any] | None = None
        self._rows = rows
        self._processes: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def prepare(self, connection: Any) -> None:
        """Leave transactions to us, and learn which server process works for the connection."""
        connection.autocommit = True
        ((process,),) = self.fetch(connection, Statement("select pg_backend_pid()"))
        self._processes[connection] = process

    def execute(self, connection: Any, text: str) -> None:
        """Run a statement without a result."""
        with server_words():
            connection.cursor().execute(text)

    def describe(self, connection: Any, relation: str) -> list[tuple[str, object]]:
        """Ask for none of the rows."""
        cursor = connection.cursor()
        with server_words():
            cursor.execute(f"select * from {relation} where 1 = 0")  # noqa: S608 - names are quoted
        return [(str(column[0]), column[1]) for column in cursor.description]

    def fetch(self, connection: Any, statement: Statement, limit: int | None = None) -> list[Sequence[Any]]:
        """Fetch a small result."""
        cursor = connection.cursor()
        _run(cursor, written_out(statement))
        return list(cursor.fetchall() if limit is None else cursor.fetchmany(limit))

    def read(
        self, connection: Any, statement: Statement, shape: RowShape, settings: frozenset[str]
    ) -> Iterator[pa.RecordBatch]:
        """Fetch rows in groups whose size follows the rows' own.

        :raises SourceError: when a column is binary or an interval.
        """
        cursor = connection.cursor()
        rows = self._first_rows(cursor, written_out(statement))
        _check_all_have_a_form(cursor.description, shape)
        while rows:
            batch = shape.from_rows(rows)
            fitting = max(1, FETCH_BYTES * len(rows) // max(1, batch.nbytes))
            yield batch
            rows = _fetched(cursor, _halved(self._rows, fitting))
        _run(cursor, "commit")

    def stop(self, connection: Any) -> None:
        """End the session on the server, through another one.

        ``CANCEL`` and ``pg_cancel_backend`` do not end a query inside a transaction, ``pg_terminate_backend`` does,
        and every user may do it to sessions of its own (Developer Guide, PG_CANCEL_BACKEND, PG_TERMINATE_BACKEND).
        """
        process = self._processes.get(connection)
        if process is None or self.connect is None:
            return
        with closing(self.connect()) as other:
            self.execute(other, f"select pg_terminate_backend({process:d})")

    def _first_rows(self, cursor: Any, query: str) -> Sequence[Sequence[Any]]:
        """Open the cursor and fetch from it, so that a limit shows before a row has been handed on."""
        try:
            return self._opened(cursor, query)
        except RedshiftError as error:
            allowed = _FETCH_LIMIT.search(str(error))
            if allowed is None or int(allowed[1]) >= self._rows:
                raise
            log.info("The cluster allows %s rows a FETCH; %d were asked for.", allowed[1], self._rows)
            self._rows = int(allowed[1])
        _run(cursor, "rollback")
        return self._opened(cursor, query)

    def _opened(self, cursor: Any, query: str) -> Sequence[Sequence[Any]]:
        _run(cursor, "begin read only")
        _run(cursor, f"declare {_CURSOR} cursor for {query}")
        # Half of what is always allowed, in case the rows are wide; all of a larger number, to see whether it is.
        return _fetched(cursor, self._rows if self._rows > SINGLE_NODE_ROWS else _halved(self._rows, self._rows // 2))


def written_out(statement: Statement) -> str:
    """Return the text with its values in it: a cursor's query cannot have bound ones.

    :raises ConfigurationError: when one that should be a point in time is none.
    """
    values = [_position(value) for value in statement.values[: statement.times]]
    values += [_literal(value) for value in statement.values[statement.times :]]
    parts = statement.text.split(PLACEHOLDER)
    return "".join(part + value for part, value in zip(parts, [*values, ""], strict=True))


def _position(value: str) -> str:
    if _POSITION.fullmatch(value) is None:
        raise ConfigurationError(f"The position {value!r} is no point in time.")
    return f"'{value}'"


def _literal(value: str) -> str:
    """Write a text of a row as SQL; what a backslash does in a literal depends on a setting, so none is in one."""
    parts = [part.replace("'", "''") for part in value.replace(PLACEHOLDER, "").split("\\")]
    return "(" + " || chr(92) || ".join(f"'{part}'" for part in parts) + ")"


def _run(cursor: Any, text: str) -> None:
    with server_words(), localcontext(prec=_DIGITS):
        cursor.execute(text)


def _fetched(cursor: Any, rows: int) -> Sequence[Sequence[Any]]:
    _run(cursor, f"fetch forward {rows:d} from {_CURSOR}")
    fetched: Sequence[Sequence[Any]] = cursor.fetchall()
    return fetched


def _halved(rows: int, fitting: int) -> int:
    """Halve until it fits. The driver prepares every text that it has not seen, so there should be few."""
    while rows > max(1, fitting):
        rows //= 2
    return max(1, rows)


def _check_all_have_a_form(description: Sequence[Sequence[Any]], shape: RowShape) -> None:
    for column, described in zip(shape.columns, description, strict=True):
        if described[1] in _FORMLESS:
            raise SourceError(
                f"The column {column.name!r} holds {_FORMLESS[described[1]]}, which have no form in JSON. Turn it into "
                "text in a view (from_varbyte, to_hex, st_asgeojson, cast), or leave it out."
            )
