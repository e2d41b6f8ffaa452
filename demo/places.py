"""Where the demo keeps its files, and what Airflow is told about them."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from cdi_sandbox.settings import DEFAULT_KEY, DEFAULT_KLAVIYO_KEY

PROJECT = Path(__file__).resolve().parent.parent
CATALOG = "products"
#: Fields of the catalog that the sandbox gets, as Braze types them.
CATALOG_FIELDS = {"title": "string", "price": "number", "in_stock": "boolean", "dimensions": "object"}


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one demonstration.

    :param folder: below which everything lies.
    """

    folder: Path

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "warehouse.duckdb"

    @property
    def airflow_home(self) -> Path:
        """Airflow's database, logs and rejects."""
        return self.folder / "airflow"

    @property
    def logs(self) -> Path:
        """What the processes print."""
        return self.folder / "logs"

    def shown(self, path: Path | str) -> str:
        """Write a path as a person who stands in the project's folder would."""
        return os.path.relpath(path, PROJECT)


def airflow_environment(places: Places) -> dict[str, str]:
    """Return the environment of an Airflow of its own, which no setting of the user's reaches.

    :param places: where it lives.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return inherited | {
        "AIRFLOW_HOME": str(places.airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{places.airflow_home / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def connections(places: Places, sandbox_port: int) -> dict[str, dict[str, object]]:
    """Return the Airflow connections of the example DAGs.

    :param places: where the warehouse is.
    :param sandbox_port: on which the sandbox listens.
    """
    return {
        # DuckDB lets one process write, or several read: tasks that only read may run side by side.
        "cdi_warehouse": {"conn_type": "duckdb", "host": str(places.warehouse), "extra": {"read_only": True}},
        "braze_default": {
            "conn_type": "braze",
            "host": "http://127.0.0.1",
            "port": sandbox_port,
            "password": DEFAULT_KEY,
        },
        "klaviyo_default": {
            "conn_type": "klaviyo",
            "host": "http://127.0.0.1",
            "port": sandbox_port,
            "password": DEFAULT_KLAVIYO_KEY,
        },
    }


def connection_variables(places: Places, sandbox_port: int) -> dict[str, str]:
    """Return the connections as the environment variables from which Airflow reads them."""
    return {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in connections(places, sandbox_port).items()
    }


def free_port(wanted: int) -> int:
    """Return the wanted port of the loopback interface, or any free one when it is taken."""
    for port in (wanted, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as listener:
                return int(listener.getsockname()[1])
        except OSError:
            continue
    raise SystemExit("No port of 127.0.0.1 is free.")
