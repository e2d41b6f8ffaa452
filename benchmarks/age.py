"""What a run that finds nothing costs, by how many runs its sync has behind it: it must be the same.

``python benchmarks/age.py 10 10000``: an Airflow of its own with a history for each number, then runs of them in turn,
each in a fresh process. What counts is the ratio between the oldest sync and the youngest: of what the sync takes, and
of the memory. What Airflow takes around it is shown beside it; ``dag.test()`` on SQLite itself grows with the history.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

#: What the oldest sync may cost more than the youngest. The calls to Airflow are the same in number and size, and each
#: takes some milliseconds more on an SQLite file of 500 MB than on one of 2 MB.
ALLOWED = 1.3
#: Processes of each age, in turn, and runs in each of them.
ROUNDS, RUNS = 3, 5
ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 6, 1, tzinfo=UTC)
#: As many rows of one time as the record remembers one by one: 16 KB a record.
ROWS = 1_500


def main(ages: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        homes = {age: Path(folder) / str(age) for age in ages}
        for age, home in homes.items():
            home.mkdir()
            call("fill", home, str(age))
        found = [(age, call("run", homes[age], str(number))) for number in range(ROUNDS) for age in ages]
    seconds = {age: statistics.median(one["seconds"] for of, one in found if of == age) for age in ages}
    around = {age: statistics.median(one["run_seconds"] for of, one in found if of == age) for age in ages}
    memory = {age: min(one["peak_mb"] for of, one in found if of == age) for age in ages}
    print("earlier runs   s a sync   s with Airflow   peak MB")
    for age in ages:
        print(f"{age:>12,} {seconds[age]:>10.3f} {around[age]:>16.3f} {memory[age]:>9.0f}")
    oldest, youngest = max(ages), min(ages)
    ratios = seconds[oldest] / seconds[youngest], memory[oldest] / memory[youngest]
    print(f"after {oldest:,} runs instead of {youngest:,}: {ratios[0]:.2f} times the time, {ratios[1]:.2f} the memory")
    if max(ratios) > ALLOWED:
        raise SystemExit(f"the cost of a run grows with the age of its sync, allowed {ALLOWED}")


def call(what: str, home: Path, number: str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "duckdb", "host": str(home / "warehouse.duckdb")}),
        "PYTHONPATH": str(ROOT / "tests"),
    }
    command = [sys.executable, __file__, what, str(home), number]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout.decode()[-2_000:] + done.stderr.decode()[-2_000:])
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def fill(home: Path, age: int) -> dict[str, Any]:
    """Send the rows once, and make a history of that run."""
    import duckdb
    from airflow.utils.db import initdb

    (home / "dags").mkdir()
    initdb()
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(
            "create table users as select timestamp '2026-01-01' as updated_at, 'c-' || i as external_id, "
            f"'{{}}' as payload from range({ROWS}) as numbers(i)"
        )
    run_dag(0)
    with sqlite3.connect(home / "airflow.db") as database:
        multiply(database, age)
    return {}


def multiply(database: sqlite3.Connection, age: int) -> None:
    """Copy the run, its task instance and its XComs, once for each earlier run, a quarter of an hour apart."""
    database.row_factory = sqlite3.Row
    (run,), (task,) = (
        list(map(dict, database.execute(f"select * from {one}"))) for one in ("dag_run", "task_instance")
    )
    xcoms = [dict(one) for one in database.execute("select * from xcom")]
    for number in range(1, age):
        run_id, moment = f"old-{number}", str(NOW - timedelta(minutes=15 * number)).replace("+00:00", "")
        added = {"id": run["id"] + number, "run_id": run_id, "logical_date": moment, "run_after": moment}
        insert(database, "dag_run", run | added)
        insert(database, "task_instance", task | {"id": uuid.uuid4().hex, "run_id": run_id})
        for xcom in xcoms:
            insert(database, "xcom", xcom | {"dag_run_id": added["id"], "run_id": run_id})


def insert(database: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    places = ", ".join("?" * len(row))
    database.execute(f"insert into {table} ({', '.join(row)}) values ({places})", list(row.values()))


def run(home: Path, number: int) -> dict[str, Any]:
    """Run the sync some times, and say what a run takes."""
    run_dag(1 + number * (RUNS + 1))  # the first one of a process starts Airflow's API
    took = [run_dag(2 + number * (RUNS + 1) + place) for place in range(RUNS)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sync, whole = (statistics.median(one) for one in zip(*took, strict=True))
    return {"seconds": sync, "run_seconds": whole, "peak_mb": peak}


def run_dag(hours: int) -> tuple[float, float]:
    """Run the sync once; return the seconds that it took, and those of the whole DAG run."""
    from airflow.sdk import DAG
    from support.airflow_versions import keep_one_api_server, register

    from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
    from cdi_sandbox.server import SandboxServer

    class Timed(WarehouseToBrazeOperator):
        def execute(self, context: Any) -> dict[str, Any]:
            began = time.perf_counter()
            try:
                return super().execute(context)
            finally:
                inside.append(time.perf_counter() - began)

    inside: list[float] = []
    keep_one_api_server()
    with SandboxServer() as sandbox:
        # The address belongs to the sync, so it must not change; only the first run sends anything to it.
        braze = {"conn_type": "braze", "host": address(sandbox.url, hours), "password": sandbox.key}
        os.environ["AIRFLOW_CONN_BRAZE_DEFAULT"] = json.dumps(braze)
        with DAG("aging", schedule=None, start_date=datetime(2025, 1, 1, tzinfo=UTC), catchup=False) as dag:
            Timed(task_id="sync", warehouse_conn_id="warehouse", source="users", data_type="attributes")
        register(dag)
        began = time.perf_counter()
        done = dag.test(logical_date=NOW + timedelta(hours=hours))
        seconds = time.perf_counter() - began
    if str(done.state) != "success":
        raise SystemExit(f"the run ended as {done.state}")
    return inside[-1], seconds


def address(url: str, hours: int) -> str:
    """Return the address of the first run's sandbox, which is gone since: the later runs find nothing to send."""
    kept = Path(os.environ["AIRFLOW_HOME"]) / "address"
    if hours == 0:
        kept.write_text(url)
    return kept.read_text()


if __name__ == "__main__":
    if sys.argv[1] in ("fill", "run"):
        result = {"fill": fill, "run": run}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
        print(json.dumps(result))
    else:
        main([int(age) for age in sys.argv[1:]])
