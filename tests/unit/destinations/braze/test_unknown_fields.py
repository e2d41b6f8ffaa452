"""A catalog item with a field that the catalog does not have: stop, reject or drop."""

from __future__ import annotations

import asyncio
import json

import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, FollowUp, Response
from airflow_provider_cdi.exceptions import DestinationRefused
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, inputs_in_memory
from airflow_provider_cdi.testing.sources import TableSource
from airflow_provider_cdi.testing.virtual_time import run_virtually

FIELDS = {"id": "string", "city": "string", "seats": "number"}


def make(choice, *, knows=True, **more):
    destination = braze_destination("catalog_items", catalog="shops", on_unknown_field=choice, **more)
    if knows:
        destination.learn_fields(FIELDS)
    return destination


def encode(destination, *payloads, **columns):
    rows = {"ID": [f"s-{n}" for n in range(len(payloads))], "PAYLOAD": [_text(each) for each in payloads], **columns}
    return destination.encode(next(TableSource(rows).read(None)))


def _text(payload):
    return payload if isinstance(payload, str) else json.dumps(payload)


def refused(*ids, error="invalid-fields"):
    entry = {"id": error, "message": "Some of the fields given do not exist in the catalog"}
    entry |= {"parameters": ["id"], "parameter_values": list(ids)}
    return Response(400, {}, json.dumps({"message": "Invalid Request", "errors": [entry]}).encode())


def catalogs(*fields, name="shops"):
    shown = {"name": name, "fields": [{"name": field, "type": "string"} for field in ("id", *fields)]}
    return Response(200, {}, json.dumps({"catalogs": [shown], "message": "success"}).encode())


# --- known before sending ---------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["", "x" * 6_000], ids=["short", "long"])
def test_an_item_with_an_unknown_field_is_rejected_by_name_and_its_neighbours_go(padding):
    known = {"city": "Seoul", "seats": 4}
    first, second, third = encode(make("reject"), known, known | {"colour": padding, "size": 1}, known)
    assert isinstance(first, Record)
    assert isinstance(third, Record)
    assert second == Rejection("catalog_field_unknown", "The catalog does not have the fields colour, size.")


def test_the_unknown_fields_are_left_out_and_every_digit_of_the_others_is_kept():
    text = '{ "city":"Seoul", "colour":{"a":[1,{}]}, "seats":12345678901234567890.10, "Size":null}'
    (record,) = encode(make("drop"), text)
    assert b"12345678901234567890.10" in record.body
    assert json.loads(record.body).keys() == {"id", "city", "seats"}
    assert record.adjusted == ("field_dropped: Size", "field_dropped: colour")
    assert (record.group, record.key, record.unique) == ("PUT", "id:s-0", "id")


def test_a_fault_in_a_field_that_is_left_out_costs_nothing():
    (record,) = encode(make("drop"), {"city": "Seoul", "note": "x" * 6_000, "tree": {"a.b": 1}})
    assert json.loads(record.body) == {"id": "s-0", "city": "Seoul"}


def test_an_item_of_which_nothing_is_left_is_rejected_and_an_empty_one_goes():
    nothing, empty = encode(make("drop"), {"colour": "red"}, "{}")
    assert nothing.code == "catalog_field_unknown"
    assert json.loads(empty.body) == {"id": "s-1"}


def test_operators_of_arrays_are_no_fields():
    (record,) = encode(make("drop", merge=True), {"city": {"$add": ["x"]}})
    assert record.adjusted == ()


def test_an_item_that_is_deleted_needs_no_fields():
    (record,) = encode(make("reject"), {"colour": "red"}, DELETED=[True])
    assert record.group == "DELETE"


@pytest.mark.parametrize("choice", ["reject", "drop"])
def test_what_cannot_be_a_fields_name_is_shown_nowhere(choice):
    (entry,) = encode(make(choice), {"city": "x", "ada@example.org": 1, "": 2, "a b": 3, "n" * 81: 4, "fine": 5})
    told = entry.reason if choice == "reject" else " ".join(entry.adjusted)
    assert told in (
        "The catalog does not have the fields fine, 4 more.",
        "field_dropped field_dropped: fine",
    )


def test_only_so_many_fields_are_counted_each_by_its_name():
    records = encode(make("drop"), *({"city": "x", f"f{n}": n} for n in range(80)))
    names = {name for record in records for name in record.adjusted}
    assert len(names) == 51
    assert records[-1].adjusted == ("field_dropped",)


@pytest.mark.parametrize("choice", ["stop", "reject", "drop"])
def test_without_a_look_at_the_catalog_every_field_goes(choice):
    (record,) = encode(make(choice, knows=False), {"colour": "red"})
    assert json.loads(record.body) == {"id": "s-0", "colour": "red"}


# --- told by Braze ------------------------------------------------------------------------------------------


def told(choice, answer, *payloads, knows=True):
    destination = make(choice, knows=False)
    records = encode(destination, *payloads)
    if knows:
        destination.learn_fields(FIELDS)
    return destination.interpret_response(answer, records), records


CITY, COLOUR = {"city": "Seoul"}, {"city": "Seoul", "colour": "red"}


