"""Single profiles, and what NULL, patches and identifiers do to them."""

from __future__ import annotations

import pytest
from support.klaviyo_world import pointers

ADA = "ada@acme-demo.io"
FULL = {
    "email": ADA,
    "last_name": "Lang",
    "location": {"city": "Berlin", "zip": "10115"},
    "properties": {"tier": "gold", "points": 420},
}
NULLS = {"email": ADA, "last_name": None, "location": {"zip": None}, "properties": {"tier": None}}


def held(klaviyo):
    shown = klaviyo.profile(email=ADA)
    return shown.get("last_name"), shown.get("location"), shown["properties"]


def test_a_new_profile_is_answered_201_and_a_known_one_200(klaviyo):
    first, second = klaviyo.upsert(email=ADA), klaviyo.upsert(email=ADA, first_name="Ada")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["data"]["attributes"]["first_name"] == "Ada"
    assert len(second.json()["data"]["id"]) == 26


def test_the_answer_shows_the_whole_profile(make_klaviyo):
    klaviyo = make_klaviyo(now=1_795_255_500.123456)
    attributes = klaviyo.upsert(**FULL).json()["data"]["attributes"]
    assert attributes["created"] == "2026-11-21T10:05:00+00:00"
    assert attributes["updated"] == "2026-11-21T10:05:00.123456+00:00"
    assert attributes["location"] == {
        "address1": None,
        "address2": None,
        "city": "Berlin",
        "country": None,
        "latitude": None,
        "longitude": None,
        "region": None,
        "zip": "10115",
        "timezone": None,
        "ip": None,
    }
    assert (attributes["title"], attributes["properties"]) == (None, {"tier": "gold", "points": 420})


def test_null_clears_in_a_single_upsert(klaviyo):
    klaviyo.upsert(**FULL)
    klaviyo.upsert(**NULLS)
    assert held(klaviyo) == (None, {"city": "Berlin"}, {"points": 420})


def test_null_clears_in_an_update(klaviyo):
    key = klaviyo.upsert(**FULL).json()["data"]["id"]
    body = {"data": {"type": "profile", "id": key, "attributes": NULLS}}
    assert klaviyo.call("PATCH", f"/api/profiles/{key}", body).status_code == 200
    assert held(klaviyo) == (None, {"city": "Berlin"}, {"points": 420})


def test_null_clears_a_whole_location(klaviyo):
    klaviyo.upsert(**FULL)
    klaviyo.upsert(email=ADA, location=None)
    assert klaviyo.profile(email=ADA).get("location") is None


def test_null_is_ignored_in_a_bulk_import(klaviyo):
    klaviyo.upsert(**FULL)
    klaviyo.import_attributes({**NULLS, "location": None})
    klaviyo.import_attributes(NULLS)
    assert held(klaviyo) == ("Lang", {"city": "Berlin", "zip": "10115"}, {"tier": "gold", "points": 420})


def test_what_is_missing_stays(klaviyo):
    klaviyo.upsert(**FULL)
    klaviyo.upsert(email=ADA, properties={"tier": "silver"})
    assert held(klaviyo) == ("Lang", {"city": "Berlin", "zip": "10115"}, {"tier": "silver", "points": 420})


def test_patches_append_take_away_and_unset(klaviyo):
    klaviyo.upsert(email=ADA, properties={"skus": ["A1", "B7"], "old": 1, "older": 2, "one": "x"})
    patch = {"append": {"skus": ["C3"], "one": "y", "new": "z"}, "unappend": {"skus": "A1"}, "unset": ["old", "older"]}
    body = {"data": {"type": "profile", "attributes": {"email": ADA}, "meta": {"patch_properties": patch}}}
    assert klaviyo.call("POST", "/api/profile-import", body).status_code == 200
    assert klaviyo.profile(email=ADA)["properties"] == {"skus": ["B7", "C3"], "one": ["x", "y"], "new": ["z"]}


@pytest.mark.parametrize(("obeyed", "left"), [(True, {}), (False, {"old": 1})])
def test_whether_bulk_imports_obey_unset_can_be_chosen(make_klaviyo, obeyed, left):
    klaviyo = make_klaviyo(bulk_unset=obeyed)
    klaviyo.upsert(email=ADA, properties={"old": 1})
    klaviyo.import_profiles({"attributes": {"email": ADA}, "meta": {"patch_properties": {"unset": "old"}}})
    assert klaviyo.profile(email=ADA)["properties"] == left


def test_email_addresses_differ_not_by_case(klaviyo):
    klaviyo.upsert(email=ADA)
    assert klaviyo.upsert(email="Ada@Acme-Demo.io").status_code == 200
    assert klaviyo.state()["profiles"] == 1


def test_a_profile_found_by_one_identifier_takes_the_others(klaviyo):
    klaviyo.upsert(external_id="c-1")
    klaviyo.upsert(external_id="c-1", email=ADA, phone_number="+4915112345678")
    shown = klaviyo.profile(phone_number="+4915112345678")
    assert (shown["external_id"], shown["email"]) == ("c-1", ADA)


