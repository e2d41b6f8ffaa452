"""What becomes of attribute values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdi_sandbox.braze.track.attributes import set_custom


def after(*updates, start=None):
    """Apply updates of the attribute ``a`` to what was there; return what is there then."""
    custom = {} if start is None else {"a": start}
    for update in updates:
        merge = isinstance(update, Merging)
        set_custom(custom, "a", update.value if merge else update, merge=merge)
    return custom.get("a")


def nested(depth):
    return 1 if depth == 0 else {"a": nested(depth - 1)}


class Merging:
    """An update that says ``_merge_objects``."""

    def __init__(self, value):
        self.value = value


PETS = [{"id": 1, "name": "Rex"}, {"id": 2, "name": "Tom"}]
REX = {"$identifier_key": "id", "$identifier_value": 1}
CASES = {
    "null removes": (after("x", None), None),
    "numbers, booleans and strings are kept": ([after(1.5), after(True), after("x")], [1.5, True, "x"]),
    "inc adds": (after({"inc": 5}, {"inc": -2}), 3),
    "inc of text does nothing": (after({"inc": 5}, start="x"), "x"),
    "an array is an ordered set": (after(["a", "b", "a"]), ["b", "a"]),
    "true and 1 are different elements": (after([True, 1]), [True, 1]),
    "of a long array the latest 500 elements are kept": (after(list(range(600))), list(range(100, 600))),
    "repeats of a long array collapse first": (after([1, *range(500), 1]), [0, *range(2, 500), 1]),
    "an array that grows keeps the latest 500": (
        after(list(range(500)), {"add": [1000, 1001]}),
        [*range(2, 500), 1000, 1001],
    ),
    "an array of arrays is dropped": (after([["x"]], start="before"), "before"),
    "add and remove change an array": (after({"add": ["c", "a"], "remove": ["b"]}, start=["a", "b"]), ["c", "a"]),
    "add begins an array": (after({"add": ["a"]}), ["a"]),
    "an object is replaced": (after({"x": 1}, {"y": 2}), {"y": 2}),
    "a merge goes deep": (after({"x": {"p": 1}}, Merging({"x": {"q": 2}})), {"x": {"p": 1, "q": 2}}),
    "null in a merge removes a key": (after({"x": 1, "y": 2}, Merging({"x": None})), {"y": 2}),
    "$add appends, repeats included": (after({"$add": PETS[:1]}, {"$add": PETS[:1]}), [PETS[0], PETS[0]]),
    "$remove removes all matches": (after({"$remove": [REX]}, start=[PETS[0], PETS[1], PETS[0]]), [PETS[1]]),
    "$update replaces the item": (
        after({"$update": [{**REX, "$new_object": {"id": 1, "age": 3}}]}, start=PETS),
        [{"id": 1, "age": 3}, PETS[1]],
    ),
    "$update merges when asked to": (
        after(Merging({"$update": [{**REX, "$new_object": {"age": 3}}]}), start=PETS),
        [{**PETS[0], "age": 3}, PETS[1]],
    ),
    "$add comes before $remove, whatever the order": (
        after({"$remove": [REX], "$add": [{"id": 1, "name": "new"}]}, start=PETS),
        [PETS[1]],
    ),
    "$time is a date inside an object": (
        after({"since": {"$time": "2026-01-05"}}),
        {"since": "2026-01-05T00:00:00.000Z"},
    ),
    # Dropped without a word, although the call is answered with success:
    "one bad key drops the whole object": (after({"ok": 1, "deep": {"a.b": 1}}, start="before"), "before"),
    "one long string drops the whole object": (after({"ok": 1, "deep": ["x" * 256]}, start="before"), "before"),
    "a bad $time drops the whole object": (after({"ok": 1, "t": {"$time": "soon"}}, start="before"), "before"),
    "a $time after the year 3000 drops it": (after({"t": {"$time": "3001-01-01"}}, start="before"), "before"),
    "a null inside drops the whole object": (after({"ok": 1, "deep": [{"x": None}]}, start="before"), "before"),
    "a null in an array of objects drops it": (after([{"x": 1}, None], start="before"), "before"),
    "a null in a merge is no fault": (after(Merging({"x": {"y": None}, "z": [{"u": None}]})), {"x": {}, "z": [{}]}),
    "an object array over 100 KB is dropped": (
        after([{"id": n, "text": "x" * 250} for n in range(420)], start="before"),
        "before",
    ),
    "an object deeper than anything is dropped": (after(nested(150)), None),
}


@pytest.mark.parametrize(("found", "expected"), CASES.values(), ids=CASES.keys())
def test_attribute_values(found, expected):
    assert found == expected


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2026-01-05", "2026-01-05T00:00:00.000Z"),
        ("2026-01-05 10:30:00", "2026-01-05T10:30:00.000Z"),
        ("2026-01-05T10:30:00:250Z", "2026-01-05T10:30:00.250Z"),
        ("2026-01-05T10:30:00+09:00", "2026-01-05T01:30:00.000Z"),
        ("01/05/2026", "2026-01-05T00:00:00.000Z"),
        ("Mon 01 05 10:30:00.UTC 2026", "2026-01-05T10:30:00.000Z"),
        ("3026-01-05", "3026-01-05"),
        ("05.01.2026", "05.01.2026"),
        ("2026-13-05", "2026-13-05"),
        ("20260105", "20260105"),
    ],
)
def test_a_date_in_another_format_is_kept_as_the_text_it_is(text, kept):
    assert after(text) == kept


@given(st.lists(st.one_of(st.integers(0, 5), st.booleans(), st.sampled_from("ab")), max_size=12))
def test_an_array_keeps_each_value_once_in_the_order_of_its_last_appearance(values):
    kept = after(values)
    typed = [(type(value), value) for value in values]
    assert [(type(value), value) for value in kept] == sorted(
        set(typed), key=lambda value: len(typed) - typed[::-1].index(value)
    )


def test_standard_fields_are_no_custom_attributes(sandbox):
    sandbox.attributes({"external_id": "c-1", "first_name": "Mina", "plan": "pro", "bio": "gone"})
    user = sandbox.user(external_id="c-1")
    assert (user["first_name"], user["custom_attributes"]) == ("Mina", {"plan": "pro"})


def test_a_standard_field_is_removed_by_null(sandbox):
    sandbox.attributes({"external_id": "c-1", "first_name": "Mina"})
    sandbox.attributes({"external_id": "c-1", "first_name": None})
    assert "first_name" not in sandbox.user(external_id="c-1")


@pytest.mark.parametrize(
    ("field", "good", "bad", "kept"),
    [
        ("time_zone", "Asia/Seoul", "Moon/Base", "Asia/Seoul"),
        ("gender", "F", "Z", "F"),
        ("dob", "1990-02-28", "1990-02-31", "1990-02-28"),
        ("country", "KR", "Korea, South", None),
    ],
)
def test_a_bad_value_of_a_standard_field_is_dropped_in_silence(sandbox, field, good, bad, kept):
    sandbox.attributes({"external_id": "c-1", field: good})
    assert sandbox.attributes({"external_id": "c-1", field: bad}).status_code == 201
    assert sandbox.user(external_id="c-1").get(field) == kept


def test_merge_objects_may_be_a_string(sandbox):
    sandbox.attributes({"external_id": "c-1", "car": {"make": "Kia"}})
    sandbox.attributes({"external_id": "c-1", "car": {"year": 2026}, "_merge_objects": "true"})
    assert sandbox.custom("c-1") == {"car": {"make": "Kia", "year": 2026}}


def test_subscription_groups_are_kept_by_group(sandbox):
    group = "7b0c2f52-0000-4000-8000-00000000000"
    for number, state in ((1, "subscribed"), (2, "subscribed"), (1, "unsubscribed")):
        entry = {"subscription_group_id": f"{group}{number}", "subscription_state": state}
        sandbox.attributes({"external_id": "c-1", "subscription_groups": [entry]})
    states = [entry["subscription_state"] for entry in sandbox.user(external_id="c-1")["subscription_groups"]]
    assert states == ["unsubscribed", "subscribed"]


@pytest.mark.parametrize(
    "spoilt", [{"x": None}, [{"x": None}], {"t": {"$time": "soon"}}, {"t": {"$time": "3500-01-01"}}, {"$time": None}]
)
def test_an_invalid_nested_value_drops_the_nested_updates_of_the_whole_request(spoilt, sandbox):
    answer = sandbox.track(
        attributes=[
            {"external_id": "c-1", "address": spoilt, "plan": "pro"},
            {"external_id": "c-2", "address": {"city": "Busan"}, "plan": "free", "points": {"inc": 2}},
        ]
    )
    assert answer.json()["message"] == "success"
    assert sandbox.custom("c-1") == {"plan": "pro"}
    assert sandbox.custom("c-2") == {"plan": "free", "points": 2}
