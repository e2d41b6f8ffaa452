"""Peak memory of one sync above an idle task, by number of rows: it must stay low, and not grow with the table.

Each size runs in a fresh process through the operator, against a server that only counts:
``python benchmarks/memory.py 100000 1000000``. A size with ``s`` behind it is a table in no order: ``1000000s``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

#: What a sync may have above an idle task, and what a larger table may cost on top of a smaller one.
ALLOWED_MB, ALLOWED_GROWTH_MB = 120, 30
#: Runs of each size; what a busy machine adds to a peak is not the table's.
RUNS = 2
ROOT = Path(__file__).parent.parent
PAYLOAD = """'{"first_name":"Ada","visits":' || i || ',"note":"' || repeat('x', 150) || '"}'"""


def main(sizes: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, Server() as url:
        print("        rows  MB above idle   peak MB   seconds    rows/s  CPU s per 100,000")
        above = {size: min(measure(size, folder, url) for _ in range(RUNS)) for size in sizes}
    most, growth = max(above.values()), max(above.values()) - min(above.values())
    print(f"the lower of {RUNS} runs each: {most:.0f} MB above idle at most, allowed {ALLOWED_MB}")
    print(f"largest less smallest: {growth:.0f} MB, allowed {ALLOWED_GROWTH_MB}")
    if most >= ALLOWED_MB or growth > ALLOWED_GROWTH_MB:
        raise SystemExit("memory is too high" if most >= ALLOWED_MB else "memory grows with the table")


def measure(size: str, folder: str, url: str) -> float:
    """Run one sync in a process of its own, print its figures and return its peak above an idle task in MB."""
    rows, warehouse = int(size.rstrip("s")), Path(folder) / f"{size}.duckdb"
    if not warehouse.exists():
        subprocess.run([sys.executable, __file__, "fill", str(warehouse), size], check=True)
    command = [sys.executable, __file__, "sync", str(warehouse), url, folder]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = json.loads(out.stdout.splitlines()[-1])
    if found["accepted"] != rows:
        raise SystemExit(f"{found['accepted']:,} of {rows:,} rows were accepted")
    cpu, rate, above = 100_000 * found["cpu"] / rows, rows / found["seconds"], found["peak_mb"] - found["idle_mb"]
    print(f"{size:>12} {above:>14.0f} {found['peak_mb']:>9.0f} {found['seconds']:>9.1f} {rate:>9,.0f} {cpu:>18.2f}")
    return float(above)


class Server:
    def __enter__(self) -> str:
        command = [sys.executable, str(ROOT / "benchmarks" / "counting_server.py"), "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the counting server did not start")
        return f"http://127.0.0.1:{int(line)}"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()


def fill(path: str, size: str) -> None:
    import duckdb

    order = "order by hash(i)" if size.endswith("s") else ""
    with duckdb.connect(path) as connection:
        connection.execute(
            f"""create table users as select timestamp '2026-01-01' + interval (i // 50) second as updated_at,
            'c-' || i as external_id, {PAYLOAD} as payload from range({size.rstrip("s")}) as numbers(i) {order}"""
        )


def sync(path: str, url: str, home: str) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    os.environ["AIRFLOW_HOME"] = home
    os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps(
        {"conn_type": "duckdb", "host": path, "extra": {"read_only": True}}
    )
    os.environ["AIRFLOW_CONN_BRAZE_DEFAULT"] = json.dumps(
        {"conn_type": "braze", "host": url, "password": "sandbox-key"}
    )
    from support.airflow_world import AirflowWorld, make_operator

    operator = make_operator()
    idle = idle_mb()
    started, cpu = time.monotonic(), time.process_time()
    report = operator.execute(AirflowWorld().context())
    found = {
        "accepted": report["accepted"],
        "seconds": time.monotonic() - started,
        "cpu": time.process_time() - cpu,
        "idle_mb": idle,
        "peak_mb": status_mb("VmHWM"),
    }
    print(json.dumps(found))


def idle_mb() -> float:
    """Return the memory of a task that has imported what it needs, and does nothing: as in ``read_client.py``."""
    from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

    get_warehouse_hook("warehouse", tag="bench.memory")
    import_module("duckdb")
    return status_mb("VmRSS")


def status_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(*sys.argv[2:4])
    elif sys.argv[1] == "sync":
        sync(*sys.argv[2:5])
    else:
        main(sys.argv[1:])