def test_a_changed_email_no_longer_leads_to_the_profile(klaviyo):
    klaviyo.upsert(external_id="c-1", email=ADA)
    klaviyo.upsert(external_id="c-1", email="new@acme.io")
    assert klaviyo.profile(email=ADA) is None
    assert klaviyo.profile(email="new@acme.io")["external_id"] == "c-1"


def test_identifiers_of_different_profiles_are_a_conflict(klaviyo):
    other = klaviyo.upsert(external_id="c-2").json()["data"]["id"]
    klaviyo.upsert(email=ADA)
    answer = klaviyo.upsert(email=ADA, external_id="c-2")
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["meta"] == {"duplicate_profile_id": other}


def test_email_and_phone_of_different_profiles_can_merge_them(make_klaviyo):
    klaviyo = make_klaviyo(on_conflict="merge")
    klaviyo.upsert(email=ADA, first_name="Ada")
    klaviyo.upsert(phone_number="+4915112345678", last_name="Lang", external_id="c-2")
    assert klaviyo.upsert(email=ADA, phone_number="+4915112345678").status_code == 200
    shown = klaviyo.profile(external_id="c-2")
    assert (shown["email"], shown["first_name"], shown["last_name"]) == (ADA, "Ada", "Lang")
    assert klaviyo.state()["profiles"] == 1


def test_an_external_id_takes_no_part_in_merging(make_klaviyo):
    klaviyo = make_klaviyo(on_conflict="merge")
    klaviyo.upsert(email=ADA)
    klaviyo.upsert(external_id="c-2")
    assert klaviyo.upsert(email=ADA, external_id="c-2").status_code == 409


def test_which_identifier_decides_can_be_chosen(make_klaviyo):
    klaviyo = make_klaviyo(match_order=["phone_number", "email", "external_id", "id"], on_conflict="merge")
    klaviyo.upsert(email=ADA)
    kept = klaviyo.upsert(phone_number="+4915112345678").json()["data"]["id"]
    assert klaviyo.upsert(email=ADA, phone_number="+4915112345678").json()["data"]["id"] == kept


def test_an_id_that_leads_nowhere_is_not_found(klaviyo):
    body = {"data": {"type": "profile", "id": "01K" + "9" * 23, "attributes": {"email": ADA}}}
    assert klaviyo.call("POST", "/api/profile-import", body).status_code == 404


def test_creating_a_known_profile_is_a_conflict_that_names_it(klaviyo):
    key = klaviyo.send("profiles", "profile", {"email": ADA}).json()["data"]["id"]
    answer = klaviyo.send("profiles", "profile", {"email": ADA})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["title"]) == (409, "duplicate_profile", "Conflict.")
    assert error["meta"] == {"duplicate_profile_id": key}


def test_updating_an_unknown_profile_is_not_found(klaviyo):
    body = {"data": {"type": "profile", "id": "x", "attributes": {}}}
    assert klaviyo.call("PATCH", "/api/profiles/x", body).status_code == 404


def test_updating_needs_the_id_of_the_path(klaviyo):
    key = klaviyo.upsert(email=ADA).json()["data"]["id"]
    body = {"data": {"type": "profile", "id": "other", "attributes": {}}}
    assert pointers(klaviyo.call("PATCH", f"/api/profiles/{key}", body)) == ["/data/id"]


def test_an_email_of_somebody_else_cannot_be_taken(klaviyo):
    klaviyo.upsert(email="bo@acme.io")
    key = klaviyo.upsert(email=ADA).json()["data"]["id"]
    body = {"data": {"type": "profile", "id": key, "attributes": {"email": "bo@acme.io"}}}
    assert klaviyo.call("PATCH", f"/api/profiles/{key}", body).status_code == 409


def test_a_bad_profile_is_pointed_at_without_an_index(klaviyo):
    assert pointers(klaviyo.upsert(email="nobody")) == ["/data/attributes/email"]


def test_a_single_profile_is_refused_on_demand(klaviyo):
    klaviyo.sandbox.set_fault(kind="refuse", identifiers=[f"email:{ADA}"], error="Not this one")
    answer = klaviyo.upsert(email=ADA)
    assert (pointers(answer), answer.json()["errors"][0]["detail"]) == (["/data"], "Not this one")


def found(klaviyo, query):
    return [each["attributes"]["email"] for each in klaviyo.get(f"/api/profiles?{query}")["data"]]


def test_profiles_are_found_by_their_identifiers(klaviyo):
    for n in range(3):
        klaviyo.upsert(email=f"p{n}@acme.io", external_id=f"c-{n}", phone_number=f"+491511234567{n}")
    assert found(klaviyo, 'filter=any(email,["p0@acme.io","P2@acme.io","none@acme.io"])') == [
        "p0@acme.io",
        "p2@acme.io",
    ]
    assert found(klaviyo, 'filter=equals(external_id,"c-1")') == ["p1@acme.io"]
    assert found(klaviyo, 'filter=any(phone_number,["%2B4915112345672"])') == ["p2@acme.io"]
    key = klaviyo.profile(external_id="c-1")["id"]
    assert found(klaviyo, f'filter=equals(id,"{key}")') == ["p1@acme.io"]


