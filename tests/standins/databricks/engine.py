"""What runs the SQL behind the stand-in: a small interface, so that DuckDB or Spark can be put behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

#: The id of the one SQL warehouse.
WAREHOUSE = "1234567890abcdef"
#: The catalog that a session is in unless it names another.
CATALOG = "workspace"
SCHEMA = "default"


class StatementRefused(Exception):
    """The engine refuses a statement.

    :param text: in the words of Databricks: ``[ERROR_CLASS] what is wrong SQLSTATE: 42P01``.
    :param state: the SQLSTATE.
    """

    def __init__(self, text: str, state: str) -> None:
        super().__init__(text)
        self.state = state

    @classmethod
    def of(cls, condition: str, text: str, state: str) -> StatementRefused:
        """Put the words together."""
        return cls(f"[{condition}] {text} SQLSTATE: {state}", state)


class Stopped(Exception):
    """The statement was cancelled."""


@dataclass
class SessionSettings:
    """What a client's session has set.

    :param user: who is logged in.
    :param zone: the session's time zone.
    :param catalog: the current catalog.
    :param schema: the current schema.
    :param tags: the query tags, as one text.
    """

    user: str
    zone: str = "UTC"
    catalog: str = CATALOG
    schema: str = SCHEMA
    tags: str = ""


@dataclass(frozen=True)
class Column:
    """A result's column: its name and its type as ``DESCRIBE QUERY`` spells it (``decimal(38,0)``)."""

    name: str
    type: str


@dataclass
class Result:
    """Columns, and a stream of batches that have exactly these columns."""

    columns: Sequence[Column]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))


class Statement(Protocol):
    """A statement on its way."""

    def run(self, text: str, parameters: Sequence[Any]) -> Result:
        """Run it.

        :param parameters: values of the ``?``, in their order.
        :raises StatementRefused: when it is wrong.
        :raises Stopped: after :meth:`stop`.
        """
        ...

    def stop(self) -> None:
        """End it, from another thread."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


class Engine(Protocol):
    """Holds the tables."""

    def statement(self, settings: SessionSettings) -> Statement:
        """Return a statement that runs with a session's settings."""
        ...

    def clear(self) -> None:
        """Drop all tables and views, and let everybody read everything again."""
        ...

    def load(self, name: str, path: str) -> None:
        """Make a table of a Parquet file."""
        ...
