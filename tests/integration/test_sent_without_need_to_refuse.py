"""Tables as they are: what the vendor takes is sent, what it drops is left out, and what it cuts is counted."""

from __future__ import annotations

SCHEMA = """create table {name} (updated_at timestamp, external_id bigint, email varchar, phone varchar, {columns})"""


def test_a_table_of_purchases_with_numbers_and_texts_where_braze_wants_others(lab, sandbox):
    lab.sql(
        SCHEMA.format(name="t", columns="sku bigint, cur varchar, price varchar, n double, bought varchar"),
        "insert into t values ('2026-01-01', 7, 'a@b.io', '+1', 4711, 'usd', '19.90', 2.0, '2026-01-01 10:00 +0100')",
        "insert into t values ('2026-01-02', 7, 'a@b.io', '+1', 4711, 'usd', '19.90', 2.5, '2026-01-01T10:00:00Z')",
    )
    fields = {"sku": "product_id", "cur": "currency", "price": "price", "n": "quantity", "bought": "time"}
    report = lab.run(source="t", data_type="purchases", payload_columns=fields)
    assert (report["accepted"], report["rejects"]) == (1, {"quantity_invalid": 1})
    assert sandbox.user(external_id="7")["purchases"] == [
        {"name": "4711", "first": "2026-01-01T09:00:00.000Z", "last": "2026-01-01T09:00:00.000Z", "count": 2}
    ]
    assert "email" not in sandbox.user(external_id="7")


def test_null_in_what_is_nested_costs_nobody_an_update(lab, sandbox):
    lab.sql(
        SCHEMA.format(name="t", columns="city varchar, moved timestamp, home struct(zip varchar, since date)"),
        "insert into t values ('2026-01-01', 1, null, null, null, null, {'zip': null, 'since': null})",
        "insert into t values ('2026-01-01', 2, 'c@d.io', null, 'Busan', '2020-01-01', {'zip': '1', 'since': null})",
    )
    fields = {"city": "address.city", "moved": "address.moved", "home": "home"}
    assert lab.run(source="t", payload_columns=fields)["accepted"] == 2
    assert sandbox.user(external_id="1")["custom_attributes"] == {"address": {}, "home": {}}
    assert sandbox.user(external_id="2")["custom_attributes"] == {
        "address": {"city": "Busan", "moved": "2020-01-01T00:00:00.000Z"},
        "home": {"zip": "1"},
    }
    assert "email" not in sandbox.user(external_id="2")


def test_of_a_long_array_the_latest_elements_stay_and_the_report_counts_the_row(lab, sandbox, caplog):
    lab.sql(
        "create table users (updated_at timestamp, external_id varchar, payload varchar)",
        "insert into users select '2026-01-01', 'c-1', json_object('tags', range(600))",
        "insert into users values ('2026-01-01', 'c-2', '{\"tags\": [1, 2]}')",
    )
    report = lab.run()
    assert (report["accepted"], report["adjusted"]) == (2, {"truncated_by_braze": 1})
    assert caplog.text.count("truncated_by_braze") == 1
    assert sandbox.user(external_id="c-1")["custom_attributes"]["tags"] == list(range(100, 600))
    assert lab.run(on_long_array="reject", sync_mode="full")["rejects"] == {"array_too_long": 1}