def test_profiles_are_found_by_the_time_of_their_change(klaviyo):
    klaviyo.upsert(email="old@acme.io")
    klaviyo.clock.now += 60
    klaviyo.upsert(email="new@acme.io")
    assert found(klaviyo, "filter=greater-than(updated,2026-09-21T14:13:30Z)") == ["new@acme.io"]
    both = 'filter=and(equals(email,"old@acme.io"),less-than(created,2026-09-21T14:13:30Z))'
    assert found(klaviyo, both) == ["old@acme.io"]
    assert found(klaviyo, "sort=-created") == ["new@acme.io", "old@acme.io"]


@pytest.mark.parametrize(
    "text", ["email", 'contains(email,"a")', 'equals(mood,"a")', 'any(email,"a")', "less-than(created,x)"]
)
def test_a_filter_that_makes_no_sense_is_refused(klaviyo, text):
    answer = klaviyo.call("GET", f"/api/profiles?filter={text}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"] == {"parameter": "filter"}


def test_only_the_wanted_fields_are_shown(klaviyo):
    klaviyo.upsert(**FULL)
    (shown,) = klaviyo.get("/api/profiles?fields[profile]=email,last_name")["data"]
    assert shown["attributes"] == {"email": ADA, "last_name": "Lang"}


def test_profiles_come_in_pages_that_lead_on(klaviyo):
    for n in range(5):
        klaviyo.upsert(email=f"p{n}@acme.io")
    first = klaviyo.get("/api/profiles?page[size]=2")
    second = klaviyo.get(first["links"]["next"].removeprefix("http://sandbox.localhost"))
    assert [each["attributes"]["email"] for each in second["data"]] == ["p2@acme.io", "p3@acme.io"]
    assert second["links"]["prev"]
    assert klaviyo.get(second["links"]["next"].removeprefix("http://sandbox.localhost"))["links"]["next"] is None


def test_two_profiles_can_be_merged(klaviyo):
    gone = klaviyo.upsert(email="bo@acme.io", last_name="Bo").json()["data"]["id"]
    kept = klaviyo.upsert(external_id="c-1").json()["data"]["id"]
    sources = {"profiles": {"data": [{"type": "profile", "id": gone}]}}
    body = {"data": {"type": "profile-merge", "id": kept, "relationships": sources}}
    assert klaviyo.call("POST", "/api/profile-merge", body).status_code == 201
    assert klaviyo.profile(email="bo@acme.io")["id"] == kept
    assert klaviyo.call("GET", f"/api/profiles/{gone}").status_code == 404


def test_counting_only_keeps_no_single_profiles_either(make_klaviyo):
    klaviyo = make_klaviyo(shared={"keep": "counts"})
    assert klaviyo.upsert(email=ADA).status_code == 201
    assert klaviyo.state()["profiles"] == 0


# --- deletion for privacy --------------------------------------------------------------------------------


def delete(klaviyo, profile):
    content = {"profile": {"data": {"type": "profile", **profile}}}
    return klaviyo.send("data-privacy-deletion-jobs", "data-privacy-deletion-job", content)


@pytest.mark.parametrize("key", ["id", "email", "phone_number"])
def test_a_profile_is_deleted_by_one_identifier(klaviyo, key):
    audience = klaviyo.create_list()
    klaviyo.import_attributes({"email": ADA, "phone_number": "+4915112345678"}, lists=[audience])
    value = klaviyo.profile(email=ADA)[key]
    profile = {"id": value, "attributes": {}} if key == "id" else {"attributes": {key: value}}
    answer = delete(klaviyo, profile)
    assert (answer.status_code, answer.content) == (202, b"")
    assert klaviyo.state()["profiles"] == 0
    assert klaviyo.state()["lists"] == {"Warehouse": 0}


def test_deleting_somebody_unknown_is_accepted(klaviyo):
    assert delete(klaviyo, {"attributes": {"email": ADA}}).status_code == 202


@pytest.mark.parametrize(
    "profile", [{"attributes": {}}, {"attributes": {"email": ADA, "phone_number": "+4915112345678"}}, {"id": 1}]
)
def test_a_deletion_needs_exactly_one_identifier(klaviyo, profile):
    assert delete(klaviyo, profile).status_code == 400


def test_a_profile_that_was_deleted_can_come_back_as_a_new_one(klaviyo):
    first = klaviyo.upsert(email=ADA).json()["data"]["id"]
    delete(klaviyo, {"attributes": {"email": ADA}})
    assert klaviyo.upsert(email=ADA).json()["data"]["id"] != first
