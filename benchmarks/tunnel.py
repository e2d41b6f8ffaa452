"""What an SSH tunnel costs a read: straight, through ``ssh -L``, through ours. ``python benchmarks/tunnel.py [ROWS]``.

All on this machine, with a PostgreSQL and an sshd of its own, so the network costs nothing and the ciphers all.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.postgres_server import PostgresServer
from support.sql_world import ATTRIBUTES
from support.ssh_server import SshdServer

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

ROUNDS = 3


@contextmanager
def forwarded(ssh: SshdServer, port: int) -> Iterator[int]:
    """Run ``ssh -L`` and return its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        local: int = free.getsockname()[1]
    known = ssh.folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{ssh.port} {ssh.host_key}\n")
    where = ("-p", str(ssh.port), "-i", str(ssh.folder / "client_key"), "-o", f"UserKnownHostsFile={known}")
    process = subprocess.Popen(["ssh", "-N", "-L", f"{local}:127.0.0.1:{port}", *where, "127.0.0.1"])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", local)).close()
            except OSError:
                time.sleep(0.05)
            else:
                break
        yield local
    finally:
        process.terminate()
        process.wait()


def seconds(port: int, **extra: str) -> tuple[float, float]:
    """Return the best seconds of a read, and those of its processor."""
    where = {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "login": "postgres", "schema": "postgres"}
    os.environ["AIRFLOW_CONN_W"] = json.dumps({**where, "extra": extra})
    found = []
    for _ in range(ROUNDS):
        source = get_warehouse_hook("w").source("t", contract=ATTRIBUTES)
        began, worked = time.perf_counter(), time.process_time()
        sum(batch.num_rows for batch in source.read(Bounds()))
        found.append((time.perf_counter() - began, time.process_time() - worked))
    return min(found)


def main(rows: int) -> None:
    with PostgresServer() as postgres, SshdServer() as ssh:
        payload = "'{\"plan\": \"' || repeat('x', 150) || i || '\"}'"
        postgres.run(
            "create table t as select timestamp '2026-01-01' + interval '1 second' * i as updated_at, "
            f"'c-' || i as external_id, {payload} as payload from generate_series(1, {rows}) i"
        )
        bastion = ssh.connection()
        ways = {}
        ways["straight"] = seconds(postgres.port)
        with forwarded(ssh, postgres.port) as local:
            ways["ssh -L"] = seconds(local)
        for name, compress in (("ssh_conn_id", "true"), ('ssh_conn_id, "compress": false', "false")):
            bastion["extra"]["compress"] = compress
            os.environ["AIRFLOW_CONN_BASTION"] = json.dumps(bastion)
            ways[name] = seconds(postgres.port, ssh_conn_id="bastion")
    for name, (wall, processor) in ways.items():
        print(f"{name:32} {wall:6.2f} s, processor {processor:5.2f} s, {rows / wall:10,.0f} rows/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
