"""A destination that is no part of the package, made of the kit alone: it keeps to the suite, and rows arrive."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support.acme import REFUSED, TOO_LARGE, AcmeHook, Contacts, WarehouseToAcmeOperator

from airflow_provider_cdi.destinations.reject_codes import KIT_CODES
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.testing.destination_suite import DestinationSuite
from airflow_provider_cdi.testing.memory_server import MemoryServer


class AcmeServer(MemoryServer):
    """Says what Acme documents."""

    def accepted(self, records):
        return Response(200, {}, b'{"failed":[]}')

    def rows_refused(self, records, places):
        return Response(200, {}, json.dumps({"failed": list(places)}).encode())

    def run_refused(self):
        return Response(401, {}, b"{}")


class TestContacts(DestinationSuite):
    """The suite, on the data type."""

    codes = KIT_CODES | dict.fromkeys((REFUSED.code, TOO_LARGE.code))

    def make_destination(self):
        return Contacts()

    def make_server(self):
        return AcmeServer()

    def row(self, person, change=0):
        return {"EMAIL": f"c-{person}@shop.io", "PAYLOAD": f'{{"change":{change}}}'}

    def bad_row(self):
        return {"EMAIL": "c-7@shop.io", "PAYLOAD": '{"change":'}


@pytest.fixture
def acme() -> Iterator[HTTPServer]:
    """Acme on a socket: it keeps what it is sent, and refuses the contact c-3."""
    kept = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            contacts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            failed = [place for place, one in enumerate(contacts) if one["email"] == "c-3"]
            kept.extend(one for place, one in enumerate(contacts) if place not in failed)
            self.reply({"failed": failed})

        def do_GET(self):
            self.reply({"token": self.headers["X-Token"]})

        def reply(self, document):
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.kept = kept
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def connected(acme, monkeypatch):
    fields = {"conn_type": "acme", "host": f"http://127.0.0.1:{acme.server_port}", "password": "token-of-acme"}
    monkeypatch.setenv("AIRFLOW_CONN_ACME_DEFAULT", json.dumps(fields))


def test_rows_arrive_and_a_refused_one_is_a_reject(lab, acme, connected):
    lab.sql(
        """create table users as select timestamp '2026-01-01' + to_seconds(i) as updated_at, 'c-' || i as email,
        i as n from range(10) numbers(i)"""
    )
    report = lab.run(kind=WarehouseToAcmeOperator, data_type="contacts", payload_columns=["n"])
    assert (report["accepted"], report["rejected"]) == (9, 1)
    assert acme.kept == [{"email": f"c-{i}", "n": i} for i in range(10) if i != 3]
    assert [line["code"] for line in lab.rejected()] == ["acme_refused"]


def test_its_connection_is_tested_and_older_airflow_is_given_its_form(connected):
    assert AcmeHook("acme_default").test_connection() == (True, "Acme answered 200")
    assert {"get_ui_field_behaviour", "get_connection_form_widgets"} <= vars(AcmeHook).keys()
    assert AcmeHook.get_ui_field_behaviour()["relabeling"] == {"password": "Token"}


def test_its_arguments_are_checked_with_those_of_every_sync():
    with pytest.raises(ConfigurationError, match="Task 't': acme_conn_id is ''; give the id"):
        WarehouseToAcmeOperator(task_id="t", warehouse_conn_id="w", source="s", acme_conn_id="")
    with pytest.raises(ConfigurationError, match="both of source and sql"):
        WarehouseToAcmeOperator(task_id="t", warehouse_conn_id="w", source="s", sql="select 1")
