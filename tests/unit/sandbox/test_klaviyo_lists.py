"""Lists: made, shown, and who is on them."""

from __future__ import annotations

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
