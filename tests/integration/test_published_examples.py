"""The vendors' published examples pass the destination, as rows, and the sandbox, as they stand."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
import requests
from support.klaviyo_sync import KlaviyoSide
from support.published_examples import BRAZE, CATALOGS, KLAVIYO, LIST, RESTAURANTS, Example
from support.waiting import BOUND

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.klaviyo import ConsentArguments, KlaviyoArguments, klaviyo_destination
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, inputs_in_memory
from airflow_provider_cdi.testing.sources import TableSource
from airflow_provider_cdi.testing.virtual_time import run_virtually
from cdi_sandbox.server import SandboxServer

TRACK = ("attributes", "events", "purchases")
NOT_THE_PAYLOADS = ("external_id", "user_alias", "braze_id", "email", "phone")
ROWS = [example for example in BRAZE if example.is_row]


def named(example: Example) -> str:
    return example.name.replace(" ", "-").replace(",", "").replace(":", "")


@pytest.fixture(scope="module")
def braze():
    with SandboxServer() as server:
        server.create_catalog("restaurants", **RESTAURANTS)
        yield server


def call(server, method, path, body) -> tuple[int, dict[str, Any]]:
    answer = requests.request(
        method,
        f"{server.url}{path}",
        json=body,
        headers={"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
        timeout=BOUND,
    )
    return answer.status_code, answer.json()


# --- as they stand ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", BRAZE, ids=named)
def test_the_sandbox_takes_what_braze_publishes(braze, example):
    status, body = call(braze, example.method, example.path, example.body)
    assert (status, body["message"], body.get("errors")) == (201, "success", None)
    for array in TRACK:
        if array in example.body:
            assert body[f"{array}_processed"] == len(example.body[array])


@pytest.mark.parametrize("example", CATALOGS, ids=named)
def test_the_sandbox_takes_what_braze_publishes_for_catalogs(braze, example):
    assert call(braze, example.method, example.path, example.body) == (202, {"message": "success"})


# --- as rows --------------------------------------------------------------------------------------------------


def columns_of(one: dict[str, Any]) -> dict[str, Any]:
    """Give the identifier of an object as the columns that a table has for it."""
    alias = one.get("user_alias", {})
    return {
        "EXTERNAL_ID": None if "external_id" not in one else str(one["external_id"]),
        "ALIAS_NAME": alias.get("alias_name"),
        "ALIAS_LABEL": alias.get("alias_label"),
        "EMAIL": one.get("email"),
        "PHONE": one.get("phone"),
    }


def row_of(one: dict[str, Any]) -> dict[str, Any]:
    payload = {name: value for name, value in one.items() if name not in NOT_THE_PAYLOADS}
    return columns_of(one) | {"PAYLOAD": json.dumps(payload)}


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    texts = {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}
    return pa.RecordBatch.from_pydict({"UPDATED_AT": pa.array([0] * len(rows), pa.timestamp("us")), **texts})


def delivered(server, destination, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Encode rows, send them to the sandbox, and give the objects that were sent."""
    records = destination.encode(batch_of(rows))
    assert not [each.reason for each in records if hasattr(each, "reason")]
    sent = []
    for record in records:
        request = destination.request([record])
        status, body = call(server, request.method, request.path, json.loads(request.body))
        assert (status in (201, 202), body.get("errors")) == (True, None), body
        sent.append(json.loads(record.body))
    return sent


