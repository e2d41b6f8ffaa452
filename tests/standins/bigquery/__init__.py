"""BigQuery: the REST API and the Storage Read API over DuckDB.

What it cannot show: quotas, slots and bills, the service's own optimiser, several locations, sorts that are too
large for it, and the limits of its SQL translator.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from standins.process import StandIn
from standins.tls import Tls

PROJECT = "cdi-test"
DATASET = "ds"
READER = f"reader@{PROJECT}.iam.gserviceaccount.com"


class BigQuery(StandIn):
    """A local BigQuery with one project and one service account that may do everything."""

    name = "bigquery"
    conn_type = "gcpbigquery"

    def __init__(self, **settings: Any) -> None:
        super().__init__(project=PROJECT, dataset=DATASET, **settings)

    def __enter__(self) -> BigQuery:
        super().__enter__()
        self.storage_port: int = self.ready["storage_port"]
        #: The key file of the account that may do everything.
        self.key = self.account(READER)
        return self

    def prepare(self) -> None:
        """Use one authority for all: gRPC reads its root certificates once in a process."""
        self.tls = _tls()

    def usual_connection(self) -> dict[str, Any]:
        extra = {
            "keyfile_dict": json.dumps(self.key),
            "project": PROJECT,
            "location": "US",
            "use_legacy_sql": False,
            "dataset": DATASET,
            "storage_endpoint": f"localhost:{self.storage_port}",
        }
        return {"extra": extra}

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "BIGQUERY_EMULATOR_HOST": f"https://localhost:{self.port}",
            "REQUESTS_CA_BUNDLE": str(self.tls.authority),
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.tls.authority),
            "NO_GCE_CHECK": "true",
        }

    def account(self, email: str, *, lacks: tuple[str, ...] = (), hidden: tuple[str, ...] = ()) -> dict[str, str]:
        """Make a service account, or change its permissions, and return its key as Google's JSON has it.

        :param email: its name.
        :param lacks: permissions that it does not have (``bigquery.readsessions.create``).
        :param hidden: tables that it may not read (``ds.t``).
        """
        private, public = _key_pair()
        self.control("account", email=email, public_key=public, lacks=list(lacks), hidden=list(hidden))
        return self.unknown_key(email, private)

    def clear(self) -> None:
        """Drop all tables and views of the dataset."""
        self.control("clear")

    def unknown_key(self, email: str, private: str | None = None) -> dict[str, str]:
        """Return a key that this server does not know, unless a private key that it knows is given."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": private or _new_key_pair()[0],
            "client_email": email,
            "client_id": "1",
            "token_uri": f"https://localhost:{self.port}/token",
        }


#: Deleted when the process ends.
_TLS_FOLDER = tempfile.TemporaryDirectory(prefix="cdi-bigquery-tls-")


@cache
def _tls() -> Tls:
    return Tls.create(Path(_TLS_FOLDER.name))


@cache
def _key_pair() -> tuple[str, str]:
    return _new_key_pair()


def _new_key_pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
