"""The check of a sync whose warehouse is behind an SSH server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support import postgres_server, ssh_server
from support.checks import Found
from support.ports import free_port
from support.postgres_server import PostgresServer
from support.ssh_server import SshdServer

from airflow_provider_cdi.checks.findings import State
from airflow_provider_cdi.checks.sync import check_warehouse

REASON = postgres_server.why_not() or ssh_server.why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(scope="module")
def sshd() -> Iterator[SshdServer]:
    with SshdServer() as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def connect(monkeypatch: pytest.MonkeyPatch, sshd: SshdServer, postgres: PostgresServer, **bastion: object) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BASTION", json.dumps({**sshd.connection(), **bastion}))
    fields = {"conn_type": "postgres", "host": "localhost", "port": postgres.port, "login": "postgres"}
    extra = {"schema": "postgres", "extra": {"ssh_conn_id": "bastion"}}
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps({**fields, **extra}))


def test_a_tunnel_that_opens_is_the_network_step(
    monkeypatch: pytest.MonkeyPatch, sshd: SshdServer, postgres: PostgresServer
) -> None:
    connect(monkeypatch, sshd, postgres)
    found = Found(check_warehouse("w"))
    assert found.steps(State.FAILED, State.WARNING) == []
    assert "The tunnel through the SSH server of the connection 'bastion' opens" in found["warehouse network"].message
    assert found.steps(State.SKIPPED) == ["warehouse TLS"]


def test_an_ssh_server_that_is_away_fails_the_network_step(
    monkeypatch: pytest.MonkeyPatch, sshd: SshdServer, postgres: PostgresServer
) -> None:
    port = free_port()
    connect(monkeypatch, sshd, postgres, port=port)
    found = Found(check_warehouse("w"))
    assert found.failed == ["warehouse network"]
    assert "'bastion'" in found.told("warehouse network")
    assert found["warehouse log-in"].state is State.SKIPPED
