"""Who is meant: the identity rules of Braze, and the endpoints that change who is who."""

from __future__ import annotations

import pytest

ALIAS = {"user_alias": {"alias_name": "web-77", "alias_label": "visitor"}}
BY_ALIAS = {"alias_name": "web-77", "alias_label": "visitor"}
EVENT = {"name": "opened", "time": "2026-01-05T10:00:00Z"}


def test_an_unknown_external_id_makes_a_user(sandbox):
    sandbox.attributes({"external_id": "c-1"})
    assert sandbox.user(external_id="c-1")["external_id"] == "c-1"


def test_update_existing_only_makes_nobody_and_is_a_success(sandbox):
    answer = sandbox.attributes({"external_id": "ghost", "_update_existing_only": True, "plan": "pro"})
    assert answer.json() == {"attributes_processed": 1, "message": "success"}
    assert sandbox.state()["users"] == 0


def test_an_alias_makes_nobody_unless_it_is_told_to(sandbox):
    sandbox.attributes({**ALIAS, "plan": "pro"})
    sandbox.track(events=[{**ALIAS, **EVENT}])
    assert sandbox.state()["users"] == 0
    sandbox.attributes({**ALIAS, "plan": "pro", "_update_existing_only": False})
    assert sandbox.user(**BY_ALIAS)["custom_attributes"] == {"plan": "pro"}


def test_alias_names_are_case_sensitive(sandbox):
    sandbox.attributes({**ALIAS, "_update_existing_only": False})
    assert sandbox.user(alias_name="WEB-77", alias_label="visitor") is None


def test_a_braze_id_finds_but_never_makes(sandbox):
    sandbox.attributes({"external_id": "c-1"})
    braze_id = sandbox.user(external_id="c-1")["braze_id"]
    sandbox.attributes({"braze_id": braze_id, "plan": "pro"}, {"braze_id": "f" * 24, "plan": "pro"})
    assert sandbox.custom("c-1") == {"plan": "pro"}
    assert sandbox.state()["users"] == 1


def test_an_unknown_address_makes_a_user_who_has_nothing_else(sandbox):
    sandbox.attributes({"email": "mina@example.com", "plan": "pro"})
    user = sandbox.user(email="mina@example.com")
    assert "external_id" not in user
    assert user["user_aliases"] == []


def test_an_unknown_external_id_with_a_known_address_makes_a_second_profile(sandbox):
    sandbox.attributes({"email": "mina@example.com", "plan": "free"})
    sandbox.attributes({"external_id": "c-1", "email": "mina@example.com", "plan": "pro"})
    assert sandbox.state()["users"] == 2


def test_an_address_means_the_identified_profile_that_was_updated_last(sandbox):
    sandbox.attributes({"external_id": "c-1", "email": "m@example.com"})
    sandbox.attributes({"external_id": "c-2", "email": "m@example.com"})
    sandbox.attributes({"external_id": "c-1", "touched": True})
    sandbox.attributes({"email": "M@example.com", "plan": "pro"})
    assert "plan" in sandbox.custom("c-1")
    assert "plan" not in sandbox.custom("c-2")


def test_the_address_wins_over_the_phone_number(sandbox):
    sandbox.attributes({"external_id": "c-1", "email": "m@example.com"}, {"external_id": "c-2", "phone": "+8210"})
    sandbox.attributes({"email": "m@example.com", "phone": "+8299", "plan": "pro"})
    assert sandbox.user(external_id="c-1")["phone"] == "+8299"
    assert sandbox.custom("c-2") == {}


def test_a_primary_identifier_makes_the_address_an_attribute(sandbox):
    sandbox.attributes({"external_id": "c-1", "email": "old@example.com"})
    sandbox.attributes({"external_id": "c-1", "email": "new@example.com"})
    assert sandbox.user(email="old@example.com") is None
    assert sandbox.user(email="new@example.com")["external_id"] == "c-1"


def test_a_subscription_reaches_all_profiles_of_the_address(sandbox):
    for number in (1, 2):
        sandbox.attributes({"external_id": f"c-{number}", "email": "m@example.com"})
    sandbox.attributes({"external_id": "c-1", "email_subscribe": "unsubscribed"})
    assert sandbox.user(external_id="c-2")["email_subscribe"] == "unsubscribed"


