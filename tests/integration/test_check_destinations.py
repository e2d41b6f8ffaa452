"""The destination's half of the check, over real sockets: key, permissions, catalog, lists, rate, the way there."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from standins.tls import Tls
from support.checks import Found
from support.receiver import Receiver

from airflow_provider_cdi import WarehouseToBrazeOperator, WarehouseToHttpOperator, WarehouseToKlaviyoOperator
from airflow_provider_cdi.checks.findings import State
from airflow_provider_cdi.checks.sync import check_sync
from cdi_sandbox.server import SandboxServer
from cdi_sandbox.settings.sandbox import Settings

SECRETS = ("braze-key-with-all", "braze-key-of-events", "braze-key-of-nothing", "pk_reader", "pk_writer", "a-wrong-key")
KEYS = {
    "braze-key-with-all": None,
    "braze-key-of-deletes": frozenset({"users.delete"}),
    "braze-key-of-nothing": frozenset(),
}
KLAVIYO_KEYS = {"pk_all": None, "pk_writer": frozenset({"accounts:read", "profiles:write"})}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(Settings(keys=KEYS, klaviyo_keys=KLAVIYO_KEYS)) as sandbox:
        yield sandbox


@pytest.fixture
def check(sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Found]:
    """``check(key=…, host=…, data_type=…)`` checks a sync of a small DuckDB."""
    import duckdb

    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table people (updated_at timestamp, external_id varchar, city varchar, seats int)")
        connection.execute("insert into people values ('2026-01-01', 'u1', 'Rome', 4), ('2026-01-02', 'u2', 'Bonn', 5)")
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps({"conn_type": "duckdb", "host": str(path)}))
    sandbox.reset()  # its rate limits too
    sandbox.create_catalog("shops", city="string")

    def check(
        kind: Any = WarehouseToBrazeOperator, *, now: datetime | None = None, connection: Any = None, **arguments: Any
    ) -> Found:
        name = {WarehouseToBrazeOperator: "braze", WarehouseToKlaviyoOperator: "klaviyo"}.get(kind, "http")
        key = {"braze": "braze-key-with-all", "klaviyo": "pk_all"}.get(name, "")
        fields = {"conn_type": name, "host": sandbox.url, "password": key, **(connection or {})}
        monkeypatch.setenv("AIRFLOW_CONN_DESTINATION", json.dumps(fields))
        usual = {"task_id": "t", "warehouse_conn_id": "w", "source": "people", f"{name}_conn_id": "destination"}
        usual |= {"payload_columns": ["city"]} | ({} if name == "http" else {"data_type": "attributes"})
        found = Found(check_sync(kind(**{**usual, **arguments}), now=(lambda: now) if now else None))
        assert [secret for secret in (*SECRETS, key) if secret and secret in found.everything()] == []
        return found

    return check


def catalog(**more: Any) -> dict[str, Any]:
    return {"data_type": "catalog_items", "catalog": "shops", "columns": {"ID": "external_id"}, **more}


def test_a_catalog_with_all_fields_is_ticks(check: Callable[..., Found]) -> None:
    found = check(**catalog())
    assert found.steps(State.FAILED, State.WARNING) == [], found.everything()
    assert "its fields are id string, city string" in found["destination catalog"].message
    assert "a field for each of city, id" in found["destination catalog fields"].message


@pytest.mark.parametrize(
    ("connection", "step", "words"),
    [
        ({"password": "a-wrong-key"}, "destination key", ("refuses the key (401)", "Settings > APIs and Identifiers")),
        ({"password": "braze-key-of-deletes"}, "destination permissions", ("lacks users.track", "make a new one")),
        ({"password": "braze-key-of-nothing"}, "destination permissions", ("lacks users.track", "make a new one")),
        ({"host": "https://braze.invalid"}, "destination network", ("No address was found", "Check the host")),
        ({"password": ""}, "destination connection", ("field 'password' is empty", "REST API key")),
    ],
    ids=["wrong key", "another permission", "no permission", "no such host", "no key"],
)
def test_what_is_broken_at_braze_fails_its_own_step(
    check: Callable[..., Found], connection: dict[str, str], step: str, words: tuple[str, ...]
) -> None:
    found = check(connection=connection)
    assert found.failed == [step], found.everything()
    assert [word for word in words if word not in found.told(step)] == []
    assert "source table" in found.steps(State.OK), "the other half is looked at all the same"


def test_a_catalog_that_is_missing_is_told_with_those_that_exist(check: Callable[..., Found]) -> None:
    found = check(**catalog(catalog="stores"))
    assert found.failed == ["destination catalog"]
    assert "has no catalog 'stores'; existing: shops" in found["destination catalog"].message


@pytest.mark.parametrize(("choice", "state"), [("stop", State.FAILED), ("drop", State.WARNING)])
def test_a_field_that_the_catalog_does_not_have_is_told(check: Callable[..., Found], choice: str, state: State) -> None:
    found = check(**catalog(payload_columns=["city", "seats"], on_unknown_field=choice))
    assert found["destination catalog fields"].state is state
    assert "has no field seats" in found["destination catalog fields"].message
    assert "Data Settings > Catalogs" in found["destination catalog fields"].cure


def test_a_field_in_json_that_the_catalog_does_not_have_is_found_in_a_sample(check: Callable[..., Found]) -> None:
    payload = """{"city": "Rome", "stars": 5}"""
    sql = f"select updated_at, external_id, '{payload}' as payload from people"
    found = check(**catalog(source=None, sql=sql, payload_columns=()))
    assert found.failed == ["destination catalog fields"]
    assert "has no field stars" in found["destination catalog fields"].message


def test_a_rate_limit_that_is_used_up_passes_with_time(check: Callable[..., Found], sandbox: SandboxServer) -> None:
    sandbox.set_faults({"kind": "answer", "path": "/users/track", "status": 429, "body": '{"message":"Rate limited"}'})
    found = check()
    assert "destination rate limit" in found.failed
    assert "rate_share" in found["destination rate limit"].cure
    assert found["destination rate limit"].passes


@pytest.mark.parametrize("is_klaviyo", [False, True])
def test_where_every_answer_is_a_429_the_key_is_not_blamed(
    check: Callable[..., Found], sandbox: SandboxServer, is_klaviyo: bool
) -> None:
    sandbox.set_faults({"kind": "answer", "path": "*", "status": 429})
    found = klaviyo(check) if is_klaviyo else check()
    assert found.failed == ["destination key", "destination rate limit"]
    assert "answers 429 to every question" in found["destination key"].message
    assert "rate_share" in found["destination key"].cure
    assert found["destination key"].passes


def test_a_limit_that_asks_for_a_moment_is_given_it(check: Callable[..., Found], sandbox: SandboxServer) -> None:
    refused = {"kind": "answer", "path": "/api/*", "status": 429, "headers": {"Retry-After": "0"}, "times": 1}
    sandbox.set_faults(refused)
    assert klaviyo(check).steps(State.FAILED, State.WARNING) == []


def test_little_that_is_left_of_the_rate_limit_is_a_warning(
    check: Callable[..., Found], sandbox: SandboxServer
) -> None:
    headers = {"x-ratelimit-limit": "3000", "x-ratelimit-remaining": "12", "x-ratelimit-reset": "40"}
    body = '{"message":"Valid data must be provided"}'
    sandbox.set_faults({"kind": "answer", "path": "/users/track", "status": 400, "body": body, "headers": headers})
    found = check()
    assert found.doubtful == ["destination rate limit"], found.everything()
    assert "12 of 3,000 requests are left" in found["destination rate limit"].message


@pytest.mark.parametrize("reset", ["0", "1790000000"], ids=["no second left", "a moment that has passed"])
def test_a_window_that_ends_while_its_answer_comes_still_tells_the_limit(
    check: Callable[..., Found], sandbox: SandboxServer, reset: str
) -> None:
    headers = {"x-ratelimit-limit": "3000", "x-ratelimit-remaining": "2999", "x-ratelimit-reset": reset}
    body = '{"message":"Valid data must be provided"}'
    sandbox.set_faults({"kind": "answer", "path": "/users/track", "status": 400, "body": body, "headers": headers})
    found = check()["destination rate limit"]
    assert found.state == State.OK
    assert "2,999 of 3,000 requests are left" in found.message
    assert "begins anew in 0 s" in found.message


def test_a_clock_that_is_off_is_told(check: Callable[..., Found], sandbox: SandboxServer) -> None:
    theirs = datetime.now(UTC) - timedelta(minutes=10)
    headers, body = {"date": format_datetime(theirs, usegmt=True)}, '{"message":"Valid data must be provided"}'
    sandbox.set_faults({"kind": "answer", "path": "/users/track", "status": 400, "body": body, "headers": headers})
    found = check()
    assert found.doubtful == ["destination clock"], found.everything()
    assert "behind the worker's" in found["destination clock"].message


def test_a_certificate_that_nobody_knows_fails_tls_and_names_the_field(
    check: Callable[..., Found], tmp_path: Path, stack: ExitStack
) -> None:
    import ssl
    import threading

    tls = Tls.create(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.chain, tls.key)
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(sock, server_side=True).close()
            except (ssl.SSLError, OSError):
                sock.close()

    threading.Thread(target=serve, daemon=True).start()
    found = check(connection={"host": "https://localhost", "port": listener.getsockname()[1]})
    assert found.failed == ["destination TLS"]
    assert "is not believed" in found["destination TLS"].message
    assert "ca_bundle" in found["destination TLS"].cure


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def klaviyo(check: Callable[..., Found], **arguments: Any) -> Found:
    return check(WarehouseToKlaviyoOperator, data_type="profiles", **arguments)


def test_a_good_sync_to_klaviyo_is_ticks(check: Callable[..., Found]) -> None:
    found = klaviyo(check)
    assert found.steps(State.FAILED, State.WARNING) == [], found.everything()
    assert "of the account" in found["destination key"].message


@pytest.mark.parametrize(
    ("connection", "arguments", "step", "words"),
    [
        ({"password": "pk_nobody"}, {}, "destination key", ("refuses the key (401)", "Settings > API keys")),
        ({"password": "pk_writer"}, {}, "destination permissions", ("profiles:read, lists:read", "Make a key")),
        ({}, {"list_ids": ["NoList"]}, "destination lists", ("no list 'NoList'", "stands in the list's address")),
        ({"extra": {"account": "OTHER1"}}, {}, "destination key", ("'account' names 'OTHER1'", "Put in the key")),
    ],
    ids=["wrong key", "no scope", "no such list", "another account"],
)
def test_what_is_broken_at_klaviyo_fails_its_own_step(
    check: Callable[..., Found], connection: dict[str, Any], arguments: Any, step: str, words: tuple[str, ...]
) -> None:
    found = klaviyo(check, connection=connection, **arguments)
    assert found.failed == [step], found.everything()
    assert [word for word in words if word not in found.told(step)] == []


def test_a_service_of_ones_own_is_reached_and_asked_nothing_but_its_root(
    check: Callable[..., Found], stack: ExitStack
) -> None:
    receiver = stack.enter_context(Receiver())
    arguments = {"endpoint": "/rows", "id_column": "external_id", "connection": receiver.connection}
    found = check(WarehouseToHttpOperator, **arguments)
    assert found.steps(State.FAILED, State.WARNING) == [], found.everything()
    assert "answered" in found["destination key"].message
