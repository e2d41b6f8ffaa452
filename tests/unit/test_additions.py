"""How many files of the package an addition takes: each is made in a copy of it, and works there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_cdi"


@dataclass(frozen=True)
class Change:
    """What is written behind a place of a file; the place is empty for a new file."""

    behind: str
    text: str


#: A database that is asked through a driver of its own, with a connection type of its own.
WAREHOUSE: Mapping[str, Change] = {
    "hooks/shopdb.py": Change(
        "",
        """
import sqlite3
from dataclasses import replace

from airflow_provider_cdi.hooks.sql.dialects import DIALECTS
from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook


class ShopDbHook(SqlWarehouseHook):
    def find_dialect(self, connection):
        return replace(DIALECTS["sqlite"], name="ShopDB")

    def make_hook(self, connection, tag):
        return ShopDbConnections(connection.host, connection.extra_dejson["timeout"])


class ShopDbConnections:
    placeholder = "?"

    def __init__(self, path, timeout):
        self._path, self._timeout = path, timeout

    def get_conn(self):
        return sqlite3.connect(self._path, timeout=self._timeout)
""",
    ),
    "hooks/connection_types.py": Change(
        "CONNECTION_TYPES: Mapping[str, ConnectionType] = {\n",
        """    "shopdb": ConnectionType(
        hook="airflow_provider_cdi.hooks.shopdb:ShopDbHook",
        readers=fields(a_number, "timeout"),
        addresses={"proxy": Address("proxy.example.com:3128")},
    ),
""",
    ),
    "setup/tables.py": Change(
        "DIALECTS: Mapping[str, TableDialect] = {\n",
        """    "shopdb": TableDialect(
        "text not null",
        _types(text="text", payload="text", yes_or_no="integer", moment="text", money="text", degrees="real"),
    ),
""",
    ),
}

#: ``POST /users/alias/new``: up to 50 aliases a request (Braze: "Create new user aliases").
DATA_TYPE: Mapping[str, Change] = {
    "destinations/braze/users/aliases.py": Change(
        "",
        """
import orjson

from airflow_provider_cdi.destinations.braze.endpoint import Endpoint
from airflow_provider_cdi.destinations.braze.responses.rate_headers import BrazeDestination
from airflow_provider_cdi.destinations.braze.responses.responses import interpret_response
from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract

_ENDPOINT = Endpoint("POST", "/users/alias/new", "users.alias.new", array="user_aliases", counter="aliases_processed")


class UserAliases(BrazeDestination):
    contract = TableContract(
        "user_aliases", identifiers=("EXTERNAL_ID",), has_payload=False, required=("ALIAS_NAME", "ALIAS_LABEL")
    )
    limits = BatchLimits(50, 1_000_000)

    def repeat_is_harmless(self, records):
        return True

    def encode(self, rows):
        return [self._record(row) for row in rows.to_pylist()]

    def _record(self, row):
        if not row["EXTERNAL_ID"]:
            return Rejection("identifier_missing", "EXTERNAL_ID is missing.")
        alias = {name.lower(): row[name] for name in ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL")}
        return Record(f"external_id:{row['EXTERNAL_ID']}", orjson.dumps(alias))

    def request(self, records):
        body = b",".join(record.body for record in records)
        return Request(_ENDPOINT.method, _ENDPOINT.path, b'{"user_aliases":[%b]}' % body)

    def interpret_response(self, answer, records):
        return interpret_response(answer, records, _ENDPOINT, self._now)
""",
    ),
    "destinations/braze/arguments.py": Change("BrazeDataType = Literal[", '"user_aliases", '),
    "destinations/braze/__init__.py": Change(
        "        return CatalogItems(catalog, limits, merge=merge, on_unknown_field=on_unknown_field, now=now)\n",
        """    if data_type == "user_aliases":
        from airflow_provider_cdi.destinations.braze.users.aliases import UserAliases

        return UserAliases(now)
""",
    ),
}

READS = """
import json, os, sqlite3, sys
from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.setup.tables import create_table
from cdi_sandbox.server import SandboxServer
from support.airflow_world import AirflowWorld, make_operator

with sqlite3.connect("shop") as shop:
    shop.execute(create_table("shopdb", braze_destination("attributes").contract, "users"))
    shop.executemany(
        "insert into users (updated_at, external_id, payload) values (?, ?, ?)",
        [(f"2026-01-0{day}T00:00:00Z", f"c-{day}", json.dumps({"n": day})) for day in (1, 2)],
    )
with SandboxServer() as sandbox:
    braze = {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key}
    os.environ["AIRFLOW_CONN_BRAZE_DEFAULT"] = json.dumps(braze)
    os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps(
        {"conn_type": "shopdb", "host": "shop", "extra": {"timeout": "5"}}
    )
    make_operator(rejects_path=os.path.abspath("rejects/run.jsonl")).execute(AirflowWorld().context())
    told = [user["custom_attributes"] for user in sandbox.users()]
print("TOLD", json.dumps(told))
"""

SENDS = """
import duckdb, json, os, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from support.airflow_world import AirflowWorld, make_operator

class Braze(BaseHTTPRequestHandler):
    def do_POST(self):
        told.append([self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))])
        body = b'{"aliases_processed":2,"message":"success"}'
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

