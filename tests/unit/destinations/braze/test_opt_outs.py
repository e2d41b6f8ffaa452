"""An opt-out in a row of attributes arrives also when the rest of the row is refused."""

from __future__ import annotations

import asyncio
import json

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.destinations.braze.users.opt_outs import OptOutRecord
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.verdicts import Ambiguous, Completed, FollowUp, Response, Throttled, Unattributed
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, inputs_in_memory
from airflow_provider_cdi.testing.sources import TableSource
from airflow_provider_cdi.testing.virtual_time import run_virtually
from cdi_sandbox.app import create_app
from cdi_sandbox.settings import Clock, Settings

GROUP, OTHER = "7b0c2f52-0000-4000-8000-000000000001", "7b0c2f52-0000-4000-8000-000000000002"
NO_MAIL = {"email_subscribe": "unsubscribed"}
DROPPED = {"home": {"zip code": 1}}


def left(group, state="unsubscribed"):
    return {"subscription_group_id": group, "subscription_state": state}


def encoded(encode_row, payload, **row):
    record = encode_row("attributes", {"EXTERNAL_ID": "c-1", "PAYLOAD": payload, **row})
    assert isinstance(record, OptOutRecord), record
    return json.loads(record.body)


# --- found before sending -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "saved"),
    [
        (NO_MAIL | DROPPED, NO_MAIL),
        (NO_MAIL | {"a": {"b.c": 1}, "email": "x@y.z"}, NO_MAIL),
        (NO_MAIL | {"push_subscribe": "perhaps"}, NO_MAIL),
        (
            {"push_subscribe": "unsubscribed", "email_subscribe": "opted_in"} | DROPPED,
            {"push_subscribe": "unsubscribed"},
        ),
        ({"email_open_tracking_disabled": True} | DROPPED, {"email_open_tracking_disabled": True}),
        (
            {"subscription_groups": [left(GROUP), left(OTHER, "subscribed"), left(OTHER, "perhaps"), 7]},
            {"subscription_groups": [left(GROUP)]},
        ),
        (NO_MAIL | {f"k{n}": n for n in range(251)}, NO_MAIL),
        (NO_MAIL | {"a": "x" * 1_100_000}, NO_MAIL),
    ],
    ids=range(8),
)
def test_the_opt_outs_of_a_row_that_cannot_be_sent_are_sent(encode_row, payload, saved):
    assert encoded(encode_row, payload) == {"external_id": "c-1"} | saved


def test_whom_braze_may_create_stays_the_same(encode_row):
    asked = encoded(encode_row, NO_MAIL | DROPPED | {"_update_existing_only": True})
    assert asked["_update_existing_only"] is True
    row = {"EXTERNAL_ID": None, "ALIAS_NAME": "n", "ALIAS_LABEL": "l"}
    assert encoded(encode_row, NO_MAIL | DROPPED, **row)["_update_existing_only"] is False


@pytest.mark.parametrize(
    "payload",
    [
        DROPPED,
        {"email_subscribe": "opted_in"} | DROPPED,
        {"email_open_tracking_disabled": False} | DROPPED,
        {"email_open_tracking_disabled": 1} | DROPPED,
        {"subscription_groups": [left(None)]} | DROPPED,
        NO_MAIL | {"external_id": "somebody else"},
        '{"email_subscribe": "unsubscribed"',
        [NO_MAIL],
    ],
    ids=range(8),
)
def test_a_row_without_an_opt_out_that_is_certain_is_a_reject_as_before(code_of, payload):
    assert code_of("attributes", {"EXTERNAL_ID": "c-1", "PAYLOAD": payload})


def test_an_event_has_no_opt_outs(code_of):
    assert code_of("events", {"EXTERNAL_ID": "c-1", "PAYLOAD": NO_MAIL}) == "event_name_missing"


# --- refused by Braze -----------------------------------------------------------------------------------


def conversation(*payloads, **more):
    """Encode rows, and give the destination and its records."""
    destination = braze_destination("attributes")
    rows = pa.RecordBatch.from_pydict(
        {
            "UPDATED_AT": pa.array([0] * len(payloads), pa.timestamp("us")),
            "EXTERNAL_ID": [f"c-{n}" for n in range(len(payloads))],
            "PAYLOAD": [json.dumps(payload) for payload in payloads],
        }
    )
    return destination, destination.encode(rows)


def answer(*errors, status=201, message="success"):
    told = [{"type": said, "input_array": "attributes", "index": index} for index, said in errors]
    return Response(status, {}, json.dumps({"message": message} | ({"errors": told} if told else {})).encode())


def objects(ask):
    assert isinstance(ask, FollowUp), ask
    return json.loads(ask.request.body)["attributes"]


GROUPS = {"subscription_groups": [left(GROUP), left(OTHER)]}
MIXED = NO_MAIL | GROUPS | {"email": "bad", "plan": "pro"}


def test_each_opt_out_of_a_refused_object_goes_for_itself():
    destination, records = conversation({"plan": "pro"}, MIXED, {"email": "bad"})
    step = destination.interpret_response(answer((1, "EMAIL_BAD_FORMAT"), (2, "EMAIL_BAD_FORMAT")), records)
    assert objects(step) == [
        {"external_id": "c-1"} | NO_MAIL,
        {"external_id": "c-1", "subscription_groups": [left(GROUP)]},
        {"external_id": "c-1", "subscription_groups": [left(OTHER)]},
    ]
    verdict = step.read(answer((2, "BAD_SUBSCRIPTION_GROUP_ID")))
    assert {place: each.code for place, each in verdict.rejected.items()} == dict.fromkeys(
        (1, 2), "braze_email_invalid"
    )
    assert verdict.rejected[1].reason.endswith("Delivered all the same: email_subscribe, subscription_groups.")
    assert "Delivered" not in verdict.rejected[2].reason


