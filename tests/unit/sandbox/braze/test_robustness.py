"""Whatever JSON comes, the sandbox answers it and goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.json_places import places, replaced

from cdi_sandbox.api.call import Change
from cdi_sandbox.app import create_app
from cdi_sandbox.braze.endpoints import ENDPOINTS
from cdi_sandbox.braze.track.objects import check_attributes, check_identity
from cdi_sandbox.settings import RATES, Settings

# Words that mean something to one endpoint or another.
FIELDS = st.sampled_from(
    [
        *("external_id", "user_alias", "alias_name", "alias_label", "braze_id", "email", "phone"),
        *("attributes", "events", "purchases", "name", "time", "properties", "product_id", "currency", "price"),
        *("quantity", "external_ids", "email_addresses", "prioritization", "user_aliases", "alias_updates"),
        *("aliases_to_identify", "merge_updates", "identifier_to_merge", "identifier_to_keep"),
        *("external_id_renames", "current_external_id", "new_external_id", "subscription_groups", "emails"),
        *("catalogs", "fields", "items", "id", "type", "tags", "country", "dob", "email_subscribe"),
        *("add", "remove", "inc", "$add", "$remove", "$update", "$time", "$identifier_key", "_merge_objects"),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(FIELDS, st.lists(st.dictionaries(FIELDS, JSON), max_size=3) | JSON, max_size=4) | JSON
CALLS = [
    (endpoint.method, endpoint.path.format(name="stores", item="s-1", id="x", field="x")) for endpoint in ENDPOINTS
]


@pytest.mark.parametrize(("method", "path"), CALLS, ids=lambda part: part)
def test_any_json_gets_an_answer_that_is_no_server_error(make_sandbox, method, path):
    sandbox = make_sandbox(rates={pool: [10_000, 60] for pool in RATES})
    sandbox.make_catalog(tags="array", name="string", price="number", time="time")

    @settings(max_examples=30, deadline=None, derandomize=True)
    @given(BODIES)
    def check(body):
        assert sandbox.call(method, path, body).status_code in (200, 201, 202, 400, 404, 415)

    check()


EXAMPLES = [
    example
    for example in json.loads((Path(__file__).parent / "examples.json").read_text())
    if isinstance(example["request"]["body"], dict) and example["response"]["status"] < 300
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_an_example_with_any_part_replaced_gets_an_answer_that_is_no_server_error(make_sandbox, example):
    sandbox = make_sandbox(rates={pool: [10_000, 60] for pool in RATES})
    sandbox.make_catalog(city="string", seats="number", open="boolean")
    request = example["request"]

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(place=st.sampled_from(list(places(request["body"]))), part=JSON)
    def check(place, part):
        answer = sandbox.call(request["method"], request["path"], replaced(request["body"], place, part))
        assert answer.status_code in (200, 201, 202, 400, 404, 415)

    check()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(FIELDS, JSON, max_size=6))
def test_any_valid_object_can_be_applied(thing):
    thing = {**thing, "external_id": "c-1", "user_alias": None, "braze_id": None}
    if check_identity(thing, frozenset()) is None and check_attributes(thing) is None:
        world = create_app(Settings(apply_delay=0)).world
        world.apply(Change("track", {"attributes": [thing, thing]}))
        assert len(world.braze.profiles.users) == (thing.get("_update_existing_only") not in (True, "true"))
