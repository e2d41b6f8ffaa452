"""The stand-in is as strict as Redshift: what the driver is refused there, it is refused here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from typing import Any

import pytest
from standins.redshift import DATABASE, PASSWORD, USER
from warehouses.conftest import Worlds
from warehouses.worlds.redshift import RedshiftWorld

Connect = Callable[..., Any]


@pytest.fixture
def world(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> RedshiftWorld:
    world = worlds["redshift"]
    assert isinstance(world, RedshiftWorld)
    world.begin(monkeypatch)
    return world


@pytest.fixture
def connect(world: RedshiftWorld) -> Iterator[Connect]:
    """The driver itself, without any hook."""
    import redshift_connector

    with ExitStack() as stack:

        def connect(**fields: Any) -> Any:
            usual = {"host": "localhost", "port": world.stand_in.port, "database": DATABASE}
            connection = redshift_connector.connect(**{**usual, "user": USER, "password": PASSWORD, **fields})
            return stack.enter_context(closing(connection))

        yield connect


def test_there_is_one_open_cursor_a_session(connect: Connect) -> None:
    cursor = connect().cursor()
    cursor.execute("declare a cursor for select 1")
    with pytest.raises(Exception, match="Only one cursor at a time"):
        cursor.execute("declare b cursor for select 1")


def test_a_closed_cursor_makes_room_for_another(connect: Connect) -> None:
    cursor = connect().cursor()
    cursor.execute("declare a cursor for select 1")
    cursor.execute("close a")
    cursor.execute("declare b cursor for select 2")
    cursor.execute("fetch forward 10 from b")
    assert cursor.fetchall() == ([2],)


def test_a_cursor_lives_inside_a_transaction(connect: Connect) -> None:
    connection = connect()
    connection.autocommit = True
    with pytest.raises(Exception, match="transaction"):
        connection.cursor().execute("declare a cursor for select 1")


@pytest.mark.parametrize("size", ["1001", "all"])
def test_one_node_gives_a_thousand_rows_a_fetch(connect: Connect, size: str) -> None:
    cursor = connect().cursor()
    cursor.execute("declare a cursor for select 1")
    with pytest.raises(Exception, match="single node configuration"):
        cursor.execute(f"fetch forward {size} from a")


def test_a_read_only_transaction_writes_nothing(world: RedshiftWorld, connect: Connect) -> None:
    world.run("create table t (a int)", "grant insert on t to public")
    connection = connect()
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("begin read only")
    with pytest.raises(Exception, match="read-only transaction"):
        cursor.execute("insert into t values (1)")


def test_numbers_travel_as_they_do_in_redshifts_own_protocol(connect: Connect) -> None:
    cursor = connect().cursor()
    numbers = ["0", "-1", "12.34", "-0.0001", "99999999.9999", "-10000"]
    cursor.execute("select " + ", ".join(f"cast({number} as numeric(12,4))" for number in numbers))
    assert list(cursor.fetchone()) == [Decimal(number).quantize(Decimal("0.0001")) for number in numbers]


def test_a_connection_without_tls_is_refused(connect: Connect) -> None:
    with pytest.raises(Exception, match="SSL off"):
        connect(ssl=False)
