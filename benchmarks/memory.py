"""Peak memory of one sync, by number of rows: it must not grow with the table.

Each size runs in a fresh process through the operator, against a sandbox in a process of its own:
``python benchmarks/memory.py 100000 1000000``
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

#: What a larger table may cost in memory.
ALLOWED_MB = 30
#: Runs of each size; what a busy machine adds to a peak is not the table's.
RUNS = 2
ROOT = Path(__file__).parent.parent
PAYLOAD = """'{"first_name":"Ada","visits":' || i || ',"note":"' || repeat('x', 150) || '"}'"""


def main(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, Sandbox() as url:
        print(f"{'rows':>12} {'peak MB':>9} {'seconds':>9} {'rows/s':>9} {'CPU s per 100,000':>18}")
        peaks = {size: min(measure(size, folder, url) for _ in range(RUNS)) for size in sizes}
        growth = max(peaks.values()) - min(peaks.values())
        print(f"largest less smallest peak, the lower of {RUNS} runs each: {growth:.0f} MB, allowed {ALLOWED_MB}")
        if growth > ALLOWED_MB:
            raise SystemExit("memory grows with the table")


def measure(size: int, folder: str, url: str) -> float:
    """Run one sync in a process of its own, print its figures and return its peak in MB."""
    warehouse = Path(folder) / f"{size}.duckdb"
    if not warehouse.exists():
        subprocess.run([sys.executable, __file__, "fill", str(warehouse), str(size)], check=True)
    command = [sys.executable, __file__, "sync", str(warehouse), url, folder]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = json.loads(out.stdout.splitlines()[-1])
    if found["accepted"] != size:
        raise SystemExit(f"{found['accepted']:,} of {size:,} rows were accepted")
    cpu, rate = 100_000 * found["cpu"] / size, size / found["seconds"]
    print(f"{size:>12,} {found['peak_mb']:>9.0f} {found['seconds']:>9.1f} {rate:>9,.0f} {cpu:>18.2f}")
    return float(found["peak_mb"])


class Sandbox:
    def __enter__(self) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "airflow_provider_cdi.sandbox", "--port", str(port), "--keep", "counts"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/_sandbox/state", timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return url
        raise SystemExit("the sandbox did not start")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def fill(path: str, rows: int) -> None:
    import duckdb

    with duckdb.connect(path) as connection:
        connection.execute(
            f"""create table users as select timestamp '2026-01-01' + interval (i // 50) second as updated_at,
            'c-' || i as external_id, {PAYLOAD} as payload from range({rows}) as numbers(i)"""
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
    started, cpu = time.monotonic(), time.process_time()
    report = operator.execute(AirflowWorld().context())
    found = {
        "accepted": report["accepted"],
        "seconds": time.monotonic() - started,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "sync":
        sync(*sys.argv[2:5])
    else:
        main([int(size) for size in sys.argv[1:]])
