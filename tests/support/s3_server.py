"""An S3 server of this process, reached through a socket as any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "bucket"
LOGIN = {"login": "of-these-tests", "password": "of-these-tests-alone"}


@dataclass(frozen=True, slots=True)
class S3Server:
    """The server, as Airflow and a person reach it.

    :param url: where it listens.
    :param client: of boto3.
    """

    url: str
    client: Any

    def connection(self) -> str:
        """Return the connection for an environment variable ``AIRFLOW_CONN_…``."""
        extra = {"endpoint_url": self.url, "region_name": "us-east-1"}
        return json.dumps({"conn_type": "aws", **LOGIN, "extra": extra})

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Return all objects below a prefix, by their keys."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        return {key: self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start a server with an empty bucket, and end it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id=LOGIN["login"],
            aws_secret_access_key=LOGIN["password"],
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=BUCKET)
        yield S3Server(f"http://{host}:{port}", client)
        client.close()
    finally:
        server.stop()
