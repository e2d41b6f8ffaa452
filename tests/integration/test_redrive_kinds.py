"""Rejected rows again, of every kind of sync: events of one person, catalogs, profiles, mapped tasks, doubtful ones."""

from __future__ import annotations

from typing import Any

from support.rejected_rows import again, put_in_a_dag

from airflow_provider_cdi.engine.settings import DeliverySettings

EVENT = '{"name":"visit","time":"2026-01-01T00:00:00Z","properties":{"n":%d}}'


def table(lab: Any, *rows: str, columns: str = "external_id varchar, payload varchar") -> None:
    """Make a table of rows, one a second, and a good one behind them that moves the watermark on."""
    inserts = [
        f"insert into users values (timestamp '2026-01-01' + interval {second} second, {row})"
        for second, row in enumerate(rows)
    ]
    lab.sql(f"create table users (updated_at timestamp, {columns})", *inserts)


def test_several_rejects_of_one_person_are_sent_in_their_order(lab):
    table(lab, *(f"'{who}', 'bad {n}'" for n in range(40) for who in ("anna", "bert")), f"'carl', '{EVENT % 99}'")
    assert lab.run(data_type="events")["rejected"] == 80
    lab.sql(f"update users set payload = replace('{EVENT % 12345}', '12345', payload[5:]) where payload like 'bad%'")
    report = again(lab, "again", kind="events")
    assert (report["accepted"], report["redrive"]["accepted"]) == (80, 80)
    for who in ("anna", "bert"):
        assert [event["properties"]["n"] for event in lab.sandbox.events(external_id=who)] == list(range(40))


def test_of_several_rejects_of_one_person_the_newest_attributes_are_left_at_the_destination(lab):
    table(lab, *(f"'anna', 'bad {n}'" for n in range(3)), "'carl', '{}'")
    assert lab.run()["rejected"] == 3
    lab.sql("""update users set payload = '{"n":' || payload[5:] || '}' where payload like 'bad%'""")
    report = again(lab, "again")
    assert (report["redrive"]["accepted"], report["redrive"]["newer_row"], report["rows_read"]) == (1, 2, 1)
    assert lab.sandbox.user(external_id="anna")["custom_attributes"] == {"n": 2}


def test_items_of_a_catalog_are_sent_again(lab):
    lab.sandbox.create_catalog("things", n="number")
    lab.arguments |= {"catalog": "things"}
    table(lab, "'one', 'bad'", "'two', '{\"n\":2}'", columns="id varchar, payload varchar")
    assert lab.run(data_type="catalog_items")["rejects"] == {"payload_not_json": 1}
    lab.sql("update users set payload = '{\"n\":1}' where id = 'one'")
    assert again(lab, "again", kind="catalog_items")["redrive"]["accepted"] == 1
    assert again(lab, "nothing", kind="catalog_items")["redrive"]["taken"] == 0
    assert {name: item["n"] for name, item in lab.sandbox.catalog_items("things").items()} == {"one": 1, "two": 2}


def test_profiles_of_klaviyo_are_sent_again(klaviyo_lab):
    table(klaviyo_lab, "'anna@shop.io', 'bad'", "'bert@shop.io', '{}'", columns="email varchar, payload varchar")
    assert klaviyo_lab.run(data_type="profiles")["rejects"] == {"payload_not_json": 1}
    klaviyo_lab.sql("""update users set payload = '{"properties":{"n":1}}' where payload = 'bad'""")
    assert again(klaviyo_lab, "again", kind="profiles")["redrive"]["accepted"] == 1
    assert again(klaviyo_lab, "nothing", kind="profiles")["redrive"]["taken"] == 0
    assert {profile["email"] for profile in klaviyo_lab.klaviyo.profiles()} == {"anna@shop.io", "bert@shop.io"}


def test_an_older_row_of_klaviyo_is_not_sent_over_a_newer_one_that_has_any_identifier_in_common(klaviyo_lab):
    lab = klaviyo_lab
    row = "insert into users values ('2026-01-01 00:00:0{}', {}, {}, '{}', '{}')"
    lab.sql(
        "create table users (updated_at timestamp, email varchar, external_id varchar, first_name varchar, "
        "payload varchar)",
        row.format(1, "'anna@shop.io'", "null", "old", "bad"),
        row.format(1, "'bert@shop.io'", "'e-2'", "old", "bad"),
        row.format(1, "null", "'e-3'", "old", "bad"),
        row.format(1, "'dora@shop.io'", "'e-4'", "first", "bad"),
        row.format(5, "'anna@shop.io'", "'e-1'", "new", "{}"),
        row.format(5, "null", "'e-2'", "new", "{}"),
        row.format(5, "'carl@shop.io'", "'e-3'", "new", "{}"),
    )
    assert lab.run(data_type="profiles")["rejected"] == 4
    lab.sql("update users set payload = '{}'")
    numbers = again(lab, "again", kind="profiles")["redrive"]
    assert (numbers["newer_row"], numbers["accepted"]) == (3, 1)
    assert sorted(profile["first_name"] for profile in lab.klaviyo.profiles()) == ["first", "new", "new", "new"]


def test_each_instance_of_a_mapped_task_sends_its_own_rejects_again(lab, monkeypatch):
    put_in_a_dag(lab, monkeypatch)
    lab.arguments |= {"rejects_path": f"{lab.rejects}/"}
    table(lab, *(f"'c-{n}', 'bad'" for n in range(60)), *(f"'d-{n}', '{{}}'" for n in range(60)))
    said = [{"partition": f"{part}/3"} for part in range(3)]
    rejected = []
    for number, part in enumerate(said):
        rejected.append(lab.run(run_id="first", context={"map_index": number}, **part)["rejected"])
    assert sum(rejected) == 60
    assert min(rejected) > 0
    lab.sql("update users set payload = '{\"n\":1}' where payload = 'bad'")
    for number, part in enumerate(said):
        lab.arguments |= part
        report = again(lab, "again", map_index=number)
        assert (report["redrive"]["taken"], report["accepted"]) == (rejected[number], rejected[number])
    received = lab.arrivals()["received"]
    assert [received.get(f"external_id:c-{n}") for n in range(60)] == [1] * 60


def test_events_that_may_have_arrived_are_sent_again_only_when_asked(lab):
    table(lab, f"'anna', '{EVENT % 1}'", "'bert', 'bad'", f"'carl', '{EVENT % 2}'")
    lab.sandbox.set_faults({"kind": "reset", "applied": False, "times": 1, "path": "/users/track"})
    report = lab.run(data_type="events", delivery=DeliverySettings(on_unknown="reject"))
    assert (report["rejected"], report["unknown"]) == (1, 2)
    lab.sql(f"update users set payload = '{EVENT % 3}' where payload = 'bad'")
    assert again(lab, "again", kind="events")["redrive"]["taken"] == 1
    asked = again(lab, "asked", kind="events", reject_unknown=True)
    assert (asked["redrive"]["taken"], asked["accepted"]) == (2, 2)
    assert again(lab, "nothing", kind="events", reject_unknown=True)["redrive"]["taken"] == 0
