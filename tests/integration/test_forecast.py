"""A plan's figures are those of a dry run, of the run that follows, and of the sandbox's own count: every data type."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from support.receiver import Receiver
from support.sync_kinds import BRAZE, KLAVIYO, ROWS, Kind, arguments_of, each_data_type, rows_of

from airflow_provider_cdi.transfers.forecast import SyncForecast, forecast_sync
from airflow_provider_cdi.transfers.preview import Start
from cdi_sandbox.server import SandboxServer

OUTCOMES = (
    "rows_read",
    "accepted",
    "rejected",
    "rejects",
    "skipped",
    "skipped_because",
    "adjusted",
    "unknown",
)
#: Rows that are added to the table, where those are not one that comes twice and one of the future.
ADDED = {"catalog_items": 1, "privacy_deletions": 0}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(klaviyo={"strict": True, "job_seconds": [0, 0]}, log_details=True) as server:
        yield server


class PlanLab:
    """A sync that is planned, tried dry, and then run."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.sandbox, self.sql = lab, lab.sandbox, lab.sql
        self.sandbox.create_catalog("shops", city="string", seats="number")

    def fill(self, kind: Kind, rows: int = ROWS) -> None:
        """Fill the table; two rows have no identifier, some share a time, one comes twice, one is of the future."""
        self.sql(f"create or replace table users as {rows_of(kind, range(rows))}")
        for name in ("external_id", "email", "phone_number", "id"):
            if f"as {name}" in kind.columns:
                self.sql(f"update users set {name} = null where rowid in (1, 2)")
        self.sql("update users set updated_at = timestamp '2026-01-01 00:00:20' where rowid between 15 and 25")
        if "as id," not in kind.columns:  # an item twice takes two requests, which fill up as the answers come
            self.sql("insert into users select * from users where rowid = 17")
        self.sql(
            "insert into users select * replace (timestamp '2126-01-01' as updated_at) from users where rowid = 17"
        )

    def plan(self, arguments: dict[str, Any], start: Start | None = None, **options: Any) -> SyncForecast:
        return forecast_sync(self.lab.make(**arguments), start or Start(), **options)

    def run(self, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
        report: dict[str, Any] = self.lab.run(**arguments, **more)
        self.sandbox.settle()
        return report

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.state()
        return found

    def came(self) -> list[dict[str, Any]]:
        """List what came, the last one first, without the catalog that was made before."""
        return [one for one in self.sandbox.requests(10_000) if one["path"] != "/catalogs"]


@pytest.fixture
def plan_lab(lab: Any) -> PlanLab:
    return PlanLab(lab)


def places_of(requests: list[dict[str, Any]]) -> Counter[str]:
    """Count requests as a plan does; what asks for the end of a job is left out, for no plan can know how often."""
    places = (f"{one['method']} {one['path'].partition('?')[0]}" for one in requests)
    return Counter(place for place in places if "-jobs/" not in place)


def planned(plan: dict[str, Any]) -> dict[str, int]:
    return {one["to"]: one["requests"] for one in plan["requests"]}


def comparable(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the figures without those that are of the clock."""
    return {name: value for name, value in plan.items() if name not in ("seconds", "decided_by", "examples")}


@each_data_type
def test_a_plan_is_the_dry_run_and_the_run_and_what_the_sandbox_counts(plan_lab, destination, data_type, kind):
    is_slow = data_type == "privacy_deletions"  # one a request, three a second
    plan_lab.fill(kind, rows := 5 if is_slow else ROWS)
    arguments = arguments_of(destination, data_type, kind)
    if data_type == "unsuppress":
        plan_lab.run(arguments | {"data_type": "suppress", "sync_id": "before"})
    before, came = plan_lab.state(), len(plan_lab.came())
    forecast = plan_lab.plan(arguments)
    document, plan = forecast.to_json(), forecast.to_json()["plan"]
    dry = plan_lab.run(arguments, dry_run=True)
    assert len(plan_lab.came()) == came
    report = plan_lab.run(arguments)
    requests = plan_lab.came()
    requests = requests[: len(requests) - came]
    after = plan_lab.state()

    assert forecast.is_good
    assert (document["rows_read"], document["rejected"]) == (rows + ADDED.get(data_type, 2), 2)
    for told in (dry, report):
        assert {name: document[name] for name in OUTCOMES} == {name: told[name] for name in OUTCOMES}
    assert comparable(plan) == comparable(dry["plan"])
    assert planned(plan) == places_of(requests)
    assert plan["bytes"] == report["bytes_sent"] == document["bytes_sent"]
    assert plan["data_points"] == (after["data_points"] - before["data_points"] if destination == "braze" else None)
    if destination == "klaviyo":
        change = after["klaviyo"]["active_profiles"] - before["klaviyo"]["active_profiles"]
        assert plan["active_profiles"]["at_least"] <= change <= plan["active_profiles"]["at_most"]
    if destination == "klaviyo" and data_type in ("profiles", "events", "unsuppress"):
        assert change == plan["active_profiles"]["at_most"] == plan["distinct"]["number"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_plan_for_a_service_of_ones_own_is_the_run(plan_lab, receiver, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", json.dumps(receiver.connection))
    kind = Kind("'c-' || i as id, 'gold' as plan, 1.50 as price", {"payload_columns": ["plan", "price"]})
    plan_lab.fill(kind)
    arguments = arguments_of("http", "rows", kind) | {"endpoint": "v1/users", "batch_rows": 50}
    forecast = plan_lab.plan(arguments).to_json()
    assert receiver.requests == []
    report = plan_lab.run(arguments)
    assert planned(forecast["plan"]) == {"POST /v1/users": len(receiver.requests)}
    assert forecast["plan"]["bytes"] == report["bytes_sent"] == sum(map(len, receiver.bodies))
    assert [forecast[name] for name in ("accepted", "rejects")] == [report[name] for name in ("accepted", "rejects")]
    assert forecast["plan"]["distinct"]["what"] == "keys"
    assert (forecast["plan"]["data_points"], forecast["plan"]["active_profiles"]) == (None, None)


@pytest.mark.parametrize(("destination", "data_type"), [("braze", "attributes"), ("klaviyo", "profiles")])
def test_new_people_are_counted_by_asking_about_all_of_them(plan_lab, destination, data_type):
    kind = (BRAZE if destination == "braze" else KLAVIYO)[data_type]
    arguments = arguments_of(destination, data_type, kind)
    plan_lab.sql(f"create or replace table users as {rows_of(kind, range(30))}")
    plan_lab.run(arguments)
    plan_lab.sql(f"create or replace table users as {rows_of(kind, range(100))}")
    distinct = plan_lab.plan(arguments, ask=1_000).to_json()["plan"]["distinct"]
    assert (distinct["number"], distinct["new"], distinct["new_told_by"]) == (100, 70, "all of them were asked about")
    some = plan_lab.plan(arguments, ask=50).to_json()["plan"]["distinct"]
    assert 50 <= some["new"] <= 90
    assert re.fullmatch(r"an estimate: \d+ of 50 who were asked about, chosen by chance", some["new_told_by"])


def test_a_data_type_whose_people_cannot_be_asked_about_says_so(plan_lab):
    kind = BRAZE["user_deletes"]
    plan_lab.fill(kind, 20)
    distinct = plan_lab.plan(arguments_of("braze", "user_deletes", kind), ask=10).to_json()["plan"]["distinct"]
    assert (distinct["new"], distinct["new_told_by"]) == (None, "cannot be asked for this data type")
    assert plan_lab.came() == []


FORMS = {
    "attributes": [
        '{"plan": "gold", "score": null, "visits": {"inc": 2}}',
        '{"song": {"name": "Blue", "plays": {"count": 3, "top": true}}, "_merge_objects": true}',
        '{"tags": ["a", "b"], "sports": {"add": ["ski", "run"], "remove": ["swim"]}}',
        '{"seen": {"first": {"$time": "2026-01-01T00:00:00Z"}, "last": {"$time": "2026-01-02T00:00:00Z"}}}',
        '{"pets": [{"id": 1, "name": "Rex"}, {"id": 2, "name": "Tom"}]}',
        '{"pets": {"$add": [{"id": 3, "name": "Kit"}]}}',
        '{"pets": {"$remove": [{"$identifier_key": "id", "$identifier_value": 1}]}}',
        '{"email_subscribe": "opted_in", "push_subscribe": "subscribed"}',
        '{"_update_existing_only": true, "plan": "free", "country": "NO"}',
        '{"first_name": "Ana", "current_location": {"longitude": 10.7, "latitude": 59.9}}',
        '{"twitter": {"screen_name": "a", "followers_count": 3}}',
        '{"plan": "no JSON"',
        '{"pets": [{"name": null}]}',
        '{"email_subscribe": "perhaps"}',
    ],
    "events": [
        '{"name": "booked", "properties": {"seats": 2, "where": {"city": "Oslo"}}}',
        '{"name": "ecommerce.order_placed", "properties": {"order_id": "o", "total_value": 1.5}}',
        '{"name": ""}',
    ],
    "purchases": [
        '{"product_id": "p", "currency": "EUR", "price": 1.5, "quantity": 7, "properties": {"size": "L"}}',
        '{"product_id": "p", "currency": "EUR", "price": 1.5, "quantity": 700}',
    ],
}  # fmt: skip


@pytest.mark.parametrize("data_type", FORMS)
def test_data_points_of_all_forms_are_what_the_sandbox_counts(plan_lab, data_type):
    rows = ", ".join(
        f"(timestamp '2026-01-01' + to_seconds({number // 2}), 'c-{number % 6}', '{text}')"
        for number, text in enumerate(FORMS[data_type])
    )
    plan_lab.sql(f"create table users as select * from (values {rows}) as rows(updated_at, external_id, payload)")
    arguments = arguments_of("braze", data_type, BRAZE[data_type])
    document = plan_lab.plan(arguments).to_json()
    report = plan_lab.run(arguments)
    assert {name: document[name] for name in OUTCOMES} == {name: report[name] for name in OUTCOMES}
    assert document["rejected"] > 0
    assert document["plan"]["data_points"] == plan_lab.state()["data_points"] > 0
    assert planned(document["plan"]) == places_of(plan_lab.came())
    if data_type == "attributes":
        assert document["plan"]["removes"] == {"attributes_removed": 1}


def test_deleted_items_are_counted_and_cost_no_data_points(plan_lab):
    plan_lab.sql(
        "create table users as select timestamp '2026-01-01' + to_seconds(i) as updated_at, 's-' || i as id, "
        """'{"seats": 4}' as payload, i % 3 = 0 as deleted from range(60) numbers(i)"""
    )
    arguments = arguments_of("braze", "catalog_items", BRAZE["catalog_items"])
    document = plan_lab.plan(arguments).to_json()
    before = len(plan_lab.came())
    plan_lab.run(arguments)
    assert document["plan"]["removes"] == {"items_deleted": 20}
    assert (document["plan"]["data_points"], plan_lab.state()["data_points"]) == (0, 0)
    assert document["plan"]["distinct"] | {"what": "items", "number": 60} == document["plan"]["distinct"]
    assert planned(document["plan"]) == places_of(plan_lab.came()[: len(plan_lab.came()) - before])


def test_lookups_of_a_sync_that_asks_first_are_counted_when_everybody_is_known(plan_lab):
    kind = KLAVIYO["profiles"]
    plan_lab.fill(kind)
    arguments = arguments_of("klaviyo", "profiles", kind)
    plan_lab.run(arguments)
    before = len(plan_lab.came())
    arguments |= {"update_only": True, "sync_mode": "full"}
    plan = plan_lab.plan(arguments).to_json()["plan"]
    plan_lab.run(arguments)
    came = plan_lab.came()
    assert planned(plan) == places_of(came[: len(came) - before])
    assert planned(plan)["GET /api/profiles"] == 2
