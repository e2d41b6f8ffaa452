"""What people write in a task today: read everything, decode, send 75 objects a request."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from speed_tables import QUERY

Job = dict[str, Any]
Row = tuple[str, str]
BATCH = 75
_PATH = "/users/track"
_HEADERS = {"Authorization": "Bearer sandbox-key"}


def plain(job: Job) -> Callable[[], dict[str, Any]]:
    """One ``requests.Session`` in a loop."""
    import requests

    hook = _warehouse(job)

    def run() -> dict[str, Any]:
        sent = 0
        with requests.Session() as session:
            session.headers.update(_HEADERS)
            for batch in _batches(hook.get_records(QUERY)):
                session.post(job["url"] + _PATH, json=_body(batch)).raise_for_status()
                sent += len(batch)
        return {"sent": sent}

    return run


def threads(job: Job) -> Callable[[], dict[str, Any]]:
    """As many threads as the way's name says, with a session each."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import local

    import requests

    hook, mine, number = _warehouse(job), local(), int(job["way"].split()[0])

    def enter() -> None:
        mine.session = requests.Session()
        mine.session.headers.update(_HEADERS)

    def send(batch: list[Row]) -> int:
        mine.session.post(job["url"] + _PATH, json=_body(batch)).raise_for_status()
        return len(batch)

    def run() -> dict[str, Any]:
        with ThreadPoolExecutor(number, initializer=enter) as pool:
            return {"sent": sum(pool.map(send, _batches(hook.get_records(QUERY))))}

    return run


def http_hook(job: Job) -> Callable[[], dict[str, Any]]:
    """Airflow's own hooks in a Python task."""
    os.environ["AIRFLOW_CONN_HTTP_BRAZE"] = json.dumps({"conn_type": "http", "host": job["url"]})
    from airflow.providers.http.hooks.http import HttpHook
    from airflow.providers.standard.operators.python import PythonOperator

    hook = _warehouse(job)
    headers = {**_HEADERS, "Content-Type": "application/json"}

    def send_all() -> int:
        sent, http = 0, HttpHook(method="POST", http_conn_id="http_braze")
        for batch in _batches(hook.get_records(QUERY)):
            http.run(_PATH, data=json.dumps(_body(batch)), headers=headers)
            sent += len(batch)
        return sent

    task = PythonOperator(task_id="send_all", python_callable=send_all, show_return_value_in_logs=False)
    return lambda: {"sent": task.execute({"outlet_events": {}})}


def _warehouse(job: Job) -> Any:
    """Return the hook that reads, as an idle task has it."""
    connection = {"conn_type": "duckdb", "host": job["database"], "extra": {"read_only": True}}
    os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps(connection)
    import airflow.sdk  # noqa: F401
    import duckdb  # noqa: F401
    from airflow.providers.duckdb.hooks.duckdb import DuckDBHook

    return DuckDBHook(duckdb_conn_id="warehouse")


def _batches(rows: list[Row]) -> Iterator[list[Row]]:
    return (rows[first : first + BATCH] for first in range(0, len(rows), BATCH))


def _body(batch: list[Row]) -> dict[str, Any]:
    return {"attributes": [{"external_id": person, **json.loads(payload)} for person, payload in batch]}