told = []
with duckdb.connect("shop") as shop:
    shop.execute(
        "create table users as select timestamp '2026-01-01' as updated_at, 'c-' || i as external_id, "
        "'a-' || i as alias_name, 'shop' as alias_label from range(2) as numbers(i)"
    )
server = HTTPServer(("127.0.0.1", 0), Braze)
threading.Thread(target=server.serve_forever, daemon=True).start()
braze = {"conn_type": "braze", "host": f"http://127.0.0.1:{server.server_port}", "password": "k"}
os.environ["AIRFLOW_CONN_BRAZE_DEFAULT"] = json.dumps(braze)
os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps({"conn_type": "duckdb", "host": "shop"})
operator = make_operator(data_type="user_aliases", rejects_path=os.path.abspath("rejects/run.jsonl"))
report = operator.execute(AirflowWorld().context())
print("TOLD", json.dumps([report["accepted"], told]))
"""


def told_by(tmp_path: Path, changes: Mapping[str, Change], script: str) -> object:
    """Make the changes in a copy of the package, and return what a script tells that runs with it."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / PACKAGE, copy / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    for name, change in changes.items():
        path = copy / PACKAGE / name
        if not change.behind:
            assert not path.exists()
            path.write_text(change.text)
            continue
        before = path.read_text()
        assert before.count(change.behind) == 1, f"{name} has changed: mend this test and docs/finding-your-way.md"
        path.write_text(before.replace(change.behind, change.behind + change.text))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(copy), str(ROOT / "tests")]),
        "AIRFLOW_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    return json.loads(line.removeprefix("TOLD "))


def test_a_warehouse_takes_three_files(tmp_path: Path) -> None:
    assert told_by(tmp_path, WAREHOUSE, READS) == [{"n": 1}, {"n": 2}]
    assert len(WAREHOUSE) == 3


def test_a_data_type_takes_three_files(tmp_path: Path) -> None:
    aliases = [{"external_id": f"c-{i}", "alias_name": f"a-{i}", "alias_label": "shop"} for i in range(2)]
    assert told_by(tmp_path, DATA_TYPE, SENDS) == [2, [["/users/alias/new", {"user_aliases": aliases}]]]
    assert len(DATA_TYPE) == 3


def test_the_page_names_every_file_that_an_addition_touches() -> None:
    page = (ROOT / "docs" / "finding-your-way.md").read_text()
    touched = [name for changes in (WAREHOUSE, DATA_TYPE) for name, change in changes.items() if change.behind]
    assert [name for name in touched if f"`{name}`" not in page] == []
