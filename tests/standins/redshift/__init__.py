"""Redshift for its real client: a PostgreSQL of its own behind a proxy that speaks Redshift's protocol and SQL.

What it cannot show: the speed and the plans of a real cluster, SUPER navigation, LISTAGG, UNLOAD, the SVV views.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.postgres_server import PostgresServer, why_not

from standins.process import StandIn
from standins.redshift.aws import ACCESS_KEY, CLUSTER, SECRET_KEY, WORKGROUP
from standins.redshift.rules import SINGLE_NODE_ROWS

__all__ = ["CLUSTER", "DATABASE", "PASSWORD", "USER", "WORKGROUP", "Redshift", "why_not"]

USER, PASSWORD, DATABASE = "cdi", "s3cret-Passw0rd", "dev"


class Redshift(StandIn):
    """A cluster of one node with the database ``dev`` and the user ``cdi``, who may read what is made in it."""

    name = "redshift"
    conn_type = "redshift"

    def prepare(self) -> None:
        """Start PostgreSQL."""
        self.postgres = self._stack.enter_context(PostgresServer())
        self.postgres.run(f"create database {DATABASE}")

    def settings(self) -> dict[str, Any]:
        """Say where PostgreSQL is."""
        postgres = {"socket": str(self.postgres.folder), "port": self.postgres.port}
        usual = {"fetch_limit": SINGLE_NODE_ROWS, "database": DATABASE, "users": {USER: PASSWORD}}
        return {"postgres": postgres, **usual, **super().settings()}

    def usual_connection(self) -> dict[str, Any]:
        """A login with a password."""
        return {"host": "localhost", "port": self.port, "login": USER, "password": PASSWORD, "schema": DATABASE}

    @property
    def environment(self) -> Mapping[str, str]:
        """The authority for the driver, and for boto3 the endpoints and the key."""
        aws = f"http://127.0.0.1:{self.ready['aws_port']}"
        return {
            "SSL_CERT_FILE": str(self.tls.authority),
            "AWS_ENDPOINT_URL_REDSHIFT": aws,
            "AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS": aws,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def empty(self) -> None:
        """Drop all tables and views."""
        self.control("empty")

    def add_user(self, user: str, password: str) -> None:
        """Create a user that may log in."""
        self.control("add_user", user=user, password=password)

    def limit_fetch(self, rows: int | None) -> None:
        """Set how many rows one FETCH may ask for; None for a cluster of several nodes."""
        self.control("limit_fetch", rows=rows)

    def expire_passwords(self) -> None:
        """End all temporary passwords."""
        self.control("expire_passwords")
