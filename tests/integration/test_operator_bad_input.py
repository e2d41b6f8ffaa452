"""Bad input gets a clear error and loses nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pendulum
import pytest

from airflow_provider_cdi.version_compat import AirflowFailException

USERS = "create table users (updated_at timestamp, external_id varchar, payload varchar)"


def deep(levels):
    return '{"a":' * levels + "1" + "}" * levels


def refuse(lab, match, **arguments):
    with pytest.raises(AirflowFailException, match=match) as caught:
        lab.run(**arguments)
    assert lab.arrivals()["requests"] == 0
    return str(caught.value)


def test_an_unknown_table_is_named(lab):
    lab.sql(USERS)
    refuse(lab, "no_such_table", source="no_such_table")


def test_a_table_name_with_a_quote_never_becomes_sql(lab):
    lab.sql(USERS, "insert into users values ('2026-01-01', 'c-1', '{}')")
    refuse(lab, "users", source='"users""; drop table users; --"')
    refuse(lab, "source= is SQL", source='users"; drop table users; --')
    refuse(lab, "Give a query as sql=", source="select * from users")
    assert lab.run()["accepted"] == 1


def test_an_unknown_connection_is_named(lab):
    refuse(lab, "no_such_connection", warehouse_conn_id="no_such_connection")


def test_an_unknown_braze_connection_is_named(lab):
    lab.sql(USERS)
    refuse(lab, "no_such_braze", braze_conn_id="no_such_braze")


def test_a_view_without_updated_at_gets_advice(lab):
    lab.sql(USERS, "create view plain as select external_id, payload from users")
    assert "columns=" in refuse(lab, "UPDATED_AT", source="plain")


def test_a_source_without_any_identifier_column_is_refused(lab):
    lab.sql(USERS)
    refuse(lab, "EXTERNAL_ID", source=None, sql="select updated_at, payload from users")


def test_a_source_without_a_payload_gets_advice(lab):
    lab.sql(USERS)
    refuse(lab, "payload_columns", source=None, sql="select updated_at, external_id from users")


@pytest.mark.parametrize(("kind", "said"), [("varchar", "text"), ("date", "date")])
def test_an_updated_at_of_the_wrong_type_is_refused(lab, kind, said):
    lab.sql(f"create table users (updated_at {kind}, external_id varchar, payload varchar)")
    lab.sql("insert into users values ('2026-01-01', 'c-1', '{}')")
    refuse(lab, said)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("not json", "payload_not_json"),
        ("[1, 2]", "payload_not_object"),
        ("null", "payload_missing"),
        ("7", "payload_not_object"),
        (None, "payload_missing"),
        (json.dumps({"a": "x" * 1_153_434}), "payload_too_large"),
        (json.dumps({f"k{n}": n for n in range(251)}), "payload_too_many_keys"),
        (deep(80), "payload_too_deep"),
        (deep(5_000), "payload_too_deep"),
        ('{"external_id": "other"}', "identifier_in_payload"),
    ],
)
def test_a_payload_that_breaks_the_contract_is_a_reject_and_its_neighbours_go_on(lab, payload, code):
    import duckdb

    lab.sql(USERS, "insert into users values ('2026-01-01', 'c-1', '{}'), ('2026-01-03', 'c-3', '{}')")
    with duckdb.connect(str(lab.path)) as connection:
        connection.execute("insert into users values ('2026-01-02', 'c-2', ?)", [payload])
    report = lab.run()
    assert (report["accepted"], report["rejects"]) == (2, {code: 1})
    assert [row["identifier"] for row in lab.rejected()] == [{"EXTERNAL_ID": "c-2"}]


def test_a_row_without_identifier_is_a_reject(lab):
    lab.sql(USERS, "insert into users values ('2026-01-01', null, '{}'), ('2026-01-02', 'c-2', '{}')")
    assert lab.run()["rejects"] == {"identifier_missing": 1}


def test_an_empty_table_is_a_success_of_nothing(lab):
    lab.sql(USERS)
    report = lab.run()
    assert (report["rows_read"], report["watermark"]) == (0, None)
    lab.world.successes = 1
    lab.sql("insert into users values ('2026-01-01', 'c-1', '{}')")
    assert lab.run()["accepted"] == 1


def test_a_catalog_that_does_not_exist_is_a_sync_level_error(lab):
    lab.sql("""create table shops as select timestamp '2026-01-01' as updated_at, 's-1' as id, '{}' as payload""")
    with pytest.raises(AirflowFailException, match="shops"):
        lab.run(source="shops", data_type="catalog_items", catalog="shops")


def test_an_unknown_catalog_field_stops_the_sync_and_nothing_is_lost(lab):
    lab.sandbox.create_catalog("shops", city="string")
    lab.sql("""create table shops as select timestamp '2026-01-01' as updated_at, 's-1' as id,
        '{"colour":"red"}' as payload""")
    with pytest.raises(AirflowFailException, match="colour"):
        lab.run(source="shops", data_type="catalog_items", catalog="shops")
    lab.sql("""update shops set payload = '{"city":"Seoul"}'""")
    assert lab.run(source="shops", data_type="catalog_items", catalog="shops")["accepted"] == 1


@pytest.fixture
def shops(lab):
    """A catalog without the field colour, and a table in which every third item has one."""
    lab.sandbox.create_catalog("shops", city="string")
    lab.sql("""create table shops as select timestamp '2026-01-01' + interval (i) second as updated_at, 's-' || i as id,
        case when i % 3 = 0 then '{"city":"Seoul","colour":"red"}' else '{"city":"Seoul"}' end as payload
        from range(120) as numbers(i)""")
    return {"source": "shops", "data_type": "catalog_items", "catalog": "shops"}


def test_items_with_an_unknown_field_are_rejected_and_the_others_go(lab, shops):
    report = lab.run(**shops, on_unknown_field="reject")
    assert (report["accepted"], report["rejects"]) == (80, {"catalog_field_unknown": 40})
    assert len(lab.sandbox.catalog_items("shops")) == 80
    assert {line["identifier"]["ID"] for line in lab.rejected()} == {f"s-{i}" for i in range(0, 120, 3)}


def test_unknown_fields_are_left_out_counted_and_named(lab, shops):
    report = lab.run(**shops, on_unknown_field="drop")
    assert (report["accepted"], report["adjusted"]) == (120, {"field_dropped: colour": 40})
    assert lab.sandbox.catalog_items("shops")["s-3"] == {"id": "s-3", "city": "Seoul"}


def test_a_dry_run_knows_the_unknown_fields_too(lab, shops):
    report = lab.run(**shops, on_unknown_field="reject", dry_run=True)
    assert (report["accepted"], report["rejects"]) == (80, {"catalog_field_unknown": 40})
    assert lab.run(**shops, on_unknown_field="drop", dry_run=True)["adjusted"] == {"field_dropped: colour": 40}
    assert lab.sandbox.catalog_items("shops") == {}


def test_a_catalog_that_does_not_exist_is_told_before_anything_is_sent(lab, shops):
    with pytest.raises(AirflowFailException, match="no catalog 'stores'; existing: shops"):
        lab.run(**shops | {"catalog": "stores"}, on_unknown_field="drop")


def test_full_catalog_storage_is_a_sync_level_error(lab):
    lab.sandbox.create_catalog("shops", city="string")
    lab.sandbox.set_faults({"kind": "storage_full"})
    lab.sql("""create table shops as select timestamp '2026-01-01' as updated_at, 's-1' as id,
        '{"city":"Seoul"}' as payload""")
    with pytest.raises(AirflowFailException, match="storage"):
        lab.run(source="shops", data_type="catalog_items", catalog="shops")


def test_a_key_of_another_instance_is_a_sync_level_error_without_the_key(lab):
    lab.sql(USERS, "insert into users values ('2026-01-01', 'c-1', '{}')")
    lab.connect_braze(password="a-key-of-another-instance")
    with pytest.raises(AirflowFailException, match="401") as caught:
        lab.run()
    assert "a-key-of-another-instance" not in str(caught.value)
    lab.connect_braze()
    assert lab.run()["accepted"] == 1


def test_a_missing_permission_is_named(lab):
    lab.sql(USERS, "insert into users values ('2026-01-01', 'c-1', '{}')")
    lab.sandbox.set_faults({"kind": "answer", "status": 403, "body": '{"message":"Access Denied"}'})
    with pytest.raises(AirflowFailException, match=r"users\.track"):
        lab.run()


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("source=", {"source": None}),
        ("source is ''", {"source": ""}),
        ("catalog is 'my products'", {"data_type": "catalog_items", "catalog": "my products"}),
        ("dry_run is 'ture'", {"is_dry_run": "ture"}),
        ("partition is '8/8'", {"partition": "8/8"}),
        ("since is 'yesterday'", {"since": "yesterday", "until": "2026-01-05"}),
        ("initial is 'None'", {"initial": "None"}),
        ("max_reject_percent is '5'", {"max_reject_percent": "5"}),
    ],
)
def test_what_a_template_filled_in_wrongly_stops_the_run_before_a_request(lab, words, wrong):
    lab.sql(USERS, "insert into users values ('2026-01-01', 'c-1', '{}')")
    operator = lab.make()
    for name, value in wrong.items():
        setattr(operator, name, value)  # what rendering its template gave
    with pytest.raises(AirflowFailException, match=words):
        operator.execute(lab.world.context())
    assert lab.arrivals()["requests"] == 0


@pytest.mark.parametrize(
    "said",
    [
        {"initial": date(2026, 1, 1)},
        {"initial": 20260101},
        {"since": datetime(2026, 1, 1, tzinfo=UTC), "until": pendulum.datetime(2026, 1, 2), "sync_mode": "window"},
        {"since": 20260101, "until": date(2026, 1, 2), "sync_mode": "window"},
        {"is_dry_run": 0},
        {"is_dry_run": False},
        {"is_dry_run": "No"},
    ],
)
def test_what_a_native_template_gave_is_taken_for_what_it_is(lab, said):
    lab.sql(USERS, "insert into users values ('2026-01-01', 'c-1', '{}'), ('2025-01-01', 'older', '{}')")
    operator = lab.make()
    for name, value in said.items():
        setattr(operator, name, value)
    report = operator.execute(lab.world.context())
    assert report["dry_run"] is False
    assert report["accepted"] == (1 if {"initial", "since"} & set(said) else 2)


def test_a_name_that_a_native_template_made_a_number_of_stays_a_name(lab):
    lab.sql('create table "2026" (updated_at timestamp, external_id varchar, payload varchar)')
    operator = lab.make()
    operator.source = 2026
    assert operator.execute(lab.world.context())["rows_read"] == 0


def test_a_klaviyo_connection_is_no_braze_connection(lab):
    lab.sql(USERS)
    lab.connect_braze(conn_type="klaviyo")
    words = refuse(lab, "braze_default")
    assert "has the type 'klaviyo'" in words
    assert "of the type 'braze'" in words


@pytest.mark.parametrize("conn_type", ["braze", "klaviyo"])
def test_a_destination_is_no_warehouse(lab, conn_type, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": conn_type, "host": "h", "password": "k"}))
    words = refuse(lab, "'warehouse'")
    assert f"has the type {conn_type!r}" in words
    assert "warehouse_conn_id" in words


def test_a_host_without_tls_is_refused(lab):
    lab.sql(USERS, "insert into users values ('2026-01-01', 'c-1', '{}')")
    lab.connect_braze(host="http://rest.example.com")
    refuse(lab, "use https")


def test_a_host_that_speaks_no_tls_ends_the_run_at_once(lab):
    lab.sql(USERS, "insert into users values ('2026-01-01', 'c-1', '{}')")
    lab.connect_braze(host=lab.sandbox.url.replace("http://", "https://"))
    assert "check host, port and proxy" in refuse(lab, "does not speak TLS as expected")
