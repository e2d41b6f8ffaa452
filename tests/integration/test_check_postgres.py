"""The check of a sync from a real PostgreSQL to the sandbox: all is well, then one thing after the other is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standins.tls import Tls
from support.checks import Found
from support.ports import free_port
from support.postgres_server import PostgresServer, why_not

from airflow_provider_cdi import WarehouseToBrazeOperator
from airflow_provider_cdi.checks.findings import State
from airflow_provider_cdi.checks.sync import check_sync
from cdi_sandbox.server import SandboxServer

PASSWORD = "a-password-that-nobody-may-see"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := why_not():
        pytest.skip(reason)
    with PostgresServer() as server:
        server.run(f"create role cdi login password '{PASSWORD}'")
        yield server


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as sandbox:
        yield sandbox


class Desk:
    """One sync that would work, and everything around it."""

    def __init__(self, server: PostgresServer, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self.sandbox = server, sandbox
        self._setenv = monkeypatch.setenv
        server.run(
            "drop schema if exists marketing cascade",
            "create schema marketing",
            "create table marketing.users (updated_at timestamp, external_id text, payload jsonb)",
            "insert into marketing.users select timestamp '2026-01-01' + make_interval(mins => i), 'u' || i, "
            """'{"plan": "gold"}' from generate_series(1, 40) i""",
            "grant usage on schema marketing to cdi",
            "grant select on marketing.users to cdi",
        )
        self.connect()
        braze = {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key}
        self._setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(braze))

    def connect(self, **fields: Any) -> None:
        usual = {"host": "127.0.0.1", "port": self.server.port, "login": "cdi", "password": PASSWORD}
        fields = {"conn_type": "postgres", "schema": "postgres", **usual, **fields}
        self._setenv("AIRFLOW_CONN_W", json.dumps(fields))

    def check(self, *, now: datetime | None = None, **arguments: Any) -> Found:
        usual = {"task_id": "users", "warehouse_conn_id": "w", "data_type": "attributes"}
        if "sql" not in arguments:
            usual["source"] = "marketing.users"
        sync = WarehouseToBrazeOperator(**{**usual, **arguments})
        found = Found(check_sync(sync, now=(lambda: now) if now else None))
        assert PASSWORD not in found.everything()
        assert self.sandbox.key not in found.everything()
        return found


@pytest.fixture
def desk(server: PostgresServer, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(server, sandbox, monkeypatch)


def test_a_good_sync_is_ticks_and_sends_and_writes_nothing(desk: Desk) -> None:
    before = desk.sandbox.state()
    found = desk.check()
    assert found.steps(State.FAILED, State.WARNING) == []
    # The sandbox's answers have no date.
    assert found.steps(State.SKIPPED) == ["destination clock"]
    assert len(found.findings) == 26
    assert desk.sandbox.state()["users"] == before["users"] == 0


@pytest.mark.parametrize(
    ("statement", "step", "words"),
    [
        (
            "revoke select on marketing.users from cdi",
            "source table",
            ("permission denied for table users", "grant it"),
        ),
        ("revoke usage on schema marketing from cdi", "source schema", ("may not use", "GRANT USAGE ON SCHEMA")),
        ("drop schema marketing cascade", "source schema", ("no schema 'marketing'", "Check the name")),
        ("drop table marketing.users", "source table", ("does not exist", "check the name, its case")),
        (
            "alter table marketing.users rename updated_at to changed_at",
            "source columns",
            ("no UPDATED_AT column", 'columns={"UPDATED_AT"'),
        ),
        ("alter table marketing.users rename external_id to who", "source columns", ("whose row", "who")),
        (
            "alter table marketing.users alter updated_at type text",
            "source types",
            ("is text and no timestamp", "Cast it to a timestamp"),
        ),
        (
            "alter table marketing.users alter external_id type bytea using external_id::bytea",
            "source rows",
            ("holds binary data", "Cast it to text in a view"),
        ),
        (
            "update marketing.users set payload = '[1]'",
            "source rows",
            ("40 would be rejected", "docs/rejects.md"),
        ),
        ("update marketing.users set external_id = null", "source identifiers", ("40 of 40", "identifier_missing")),
        ("update marketing.users set updated_at = null", "UPDATED_AT filled", ("40 of 40", "No run ever sends them")),
    ],
)
def test_what_is_broken_in_the_source_fails_its_own_step(
    desk: Desk, statement: str, step: str, words: tuple[str, ...]
) -> None:
    desk.server.run(statement)
    found = desk.check()
    assert found.failed[0] == step, found.everything()
    assert [word for word in words if word not in found.told(step)] == [], found.told(step)
    assert "destination key" in found.steps(State.OK), "the other half is looked at all the same"


def test_steps_behind_one_that_failed_are_told_as_skipped(desk: Desk) -> None:
    desk.server.run("drop table marketing.users")
    found = desk.check()
    assert found.failed == ["source table"]
    assert found["UPDATED_AT ties"].state is State.SKIPPED
    assert "because the step 'source table' failed" in found["UPDATED_AT ties"].message


@pytest.mark.parametrize(
    ("statement", "step", "words"),
    [
        (
            "update marketing.users set updated_at = null where external_id in ('u1', 'u2')",
            "UPDATED_AT filled",
            ("2 of 40 rows", "NOT NULL"),
        ),
        (
            "update marketing.users set updated_at = now() + interval '2 days' where external_id = 'u1'",
            "UPDATED_AT not in the future",
            ("1 rows are stamped later", "watermark_timezone"),
        ),
        (
            "update marketing.users set updated_at = '2026-01-01'",
            "UPDATED_AT ties",
            ("All 40 rows", "first load in one go"),
        ),
        (
            "update marketing.users set external_id = null where external_id = 'u1'",
            "source identifiers",
            ("1 of 40 rows", "leave the rows out in a view"),
        ),
        ("grant insert, delete on marketing.users to cdi", "source privileges", ("INSERT on it, DELETE", "SELECT on")),
    ],
)
def test_what_somebody_should_know_is_a_warning(desk: Desk, statement: str, step: str, words: tuple[str, ...]) -> None:
    desk.server.run(statement)
    found = desk.check()
    assert step in found.doubtful, found.everything()
    assert found.failed == []
    assert [word for word in words if word not in found.told(step)] == [], found.told(step)


def test_a_time_that_the_query_computes_is_found(desk: Desk) -> None:
    sql = "select clock_timestamp() as updated_at, external_id, payload from marketing.users"
    found = desk.check(sql=sql)
    assert "UPDATED_AT kept" in found.doubtful
    assert "get their updated_at from the query itself" in found["UPDATED_AT kept"].message


def test_a_superuser_is_more_than_a_sync_needs(desk: Desk) -> None:
    desk.connect(login="postgres", password="")
    found = desk.check()
    assert "it is a superuser" in found["source privileges"].message
    assert "a login of its own" in found["source privileges"].cure


def test_a_large_table_without_an_index_wants_one_and_with_it_does_not(desk: Desk) -> None:
    desk.server.run(
        "insert into marketing.users select timestamp '2026-02-01' + make_interval(secs => i), 'v' || i, '{}' "
        "from generate_series(1, 120000) i",
        "analyze marketing.users",
    )
    found = desk.check()
    assert found["UPDATED_AT index"].state is State.WARNING
    assert 'CREATE INDEX CONCURRENTLY ON "marketing"."users" ("updated_at")' in found["UPDATED_AT index"].cure
    desk.server.run("create index on marketing.users (updated_at)")
    assert desk.check()["UPDATED_AT index"].state is State.OK


def test_a_login_that_is_unknown_fails_the_log_in_and_not_the_network(desk: Desk) -> None:
    desk.connect(login="nobody_here")
    found = desk.check()
    assert found.failed == ["warehouse log-in"]
    assert "check the connection's login" in found.told("warehouse log-in")


def test_a_port_at_which_nobody_listens_is_the_network_s(desk: Desk) -> None:
    port = free_port()
    desk.connect(port=port)
    found = desk.check()
    assert found.failed == ["warehouse network"]
    assert "refused the connection" in found["warehouse network"].message
    assert "egress address" in found["warehouse network"].cure
    assert found["warehouse network"].passes


def test_a_host_that_does_not_exist_is_told_as_that(desk: Desk) -> None:
    desk.connect(host="warehouse.invalid")
    found = desk.check()
    assert found.failed == ["warehouse network"]
    assert "No address was found for the name 'warehouse.invalid'" in found["warehouse network"].message


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_server_without_the_tls_that_is_asked_for_is_no_server_that_is_away(
    desk: Desk, tmp_path_factory: Any, mode: str
) -> None:
    authority = Tls.create(tmp_path_factory.mktemp("tls")).authority
    desk.connect(extra={"sslmode": mode, "sslrootcert": str(authority)})
    found = desk.check()
    assert found.failed == ["warehouse TLS"], found.everything()
    assert "offers no TLS, and the client wants it" in found["warehouse TLS"].message


def test_a_worker_whose_clock_is_off_is_told(desk: Desk) -> None:
    found = desk.check(now=datetime.now(UTC) + timedelta(hours=2))
    assert "warehouse clock" in found.doubtful
    told = re.search(r"7,(\d+) s behind the worker's", found["warehouse clock"].message)
    assert told
    assert int(told[1]) in range(100, 201)  # two hours, less what passed until the warehouse was asked
    assert "NTP" in found["warehouse clock"].cure


def test_without_counts_nothing_reads_the_whole_table(desk: Desk) -> None:
    sync = WarehouseToBrazeOperator(
        task_id="users", warehouse_conn_id="w", source="marketing.users", data_type="attributes"
    )
    found = Found(check_sync(sync, counts=False))
    counted = ["source identifiers", "UPDATED_AT filled", "UPDATED_AT not in the future", "UPDATED_AT ties"]
    assert {*counted, "UPDATED_AT kept"} <= set(found.steps(State.SKIPPED))
    assert found.failed == []


def test_an_argument_that_makes_no_sense_is_the_first_finding(desk: Desk) -> None:
    sync = WarehouseToBrazeOperator(
        task_id="users", warehouse_conn_id="w", source="{{ 1 }}", data_type="attributes", since="{{ x }}"
    )
    sync.since, sync.until = "2026-02-01", "2026-01-01"
    sync.sync_mode = "sideways"
    found = Found(check_sync(sync))
    assert found.failed[0] == "sync arguments"
    assert "sideways" in found["sync arguments"].message
