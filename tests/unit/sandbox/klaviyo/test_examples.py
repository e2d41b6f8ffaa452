"""Pairs of request and response as Klaviyo documents or answers them, against the sandbox.

The texts of Klaviyo that clients match on are compared to the letter, ids and moments by their form.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.json_places import places, replaced

EXAMPLES = json.loads((Path(__file__).parent / "examples.json").read_text())
WITH_BODIES = [example for example in EXAMPLES if example["request"]["body"] is not None]
NOW = 1_795_255_500.0  # 2026-11-21T10:05:00Z


@pytest.fixture
def make_prepared(make_klaviyo):
    """Make a local Klaviyo with everything that an example needs, and the function that sends its requests."""

    def make(example, **shared):
        klaviyo = make_klaviyo(
            now=NOW, shared=shared, rates={tier: [10_000, 10_000] for tier in ("XS", "S", "M", "L", "XL")}
        )
        known = {}

        def send(request, body=None):
            text = json.dumps(request["body"]) if body is None else json.dumps(body)
            path = request["path"]
            for name, value in known.items():
                path, text = path.replace(name, value), text.replace(name, value)
            return klaviyo.call(request["method"], path, content=b"" if text == "null" else text.encode())

        for request in example["given"]:
            answer = send(request)
            assert answer.status_code < 300, answer.text
            if answer.content and "data" in answer.json():
                data = answer.json()["data"]
                known["{job}" if data["type"].endswith("-job") else f"{{{data['type']}}}"] = data["id"]
        return send

    return make


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_example_is_answered_as_klaviyo_does(make_prepared, example):
    answer = make_prepared(example)(example["request"])
    expected = example["response"]
    assert answer.status_code == expected["status"], answer.text
    if expected["body"] is None:
        assert expected["status"] == 201 or answer.content == b""
        return
    compare = {"same": same, "errors": same_errors, "shape": same_shape}[example["compare"]]
    compare(answer.json(), expected["body"])


def same(got, expected):
    assert json.loads(json.dumps(got).replace("http://sandbox.localhost", "https://a.klaviyo.com")) == expected


def same_errors(got, expected):
    def told(body):
        names = ("status", "code", "title", "detail", "source")
        return [{name: error[name] for name in names} for error in body["errors"]]

    assert told(got) == told(expected)


def same_shape(got, expected, place=""):
    """Compare which fields there are and their types; the sandbox may tell more than the example."""
    assert type(got) is type(expected) or None in (got, expected), place
    if isinstance(expected, dict) and not place.endswith(("/properties", "/original_payload")):
        assert expected.keys() <= got.keys(), place
        for name, part in expected.items():
            same_shape(got[name], part, f"{place}/{name}")
    elif isinstance(expected, list):
        for index, (one, other) in enumerate(zip(got, expected, strict=True)):
            same_shape(one, other, f"{place}/{index}")


def test_the_upsert_example_leaves_the_profile_of_its_answer(make_prepared):
    (example,) = [each for each in EXAMPLES if each["id"] == "profile-import-updated"]
    got = make_prepared(example)(example["request"]).json()["data"]["attributes"]
    expected = example["response"]["body"]["data"]["attributes"]
    times = ("created", "updated")
    assert {name: value for name, value in got.items() if name not in times} == {
        name: value for name, value in expected.items() if name not in times
    }


# --- whatever JSON comes ---------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8)
FIELDS = st.sampled_from(["type", "id", "data", "attributes", "email", "profiles", "properties", "meta", "profile"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3), max_leaves=8
)


@pytest.mark.parametrize("example", WITH_BODIES, ids=lambda example: example["id"])
def test_an_example_with_any_part_replaced_gets_an_answer_that_is_no_server_error(make_prepared, example):
    send = make_prepared(example)

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(place=st.sampled_from(list(places(example["request"]["body"]))), part=JSON)
    def check(place, part):
        answer = send(example["request"], replaced(example["request"]["body"], place, part))
        assert answer.status_code in (200, 201, 202, 204, 400, 404, 409, 429), answer.text

    check()


@pytest.mark.parametrize("path", ["/api/profiles", "/api/events", "/api/lists", "/api/profile-bulk-import-jobs"])
def test_any_query_gets_an_answer_that_is_no_server_error(klaviyo, path):
    klaviyo.change(rates={tier: [100_000, 100_000] for tier in ("M", "L", "XL")})
    names = st.sampled_from(["filter", "sort", "page[size]", "page[cursor]", "include", "fields[profile]"])
    text = st.text(alphabet='abcdeqnuy(),"[]-:0123 &=', max_size=20)
    wellformed = st.sampled_from(
        ["equals(", "any(", "and(", "email,", '"x"', "[1]", ")", "greater-than(", "created,", ","]
    )

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(st.dictionaries(names, text | st.lists(wellformed, max_size=6).map("".join), max_size=3))
    def check(query):
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        assert klaviyo.call("GET", f"{path}?{asked}").status_code in (200, 400)

    check()
