"""Every data type of both vendors keeps to what holds for all destinations."""

from __future__ import annotations

import json

from support.foreign_answers import FOREIGN, OF_THE_REQUEST

from airflow_provider_cdi.destinations.braze import DATA_TYPES as BRAZE_TYPES
from airflow_provider_cdi.destinations.braze import BrazeLimits, braze_destination
from airflow_provider_cdi.destinations.braze.responses.codes import CODES as BRAZE_CODES
from airflow_provider_cdi.destinations.klaviyo import (
    CONSENT_TYPES,
    DATA_TYPES,
    ConsentArguments,
    KlaviyoArguments,
    KlaviyoLimits,
    klaviyo_destination,
)
from airflow_provider_cdi.destinations.klaviyo.responses.codes import CODES as KLAVIYO_CODES
from airflow_provider_cdi.destinations.klaviyo.responses.consent_codes import CONSENT_CODES
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.testing.destination_suite import DestinationSuite
from airflow_provider_cdi.testing.foreign_pages import FOREIGN_PAGES
from airflow_provider_cdi.testing.memory_server import MemoryServer


def answer(status, body=None, **headers):
    return Response(status, headers, b"" if body is None else json.dumps(body).encode())


class BrazeServer(MemoryServer):
    """Says what Braze documents.

    :param counter: the field of a success that counts; empty for none.
    :param array: the array of the request in which errors have a place; empty where errors name no row.
    """

    def __init__(self, counter="", array="", success=201):
        super().__init__()
        self.counter, self.array, self.success = counter, array, success

    def accepted(self, records):
        count = {self.counter: len(records)} if self.counter else {}
        return answer(self.success, {**count, "message": "success"})

    def rows_refused(self, records, places):
        if not self.array:
            return answer(400, {"message": "The moon is in the wrong house"})
        errors = [{"type": "EMAIL_BAD_FORMAT", "input_array": self.array, "index": place} for place in places]
        return answer(201, {"message": "success", self.counter: len(records) - len(places), "errors": errors})

    def run_refused(self):
        return answer(401, {"message": "Invalid API Key"})


class KlaviyoServer(MemoryServer):
    """Says what Klaviyo documents.

    :param pointer: of the field at fault, for the record with a place.
    :param job: the type of the job that a request becomes; empty where it becomes none.
    """

    def __init__(self, pointer="/data/attributes/profiles/data/{}/attributes/email", job=""):
        super().__init__()
        self.pointer, self.job = pointer, job

    def accepted(self, records):
        return answer(202, {"data": {"type": self.job, "id": "J", "attributes": {}}} if self.job else None)

    def rows_refused(self, records, places):
        error = {"id": "e", "status": 400, "code": "invalid", "title": "Invalid input.", "links": {}, "meta": {}}
        sources = [{"pointer": self.pointer.format(place)} for place in places]
        return answer(400, {"errors": [error | {"detail": "Invalid email", "source": one} for one in sources]})

    def run_refused(self):
        error = {"status": 401, "code": "not_authenticated", "detail": "Missing or invalid private key."}
        return answer(401, {"errors": [error]})

    def told(self, request):
        if request.path.startswith("/api/profiles"):
            return answer(200, {"data": [], "links": {"next": None}})
        ended = {"status": "complete", "failed_count": 0, "skipped_count": 0}
        return answer(200, {"data": {"type": self.job, "id": "J", "attributes": ended}})


class Braze(DestinationSuite):
    codes = BRAZE_CODES
    foreign_pages = {**FOREIGN_PAGES, **FOREIGN, **OF_THE_REQUEST["braze"]}
    body_bytes = BrazeLimits().body_bytes
    data_type = ""
    payload = ""

    def make_destination(self):
        return braze_destination(self.data_type)

    def make_server(self):
        return BrazeServer(f"{self.data_type}_processed", self.data_type)

    def row(self, person, change=0):
        return {"EXTERNAL_ID": f"c-{person}", "PAYLOAD": self.payload.replace("CHANGE", str(change))}

    def bad_row(self):
        return {"EXTERNAL_ID": "c-7", "PAYLOAD": '{"name":'}


class TestBrazeAttributes(Braze):
    data_type = "attributes"
    payload = '{"plan":"pro","change":CHANGE}'


class TestBrazeAttributesThatAddUp(Braze):
    data_type = "attributes"
    payload = '{"visits":{"inc":1}}'


