"""Rows for a service of one's own keep to what holds for all destinations."""

from __future__ import annotations

import json

from airflow_provider_cdi.destinations.http.responses import CODES
from airflow_provider_cdi.destinations.http.rows import HttpRows
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.testing.destination_suite import DestinationSuite
from airflow_provider_cdi.testing.memory_server import MemoryServer


class OwnServer(MemoryServer):
    """Says what the page of the operator says.

    :param status: of an answer that refuses rows.
    """

    def __init__(self, status):
        super().__init__()
        self.status = status

    def accepted(self, records):
        return Response(204, {}, b"")

    def rows_refused(self, records, places):
        errors = [{"index": place, "code": "Odd!", "message": "odd"} for place in places]
        return Response(self.status, {}, json.dumps({"errors": errors}).encode())

    def run_refused(self):
        return Response(401, {}, b"{}")


class Rows(DestinationSuite):
    codes = CODES
    body_bytes = 1_000_000
    repeats = "harmless"
    status = 207

    def make_destination(self):
        return HttpRows("/rows", repeats=self.repeats)

    def make_server(self):
        return OwnServer(self.status)

    def row(self, person, change=0):
        return {"id": f"c-{person}", "PAYLOAD": f'{{"change":{change}}}'}

    def bad_row(self):
        return {"id": "c-7", "PAYLOAD": '{"change":'}


class TestRows(Rows):
    pass


class TestRowsOfWhichARepeatCounts(Rows):
    repeats = "count_twice"


class TestRowsThatAreRefusedWithTheWholeRequest(Rows):
    status = 422
