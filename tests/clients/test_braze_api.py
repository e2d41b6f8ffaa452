"""The npm package braze-api as a client of the local Braze."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from clients.downloads import BRAZE_API, npm_package

from cdi_sandbox.server import SandboxServer

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="there is no node and npm here"),
]
SCRIPT = Path(__file__).with_name("braze_api.js")
#: More than one page of a catalog.
ITEMS = 120


@pytest.fixture(scope="module")
def told() -> Any:
    """Make all calls of the script, and give what each of them said."""
    modules = npm_package(BRAZE_API)
    with SandboxServer() as sandbox:
        make_catalog(sandbox)
        env = os.environ | {"SANDBOX_URL": sandbox.url, "SANDBOX_KEY": sandbox.key, "NODE_PATH": str(modules)}
        done = subprocess.run(["node", str(SCRIPT)], env=env, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def make_catalog(sandbox: SandboxServer) -> None:
    sandbox.create_catalog("products", title="string")
    for start in range(0, ITEMS, 40):
        items = [{"id": f"p-{number}", "title": "t"} for number in range(start, start + 40)]
        sandbox.call("POST", "/catalogs/products/items", {"items": items})


def test_users_are_tracked_one_by_one_and_in_bulk(told):
    processed = {"attributes_processed": 1, "events_processed": 1, "purchases_processed": 1}
    assert told["track"] == {**processed, "message": "success"}
    assert told["bulk"] == {"attributes_processed": 1, "message": "success"}


def test_an_error_inside_of_a_success_names_its_object(told):
    assert told["partly"]["message"] == "success"
    assert [(error["input_array"], error["index"]) for error in told["partly"]["errors"]] == [("events", 0)]


def test_what_was_tracked_is_exported(told):
    (user,) = told["exported"]["users"]
    assert user == {"external_id": "ada", "first_name": "Ada", "custom_attributes": {"points": 7}}


@pytest.mark.parametrize("call", ["aliases", "renamed_alias", "identify", "groups", "merged"])
def test_a_call_about_identities_or_groups_succeeds(told, call):
    assert told[call]["message"] == "success"


def test_external_ids_are_renamed_and_the_old_ones_removed(told):
    assert told["renamed"]["external_ids"] == [{"current_external_id": "bob", "new_external_id": "rob"}]
    assert (told["removed"]["removed_ids"], told["removed"]["removal_errors"]) == (["bob"], [])


def test_a_catalog_is_read_over_several_pages_by_the_links_of_the_answers(told):
    assert [(catalog["name"], catalog["num_items"]) for catalog in told["catalogs"]["catalogs"]] == [
        ("products", ITEMS)
    ]
    assert sorted(told["items"]) == sorted(f"p-{number}" for number in range(ITEMS))


def test_an_item_is_found_and_one_that_is_none_is_not(told):
    assert told["item"]["items"] == [{"id": "p-60", "title": "t"}]
    assert (told["no_item"]["status"], told["no_item"]["errors"][0]["id"]) == (404, "item-not-found")


def test_users_are_deleted(told):
    assert told["deleted"] == {"deleted": 1, "message": "success"}


@pytest.mark.parametrize(("call", "status"), [("refused", 400), ("stranger", 401)])
def test_a_refusal_comes_as_the_clients_own_error(told, call, status):
    assert told[call]["status"] == status
    assert told[call]["error"]
