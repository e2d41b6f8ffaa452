"""What the contract suite asks of every warehouse, each in its own words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest


@dataclass(frozen=True, slots=True)
class BrokenCredentials:
    """Credentials that do not work.

    :param name: what is wrong, for the test's name.
    :param fields: of the connection, in place of those that work (see ``StandIn.connection``).
    :param sentence: what the message must contain: the step to take.
    :param variables: environment in place of the usual one.
    """

    name: str
    fields: Mapping[str, Any]
    sentence: str
    variables: Mapping[str, str] = field(default_factory=dict)


class World:
    """One warehouse, started once for all its tests.

    Values in SQL are given by *logical type* and as text, so that a test says them once for all warehouses:
    ``timestamp`` (no zone), ``timestamp_tz`` (``2026-01-05 09:00:00.123456+02:00``), ``text``, ``json``, ``integer``,
    ``big_integer`` (38 digits), ``decimal`` (38 digits, 10 of them after the point), ``float``, ``boolean``, ``date``,
    ``binary`` (hexadecimal digits), ``struct`` (an object with ``a`` integer and ``b`` text, given as JSON),
    ``array`` (of integers, given as JSON), ``map`` (text to integer, given as JSON).
    """

    name: str
    #: Digits of a second that the finest timestamp holds.
    digits = 6
    #: Logical type -> the warehouse's type; one that is missing does not exist there.
    types: Mapping[str, str]
    #: What the warehouse does to a name that is not quoted.
    fold = staticmethod(str)
    #: Character that quotes a name.
    quote = '"'
    #: Whether one more name of another case is another name (``t`` and ``T``).
    is_case_sensitive = True
    #: Whether its JSON type keeps numbers beyond 64 bits.
    exact_json = True
    #: Faults that the client survives by itself, and those that end a read in the middle.
    survivable: Sequence[str] = ()
    fatal: Sequence[str] = ()
    #: Credentials that must be refused with a sentence.
    broken_credentials: Sequence[BrokenCredentials] = ()
    #: Whether statements(), tags and cancellation can be seen from outside.
    is_observed = True
    #: Tests of the contract that fail here for a reason that is not ours: test, as pytest names it without the
    #: warehouse (``test_x[text]``) -> the reason. They must fail: one that passes again is to leave the list.
    limits: Mapping[str, str] = {}
    #: Those of them that take minutes or would never end, and so are not even begun.
    endless: Collection[str] = ()

    # --- life ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def started(self) -> Iterator[World]:
        """Start the warehouse for all tests of a module."""
        yield self

    def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Forget what earlier tests did, and make the connection ``w`` lead here."""
        self.monkeypatch = monkeypatch
        self.clean()
        self.connect()

    def clean(self) -> None:
        """Drop all tables and views, take faults back, forget statements."""
        raise NotImplementedError

    # --- the connection -------------------------------------------------------------------------------

    def connection(self, **fields: Any) -> dict[str, Any]:
        """Return an Airflow connection as JSON fields; ``extra`` is merged key by key."""
        raise NotImplementedError

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment that the client needs."""
        return {}

    def connect(self, *, variables: Mapping[str, str] | None = None, **fields: Any) -> None:
        """Set the Airflow connection ``w`` and the client's environment."""
        for name, value in {**self.variables, **(variables or {})}.items():
            self.monkeypatch.setenv(name, value)
        self.monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(self.connection(**fields)))

    def connect_in_zone(self, zone: str) -> None:
        """Set the connection ``w`` so that its sessions would be in another time zone by themselves."""
        raise NotImplementedError

    def connect_as_guest(self, table: str) -> None:
        """Set the connection ``w`` to a login that may connect but not read the table."""
        raise NotImplementedError

    # --- tables ---------------------------------------------------------------------------------------

    def run(self, *statements: str) -> list[list[Any]]:
        """Run statements in the warehouse's own SQL as an administrator; rows of the last one come back."""
        raise NotImplementedError

    def load(self, name: str, table: pa.Table) -> None:
        """Create a table from Arrow; fast enough for a million rows."""
        raise NotImplementedError

    def load_into_schema(self, schema: str, name: str, table: pa.Table) -> None:
        """Create a table in a schema (a dataset), which is made when it is not there."""
        self.run(f"create schema if not exists {schema}")
        self.load(f"{schema}.{name}", table)

    def literal(self, kind: str, value: str | None) -> str:
        """Return a value of a logical type as SQL."""
        if value is None:
            return f"cast(null as {self.types[kind]})"
        escaped = value.replace("'", "''")
        return f"cast('{escaped}' as {self.types[kind]})"

    def quoted(self, name: str) -> str:
        """Return a name as the warehouse quotes it."""
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def create(self, name: str, columns: Mapping[str, str], *rows: Sequence[str | None]) -> None:
        """Create a table.

        :param name: as it stands in SQL (quote it when it must be).
        :param columns: name -> logical type; names as they stand in SQL.
        :param rows: values as text.
        """
        declared = ", ".join(f"{column} {self.types[kind]}" for column, kind in columns.items())
        self.run(f"create table {name} ({declared})")
        if rows:
            kinds = list(columns.values())
            selects = (
                "select " + ", ".join(self.literal(kind, value) for kind, value in zip(kinds, row, strict=True))
                for row in rows
            )
            self.run(f"insert into {name} {' union all '.join(selects)}")

    # --- what can be seen from outside ----------------------------------------------------------------

    def statements(self) -> list[dict[str, Any]]:
        """Return what the warehouse was asked through the connection: ``text``, ``tag``, ``state``."""
        raise NotImplementedError

    def forget(self) -> None:
        """Empty the list of statements."""
        raise NotImplementedError

    def fault(self, kind: str, **details: Any) -> None:
        """Let something go wrong (see ``StandIn.fault``)."""
        raise NotImplementedError

    def slow_query(self) -> str:
        """Return a query of the contract's columns (updated_at, external_id, payload) that runs for minutes."""
        raise NotImplementedError


class StandInWorld(World):
    """A warehouse behind one of the stand-ins."""

    stand_in: Any

    def clean(self) -> None:
        """Take faults back and forget statements; a subclass drops the tables first."""
        self.stand_in.heal()
        self.stand_in.forget()

    def connection(self, **fields: Any) -> dict[str, Any]:
        """Return the stand-in's connection."""
        found: dict[str, Any] = self.stand_in.connection(**fields)
        return found

    @property
    def variables(self) -> Mapping[str, str]:
        """Return the stand-in's variables."""
        found: Mapping[str, str] = self.stand_in.environment
        return found

    def run(self, *statements: str) -> list[list[Any]]:
        """Run statements through the stand-in's control port."""
        rows: list[list[Any]] = self.stand_in.sql(*statements)
        return rows

    def load(self, name: str, table: pa.Table) -> None:
        """Load through the stand-in's control port."""
        self.stand_in.load(name, table)

    def statements(self) -> list[dict[str, Any]]:
        """Ask the stand-in."""
        found: list[dict[str, Any]] = self.stand_in.statements()
        return found

    def forget(self) -> None:
        """Tell the stand-in."""
        self.stand_in.forget()

    def fault(self, kind: str, **details: Any) -> None:
        """Tell the stand-in."""
        self.stand_in.fault(kind, **details)