def test_identify_turns_an_alias_only_user_into_a_known_one(sandbox):
    sandbox.attributes({**ALIAS, "plan": "pro", "_update_existing_only": False})
    sandbox.call("POST", "/users/identify", {"aliases_to_identify": [{"external_id": "c-1", **ALIAS}]})
    assert sandbox.custom("c-1") == {"plan": "pro"}


def test_identify_joins_the_alias_with_the_user_who_has_the_id(sandbox):
    sandbox.attributes({"external_id": "c-1", "plan": "pro"})
    sandbox.track(
        attributes=[{**ALIAS, "plan": "free", "city": "Busan", "_update_existing_only": False}],
        events=[{**ALIAS, **EVENT}],
    )
    sandbox.call("POST", "/users/identify", {"aliases_to_identify": [{"external_id": "c-1", **ALIAS}]})
    assert sandbox.custom("c-1") == {"plan": "pro", "city": "Busan"}
    assert len(sandbox.events(external_id="c-1")) == 1
    assert sandbox.user(**BY_ALIAS)["external_id"] == "c-1"


def test_merge_keeps_one_user(sandbox):
    sandbox.attributes({"external_id": "dup", "email": "m@example.com", "city": "Busan"}, {"external_id": "main"})
    update = {"identifier_to_merge": {"external_id": "dup"}, "identifier_to_keep": {"external_id": "main"}}
    sandbox.call("POST", "/users/merge", {"merge_updates": [update]})
    assert sandbox.user(external_id="dup") is None
    assert sandbox.user(email="m@example.com")["custom_attributes"] == {"city": "Busan"}


def test_alias_update_renames_and_ignores_unknown_pairs(sandbox):
    sandbox.attributes({**ALIAS, "_update_existing_only": False})
    for old in ("web-77", "unknown"):
        update = {"alias_label": "visitor", "old_alias_name": old, "new_alias_name": "web-78"}
        assert sandbox.call("POST", "/users/alias/update", {"alias_updates": [update]}).status_code == 201
    assert sandbox.user(**BY_ALIAS) is None
    assert sandbox.user(alias_name="web-78", alias_label="visitor")


def test_alias_new_without_an_external_id_makes_a_user(sandbox):
    sandbox.call("POST", "/users/alias/new", {"user_aliases": [BY_ALIAS]})
    assert sandbox.user(**BY_ALIAS)


def test_a_user_has_one_alias_a_label(sandbox):
    sandbox.attributes({"external_id": "c-1"})
    for name in ("first", "second"):
        alias = {"external_id": "c-1", "alias_label": "visitor", "alias_name": name}
        sandbox.call("POST", "/users/alias/new", {"user_aliases": [alias]})
    assert [alias["alias_name"] for alias in sandbox.user(external_id="c-1")["user_aliases"]] == ["first"]


def rename(sandbox, old, new):
    body = {"external_id_renames": [{"current_external_id": old, "new_external_id": new}]}
    return sandbox.call("POST", "/users/external_ids/rename", body).json()


def test_a_renamed_external_id_still_leads_to_the_user(sandbox):
    sandbox.attributes({"external_id": "a"})
    rename(sandbox, "a", "b")
    sandbox.attributes({"external_id": "a", "plan": "pro"})
    assert sandbox.custom("b") == {"plan": "pro"}
    assert sandbox.state()["users"] == 1


def test_only_a_former_external_id_can_be_removed(sandbox):
    sandbox.attributes({"external_id": "a"})
    rename(sandbox, "a", "b")
    answer = sandbox.call("POST", "/users/external_ids/remove", {"external_ids": ["a", "b"]}).json()
    assert answer["removed_ids"] == ["a"]
    assert [index for _, index in answer["removal_errors"]] == [1]
    assert sandbox.user(external_id="a") is None


def delete(sandbox, **body):
    return sandbox.call("POST", "/users/delete", body)


