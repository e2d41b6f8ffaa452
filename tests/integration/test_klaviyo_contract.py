"""Klaviyo's official SDK as the contract: of what we send, of what we think the limits are, of the local Klaviyo."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import orjson
import pyarrow as pa
import pytest
from support.klaviyo_sync import KlaviyoSide, sync_into_klaviyo

from airflow_provider_cdi.destinations.klaviyo import ConsentArguments, endpoints
from airflow_provider_cdi.destinations.klaviyo.consent import endpoints as consent_endpoints
from airflow_provider_cdi.destinations.klaviyo.endpoints import TIERS, Endpoint
from airflow_provider_cdi.destinations.klaviyo.profiles.standard_fields import STANDARD_FIELDS
from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.hooks.klaviyo.check import PROBES
from airflow_provider_cdi.hooks.klaviyo.revision import DEFAULT_REVISION
from cdi_sandbox.klaviyo.endpoints import ENDPOINTS as LOCAL
from cdi_sandbox.klaviyo.json_api.members import BODIES, Shape
from cdi_sandbox.settings import KlaviyoSettings

pytest.importorskip("klaviyo_api", reason="the contract is Klaviyo's SDK, of the extra dev")
from support.klaviyo_contract import losses, nested_model, operation_of, unknown_parameters

OURS = [
    endpoint for module in (endpoints, consent_endpoints) for endpoint in vars(module).values()
    if isinstance(endpoint, Endpoint)
]  # fmt: skip
GOOD, INELIGIBLE = "+4915112345678", "+9991234567"
AT = datetime(2026, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)
TOKENS = [[{"token": "t-1", "platform": "ios", "vendor": "apns", "background": "AVAILABLE"}]]
#: What Klaviyo's recorded answers have, though its SDK does not know it.
_SEEN_ON_THE_WIRE = re.compile(r"/errors/\d+/(status|links|meta) is lost|/data/\d+/links is lost")


@dataclass
class Recorder(KlaviyoSide):
    """A local Klaviyo that keeps what went over the wire."""

    exchanges: list[tuple[Request, Response]] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        answer = await super().send(request)
        self.exchanges.append((request, answer))
        return answer


def everybody(**columns: Any) -> dict[str, Any]:
    return {
        "EMAIL": ["a@acme-demo.io", "b@acme-demo.io"],
        "PHONE_NUMBER": pa.array([GOOD, None]),
        "EXTERNAL_ID": ["a-1", "b-1"],
        **columns,
    }


def profiles(**columns: Any) -> dict[str, Any]:
    standard = {name: ["12.5" if name.endswith("TUDE") else "x"] * 2 for name in STANDARD_FIELDS if "___" not in name}
    return everybody(**standard, points=[1, 2], vip=[True, False], tags=[["a"], []], **columns)


def events(**columns: Any) -> dict[str, Any]:
    return everybody(
        EVENT_TIME=[AT] * 2, METRIC_NAME=["Visit"] * 2, UNIQUE_ID=["u-1", "u-2"], VALUE=[9.99, 10],
        VALUE_CURRENCY=["EUR"] * 2, page=["a", "b"], **columns,
    )  # fmt: skip


def consent(says: str, *names: str, **columns: Any) -> dict[str, Any]:
    return {
        "EMAIL": ["a@acme-demo.io"],
        "PHONE_NUMBER": [GOOD],
        **{name: [says] for name in names},
        "PUSH_TOKENS": TOKENS,
        "CONSENTED_AT": [AT],
        **columns,
    }


ALL = (
    "EMAIL_MARKETING", "EMAIL_OPEN_TRACKING", "EMAIL_CLICK_TRACKING", "SMS_MARKETING", "SMS_TRANSACTIONAL",
    "WHATSAPP_MARKETING", "WHATSAPP_TRANSACTIONAL", "PUSH_MARKETING",
)  # fmt: skip


async def _make_list(side: KlaviyoSide) -> None:
    body = {"data": {"type": "list", "attributes": {"name": "Warehouse"}}}
    assert (await side.call("POST", "/api/lists", json.dumps(body).encode())).status == 201


def _lists() -> list[str]:
    """Name the list that :func:`_make_list` makes: the local Klaviyo makes the same ids anew."""
    found: list[str] = []

    async def look(side: KlaviyoSide) -> None:
        answer = await side.call("GET", "/api/lists", b"")
        found.extend(entry["id"] for entry in json.loads(answer.body)["data"])

    sync_into_klaviyo(everybody(), before=_make_list, look=look)
    return found


#: What is sent: a name, the data type, the rows, and the arguments.
SYNCS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("profiles", "profiles", profiles(), {}),
    ("profiles into a list", "profiles", profiles(), {"list_ids": "made"}),
    ("profiles of other types", "profiles", {
        "EXTERNAL_ID": [123], "ZIP": [89073], "LATITUDE": [48.4], "LONGITUDE": [Decimal("10.00")], "TITLE": [5],
        "score": [Decimal("1.10")], "big": [2**60], "day": [AT.date()],
    }, {}),
    ("profiles with a payload", "profiles", {
        "EMAIL": ["a@acme-demo.io"], "PAYLOAD": ['{"a":{"b":[1,{"c":null}]},"e":{},"l":[],"f":1.0}'],
    }, {}),
    ("profiles by id", "profiles", {"KLAVIYO_ID": ["01GDDKASAP8TKDDA2GRZDSVP4H"], "points": [1]}, {}),
    ("profiles of known people", "profiles", profiles(), {"update_only": True}),
    ("profiles to clear", "profiles", everybody(LAST_NAME=pa.array([None, "x"]), points=pa.array([None, 1])),
     {"null_policy": "clear", "list_ids": "made"}),
    ("profiles that are refused", "profiles", {"EMAIL": ["a@acme..io", "b@acme-demo.io"]}, {}),
    ("profiles whose number is dropped", "profiles", {"EMAIL": ["a@acme-demo.io"], "PHONE_NUMBER": [INELIGIBLE]},
     {"on_bad_phone": "drop"}),
    ("events", "events", events(), {}),
    ("events of other types", "events", {
        "PHONE_NUMBER": [GOOD], "EVENT_TIME": [AT.date()], "UNIQUE_ID": [5], "VALUE": [Decimal("9.990")],
        "VALUE_CURRENCY": ["eur"], "PAYLOAD": ['{"$extra":{"a":1},"b":[{}]}'],
    }, {"metric": "Visit"}),
    ("events by id", "events", {
        "KLAVIYO_ID": ["01GDDKASAP8TKDDA2GRZDSVP4H"], "EVENT_TIME": ["2026-01-05 10:00:00.123456 +0200"], "VALUE": [3],
    }, {"metric": "Visit"}),
    ("events of long ago", "events", events(), {"backfill": True}),
    ("events that are refused", "events", events() | {"EMAIL": ["a@acme..io", "b@acme-demo.io"]}, {}),
    ("subscribe", "subscribe", consent("true", *ALL), {"list_id": "made", "custom_source": "shop"}),
    ("subscribe as of then", "subscribe", consent("true", *ALL, AGE_GATED_DATE_OF_BIRTH=["1990-01-31"]),
     {"historical_import": True}),
    ("unsubscribe", "unsubscribe", consent("false", *ALL, "WHATSAPP_CONVERSATIONAL"), {}),
    ("unsubscribe a device", "unsubscribe", {
        "EMAIL": ["a@acme-demo.io"], "PUSH_MARKETING": ["false"], "PUSH_TOKENS": [[{
            "token": "t", "platform": "android", "vendor": "fcm", "enablement_status": "AUTHORIZED",
            "device_metadata": {"device_id": "d", "os_name": "android"},
        }]],
    }, {}),
    ("suppress", "suppress", {"EMAIL": ["a@acme-demo.io"]}, {}),
    ("unsuppress", "unsuppress", {"EMAIL": ["a@acme-demo.io"]}, {}),
    ("privacy deletions by address", "privacy_deletions", {"EMAIL": ["a@acme-demo.io"]}, {}),
    ("privacy deletions by number", "privacy_deletions", {"PHONE_NUMBER": [GOOD]}, {}),
    ("privacy deletions by id", "privacy_deletions", {"KLAVIYO_ID": ["01GDDKASAP8TKDDA2GRZDSVP4H"]}, {}),
]  # fmt: skip
IDS = [name for name, *_ in SYNCS]


@cache
def recorded(number: int) -> list[tuple[Request, Response]]:
    """Run one of the syncs and give what went over the wire."""
    _, data_type, table, options = SYNCS[number]
    options = {name: _lists() if value == "made" else value for name, value in options.items()}
    if data_type == "subscribe":
        options = {
            "consent": ConsentArguments(
                **{name: value[0] if name == "list_id" else value for name, value in options.items()}
            )
        }
    side = Recorder(faults=[{"kind": "import_error", "error": "Odd profile", "identifiers": ["email:b@acme-demo.io"]}])
    outcome = sync_into_klaviyo(table, data_type, side=side, before=_make_list, **options)
    assert outcome.error is None
    return side.exchanges


def all_exchanges() -> Iterator[tuple[Request, Response]]:
    for number in range(len(SYNCS)):
        yield from recorded(number)


# --- every call of the local Klaviyo --------------------------------------------------------------------

PERSON = {"type": "profile", "attributes": {"email": "a@acme-demo.io"}}


def _document(kind: str, attributes: Any, **more: Any) -> Any:
    return {"data": {"type": kind, "attributes": attributes, **more}}


def _consents(kind: str, says: str, *channels: str, **more: Any) -> Any:
    told: dict[str, Any] = {}
    for channel in channels:
        medium, _, purpose = channel.partition(".")
        told.setdefault(medium, {})[purpose] = {"consent": says}
    told.get("push", {})["tokens"] = [{"token": "t-1", "platform": "ios", "vendor": "apns"}]
    attributes = {"email": "a@acme-demo.io", "phone_number": GOOD, "subscriptions": told}
    return _document(kind, {"profiles": {"data": [{"type": "profile", "attributes": attributes}]}, **more})


_ASKED = "additional-fields[profile]=subscriptions"
_EVENT = {"properties": {"n": 1}, "metric": {"data": {"type": "metric", "attributes": {"name": "Visit"}}}}
_YES = ("email.marketing", "email.open_tracking", "email.click_tracking", "sms.marketing", "sms.transactional",
        "whatsapp.marketing", "whatsapp.transactional", "push.marketing")  # fmt: skip
#: What is called in turn, each with the id of the latest thing of a type in the place of its name.
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/api/accounts", None),
    ("POST", "/api/lists", _document("list", {"name": "Warehouse"})),
    ("GET", "/api/lists", None),
    ("GET", "/api/lists/{list}", None),
    ("POST", "/api/profiles", _document("profile", {"email": "b@acme-demo.io", "properties": {"n": 1}})),
    ("POST", "/api/profile-import", _document("profile", {"email": "a@acme-demo.io", "phone_number": GOOD})),
    ("POST", "/api/profile-import", _document("profile", {"email": "a@acme-demo.io", "location": {"city": "Ulm"}})),
    ("POST", "/api/profile-import", _document("profile", {"phone_number": "1"})),
    ("PATCH", "/api/profiles/{profile}", _document("profile", {"first_name": "Ada"}, id="{profile}")),
    ("GET", "/api/profiles/{profile}", None),
    ("POST", "/api/lists/{list}/relationships/profiles", {"data": [{"type": "profile", "id": "{profile}"}]}),
    ("GET", "/api/lists/{list}/profiles", None),
    ("GET", "/api/lists/{list}/relationships/profiles", None),
    ("POST", "/api/profile-bulk-import-jobs", _document(
        "profile-bulk-import-job", {"profiles": {"data": [PERSON]}},
        relationships={"lists": {"data": [{"type": "list", "id": "{list}"}]}},
    )),
    ("GET", "/api/profile-bulk-import-jobs/{profile-bulk-import-job}", None),
    ("GET", "/api/profile-bulk-import-jobs/{profile-bulk-import-job}?include=lists", None),
    ("GET", "/api/profile-bulk-import-jobs", None),
    ("GET", "/api/profile-bulk-import-jobs/{profile-bulk-import-job}/import-errors", None),
    ("GET", "/api/profile-bulk-import-jobs/{profile-bulk-import-job}/profiles", None),
    ("GET", "/api/profile-bulk-import-jobs/{profile-bulk-import-job}/relationships/profiles", None),
    ("GET", "/api/profile-bulk-import-jobs/{profile-bulk-import-job}/lists", None),
    ("GET", "/api/profile-bulk-import-jobs/{profile-bulk-import-job}/relationships/lists", None),
    ("GET", "/api/profiles/{profile}/lists", None),
    ("GET", "/api/profiles/{profile}/relationships/lists", None),
    ("GET", f"/api/profiles?{_ASKED}", None),
    ("POST", "/api/profile-subscription-bulk-create-jobs", _consents(
        "profile-subscription-bulk-create-job", "SUBSCRIBED", *_YES, custom_source="shop"
    )),
    ("GET", f"/api/profiles?{_ASKED}", None),
    ("POST", "/api/profile-subscription-bulk-delete-jobs", _consents(
        "profile-subscription-bulk-delete-job", "UNSUBSCRIBED", *_YES, "whatsapp.conversational"
    )),
    ("POST", "/api/profile-suppression-bulk-create-jobs", _document(
        "profile-suppression-bulk-create-job", {"profiles": {"data": [PERSON]}}
    )),
    ("GET", "/api/profile-suppression-bulk-create-jobs/{profile-suppression-bulk-create-job}", None),
    ("GET", f"/api/profiles?{_ASKED}", None),
    ("GET", f"/api/profiles/{{profile}}?{_ASKED}", None),
    ("POST", "/api/profile-suppression-bulk-delete-jobs", _document(
        "profile-suppression-bulk-delete-job", {"profiles": {"data": [PERSON]}}
    )),
    ("GET", "/api/profile-suppression-bulk-delete-jobs/{profile-suppression-bulk-delete-job}", None),
    ("POST", "/api/events", _document("event", {**_EVENT, "profile": {"data": PERSON}})),
    ("POST", "/api/event-bulk-create-jobs", _document("event-bulk-create-job", {"events-bulk-create": {"data": [
        {"type": "event-bulk-create", "attributes": {
            "profile": {"data": PERSON}, "events": {"data": [{"type": "event", "attributes": _EVENT}]},
        }},
    ]}})),
    ("GET", "/api/events?include=profile,metric", None),
    ("GET", "/api/metrics", None),
    ("DELETE", "/api/lists/{list}/relationships/profiles", {"data": [{"type": "profile", "id": "{profile}"}]}),
    ("POST", "/api/profile-merge", {"data": {"type": "profile-merge", "id": "{profile}", "relationships": {
        "profiles": {"data": [{"type": "profile", "id": "{first profile}"}]},
    }}}),
    ("POST", "/api/data-privacy-deletion-jobs", _document("data-privacy-deletion-job", {"profile": {"data": PERSON}})),
    ("GET", "/api/profiles?filter=equals(nobody,1)", None),
    ("GET", "/api/profiles/01GDDKASAP8TKDDA2GRZDSVP4H", None),
]  # fmt: skip


@cache
def called() -> list[tuple[Request, Response]]:
    """Make the calls, one after the other."""
    known: dict[str, str] = {}
    exchanges = []

    def named(text: str) -> str:
        for name, value in known.items():
            text = text.replace(name, value)
        return text

    async def look(side: KlaviyoSide) -> None:
        for method, path, body in CALLS:
            request = Request(method, named(path), named(json.dumps(body)).encode() if body else b"")
            answer = await side.call(request.method, request.path, request.body)
            exchanges.append((request, answer))
            made = json.loads(answer.body)["data"] if answer.body and answer.status < 300 else []
            if isinstance(made, dict):
                known[f"{{{made['type']}}}"] = made["id"]
                known.setdefault(f"{{first {made['type']}}}", made["id"])

    sync_into_klaviyo({"EMAIL": ["x@acme-demo.io"]}, look=look)
    return exchanges


# --- what holds for all ---------------------------------------------------------------------------------


def test_the_default_revision_is_that_of_the_pinned_sdk():
    from klaviyo_api import KlaviyoAPI

    assert KlaviyoAPI._REVISION == DEFAULT_REVISION


@pytest.mark.parametrize("endpoint", OURS, ids=lambda endpoint: endpoint.family)
def test_path_rates_and_scopes_of_what_we_use_are_those_of_klaviyo(endpoint):
    operation = operation_of(endpoint.method, endpoint.path)
    assert TIERS[endpoint.tier] == operation.rates
    assert set(endpoint.scopes) == operation.scopes


@pytest.mark.parametrize("endpoint", LOCAL, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_path_rates_and_scopes_of_the_local_klaviyo_are_those_of_klaviyo(endpoint):
    operation = operation_of(endpoint.method, endpoint.path)
    assert tuple(KlaviyoSettings().rate(endpoint.pool, ""))[:2] == operation.rates
    assert set(endpoint.permission.split()) == operation.scopes


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.permission)
def test_a_probe_of_the_key_proves_the_scope_that_it_is_for(probe):
    operation = operation_of(probe.request.method, probe.request.path)
    assert operation.scopes == {probe.permission}
    assert unknown_parameters(operation, probe.request.path) == set()


# --- what went over the wire ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(SYNCS)), ids=IDS)
def test_every_body_parses_with_the_sdk_and_loses_nothing(number):
    bodies = [(request, operation_of(request.method, request.path)) for request, _ in recorded(number)]
    assert bodies
    for request, operation in bodies:
        assert (operation.body is None) == (not request.body)
        if operation.body is not None:
            assert losses(operation.body, json.loads(request.body)) == []
        assert unknown_parameters(operation, request.path) == set()


@pytest.mark.parametrize("number", range(len(SYNCS)), ids=IDS)
def test_every_answer_of_the_local_klaviyo_parses_with_the_sdk_and_loses_nothing(number):
    for request, answer in recorded(number):
        check_answer(request, answer)


def check_answer(request: Request, answer: Response) -> None:
    model = operation_of(request.method, request.path).answer_model(answer.status)
    assert (model is None) == (not answer.body), request.path
    if model is not None:
        lost = losses(model, json.loads(answer.body))
        assert [place for place in lost if not _SEEN_ON_THE_WIRE.fullmatch(place)] == []


def test_every_endpoint_that_we_use_was_in_the_recordings():
    assert {request.family for request, _ in all_exchanges()} == {endpoint.family for endpoint in OURS}


def test_refusals_were_in_the_recordings_too():
    assert {200, 201, 202, 204, 400} <= {answer.status for _, answer in all_exchanges()}


@pytest.mark.parametrize("number", range(len(CALLS)), ids=[f"{method} {path}" for method, path, _ in CALLS])
def test_every_call_of_the_local_klaviyo_answers_as_the_sdk_expects(number):
    request, answer = called()[number]
    operation = operation_of(request.method, request.path)
    if operation.body is not None:
        assert losses(operation.body, json.loads(request.body)) == []
    check_answer(request, answer)


def test_every_endpoint_of_the_local_klaviyo_was_called_with_success():
    done = {f"{request.method} {operation_of(request.method, request.path).name}" for request, answer in called()
            if answer.status < 300}  # fmt: skip
    assert {f"{one.method} {operation_of(one.method, one.path).name}" for one in LOCAL} - done == set()


@pytest.mark.parametrize("endpoint", BODIES)
def test_the_local_klaviyo_knows_the_members_of_a_body_that_the_sdk_knows(endpoint):
    model = operation_of(*endpoint.split(" ")).body
    assert list(_unlike(BODIES[endpoint], model, "")) == []


def _unlike(shape: Shape, model: Any, place: str) -> Iterator[str]:
    """Say where the members of an object are others than those of a model, or are needed where those are not."""
    members = {name: member for name, member in shape.members.items() if member.is_in(DEFAULT_REVISION)}
    fields = {told.alias or name: told for name, told in model.model_fields.items()}
    yield from (f"{place}/{name}" for name in sorted(members.keys() ^ fields.keys()))
    for name in members.keys() & fields.keys():
        if members[name].is_required != fields[name].is_required():
            yield f"{place}/{name} is needed by one of them"
        inner, below = members[name].shape, nested_model(fields[name].annotation)
        if inner is not None and below is not None:
            yield from _unlike(inner, below, f"{place}/{name}")


def test_every_link_of_an_answer_leads_somewhere():
    links = {
        link.partition("?")[0].removeprefix("http://sandbox.localhost")
        for _, answer in called()
        if answer.body
        for link in re.findall(r'"(?:self|related|next)":"([^"]+)"', answer.body.decode())
    }
    served = [re.compile(re.sub(r"\{\w+\}", "[^/]+", one.path)) for one in LOCAL]
    lost = {link for link in links if not any(path.fullmatch(link.rstrip("/")) for path in served)}
    # Klaviyo names these, and nothing of ours follows them.
    assert {link for link in lost if not re.match("/api/(import-errors|metrics|events|accounts)/", link)} == set()


@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 400)])
def test_of_a_single_upsert_the_payload_counts(over, status):
    answers: list[Response] = []

    async def look(side: KlaviyoSide) -> None:
        document = _document("profile", {"email": "a@acme-demo.io", "title": ""})
        document["data"]["attributes"]["title"] = "x" * (100_000 + over - len(orjson.dumps(document)))
        answers.append(await side.call("POST", "/api/profile-import", orjson.dumps(document)))

    sync_into_klaviyo(everybody(), look=look)
    assert answers[0].status == status


@pytest.mark.parametrize(("over", "code"), [(0, None), (1, "profile_too_large")])
def test_a_profile_that_clears_a_field_counts_with_the_payload_around_it(over, code):
    row = {"EMAIL": ["a@acme-demo.io"], "LAST_NAME": pa.array([None], pa.string()), "big": [""]}
    room = 100_000 - len(_upsert_of(row))
    outcome = sync_into_klaviyo(row | {"big": ["x" * (room + over)]}, null_policy="clear")
    assert [line.code for line in outcome.journal.rejects] == ([code] if code else [])
    assert outcome.totals.accepted == (code is None)


def _upsert_of(row: dict[str, Any]) -> bytes:
    outcome = sync_into_klaviyo(row, null_policy="clear")
    ((_, request),) = outcome.side.family("POST /api/profile-import")
    return request.body


@pytest.mark.parametrize("text", ["any(email,['a@acme-demo.io','b@acme-demo.io'])", "equals(email,'a@acme-demo.io')"])
def test_a_filter_may_have_either_quotes(text):
    found: list[Any] = []

    async def look(side: KlaviyoSide) -> None:
        answers = [
            await side.call("GET", f"/api/profiles?filter={each}", b"") for each in (text, text.replace("'", '"'))
        ]
        found.extend(json.loads(answer.body)["data"] for answer in answers)

    sync_into_klaviyo(everybody(), look=look)
    assert found[0] == found[1] != []