def as_sent(published: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """Give a published object as rows can say it: ids are text, and a time may be in another form."""
    ids = {"external_id": str(published["external_id"])} if "external_id" in published else {}
    return published | ids | ({"time": sent["time"]} if "time" in published else {})


@pytest.mark.parametrize(
    ("example", "data_type"),
    [pytest.param(each, name, id=f"{named(each)}-{name}") for each in ROWS for name in TRACK if name in each.body],
)
def test_rows_say_what_braze_publishes(braze, example, data_type):
    objects = example.body[data_type]
    sent = delivered(braze, braze_destination(data_type), [row_of(one) for one in objects])
    for published, one in zip(objects, sent, strict=True):
        assert {name: one.get(name) for name in published} == as_sent(published, one)


def id_row(kind: str, one: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("EXTERNAL_ID", "BRAZE_ID", "ALIAS_NAME", "ALIAS_LABEL"))
    if kind == "user_aliases":
        return empty | {"ALIAS_NAME": one["alias_name"], "ALIAS_LABEL": one["alias_label"]}
    return empty | {{"external_ids": "EXTERNAL_ID", "braze_ids": "BRAZE_ID"}[kind]: str(one)}


@pytest.mark.parametrize("example", [each for each in BRAZE if each.path == "/users/delete"], ids=named)
def test_rows_delete_whom_braze_publishes(braze, example):
    ((kind, ids),) = example.body.items()
    sent = delivered(braze, braze_destination("user_deletes"), [id_row(kind, one) for one in ids])
    assert sent == [one if isinstance(one, dict) else str(one) for one in ids]


@pytest.mark.parametrize("example", CATALOGS, ids=named)
def test_rows_write_the_items_that_braze_publishes(braze, example):
    rows = [
        {
            "ID": item["id"],
            "PAYLOAD": json.dumps({name: value for name, value in item.items() if name != "id"}),
            "DELETED": str(example.method == "DELETE"),
        }
        for item in example.body["items"]
    ]
    destination = braze_destination("catalog_items", catalog="restaurants", merge=example.method == "PATCH")
    destination.learn_fields({"id": "string", **RESTAURANTS})
    assert delivered(braze, destination, rows) == example.body["items"]


# --- Klaviyo ----------------------------------------------------------------------------------------------------


def klaviyo_side(work):
    """Open a local Klaviyo with a list, and let something happen there."""

    async def within():
        side = KlaviyoSide()
        side.open()
        made = {"data": {"type": "list", "attributes": {"name": "Customers"}}}
        answer = await side.call("POST", "/api/lists", json.dumps(made).encode())
        try:
            return await work(side, json.loads(answer.body)["data"]["id"])
        finally:
            side.close()

    return run_virtually(within())


@pytest.mark.parametrize("example", KLAVIYO, ids=named)
def test_the_sandbox_takes_what_klaviyo_publishes(example):
    async def work(side, listed):
        body = json.dumps(example.body).replace(LIST, listed)
        return await side.call(example.method, example.path, body.encode())

    answer = klaviyo_side(work)
    assert answer.status == 202, answer.body


@pytest.mark.parametrize("example", KLAVIYO, ids=named)
def test_rows_say_what_klaviyo_publishes(example):
    options, rows = dict(example.options), len(next(iter(example.rows.values())))

    async def work(side, listed):
        if example.data_type in ("subscribe", "unsubscribe"):
            extra = {"list_id": listed, "allow_resubscribe": True} if example.data_type == "subscribe" else {}
            options.update(consent=ConsentArguments(channels=options.pop("channels"), **extra))
        inputs = inputs_in_memory(
            TableSource(example.rows),
            klaviyo_destination(example.data_type, KlaviyoArguments(**options)),
            side,
            (journal := MemoryJournal()),
        )
        report = await Run(inputs).run()
        return report.totals, [(line.code, line.reason) for line in journal.rejects]

    totals, rejects = klaviyo_side(work)
    assert (totals.accepted + totals.skipped, rejects) == (rows, [])


def test_every_example_names_where_it_is_published():
    examples = [*BRAZE, *CATALOGS, *KLAVIYO]
    assert len(examples) > 45
    assert len({example.name for example in examples}) == len(examples)
    assert all(":" in example.source for example in examples)


def test_the_list_has_every_endpoint_that_is_sent_to():
    assert {(each.method, each.path) for each in BRAZE + CATALOGS} >= {
        ("POST", "/users/track"),
        ("POST", "/users/delete"),
        *((method, "/catalogs/restaurants/items") for method in ("PUT", "PATCH", "DELETE")),
    }
    assert len({each.path for each in KLAVIYO}) == 7
