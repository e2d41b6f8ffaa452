"""What an SSH connection must say before anything is connected."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.ssh.server import SshServer

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Vj0WqU9tYkXK1s0S1k1Gf0t6N2lWb1YbD4F3b9p2S"


def server(*, conn_type: str = "ssh", host: str = "bastion.example.com", **extra: Any) -> SshServer:
    return SshServer(
        Connection(
            conn_id="b", conn_type=conn_type, host=host, login="cdi", password="hunter2", extra=json.dumps(extra)
        )
    )


@pytest.mark.parametrize(
    ("fields", "cure"),
    [
        ({"conn_type": "postgres"}, "one of the type 'ssh'"),
        ({"host": ""}, "Name the SSH server"),
        ({"host_key": HOST_KEY, "no_host_key_check": True}, "no_host_key_check"),
        ({"host_key": "ssh-secret hunter2"}, "as ssh-keyscan prints it"),
        ({"host_key": "ssh-ed25519 hunter2"}, "as ssh-keyscan prints it|check its fields"),
        ({"private_key": "hunter2"}, "BEGIN and END lines"),
        ({"private_key": "-----BEGIN hunter2\nhunter2\n-----END"}, "cannot be read"),
        ({"conn_timeout": "hunter2"}, "check its fields"),
        ({"allow_host_key_change": "true"}, "takes any host key"),
    ],
)
def test_a_connection_that_cannot_be_used_is_told_with_its_cure(fields: dict[str, Any], cure: str) -> None:
    with pytest.raises(ConfigurationError, match=cure) as raised:
        server(**fields)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_nothing_is_connected_before_it_is_needed() -> None:
    assert server(host_key=HOST_KEY).conn_id == "b"
