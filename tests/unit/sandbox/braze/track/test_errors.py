"""Which objects ``/users/track`` refuses, and how the answer says so."""

from __future__ import annotations

import pytest

WHO = {"external_id": "c-1"}
EVENT = {**WHO, "name": "opened", "time": "2026-01-05T10:00:00Z"}
PURCHASE = {**WHO, "product_id": "p", "currency": "USD", "price": 1, "time": "2026-01-05T10:00:00Z"}
GROUP = {"subscription_group_id": "7b0c2f52-0000-4000-8000-000000000001", "subscription_state": "subscribed"}

REFUSED = {
    "no identifier": ("attributes", {"plan": "pro"}),
    "a null identifier": ("attributes", {"external_id": None, "plan": "pro"}),
    "two primary identifiers": ("attributes", {**WHO, "braze_id": "0a", "plan": "pro"}),
    "an external id with a fraction": ("attributes", {"external_id": 7.5}),
    "an external id that is a flag": ("attributes", {"external_id": True}),
    "an empty external id": ("attributes", {"external_id": ""}),
    "an external id of 988 bytes": ("attributes", {"external_id": "x" * 988}),
    "an alias without a label": ("attributes", {"user_alias": {"alias_name": "n"}}),
    "not an object": ("attributes", "c-1"),
    "a bad e-mail address": ("attributes", {**WHO, "email": "nobody"}),
    "a bad e-mail address as identifier": ("attributes", {"email": "nobody"}),
    "an unknown e-mail subscription": ("attributes", {**WHO, "email_subscribe": "yes"}),
    "an unknown push subscription": ("attributes", {**WHO, "push_subscribe": ["opted_in"]}),
    "half a location": ("attributes", {**WHO, "current_location": {"longitude": 1}}),
    "groups that are no array": ("attributes", {**WHO, "subscription_groups": {}}),
    "a group without a state": ("attributes", {**WHO, "subscription_groups": [{"subscription_group_id": "x"}]}),
    "a group whose id is no UUID": (
        "attributes",
        {**WHO, "subscription_groups": [{**GROUP, "subscription_group_id": "x"}]},
    ),
    "a group of unknown state": (
        "attributes",
        {**WHO, "subscription_groups": [{**GROUP, "subscription_state": "opted_in"}]},
    ),
    "tokens that are no array": ("attributes", {**WHO, "push_tokens": "t"}),
    "a token without an app": ("attributes", {**WHO, "push_tokens": [{"token": "t"}]}),
    "a device id of 7 bytes": (
        "attributes",
        {**WHO, "push_tokens": [{"token": "t", "app_id": "a", "device_id": "1234567"}]},
    ),
    "the field email_subscription_info": ("attributes", {**WHO, "email_subscription_info": {}}),
    "an event without a name": ("events", {**WHO, "time": EVENT["time"]}),
    "an event without a time": ("events", {**WHO, "name": "opened"}),
    "an event whose time is no time": ("events", {**EVENT, "time": "yesterday"}),
    "an event whose time is a number": ("events", {**EVENT, "time": 1767607200}),
    "properties that are a list": ("events", {**EVENT, "properties": []}),
    "a property named time": ("events", {**EVENT, "properties": {"time": "x"}}),
    "a property whose name starts with $": ("events", {**EVENT, "properties": {"$x": 1}}),
    "a property without a name": ("events", {**EVENT, "properties": {"": 1}}),
    "a property string of 256 characters": ("events", {**EVENT, "properties": {"a": "x" * 256}}),
    "properties of more than 100 KB": ("events", {**EVENT, "properties": {"a": ["x" * 250] * 420}}),
    "a purchase without a product": ("purchases", {**PURCHASE, "product_id": None}),
    "a purchase without a currency": ("purchases", {**PURCHASE, "currency": "dollar"}),
    "a price that is text": ("purchases", {**PURCHASE, "price": "1.50"}),
    "a quantity of nothing": ("purchases", {**PURCHASE, "quantity": 0}),
    "a quantity of 101": ("purchases", {**PURCHASE, "quantity": 101}),
    "a quantity that is true": ("purchases", {**PURCHASE, "quantity": True}),
}
TAKEN = {
    "an alias": ("attributes", {"user_alias": {"alias_name": "n", "alias_label": "l"}}),
    "a phone number": ("attributes", {"phone": "+821012345678"}),
    "an external id of 987 bytes": ("attributes", {"external_id": "x" * 987}),
    "null for fields with a form": ("attributes", {**WHO, "email": None, "push_tokens": None}),
    "a group": ("attributes", {**WHO, "subscription_groups": [GROUP]}),
    "Braze's other time format": ("events", {**EVENT, "time": "2026-01-05T10:00:00:123Z"}),
    "a time with an offset": ("events", {**EVENT, "time": "2026-01-05T10:00:00+09:00"}),
    "a date as a time": ("events", {**EVENT, "time": "2026-01-05"}),
    "an event with a long name": ("events", {**EVENT, "name": "x" * 256}),
    "long texts and other names inside of a property": ("events", {**EVENT, "properties": {"a": {"$b": "x" * 256}}}),
    "a quantity of 100": ("purchases", {**PURCHASE, "quantity": 100}),
}


