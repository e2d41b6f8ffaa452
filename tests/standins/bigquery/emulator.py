"""A second BigQuery, which shares nothing with ours: bqemulator of PyPI, in an environment of its own.

It stands on DuckDB and sqlglot too, but its rules of translation, its types, its errors and its REST are its own.
Nobody logs in, a job is done when it is inserted, and its Storage Read API does not know the results of queries.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from standins.bigquery import DATASET, PROJECT
from standins.process import READY_WITHIN, TESTS

#: Made by ``make test-other-engines``.
ENVIRONMENT = TESTS.parent / ".venv-bqemulator"
#: Jobs of the administrator, who is not listed, begin with this.
_OWN_JOBS = "admin_"
#: What the server's log calls a port that it listens on.
_PORTS = {"rest.listen": "rest", "grpc.listen": "storage"}


class BqEmulator:
    """The emulator's process and an administrator's client. Use as a context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> BqEmulator:
        if not ENVIRONMENT.is_dir():
            raise RuntimeError(f"bqemulator is not installed in {ENVIRONMENT.name}: run make test-other-engines.")
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="cdi-bqemulator-")))
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def connection(self, **fields: Any) -> dict[str, Any]:
        """Return an Airflow connection as JSON fields; ``extra`` is merged key by key."""
        extra = {
            "is_anonymous": True,
            "project": PROJECT,
            "location": "US",
            "use_legacy_sql": False,
            "dataset": DATASET,
            "storage_endpoint": f"http://127.0.0.1:{self._ports['storage']}",
        }
        return {"conn_type": "gcpbigquery", **fields, "extra": {**extra, **fields.get("extra", {})}}

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that the client needs to find the server."""
        return {"BIGQUERY_EMULATOR_HOST": self._address, "NO_GCE_CHECK": "true"}

    def sql(self, text: str) -> list[list[Any]]:
        """Run a statement as an administrator and return its rows."""
        settings = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.{DATASET}")
        job = self._client.query(text, job_config=settings, job_id_prefix=_OWN_JOBS, job_retry=None)
        return [list(row.values()) for row in job.result()]

    def clear(self) -> None:
        """Drop all tables and views, and the list of what was asked."""
        self._client.delete_dataset(DATASET, delete_contents=True, not_found_ok=True)
        self._client.create_dataset(DATASET)
        self.forget()

    def statements(self) -> list[dict[str, Any]]:
        """Return what was asked so far: ``text``, ``tag`` (as far as the emulator keeps labels), ``state``."""
        found = self._jobs()
        return [
            {
                "text": job["configuration"]["query"]["query"],
                "tag": job["configuration"].get("labels", {}).get("cdi_sync", ""),
                "state": "finished" if job["status"]["state"] == "DONE" else "running",
            }
            for job in found
            if not job["jobReference"]["jobId"].startswith(_OWN_JOBS)
        ]

    def forget(self) -> None:
        """Empty the list of statements."""
        for job in self._jobs():
            self._ask("DELETE", f"jobs/{job['jobReference']['jobId']}/delete")

    # --- the process ------------------------------------------------------------------------------

    def _start(self) -> None:
        log = self.folder / "server.log"
        self._process = subprocess.Popen(
            [ENVIRONMENT / "bin/bqemulator", "start", "--rest-port=0", "--grpc-port=0", f"--project={PROJECT}"],
            cwd=self.folder,
            env={**_variables(), "TMPDIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=self._stack.enter_context(log.open("w")),
            stderr=subprocess.STDOUT,
        )
        self._stack.callback(self._stop)
        self._ports = self._await_ports(log)
        self._address = f"http://127.0.0.1:{self._ports['rest']}"
        self._client = bigquery.Client(
            PROJECT, AnonymousCredentials(), client_options=ClientOptions(api_endpoint=self._address)
        )
        self._stack.callback(self._client.close)

    def _await_ports(self, log: Path) -> dict[str, int]:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            found = _ports(log.read_text())
            if len(found) == len(_PORTS):
                return found
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        raise RuntimeError(f"bqemulator did not start:\n{log.read_text()[-4000:]}")

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()

    # --- what the client has no call for ----------------------------------------------------------

    def _jobs(self) -> list[dict[str, Any]]:
        """Return all jobs, the oldest first: the client would read each of them once more."""
        jobs: list[dict[str, Any]] = self._ask("GET", "jobs?maxResults=10000").get("jobs", [])
        return sorted(jobs, key=lambda job: int(job["statistics"]["creationTime"]))

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        url = f"{self._address}/bigquery/v2/projects/{PROJECT}/{path}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, method=method), timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read() or "{}")
        return found


def _variables() -> dict[str, str]:
    """Return the server's environment: DuckDB's extension lies where the Makefile put it, nothing is downloaded."""
    return {
        **os.environ,
        "HOME": str(ENVIRONMENT),
        "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",
        "BQEMU_QUERY_CACHE_TTL_SECONDS": "0",
        "BQEMU_LOG_LEVEL": "info",
        "BQEMU_LOG_FORMAT": "json",
    }


def _ports(log: str) -> dict[str, int]:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
    return {_PORTS[line["event"]]: line["port"] for line in lines if line.get("event") in _PORTS}