def test_by_default_the_sync_stops_and_the_choice_is_named():
    with pytest.raises(DestinationRefused, match=r"city, colour.*on_unknown_field"):
        told("stop", refused("s-1"), CITY, COLOUR)


def test_the_items_that_braze_names_are_rejected():
    verdict, _ = told("reject", refused("s-1", "s-9"), CITY, COLOUR, CITY)
    assert {place: each.code for place, each in verdict.named.items()} == {1: "braze_catalog_field_unknown"}


def test_where_braze_names_no_item_halves_find_it_and_one_alone_is_named():
    assert told("reject", refused(), CITY, COLOUR)[0].named == {}
    assert told("reject", refused(), COLOUR)[0].named.keys() == {0}


def test_what_is_known_is_left_out_at_once():
    verdict, _ = told("drop", refused("s-1"), CITY, COLOUR, {"colour": "red"})
    assert {place: json.loads(one.body) for place, one in verdict.mended.items()} == {1: {"id": "s-1"} | CITY}
    assert verdict.mended[1].adjusted == ("field_dropped: colour",)
    assert {place: each.code for place, each in verdict.named.items()} == {2: "catalog_field_unknown"}


@pytest.mark.parametrize("knows", [True, False])
def test_where_nothing_is_known_of_it_the_catalog_is_looked_up(knows):
    step, _ = told("drop", refused("s-1"), {"seats": 1}, {"seats": 1, "city": "x"}, knows=knows)
    assert isinstance(step, FollowUp)
    assert (step.request.method, step.request.path) == ("GET", "/catalogs")
    assert isinstance(step.read(Response(503, {}, b"")), Ambiguous)
    assert isinstance(step.read(Response(429, {}, b"")), Ambiguous)
    with pytest.raises(DestinationRefused, match=r"catalogs\.get"):
        step.read(Response(403, {}, b"{}"))
    with pytest.raises(DestinationRefused, match="no catalog 'shops'"):
        step.read(catalogs("seats", name="other"))
    verdict = step.read(catalogs("seats"))
    assert {place: json.loads(one.body) for place, one in verdict.mended.items()} == {1: {"id": "s-1", "seats": 1}}


def test_a_refusal_that_the_catalog_does_not_explain_rejects_the_items_that_are_named():
    step, _ = told("drop", refused("s-1"), CITY, CITY)
    verdict = step.read(catalogs("city", "seats"))
    assert (verdict.named.keys(), verdict.mended) == ({1}, {})


@pytest.mark.parametrize("choice", ["reject", "drop"])
def test_other_faults_stay_what_they_were(choice):
    with pytest.raises(DestinationRefused, match="storage"):
        told(choice, refused(error="company-size-limit-surge"), CITY)
    verdict, _ = told(choice, refused("s-0", error="unable-to-coerce-value"), CITY)
    assert isinstance(verdict, BatchRejected)
    assert verdict.rejection.code == "braze_catalog_type_invalid"
    body = json.loads(refused("s-0").body)
    body["errors"].insert(0, {"id": "catalog-not-found"})
    with pytest.raises(DestinationRefused, match="no such catalog"):
        told(choice, Response(400, {}, json.dumps(body).encode()), CITY)


# --- a whole sync -------------------------------------------------------------------------------------------


class Side:
    """A catalog that has the field city alone, and says which items it refuses, or not."""

    def __init__(self, *, names_items):
        self.names_items = names_items
        self.items, self.looks = {}, 0

    async def send(self, request):
        await asyncio.sleep(0.01)
        if request.method == "GET":
            self.looks += 1
            return catalogs("city")
        items = json.loads(request.body)["items"]
        bad = [item["id"] for item in items if item.keys() - {"id", "city"}]
        if bad:
            return refused(*(bad if self.names_items else ()))
        self.items |= {item["id"]: item for item in items}
        return Response(202, {}, b'{"message":"success"}')


def sync(side, choice, count=100):
    destination, journal = make(choice, knows=False), MemoryJournal()
    payloads = [_text(COLOUR if n % 7 == 0 else CITY) for n in range(count)]
    source = TableSource({"ID": [f"s-{n}" for n in range(count)], "PAYLOAD": payloads})

    async def work():
        inputs = inputs_in_memory(source, destination, side, journal)
        return await Run(inputs).run()

    return run_virtually(work()), journal


@pytest.mark.parametrize("names_items", [True, False])
def test_fields_that_went_while_the_run_was_at_work_are_left_out_of_every_item(names_items):
    side = Side(names_items=names_items)
    report, journal = sync(side, "drop")
    assert (report.totals.accepted, report.totals.adjusted) == (100, {"field_dropped: colour": 15})
    assert len(side.items) == 100
    assert (journal.rejects, side.looks) == ([], 2)


@pytest.mark.parametrize("names_items", [True, False])
def test_items_that_braze_refuses_are_rejected_and_all_others_stored(names_items):
    side = Side(names_items=names_items)
    report, _ = sync(side, "reject")
    assert report.totals.rejects == {"braze_catalog_field_unknown": 15}
    assert sorted(side.items) == sorted(f"s-{n}" for n in range(100) if n % 7)
