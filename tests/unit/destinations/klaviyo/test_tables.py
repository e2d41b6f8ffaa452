"""Tables of real databases as Klaviyo's profiles and events, columns of all types included."""

from __future__ import annotations

import json

import pytest
from support.klaviyo_rows import make
from support.sql_world import EVERYTHING, Database

PEOPLE = """create table people (
    email varchar, updated_at timestamp, first_name varchar, zip integer, tier varchar, home___city varchar,
    points bigint, price decimal(10, 2){more})"""


@pytest.fixture(params=["sqlite", "duckdb"])
def database(request, tmp_path, monkeypatch):
    return Database(request.param, tmp_path, monkeypatch)


def bodies(database, table, data_type, **options):
    destination = make(data_type, **options)
    source = database.source(table, destination.contract)
    return [json.loads(entry.body) for rows in source.read(EVERYTHING) for entry in destination.encode(rows)]


def test_a_table_of_columns_becomes_profiles(database):
    database.run(
        PEOPLE.format(more=""),
        "insert into people values ('a@b.io', '2026-01-05 09:00:00', 'Ada', 10115, null, 'Bonn', 12345678901, 1.5)",
        "insert into people values ('c@d.io', '2026-01-05 09:00:01', null, null, 'gold', null, null, null)",
    )
    assert [profile["attributes"] for profile in bodies(database, "people", "profiles")] == [
        {
            "email": "a@b.io",
            "first_name": "Ada",
            "location": {"zip": "10115"},
            "properties": {"home": {"city": "Bonn"}, "points": 12345678901, "price": 1.5},
        },
        {"email": "c@d.io", "properties": {"tier": "gold"}},
    ]


def test_columns_with_a_structure_become_nested_properties(tmp_path, monkeypatch):
    database = Database("duckdb", tmp_path, monkeypatch).run(
        PEOPLE.format(more=", basket json, size struct(w integer, h integer), tags varchar[]"),
        """insert into people values ('a@b.io', '2026-01-05 09:00:00', null, null, null, null, null, 1.10,
           '{"sku": ["A1", null]}', {'w': 1, 'h': null}, ['x', 'y'])""",
    )
    (profile,) = bodies(database, "people", "profiles")
    assert profile["attributes"]["properties"] == {
        "price": 1.1,
        "basket": {"sku": ["A1", None]},
        "size": {"w": 1},
        "tags": ["x", "y"],
    }


def test_a_table_becomes_events(database):
    database.run(
        "create table visits (updated_at timestamp, event_time timestamp, email varchar, value decimal(10, 2), "
        "store varchar, properties varchar)",
        "insert into visits values ('2026-01-05 09:00:00', '2026-01-04 08:30:15', 'a@b.io', 59.5, 'Bonn', '{\"a\":1}')",
    )
    (entry,) = bodies(database, "visits", "events", metric="Visit", other_columns=True)
    (event,) = entry["attributes"]["events"]["data"]
    attributes = event["attributes"]
    assert attributes.pop("unique_id").startswith("cdi-")
    assert attributes == {
        "metric": {"data": {"type": "metric", "attributes": {"name": "Visit"}}},
        "time": "2026-01-04T08:30:15Z",
        "value": 59.5,
        "properties": {"store": "Bonn", "a": 1},
    }
