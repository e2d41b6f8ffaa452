"""A Databricks SQL warehouse on this machine: the connector's Thrift service, Arrow inline and by Cloud Fetch.

What goes wrong on demand: ``chunk_503``, ``chunk_slow`` (``seconds``), ``drop`` and ``expired`` at each answer with
rows in it and each file behind a link; ``lost`` for an answer with rows that a proxy loses; ``expired_session`` at a
statement; ``expired_link`` for links that are too old when they arrive; ``unauthorized`` (``status``) at any call;
``slow_states`` (``polls``) for a statement that is pending, then running, for so many polls; ``stall`` (``seconds``)
for a statement that takes so long; ``no_tags`` for a warehouse that knows no query tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from standins.databricks.engine import WAREHOUSE
from standins.databricks.logins import PRINCIPALS, TOKENS
from standins.process import StandIn

HTTP_PATH = f"/sql/1.0/warehouses/{WAREHOUSE}"


class DatabricksStandIn(StandIn):
    """Starts the server.

    :param engine: ``duckdb``, or ``spark`` where pyspark is installed.
    :param sizes: how results are cut; see :class:`standins.databricks.pieces.Sizes`.
    :param lifetime: seconds that a token of OAuth is good.
    """

    name = "databricks"
    conn_type = "databricks"

    def usual_connection(self) -> dict[str, Any]:
        """Return a connection with a personal access token."""
        token, *_ = TOKENS
        return {
            "host": "localhost",
            "password": token,
            "extra": {
                "http_path": HTTP_PATH,
                "_port": self.port,
                "_tls_trusted_ca_file": str(self.tls.authority),
            },
        }

    def principal_connection(self, **fields: Any) -> dict[str, Any]:
        """Return a connection with a service principal.

        Airflow's hook asks ``https://<host>/oidc/v1/token`` for a token, so the port is in the host here.
        """
        ((client, (secret, _)),) = PRINCIPALS.items()
        place = f"localhost:{self.port}"
        extra = {"service_principal_oauth": True, "_connection_uri": f"https://{place}{HTTP_PATH}"}
        principal = {"host": place, "login": client, "password": secret}
        return self.connection(**{**principal, **fields, "extra": {**extra, **fields.get("extra", {})}})

    @property
    def environment(self) -> Mapping[str, str]:
        """Airflow's hook fetches OAuth tokens by ``requests``."""
        return {"REQUESTS_CA_BUNDLE": str(self.tls.authority)}