def test_delete_counts_what_was_asked_for_and_deletes_what_there_is(sandbox):
    sandbox.track(attributes=[{"external_id": "c-1"}], events=[{"external_id": "c-1", **EVENT}])
    assert delete(sandbox, external_ids=["c-1", "ghost"]).json()["deleted"] == 2
    state = sandbox.state()
    assert (state["users"], state["events"]) == (0, 0)


def test_delete_by_a_former_external_id_deletes_the_whole_profile(sandbox):
    sandbox.attributes({"external_id": "a"})
    rename(sandbox, "a", "b")
    delete(sandbox, external_ids=["a"])
    assert sandbox.state()["users"] == 0


def test_delete_takes_one_kind_of_identifier(sandbox):
    assert delete(sandbox, external_ids=["c-1"], braze_ids=["0a"]).status_code == 400


@pytest.mark.parametrize("kind", ["email_addresses", "phone_numbers"])
@pytest.mark.parametrize("entry", [{"external_id": "c-1"}, {"user_alias": {"alias_name": "n", "alias_label": "l"}}])
def test_delete_by_a_contact_takes_no_entry_without_it(sandbox, kind, entry):
    sandbox.attributes({"external_id": "c-1"})
    assert delete(sandbox, **{kind: [{**entry, "prioritization": []}]}).status_code == 400
    assert sandbox.user(external_id="c-1")


def test_delete_by_address_without_a_tie_breaker_deletes_nobody(sandbox):
    for number in (1, 2):
        sandbox.attributes({"external_id": f"c-{number}", "email": "m@example.com"})
    delete(sandbox, email_addresses=[{"email": "m@example.com", "prioritization": ["identified"]}])
    assert sandbox.state()["users"] == 2
    rule = ["identified", "most_recently_updated"]
    delete(sandbox, email_addresses=[{"email": "m@example.com", "prioritization": rule}])
    assert sandbox.user(external_id="c-2") is None
    assert sandbox.user(external_id="c-1")


def test_export_shows_only_the_fields_that_were_asked_for(sandbox):
    sandbox.attributes({"external_id": "c-1", "first_name": "Mina", "plan": "pro"})
    body = {"external_ids": ["c-1"], "fields_to_export": ["first_name"]}
    assert sandbox.call("POST", "/users/export/ids", body).json()["users"] == [{"first_name": "Mina"}]


def test_the_subscription_endpoint_sets_the_state_of_known_users(sandbox):
    sandbox.attributes({"external_id": "c-1"})
    group = {"subscription_group_id": "7b0c2f52-0000-4000-8000-000000000001", "subscription_state": "subscribed"}
    body = {"subscription_groups": [{**group, "external_ids": ["c-1", "ghost"]}]}
    assert sandbox.call("POST", "/v2/subscription/status/set", body).status_code == 201
    assert sandbox.user(external_id="c-1")["subscription_groups"] == [group]


def test_whole_numbers_are_ids_in_every_call(sandbox):
    """Live answers of 2020 to 2024 took them (braze_ruby, recordings)."""
    buy = {"product_id": 5, "currency": "USD", "price": 1, "time": "2026-01-05"}
    answer = sandbox.track(
        attributes=[{"external_id": 7, "product_id": 5}],
        events=[{"external_id": 7, **EVENT}],
        purchases=[{"external_id": 7, **buy}],
    )
    assert (answer.status_code, "errors" in answer.json()) == (201, False)
    assert sandbox.custom("7") == {"product_id": 5}
    assert [one["name"] for one in sandbox.purchases(external_id="7")] == ["5"]
    exported = sandbox.call("POST", "/users/export/ids", {"external_ids": [7, 8]}).json()
    assert ([user["external_id"] for user in exported["users"]], exported["invalid_user_ids"]) == (["7"], ["8"])
    sandbox.attributes({**ALIAS, "_update_existing_only": False})
    identified = sandbox.call("POST", "/users/identify", {"aliases_to_identify": [{"external_id": 9, **ALIAS}]})
    assert identified.json()["aliases_processed"] == 1
    assert sandbox.user(external_id="9") is not None
    assert sandbox.call("POST", "/users/delete", {"external_ids": [7, 9]}).json()["deleted"] == 2
    assert sandbox.state()["users"] == 0
