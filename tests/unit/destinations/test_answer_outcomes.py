"""Answers that speak of rows, in every shape: one row of four is bad, and each row gets the outcome that is right.

A row that an answer names keeps its code. Where an error names none, the rows are sent again in smaller parts if that
is harmless, until the bad one stands alone; where a repeat would count twice, nobody knows what became of the others.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_cdi.destinations.braze import DATA_TYPES, braze_destination
from airflow_provider_cdi.destinations.klaviyo import klaviyo_destination
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, inputs_in_memory
from airflow_provider_cdi.testing.sources import TableSource
from airflow_provider_cdi.testing.virtual_time import run_virtually

ROWS, BAD = 4, 2
COUNTED_TWICE = ("events", "purchases")
PAYLOADS = {
    "attributes": {"plan": "pro"},
    "events": {"name": "Visit"},
    "purchases": {"product_id": "p", "currency": "EUR", "price": 1},
    "catalog_items": {"city": "Seoul"},
}
EMAIL, SENTENCE = "EMAIL_BAD_FORMAT", "The value provided for the 'email' field is not a valid email."
ALL_INVALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
OTHER_ARRAY = {"attributes": "events", "events": "purchases", "purchases": "attributes"}
SUCCESS = {"message": "success"}


@dataclass(frozen=True)
class Request:
    """What an answer may refer to: the data type, the place of the bad row, and how many rows there are."""

    data_type: str
    place: int
    count: int

    def error(self, said: Any = EMAIL, **members: Any) -> dict[str, Any]:
        """Give the documented form of an error about the bad row, with some members changed."""
        named = {"input_array": self.data_type} if self.data_type in OTHER_ARRAY else {}
        found = {"type": said, **named, "index": self.place} | members
        return {name: value for name, value in found.items() if value is not ...}


@dataclass(frozen=True)
class Shape:
    """An answer to a request with the bad row in it, and what it means.

    :param errors: what stands in ``errors``.
    :param code: of the bad row, where it is found.
    :param names: whether the answer names it also among others.
    :param is_loose: whether an error of it names no row.
    """

    errors: Callable[[Request], Any]
    code: str = "braze_email_invalid"
    names: bool = False
    is_loose: bool = True
    status: int = 201
    message: str = "success"


def named(errors: Callable[[Request], Any], code: str = "braze_email_invalid", **more: Any) -> Shape:
    return Shape(errors, code, names=True, is_loose=False, **more)


LOST = "unattributed"
SHAPES = {
    # named
    "documented": named(lambda r: [r.error()]),
    "as a sentence": named(lambda r: [r.error(SENTENCE)]),
    "without the array": named(lambda r: [r.error(input_array=...)]),
    "with more members": named(lambda r: [r.error(detail="x", status=400)]),
    "in the member id": named(lambda r: [r.error(..., id=EMAIL)]),
    "in the member message": named(lambda r: [r.error(..., message=SENTENCE)]),
    "with a new code": named(lambda r: [r.error("BAD_MOON")], "braze_rejected"),
    "without a text": named(lambda r: [r.error(...)], "braze_rejected"),
    "with a text that is none": named(lambda r: [r.error(7)], "braze_rejected"),
    "twice": named(lambda r: [r.error(), r.error("BAD_DEVICE_ID")]),
    "with status 200": named(lambda r: [r.error()], status=200),
    "with status 202": named(lambda r: [r.error()], status=202),
    "with a capital success": named(lambda r: [r.error()], message="Success"),
    # not named, and found when the row stands alone
    "without an index": Shape(lambda r: [r.error(index=...)]),
    "without index and array": Shape(lambda r: [r.error(index=..., input_array=...)]),
    "a sentence in a list": Shape(lambda r: [SENTENCE]),
    "a code in a list": Shape(lambda r: [EMAIL]),
    "a sentence and no list": Shape(lambda r: SENTENCE),
    "an object and no list": Shape(lambda r: {"type": EMAIL}),
    "a message alone": Shape(lambda r: [{"message": SENTENCE}]),
    # not named, and about something else even when the row stands alone
    "index out of range": Shape(lambda r: [r.error(index=75)], LOST),
    "index just behind the last": Shape(lambda r: [r.error(index=r.count)], LOST),
    "negative index": Shape(lambda r: [r.error(index=-1)], LOST),
    "index as text": Shape(lambda r: [r.error(index=str(r.place))], LOST),
    "index as a broken number": Shape(lambda r: [r.error(index=0.5)], LOST),
    "index as a switch": Shape(lambda r: [r.error(index=True)], LOST),
    "index null": Shape(lambda r: [r.error(index=None)], LOST),
    "a list of indexes": Shape(lambda r: [r.error(index=[r.place])], LOST),
    "another array": Shape(lambda r: [r.error(input_array=OTHER_ARRAY.get(r.data_type, "events"))], LOST),
    "an array that nobody has": Shape(lambda r: [r.error(input_array="things")], LOST),
    "null in a list": Shape(lambda r: [None], LOST),
    "a list in a list": Shape(lambda r: [[r.error()]], LOST),
    "an empty object": Shape(lambda r: [{}], LOST),
    "an object of another form": Shape(lambda r: [{"code": 1003, "reason": "Direct access"}], LOST),
    "errors by their place": Shape(lambda r: {str(r.place): [EMAIL]}, LOST),
    "a number": Shape(lambda r: 1, LOST),
    "a switch": Shape(lambda r: True, LOST),
    "an empty text in a list": Shape(lambda r: [" "], LOST),
    # mixed
    "named, and one without an index": Shape(lambda r: [r.error(), r.error(index=...)], names=True),
    "named, and a sentence": Shape(lambda r: ["Something else", r.error()], names=True),
    "named, and one of another array": Shape(lambda r: [r.error(), r.error(input_array="things")], names=True),
    "named, and null": Shape(lambda r: [None, r.error()], names=True),
}


class Side:
    """A Braze that does not take one of the rows, and says so in a given shape."""

    def __init__(self, data_type: str, answer: Callable[[Request], Response]) -> None:
        self.data_type = data_type
        self.answer = answer
        self.taken: list[str] = []

    async def send(self, request):
        await asyncio.sleep(0.01)
        ((_, objects),) = json.loads(request.body).items()
        ids = [one if isinstance(one, str) else one.get("external_id") or one.get("id") for one in objects]
        if f"c-{BAD}" in ids:
            self.taken += [each for each in ids if each != f"c-{BAD}"]
            return self.answer(Request(self.data_type, ids.index(f"c-{BAD}"), len(ids)))
        self.taken += ids
        return Response(201, {}, json.dumps(SUCCESS).encode())


def shaped(shape: Shape) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        body = {"message": shape.message, "errors": shape.errors(request)}
        return Response(shape.status, {}, json.dumps(body).encode())

    return answer


def deliver(data_type, answer):
    """Run a sync of four rows, and give the outcome and code of each that was not accepted, by its number."""
    side, journal = Side(data_type, answer), MemoryJournal()
    catalog = "stores" if data_type == "catalog_items" else None
    payload = {"PAYLOAD": [json.dumps(PAYLOADS[data_type])] * ROWS} if data_type in PAYLOADS else {}
    source = TableSource({"ID" if catalog else "EXTERNAL_ID": [f"c-{n}" for n in range(ROWS)], **payload})

    async def work():
        inputs = inputs_in_memory(
            source,
            braze_destination(data_type, catalog=catalog),
            side,
            journal,
            settings=DeliverySettings(retry=RetryPolicy(attempts=3)),
        )
        return await Run(inputs).run()

    report = run_virtually(work())
    told = {next(iter(line.identifier.values())): (line.outcome, line.code) for line in journal.rejects}
    assert report.totals.accepted == ROWS - len(told)
    return told, report, side


def expected(data_type: str, shape: Shape) -> dict[str, tuple[str, str]]:
    if data_type not in COUNTED_TWICE or (shape.names and not shape.is_loose):
        return {f"c-{BAD}": ("rejected", shape.code)}
    rows = {f"c-{n}": ("unknown", LOST) for n in range(ROWS)}
    return rows | ({f"c-{BAD}": ("rejected", shape.code)} if shape.names else {})


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_each_row_has_the_outcome_that_is_right(data_type, shape):
    told, report, side = deliver(data_type, shaped(shape))
    assert told == expected(data_type, shape)
    # What Braze does not name is told, and nobody's data with it.
    assert bool(report.traffic.remarks) == shape.is_loose
    assert not any(f"c-{n}" in remark for remark in report.traffic.remarks for n in range(ROWS))
    if data_type in COUNTED_TWICE:
        assert len(side.taken) == ROWS - 1  # nothing was sent twice


def test_there_are_enough_shapes():
    assert len(SHAPES) > 40


@pytest.mark.parametrize("errors", [None, [], {}, "", 0, False])
@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_errors_that_are_none_accept_all_rows(data_type, errors):
    told, report, _ = deliver(data_type, lambda _: Response(201, {}, json.dumps(SUCCESS | {"errors": errors}).encode()))
    assert (told, report.traffic.remarks) == ({}, {})


@pytest.mark.parametrize("message", ["A fatal error", "", None, 7, {"success": True}, ["success"]])
@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_a_fatal_message_with_minor_errors_in_a_success_is_no_verdict(data_type, message):
    def answer(request):
        return Response(201, {}, json.dumps({"message": message, "errors": [request.error()]}).encode())

    with pytest.raises(RetryLater):
        deliver(data_type, answer)


REFUSED = {
    "names the row": lambda r: [r.error()],
    "names the row and something else": lambda r: [r.error(), r.error(index=75), "x"],
    "names no row": lambda r: [r.error(index=...)],
    "names another array": lambda r: [r.error(input_array="things")],
    "is a sentence": lambda r: [SENTENCE],
}


@pytest.mark.parametrize("errors", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("data_type", ["attributes", "events", "purchases"])
def test_a_refusal_of_the_whole_request_costs_the_bad_row_alone(data_type, errors):
    def answer(request):
        body = {"message": ALL_INVALID, "errors": errors(request)}
        return Response(400, {}, json.dumps(body).encode())

    told, _, side = deliver(data_type, answer)
    assert told == {f"c-{BAD}": ("rejected", "braze_email_invalid")}
    assert side.taken.count("c-0") > 1  # what was refused with it was sent again


# --- the jobs of Klaviyo ------------------------------------------------------------------------------------


def failure(payload: Any, detail: Any = "Invalid email address", **more: Any) -> dict[str, Any]:
    return {"type": "import-error", "id": "e", "attributes": {"detail": detail, "original_payload": payload} | more}


OWN = {"email": f"p{BAD}@acme-demo.io"}
LISTED = {
    "the row": ([failure(OWN)], "klaviyo_email_invalid"),
    "the row in the form of a profile": ([failure({"type": "profile", "attributes": OWN})], "klaviyo_email_invalid"),
    "the row twice": ([failure(OWN), failure(OWN, "Odd")], "klaviyo_email_invalid"),
    "the row and a stranger": ([failure(OWN), failure({"email": "x@y.io"})], "klaviyo_email_invalid"),
    "nothing": ([], "klaviyo_import_failed"),
    "a stranger": ([failure({"email": "x@y.io"}, "Odd")], "klaviyo_import_failed"),
    "no payload": ([failure(None)], "klaviyo_email_invalid"),
    "another form": (["broken", None, {"attributes": []}], "klaviyo_import_failed"),
    "no text": ([failure(OWN, None)], "klaviyo_rejected"),
}


class JobSide:
    """A Klaviyo whose imports fail for one of the profiles, and whose list of errors has a given shape."""

    def __init__(self, listed: list[Any]) -> None:
        self.listed = listed
        self.jobs: dict[str, bool] = {}

    async def send(self, request):
        await asyncio.sleep(0.01)
        if request.method == "POST":
            name = f"J{len(self.jobs)}"
            self.jobs[name] = OWN["email"].encode() in request.body
            return self.reply(202, {"data": {"type": "profile-bulk-import-job", "id": name}})
        if "import-errors" in request.path:
            return self.reply(200, {"data": self.listed, "links": {"next": None}})
        name = request.path.rpartition("/")[2]
        state = {"status": "complete", "failed_count": int(self.jobs[name])}
        return self.reply(200, {"data": {"type": "profile-bulk-import-job", "id": name, "attributes": state}})

    def reply(self, status, body):
        return Response(status, {}, json.dumps(body).encode())


@pytest.mark.parametrize(("listed", "code"), LISTED.values(), ids=LISTED)
def test_the_failure_of_an_import_costs_the_bad_row_alone(listed, code):
    side, journal = JobSide(listed), MemoryJournal()
    source = TableSource({"EMAIL": [f"p{n}@acme-demo.io" for n in range(ROWS)]})

    async def work():
        destination = klaviyo_destination("profiles")
        inputs = inputs_in_memory(source, destination, side, journal)
        return await Run(inputs).run()

    report = run_virtually(work())
    assert [(line.identifier, line.outcome, line.code) for line in journal.rejects] == [
        ({"EMAIL": OWN["email"]}, "rejected", code)
    ]
    assert report.totals.accepted == ROWS - 1
    assert not any("@" in remark for remark in report.traffic.remarks)
