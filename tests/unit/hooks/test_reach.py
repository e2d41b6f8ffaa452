"""A warehouse's host that is wrong is told in seconds, and without what it may hold."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import threading
import time

import pytest
from support.ports import free_port

from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater
from airflow_provider_cdi.hooks import reach
from airflow_provider_cdi.hooks.reach import check_host, check_reachable
from airflow_provider_cdi.hooks.redshift import hook as redshift
from airflow_provider_cdi.hooks.snowflake import hook as snowflake
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook


@pytest.fixture
def black_hole():
    """A socket that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def connect(monkeypatch, conn_type, **fields):
    extra = json.dumps(fields.pop("extra", {}))
    text = json.dumps({"conn_type": conn_type, "extra": extra, **fields})
    monkeypatch.setenv("AIRFLOW_CONN_W", text)
    return get_warehouse_hook("w")


def test_a_host_that_never_answers_is_told_within_the_bound(black_hole):
    began = time.monotonic()
    with pytest.raises(RetryLater, match=r"'w' cannot be reached: nothing answers within 0\.3 s"):
        check_reachable("w", "127.0.0.1", black_hole, seconds=0.3)
    assert time.monotonic() - began < 10


def test_a_closed_port_and_an_unknown_name_are_told_at_once(monkeypatch):
    with pytest.raises(RetryLater, match="refused"):
        check_reachable("w", f"https://127.0.0.1:{free_port()}", 443)
    monkeypatch.setattr(reach.socket, "create_connection", _unknown_name)
    with pytest.raises(RetryLater, match="no host of that name"):
        check_reachable("w", "dbc-wrong.example", 443)


def _unknown_name(*_arguments, **_named):
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


def test_a_host_that_answers_something_else_than_tls_is_for_the_client_to_judge():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            talk, _ = server.accept()
            talk.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            talk.close()

        thread = threading.Thread(target=answer)
        thread.start()
        check_reachable("w", "127.0.0.1", server.getsockname()[1], seconds=10)
        thread.join()


def test_behind_a_proxy_only_the_proxy_can_tell(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.corp:3128")
    check_reachable("w", "dbc-wrong.example", 443)


@pytest.mark.parametrize("conn_type", ["databricks", "redshift", "snowflake"])
@pytest.mark.parametrize(
    "host",
    [
        "https://user:hidden@host.example",
        "host.example:99999",
        "host.example/hidden",
        "ho st",
        "u:hid#hidden@host.example",
    ],
)
def test_a_host_field_that_is_no_host_is_named_and_not_shown(monkeypatch, conn_type, host):
    with pytest.raises(ConfigurationError, match="'w': field 'host'") as caught:
        connect(monkeypatch, conn_type, host=host, extra={"http_path": "/sql/1.0/warehouses/x", "account": "a"})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "host", [None, "", "dbc-a1.cloud.databricks.com", "https://dbc-a1.cloud.databricks.com/", "::1"]
)
def test_a_host_field_that_may_be_one_is_left_to_the_driver(host):
    check_host("w", host, "dbc-a1.cloud.databricks.com")


def test_databricks_tells_a_host_that_is_wrong_before_its_client_tries_for_minutes(monkeypatch, black_hole):
    monkeypatch.setattr(reach.check_reachable, "__kwdefaults__", {"seconds": 0.3})
    extra = {"http_path": "/sql/1.0/warehouses/x", "_port": str(black_hole)}
    hook = connect(monkeypatch, "databricks", host="127.0.0.1", password="dapi", extra=extra)
    began = time.monotonic()
    worked, told = hook.test_connection()
    assert (worked, time.monotonic() - began < 20) == (False, True)
    assert "nothing answers within" in told


# The driver leaves its socket to the garbage collection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_redshift_bounds_the_log_in_and_not_the_query(monkeypatch, black_hole):
    monkeypatch.setattr(redshift, "CONNECT_SECONDS", 1)
    hook = connect(
        monkeypatch, "redshift", host="127.0.0.1", port=black_hole, login="u", password="p", extra={"ssl": "false"}
    )
    began = time.monotonic()
    worked, told = hook.test_connection()
    assert (worked, time.monotonic() - began < 20) == (False, True)
    assert "did not answer" in told
    gc.collect()


def test_snowflake_bounds_its_log_in(monkeypatch):
    hook = connect(monkeypatch, "snowflake", login="u", password="p", extra={"account": "xy12345"})
    parameters = hook._session._hook._hook._get_conn_params()
    assert parameters["login_timeout"] == snowflake.LOGIN_SECONDS


#: In a process of its own: Airflow remembers for ever which hooks could not be loaded.
WITHOUT_PROVIDERS = """
import json, os, sys
from airflow_provider_cdi.exceptions import CdiError
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

MODULES = json.loads(sys.argv[1])
extra = json.dumps({"http_path": "/sql/1.0/x", "account": "a"})
for conn_type, module in MODULES.items():
    sys.modules[module] = None
    os.environ["AIRFLOW_CONN_W"] = json.dumps({"conn_type": conn_type, "host": "h", "extra": extra})
    try:
        get_warehouse_hook("w")
    except CdiError as error:
        print("SAID", conn_type, error)
"""
MODULES = {
    "snowflake": "airflow.providers.snowflake.hooks.snowflake",
    "redshift": "airflow.providers.amazon.aws.hooks.redshift_sql",
    "gcpbigquery": "airflow.providers.google.cloud.hooks.bigquery",
    "google_cloud_platform": "airflow.providers.google.cloud.hooks.bigquery",
    "databricks": "airflow.providers.databricks.hooks.databricks_sql",
    "duckdb": "airflow.providers.duckdb.hooks.duckdb",
    "trino": "airflow.providers.trino.hooks.trino",
}


def test_every_provider_that_is_missing_is_named_with_what_brings_it():
    command = [sys.executable, "-c", WITHOUT_PROVIDERS, json.dumps(MODULES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = dict(line.split(" ", 2)[1:] for line in done.stdout.splitlines() if line.startswith("SAID "))
    for conn_type in MODULES.keys() - {"trino"}:
        extra = {"gcpbigquery": "bigquery", "google_cloud_platform": "bigquery"}.get(conn_type, conn_type)
        assert f"pip install 'airflow-provider-cdi[{extra}]'" in said[conn_type]
    assert "pip install 'apache-airflow-providers-trino'" in said["trino"]
