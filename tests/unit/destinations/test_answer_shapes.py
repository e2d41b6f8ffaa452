"""Answers of every shape to every data type of both vendors: what becomes of the rows.

Only an answer in the vendor's documented form that speaks of rows is a verdict on rows. After everything else no row
has an outcome: the sync ends with an error, and a later run sends all of them.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.foreign_answers import FOREIGN, NGINX, NGINX_413, a, of_klaviyo

from airflow_provider_cdi.destinations.braze import DATA_TYPES as BRAZE_TYPES
from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.klaviyo import (
    CONSENT_TYPES,
    ConsentArguments,
    KlaviyoArguments,
    klaviyo_destination,
)
from airflow_provider_cdi.destinations.klaviyo import DATA_TYPES as OTHER_KLAVIYO_TYPES
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import BatchRejected, Request, Response, Throttled
from airflow_provider_cdi.exceptions import DestinationRefused, RetryLater
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, inputs_in_memory
from airflow_provider_cdi.testing.sources import TableSource
from airflow_provider_cdi.testing.virtual_time import run_virtually

ROWS = 4
KLAVIYO_TYPES = (*OTHER_KLAVIYO_TYPES, *CONSENT_TYPES)
ALL_TYPES = (*BRAZE_TYPES, *KLAVIYO_TYPES)
TRACK = ("attributes", "events", "purchases")
JOBS = {
    "profiles": "profile-bulk-import-job",
    "suppress": "profile-suppression-bulk-create-job",
    "unsuppress": "profile-suppression-bulk-delete-job",
}
PAYLOADS = {
    "attributes": {"plan": "pro"},
    "events": {"name": "Visit"},
    "purchases": {"product_id": "p", "currency": "EUR", "price": 1},
    "catalog_items": {"city": "Seoul"},
}
EMAIL = ConsentArguments(channels=["email_marketing"], allow_resubscribe=True)


def is_braze(kind):
    return kind.startswith("braze ")


KINDS = [*(f"braze {name}" for name in BRAZE_TYPES), *(f"klaviyo {name}" for name in KLAVIYO_TYPES)]


def destination_of(kind):
    vendor, name = kind.split(" ")
    if vendor == "braze":
        return braze_destination(name, catalog="stores" if name == "catalog_items" else None)
    options: dict[str, Any] = {"metric": "Visit"} if name == "events" else {}
    if name in ("subscribe", "unsubscribe"):
        options = {"consent": EMAIL if name == "subscribe" else ConsentArguments(channels=["email_marketing"])}
    return klaviyo_destination(name, KlaviyoArguments(**options))


def table_of(kind):
    vendor, name = kind.split(" ")
    if vendor == "klaviyo":
        dates = {"EVENT_TIME": ["2026-01-05T09:30:00Z"] * ROWS} if name == "events" else {}
        return {"EMAIL": [f"p{n}@acme-demo.io" for n in range(ROWS)], **dates}
    payload = {"PAYLOAD": [json.dumps(PAYLOADS[name])] * ROWS} if name in PAYLOADS else {}
    return {"ID" if name == "catalog_items" else "EXTERNAL_ID": [f"c-{n}" for n in range(ROWS)], **payload}


@dataclass
class Side:
    """A side that gives one answer to everything that is sent; questions about jobs and people are answered well."""

    answer: Response
    job: str = ""
    sent: list[Request] = field(default_factory=list)

    async def send(self, request):
        await asyncio.sleep(0.01)
        if request.method == "GET":
            state = {"type": self.job, "id": "J", "attributes": {"status": "complete"}}
            state["attributes"] |= {"failed_count": 0, "skipped_count": 0}
            return Response(200, {}, json.dumps({"data": state}).encode())
        self.sent.append(request)
        return self.answer


def deliver(kind, answer, on_unknown="resend"):
    """Run a whole sync of four rows, and say how it ended and what became of the rows."""
    side, journal = Side(answer, JOBS.get(kind.split(" ")[1], "")), MemoryJournal()
    settings = DeliverySettings(retry=RetryPolicy(attempts=3), on_unknown=on_unknown)

    async def work():
        inputs = inputs_in_memory(TableSource(table_of(kind)), destination_of(kind), side, journal, settings=settings)
        try:
            return await Run(inputs).run(), None
        except (DestinationRefused, RetryLater) as error:
            return None, error

    report, error = run_virtually(work())
    return report, error, journal, side


def settled_rows(journal):
    """Count the rows with an outcome that the watermark may pass."""
    if journal.progress is None:
        return 0
    totals = journal.progress.totals
    return totals.accepted + totals.rejected + totals.skipped + totals.unknown


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("kind", ["braze events", "braze purchases", "klaviyo subscribe"])
def test_a_foreign_refusal_leaves_rows_due_also_where_nothing_may_be_sent_twice(kind, status):
    _, error, journal, _ = deliver(kind, a(status, NGINX), on_unknown="reject")
    assert isinstance(error, DestinationRefused | RetryLater)
    assert (settled_rows(journal), journal.rejects) == (0, [])


REFUSALS = {name: answer for name, answer in FOREIGN.items() if answer.status in (400, 422)}
REFUSALS |= {
    "sentences 400": a(400, {"errors": ["Bad request"]}),
    "a message alone 400": a(400, {"errors": [{"message": "Bad request"}]}),
    "a message with a code 400": a(
        400, {"errors": [{"code": 7, "message": "Bad request"}], "message": "x", "ok": False}
    ),
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if is_braze(kind)])
def test_a_foreign_refusal_does_not_blame_the_only_row_of_a_request(kind, answer):
    destination = destination_of(kind)
    verdict = destination.interpret_response(answer, encoded(kind, destination)[:1])
    assert isinstance(verdict, Throttled | BatchRejected)
    assert isinstance(verdict, Throttled) or verdict.named == {}


def test_there_are_enough_shapes():
    assert len(FOREIGN) > 60
    assert len(KINDS) == len(ALL_TYPES) == 12


# --- verdicts -------------------------------------------------------------------------------------------


def naming(kind, place):
    """Give an answer in which the vendor names one row; None where it never does."""
    vendor, name = kind.split(" ")
    if vendor == "braze":
        if name not in TRACK:
            return None
        errors = [{"type": "EMAIL_BAD_FORMAT", "input_array": name, "index": place}]
        return a(201, {"message": "success", f"{name}_processed": ROWS - 1, "errors": errors})
    pointer = {
        "events": f"/data/attributes/events-bulk-create/data/{place}/attributes/profile/data/attributes/email",
        "privacy_deletions": "/data/attributes/profile/data/attributes/email",
    }.get(name, f"/data/attributes/profiles/data/{place}/attributes/email")
    return of_klaviyo("Invalid email address", {"pointer": pointer})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if naming(kind, 0)])
def test_a_row_that_the_vendor_names_is_rejected_and_no_other(kind):
    destination = destination_of(kind)
    records = encoded(kind, destination)[: destination.limits.records]
    place = min(1, len(records) - 1)
    verdict = destination.interpret_response(naming(kind, place), records)
    named = verdict.named if isinstance(verdict, BatchRejected) else verdict.rejected
    assert {found: each.code.partition("_")[2] for found, each in named.items()} == {place: "email_invalid"}


UNKNOWN_REASONS = {
    "braze": a(400, {"message": "The moon is in the wrong house"}),
    "klaviyo": of_klaviyo("Odd", {"pointer": "/data/attributes/profiles/data/77/attributes"}),
}


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in ("klaviyo events", "klaviyo privacy_deletions")]
)
def test_an_unknown_reason_in_the_vendors_form_is_halved_and_names_nobody(kind):
    destination = destination_of(kind)
    records = encoded(kind, destination)
    for size in (len(records), 1):
        verdict = destination.interpret_response(UNKNOWN_REASONS[kind.split(" ")[0]], records[:size])
        assert isinstance(verdict, BatchRejected)
        assert verdict.named == {}
        assert verdict.rejection.code.endswith("_bad_request")


@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_413_is_halved_down_to_single_rows_which_are_not_blamed(kind):
    destination = destination_of(kind)
    records = encoded(kind, destination)
    if destination.limits.records > 1:
        assert destination.interpret_response(a(413, NGINX_413), records).named == {}
    with pytest.raises(DestinationRefused, match="not even one row's"):
        destination.interpret_response(a(413, NGINX_413), records[:1])


def encoded(kind, destination):
    (rows,) = TableSource(table_of(kind)).read(None)
    records = destination.encode(rows)
    assert all(isinstance(record, Record) for record in records), records
    return records
