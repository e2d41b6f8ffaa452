"""TLS inside the tunnel: the certificate is checked against the database's own name, whatever the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standins.redshift import Redshift
from standins.redshift.driver import tame
from standins.tls import Tls
from support import postgres_server, ssh_server
from support.postgres_server import AS_ROOT, PostgresServer
from support.ssh_server import SshdServer

from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

REASON = postgres_server.why_not() or ssh_server.why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
#: The same machine by an address that no certificate of the tests has.
UNNAMED = "0.0.0.0"


@pytest.fixture(scope="module")
def sshd() -> Iterator[SshdServer]:
    with SshdServer() as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[tuple[PostgresServer, Tls]]:
    with PostgresServer() as server:
        tls = Tls.create(server.folder)
        for path in (tls.chain, tls.key):
            path.chmod(0o600)
            if AS_ROOT:
                shutil.chown(path, "postgres")
        server.run(
            f"alter system set ssl_cert_file = '{tls.chain}'",
            f"alter system set ssl_key_file = '{tls.key}'",
            "alter system set ssl = on",
        )
        server.reload()
        yield server, tls


@pytest.fixture(scope="module")
def redshift() -> Iterator[Redshift]:
    with Redshift() as server:
        yield server


def answer(monkeypatch: pytest.MonkeyPatch, sshd: SshdServer, connection: dict[str, Any]) -> tuple[bool, str]:
    """Test a connection through the tunnel."""
    connection["extra"] = {**connection.get("extra", {}), "ssh_conn_id": "bastion"}
    monkeypatch.setenv("AIRFLOW_CONN_BASTION", json.dumps(sshd.connection()))
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(connection))
    return get_warehouse_hook("w").test_connection()


@pytest.mark.parametrize(("host", "works"), [("localhost", True), (UNNAMED, False)])
def test_verify_full_of_postgresql_means_the_databases_own_name(
    postgres: tuple[PostgresServer, Tls], sshd: SshdServer, monkeypatch: pytest.MonkeyPatch, host: str, works: bool
) -> None:
    server, tls = postgres
    where = {"host": host, "port": server.port, "login": "postgres", "schema": "postgres"}
    extra = {"sslmode": "verify-full", "sslrootcert": str(tls.authority)}
    assert answer(monkeypatch, sshd, {"conn_type": "postgres", **where, "extra": extra})[0] is works


@pytest.mark.parametrize(("host", "works"), [("localhost", True), (UNNAMED, False)])
def test_redshift_is_checked_by_its_own_name_without_being_asked(
    redshift: Redshift, sshd: SshdServer, monkeypatch: pytest.MonkeyPatch, host: str, works: bool
) -> None:
    tame(monkeypatch)
    for name, value in redshift.environment.items():
        monkeypatch.setenv(name, value)
    did, said = answer(monkeypatch, sshd, redshift.connection(host=host))
    assert did is works
    assert works or "certificate is not believed" in said


def test_a_running_query_of_redshift_is_ended_through_the_tunnel(
    redshift: Redshift, sshd: SshdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tame(monkeypatch)
    for name, value in redshift.environment.items():
        monkeypatch.setenv(name, value)
    assert answer(monkeypatch, sshd, redshift.connection())[0]
    hook = get_warehouse_hook("w")
    with hook.session.connected("a test") as connection:
        hook.dialect.reader.stop(connection)
        assert Path("/proc/net/unix").read_text().count("cdi-ssh-tunnel") >= 1
    assert "cdi-ssh-tunnel" not in Path("/proc/net/unix").read_text()