def test_opt_outs_go_too_where_all_objects_are_refused_with_400():
    destination, records = conversation(MIXED)
    step = destination.interpret_response(
        answer((0, "EMAIL_BAD_FORMAT"), status=400, message="Valid data must be"), records
    )
    assert objects(step)[0] == {"external_id": "c-0"} | NO_MAIL
    assert "Delivered" not in step.read(answer(*((n, "NEW") for n in range(3)), status=400)).rejected[0].reason
    assert isinstance(step.read(Response(502, {}, b"<html>")), Ambiguous)
    assert isinstance(step.read(Response(400, {}, b"<html>")), Throttled)


@pytest.mark.parametrize(
    ("payload", "said"),
    [(MIXED, "BLACKLISTED_EXTERNAL_USER_ID"), (NO_MAIL, "EMAIL_BAD_FORMAT"), ({"plan": 1}, "EMAIL_BAD_FORMAT")],
)
def test_nothing_is_asked_where_it_cannot_help(payload, said):
    destination, records = conversation(payload)
    verdict = destination.interpret_response(answer((0, said)), records)
    assert isinstance(verdict, Completed)
    assert "Delivered" not in verdict.rejected[0].reason


def test_the_opt_outs_of_a_row_that_could_not_be_sent_are_told_and_the_row_stays_a_reject():
    destination, records = conversation(NO_MAIL | DROPPED, {"plan": "pro"})
    verdict = destination.interpret_response(answer(), records)
    assert {place: each.code for place, each in verdict.rejected.items()} == {0: "nested_value_invalid"}
    assert verdict.rejected[0].reason.endswith("Delivered all the same: email_subscribe.")


def loosely(*errors):
    """Accept a request with errors, some of which name no object."""
    return Response(201, {}, json.dumps({"message": "success", "errors": list(errors)}).encode())


def of(place):
    return {"type": "EMAIL_BAD_FORMAT", "input_array": "attributes", "index": place}


def test_the_opt_outs_of_a_row_that_is_named_go_also_where_another_error_names_none():
    destination, records = conversation({"plan": "pro"}, MIXED, {"plan": "pro"})
    step = destination.interpret_response(loosely(of(1), "something"), records)
    assert objects(step)[0] == {"external_id": "c-1"} | NO_MAIL
    verdict = step.read(answer())
    assert isinstance(verdict, Unattributed)
    assert list(verdict.remarks) == ["Braze: something"]
    assert verdict.named[1].delivered == ("email_subscribe", "subscription_groups")


def test_opt_outs_that_are_refused_without_a_name_are_sent_one_by_one():
    destination, records = conversation(MIXED)
    step = destination.interpret_response(answer((0, "EMAIL_BAD_FORMAT")), records)
    assert len(objects(step)) == 3
    sent = []
    step = step.read(loosely("something"))
    while isinstance(step, FollowUp):
        (one,) = objects(step)
        sent.append(one)
        step = step.read(loosely("of a group") if "subscription_groups" in one else answer())
    assert [next(name for name in one if name != "external_id") for one in sent] == [
        "email_subscribe",
        "subscription_groups",
        "subscription_groups",
    ]
    assert step.rejected[0].delivered == ("email_subscribe",)


# --- a whole sync ---------------------------------------------------------------------------------------


class BrazeSide:
    """The local Braze without a network."""

    async def send(self, request):
        await asyncio.sleep(0.01)
        return await self.call(request.method, request.path, request.body)

    def open(self):
        clock = Clock(now=lambda: 1_790_000_000.0 + asyncio.get_running_loop().time(), sleep=asyncio.sleep)
        self.app = create_app(Settings(apply_delay=0), clock)

    async def call(self, method, path, body=b"", query=b""):
        headers = {"authorization": "Bearer sandbox-key", "content-type": "application/json", "host": "localhost"}
        scope = {"type": "http", "method": method, "path": path, "root_path": "", "scheme": "http"}
        scope |= {"query_string": query, "headers": [(a.encode(), b.encode()) for a, b in headers.items()]}
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Response(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.mark.parametrize("is_any_good", [True, False])
def test_every_opt_out_arrives_whatever_is_wrong_with_its_row(is_any_good):
    wrong = [{"email": "bad"}, DROPPED, {"subscription_groups": [left("no group")]}, {}]
    wrong = wrong if is_any_good else [{"email": "bad"}] * 4
    payloads = [json.dumps(NO_MAIL | wrong[n % 4]) for n in range(200)]
    table = {"EXTERNAL_ID": [f"c-{n}" for n in range(200)], "PAYLOAD": payloads}
    side, journal = BrazeSide(), MemoryJournal()

    async def work():
        side.open()
        inputs = inputs_in_memory(TableSource(table), braze_destination("attributes"), side, journal)
        report = await Run(inputs).run()
        users = [
            json.loads((await side.call("GET", "/_sandbox/user", query=f"external_id=c-{n}".encode())).body)
            for n in range(200)
        ]
        side.app.world.close()
        return report, users

    report, users = run_virtually(work())
    good = 50 if is_any_good else 0
    assert (report.totals.rows_read, report.totals.accepted, report.totals.rejected) == (200, good, 200 - good)
    assert [user["email_subscribe"] for user in users] == ["unsubscribed"] * 200
    assert all("Delivered all the same: email_subscribe" in reject.reason for reject in journal.rejects)