class TestBrazeEvents(Braze):
    data_type = "events"
    payload = '{"name":"Visit","time":"2026-01-05T09:30:00Z","properties":{"change":CHANGE}}'


class TestBrazePurchases(Braze):
    data_type = "purchases"
    payload = '{"product_id":"p-CHANGE","currency":"EUR","price":1.50,"time":"2026-01-05T09:30:00Z"}'


class TestBrazeUserDeletes(Braze):
    data_type = "user_deletes"

    def make_server(self):
        return BrazeServer("deleted")

    def row(self, person, change=0):
        return {"EXTERNAL_ID": f"c-{person}"}

    def bad_row(self):
        return {"EXTERNAL_ID": " "}


class TestBrazeCatalogItems(Braze):
    data_type = "catalog_items"
    payload = '{"city":"Seoul","change":CHANGE}'

    def make_destination(self):
        return braze_destination("catalog_items", catalog="stores")

    def make_server(self):
        return BrazeServer(success=202)

    def row(self, person, change=0):
        row = super().row(person, change)
        return {"ID": row["EXTERNAL_ID"], "PAYLOAD": row["PAYLOAD"]}

    def bad_row(self):
        return {"ID": "an id with blanks", "PAYLOAD": "{}"}


class Klaviyo(DestinationSuite):
    codes = KLAVIYO_CODES | CONSENT_CODES
    foreign_pages = {**FOREIGN_PAGES, **FOREIGN, **OF_THE_REQUEST["klaviyo"]}
    body_bytes = KlaviyoLimits().body_bytes
    data_type = ""
    job = ""

    def make_destination(self):
        return klaviyo_destination(self.data_type)

    def make_server(self):
        return KlaviyoServer(job=self.job)

    def row(self, person, change=0):
        return {"EMAIL": f"p{person}@acme-demo.io"}

    def bad_row(self):
        return {"EMAIL": "nobody"}


class TestKlaviyoProfiles(Klaviyo):
    data_type = "profiles"
    job = "profile-bulk-import-job"

    def row(self, person, change=0):
        return super().row(person) | {"plan": f"plan {change}"}


class TestKlaviyoEvents(Klaviyo):
    data_type = "events"

    def make_destination(self):
        return klaviyo_destination("events", KlaviyoArguments(metric="Visit"))

    def make_server(self):
        return KlaviyoServer("/data/attributes/events-bulk-create/data/{}/attributes/profile/data/attributes/email")

    def row(self, person, change=0):
        return super().row(person) | {"EVENT_TIME": f"2026-01-05T09:3{change}:00Z"}

    def bad_row(self):
        return {"EMAIL": "nobody", "EVENT_TIME": "2026-01-05T09:30:00Z"}


class TestKlaviyoSubscribe(Klaviyo):
    data_type = "subscribe"

    def make_destination(self):
        consent = ConsentArguments(channels=["email_marketing"])
        return klaviyo_destination("subscribe", KlaviyoArguments(consent=consent))


class TestKlaviyoSubscribeWithoutLookup(Klaviyo):
    data_type = "subscribe"

    def make_destination(self):
        consent = ConsentArguments(channels=["email_marketing"], allow_resubscribe=True)
        return klaviyo_destination("subscribe", KlaviyoArguments(consent=consent))


class TestKlaviyoUnsubscribe(Klaviyo):
    data_type = "unsubscribe"

    def make_destination(self):
        consent = ConsentArguments(channels=["email_marketing"])
        return klaviyo_destination("unsubscribe", KlaviyoArguments(consent=consent))


class TestKlaviyoSuppress(Klaviyo):
    data_type = "suppress"
    job = "profile-suppression-bulk-create-job"


class TestKlaviyoUnsuppress(Klaviyo):
    data_type = "unsuppress"
    job = "profile-suppression-bulk-delete-job"


class TestKlaviyoPrivacyDeletions(Klaviyo):
    data_type = "privacy_deletions"

    def make_server(self):
        return KlaviyoServer("/data/attributes/profile/data/attributes/email")


def test_every_data_type_is_tested():
    suites = [one for vendor in (Braze, Klaviyo) for one in vendor.__subclasses__()]
    assert {one.data_type for one in suites} == {*BRAZE_TYPES, *DATA_TYPES, *CONSENT_TYPES}
