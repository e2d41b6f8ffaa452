"""Lists: made, shown, and who is on them."""

from __future__ import annotations

from urllib.parse import quote

import pytest

ADA = "ada@acme-demo.io"


def test_lists_are_made_shown_and_found(klaviyo):
    first, second = klaviyo.create_list("One"), klaviyo.create_list("Two")
    assert klaviyo.get(f"/api/lists/{first}")["data"]["attributes"]["name"] == "One"
    assert [each["id"] for each in klaviyo.get('/api/lists?filter=equals(name,"Two")')["data"]] == [second]
    assert klaviyo.call("GET", "/api/lists?page[size]=11").status_code == 400
    assert klaviyo.call("GET", "/api/lists/NoPe99").status_code == 404


@pytest.mark.parametrize("attributes", [{}, {"name": " "}, {"name": "x", "opt_in_process": "triple"}])
def test_a_list_needs_a_name_and_a_known_way_to_opt_in(klaviyo, attributes):
    assert klaviyo.send("lists", "list", attributes).status_code == 400


def test_profiles_are_put_on_a_list_and_taken_off_with_an_empty_answer(klaviyo):
    audience, key = klaviyo.create_list(), klaviyo.upsert(email=ADA).json()["data"]["id"]
    path, body = f"/api/lists/{audience}/relationships/profiles", {"data": [{"type": "profile", "id": key}]}
    answer = klaviyo.call("POST", path, body)
    assert (answer.status_code, answer.content, "content-length" in answer.headers) == (204, b"", False)
    assert [each["id"] for each in klaviyo.get(path)["data"]] == [key]
    (member,) = klaviyo.get(f"/api/lists/{audience}/profiles")["data"]
    assert (member["attributes"]["email"], member["attributes"]["joined_group_at"]) == (
        ADA,
        "2026-09-21T14:13:20+00:00",
    )
    assert klaviyo.call("DELETE", path, body).status_code == 204
    assert klaviyo.get(path)["data"] == []


@pytest.mark.parametrize("ids", [[], ["x"], ["x"] * 1_001], ids=len)
def test_members_must_exist_and_be_a_thousand_at_most(klaviyo, ids):
    body = {"data": [{"type": "profile", "id": each} for each in ids]}
    assert klaviyo.call("POST", f"/api/lists/{klaviyo.create_list()}/relationships/profiles", body).status_code == 400


def test_the_lists_of_a_profile_are_shown(klaviyo):
    audience, _ = klaviyo.create_list("One"), klaviyo.create_list("Two")
    key = klaviyo.upsert(email=ADA).json()["data"]["id"]
    klaviyo.call("POST", f"/api/lists/{audience}/relationships/profiles", {"data": [{"type": "profile", "id": key}]})
    assert [each["attributes"]["name"] for each in klaviyo.get(f"/api/profiles/{key}/lists")["data"]] == ["One"]
    assert klaviyo.get(f"/api/profiles/{key}/relationships/lists")["data"] == [{"type": "list", "id": audience}]
    assert klaviyo.call("GET", "/api/profiles/01NoPe/lists").status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        "equals(name,'One, two')",
        "any(name,['One, two'])",
        "any(name,['none','One, two'])",
        'any(name,["One, two"])',
        "and(equals(name,'One, two'),any(name,['One, two',\"x\"]))",
    ],
)
def test_texts_in_a_filter_stand_in_quotes_of_either_kind(klaviyo, text):
    klaviyo.create_list("One, two"), klaviyo.create_list("Two")
    found = klaviyo.get(f"/api/lists?filter={quote(text)}")["data"]
    assert [each["attributes"]["name"] for each in found] == ["One, two"]


@pytest.mark.parametrize(
    ("name", "text"), [("O'Hara", '"O\'Hara"'), ("O'Hara", r"'O\'Hara'"), ('Say "x"', "'Say \"x\"'")]
)
def test_the_other_kind_of_quotes_may_stand_inside(klaviyo, name, text):
    klaviyo.create_list(name)
    assert len(klaviyo.get(f"/api/lists?filter={quote(f'equals(name,{text})')}")["data"]) == 1
