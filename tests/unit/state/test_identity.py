"""Names that cannot meet, and what another source is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_cdi.state.identity import (
    Reading,
    default_sync_id,
    former_mapped_name,
    former_sync_id,
    mapped_name,
    mapped_part,
    query_digest,
)

READING = Reading("marketing.users", "warehouse")


def reading(**arguments):
    usual = {"source": None, "sql": None, "connection": "warehouse", "columns": {}, "timezone": None}
    return Reading.of(**usual | {"partition": None, "same_source": None} | arguments)


def test_dags_and_tasks_whose_dotted_ids_meet_have_names_of_their_own():
    pairs = [("crm", "users.sync"), ("crm.users", "sync"), ("crm.users.sync", "x"), ("crm", "users.sync.x")]
    assert len({default_sync_id(*pair) for pair in pairs}) == len(pairs)


def test_a_dag_without_dots_keeps_the_name_that_it_had():
    assert default_sync_id("crm", "group.users") == former_sync_id("crm", "group.users") == "crm.group.users"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a:b", "c", None), ("a", "b:c", None)),
        (("a", "b:0/2", None), ("a", "b", "0/2")),
        (("a%3Ab", "c", None), ("a:b", "c", None)),
    ],
)
def test_mapped_names_do_not_meet(one, other):
    assert mapped_name(*one) != mapped_name(*other)


def test_a_usual_mapped_name_is_what_it_was():
    parts = ("users", "marketing.users", "0/2")
    assert mapped_name(*parts) == former_mapped_name(*parts) == "users:marketing.users:0/2"


@pytest.mark.parametrize(
    "written", ["Marketing.USERS", '"MARKETING"."USERS"', " marketing . users ", "`marketing`.`users`"]
)
def test_another_way_to_write_a_table_is_the_same_table(written):
    assert replace(READING, source=written).differences(READING) == []


@pytest.mark.parametrize(
    "written", ["sales.users", "users", "marketing.users2", '"Marketing".users', '"marketing.users"']
)
def test_another_table_is_another_source(written):
    assert replace(READING, source=written).differences(READING) == [("source", "marketing.users", written)]


def test_a_query_is_known_by_its_words_and_not_by_its_blanks_comments_and_case():
    one = query_digest("select *\nfrom users -- all of them\nwhere name = 'A  b';\n")
    assert one == query_digest("\ufeffSELECT * FROM users /* which? */ WHERE name = 'A  b'")
    assert one != query_digest("select * from users where name = 'a  b'")
    assert one != query_digest("select * from users where name = 'A b'")


def test_text_that_looks_like_a_comment_counts():
    assert query_digest("select '--a' from t") != query_digest("select '--b' from t")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"connection": "other"}, "warehouse connection"),
        ({"updated_at": "changed_at"}, "column of UPDATED_AT"),
        ({"timezone": "Europe/Berlin"}, "watermark_timezone"),
        ({"partition": "1/2"}, "partition"),
    ],
)
def test_whatever_decides_which_rows_there_are_is_compared(change, what):
    assert [one[0] for one in replace(READING, **change).differences(READING)] == [what]


def test_a_zone_by_another_name_and_the_default_column_are_the_same():
    named = reading(source="users", timezone="Etc/UTC", columns={"updated_at": "UPDATED_AT"})
    assert named.differences(reading(source="users")) == []


def test_columns_of_the_payload_decide_no_rows():
    assert reading(source="users", columns={"EXTERNAL_ID": "customer"}) == reading(source="users")


def test_a_new_word_says_that_another_table_and_connection_hold_the_same_rows():
    moved = replace(READING, source="new.people", connection="new", same_source="people")
    assert moved.differences(READING) == []
    assert [one[0] for one in replace(moved, updated_at="x").differences(READING)] == ["column of UPDATED_AT"]


def test_a_word_covers_a_query_whose_text_changes_with_every_run_but_not_its_connection():
    first = reading(sql="select * from t where day = '2026-01-05'", same_source="by day")
    second = reading(sql="select * from t where day = '2026-01-06'", same_source="by day")
    assert second.differences(first) == []
    assert [one[0] for one in replace(second, connection="other").differences(first)] == ["warehouse connection"]


def test_without_the_word_the_text_counts_again():
    first = reading(sql="select 1", same_source="by day")
    assert reading(sql="select 1").differences(first) == []
    assert [one[0] for one in reading(sql="select 2").differences(first)] == ["source"]


@pytest.mark.parametrize("sync_id", ["users", "a:b", "100%", "ünï"])
def test_the_name_of_an_instance_begins_with_that_of_its_sync_whatever_signs_that_has(sync_id):
    assert mapped_part(sync_id, mapped_name(sync_id, "db.users", "0/8")) == "db.users:0/8"
    assert mapped_part(sync_id, former_mapped_name(sync_id, "db.users", None)) == "db.users"
    assert mapped_part(sync_id, sync_id) is None
    assert mapped_part(sync_id, f"{sync_id}2:0/8") is None