@pytest.mark.parametrize(("array", "thing"), REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_object_is_refused_by_index_and_its_neighbour_is_taken(sandbox, array, thing):
    good = {"attributes": WHO, "events": EVENT, "purchases": PURCHASE}[array]
    answer = sandbox.track(**{array: [good, thing]})
    assert answer.status_code == 201
    assert answer.json()[f"{array}_processed"] == 1
    assert [(error["input_array"], error["index"]) for error in answer.json()["errors"]] == [(array, 1)]


@pytest.mark.parametrize(("array", "thing"), TAKEN.values(), ids=TAKEN.keys())
def test_a_valid_object_is_taken(sandbox, array, thing):
    assert sandbox.track(**{array: [thing]}).json() == {f"{array}_processed": 1, "message": "success"}


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("sentence", "The value provided for the 'email' field is not a valid email."),
        ("code", "EMAIL_BAD_FORMAT"),
    ],
)
def test_an_error_is_a_sentence_or_a_code(make_sandbox, style, text):
    sandbox = make_sandbox(error_style=style)
    assert sandbox.attributes({**WHO, "email": "nobody"}).json()["errors"][0]["type"] == text


def test_a_blocked_external_id_is_refused(make_sandbox):
    sandbox = make_sandbox(blocked_external_ids=["dummy"])
    answer = sandbox.attributes({"external_id": "dummy"})
    assert answer.json()["errors"][0]["type"] == "provided external_id is blacklisted and disallowed"


def test_seventy_five_objects_count_across_the_three_arrays(sandbox):
    full = {"attributes": [WHO] * 40, "events": [EVENT] * 35}
    assert sandbox.track(**full).status_code == 201
    answer = sandbox.track(**full, purchases=[PURCHASE])
    assert (answer.status_code, answer.json()) == (400, {"message": "Max Input Length Exceeded"})


def test_an_older_contract_takes_75_of_each_kind(make_sandbox):
    sandbox = make_sandbox(track_objects=225)
    assert sandbox.track(attributes=[WHO] * 75, events=[EVENT] * 75).status_code == 201
    assert sandbox.attributes(*[WHO] * 76).status_code == 400


def test_bulk_takes_a_thousand_objects_but_only_a_hundred_of_one_user(sandbox):
    def bulk(things):
        return sandbox.call("POST", "/users/track/bulk", {"attributes": things}).status_code

    assert bulk([{"external_id": f"c-{n % 10}"} for n in range(1_000)]) == 201
    assert bulk([{"external_id": f"c-{n}"} for n in range(1_001)]) == 400
    assert bulk([WHO] * 101) == 400


def test_the_synchronous_form_takes_one_object(sandbox):
    answer = sandbox.call("POST", "/users/track/sync", {"attributes": [WHO, WHO]})
    assert answer.json() == {"message": "Max Input Length Exceeded"}


TOKENS = [{"app_id": "a", "token": "t"}]


@pytest.mark.parametrize(
    ("attributes", "is_taken"),
    [
        ({"push_token_import": True, "push_tokens": TOKENS}, True),
        ({"push_token_import": False, "push_tokens": TOKENS}, False),
        ({"push_token_import": True, "push_tokens": []}, False),
        ({"push_token_import": True}, False),
        ({"push_token_import": True, "push_tokens": [{"app_id": "a"}]}, False),
    ],
)
def test_push_tokens_may_come_without_a_user(sandbox, attributes, is_taken):
    assert sandbox.attributes(attributes).status_code == (201 if is_taken else 400)
