"""drt-core and dlt, configured as their documents say for an API that takes batches; both in ``.venv-peers``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from speed_tables import QUERY, TABLE

Job = dict[str, Any]
BATCH = 75
_URL = "{url}/users/track"

_DRT_PROJECT = {"name": "bench", "version": "0.1", "profile": "bench"}
#: A batch of drt's engine is sent with one kept connection, so it is a hundred requests long. The payload's text is
#: spliced in, which costs drt less than to decode it.
_DRT_BATCH_ROWS = 100 * BATCH
_DRT_TEMPLATE = """{"attributes": [
{%- for row in rows %}{"external_id": {{ row.external_id | tojson }}, {{ row.payload[1:] }}{% if not loop.last %},
{% endif %}{% endfor %}]}"""
#: dlt sends the files of a load side by side, up to 20 at once; by default a table is one file, and one worker.
_DLT_FILE_ROWS = 6_000


def drt(job: Job) -> Callable[[], dict[str, Any]]:
    """A DuckDB profile, and a ``rest_api`` destination in batch mode."""
    from drt.cli import main  # noqa: F401 - what a run imports
    from drt.integrations.airflow import run_drt_sync

    import_all("duckdb", "httpx", "jinja2")
    project = Path(job["home"]) / "drt"
    _write_drt_project(project, job)

    def run() -> dict[str, Any]:
        found = run_drt_sync("users", project_dir=str(project))
        if found["rows_failed"]:
            raise SystemExit(f"drt: {found['rows_failed']} rows failed: {found['errors'][:1]}")
        return {"sent": found["rows_synced"]}

    return run


def _write_drt_project(project: Path, job: Job) -> None:
    """Write the three files of a project; JSON is YAML."""
    destination = {
        "type": "rest_api",
        "url": _URL.format(url=job["url"]),
        "headers": {"Content-Type": "application/json", "Authorization": "Bearer sandbox-key"},
        "body_mode": "batch",
        "batch_template": _DRT_TEMPLATE,
        "max_records_per_request": BATCH,
    }
    # drt's default of 10 requests a second is a setting, so it is set to no limit.
    options = {"mode": "full", "batch_size": _DRT_BATCH_ROWS, "rate_limit": {"requests_per_second": 1e9}}
    profile = {"bench": {"type": "duckdb", "database": job["database"]}}
    sync = {"name": "users", "model": QUERY, "destination": destination, "sync": options}
    files = {
        project / "drt_project.yml": _DRT_PROJECT,
        project / "syncs" / "users.yml": sync,
        Path(job["home"]) / ".drt" / "profiles.yml": profile,
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


def dlt(job: Job) -> Callable[[], dict[str, Any]]:
    """A resource that reads the table, and a destination function that takes 75 rows."""
    os.environ.update(
        RUNTIME__DLTHUB_TELEMETRY="false",
        RUNTIME__LOG_LEVEL="CRITICAL",
        DATA_WRITER__FILE_MAX_ITEMS=str(_DLT_FILE_ROWS),
        DATA_WRITER__DISABLE_COMPRESSION="true",
    )
    import dlt as tool
    import requests

    import_all("duckdb")
    session = requests.Session()
    session.headers["Authorization"] = "Bearer sandbox-key"

    @tool.destination(batch_size=BATCH, name="braze", naming_convention="direct")
    def braze(items: list[dict[str, Any]], table: Any) -> None:
        body = {"attributes": [{"external_id": row["external_id"], **json.loads(row["payload"])} for row in items]}
        session.post(_URL.format(url=job["url"]), json=body).raise_for_status()

    pipeline = tool.pipeline("bench", pipelines_dir=str(Path(job["home"]) / "dlt"), destination=braze)
    resource = tool.resource(lambda: _pages(job["database"]), name=TABLE)

    def run() -> dict[str, Any]:
        pipeline.run(resource).raise_on_failed_jobs()
        found = pipeline.last_trace.last_normalize_info.row_counts
        return {"sent": found.get(TABLE, 0)}

    return run


def _pages(database: str) -> Iterator[list[dict[str, str]]]:
    import duckdb

    with duckdb.connect(database, read_only=True) as connection:
        cursor = connection.execute(QUERY)
        while rows := cursor.fetchmany(10_000):
            yield [{"external_id": person, "payload": payload} for person, payload in rows]


def import_all(*modules: str) -> None:
    from importlib import import_module

    for module in modules:
        import_module(module)
