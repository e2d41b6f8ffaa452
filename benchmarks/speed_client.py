"""One run of one way in a process of its own: ``python speed_client.py '<job as JSON>'``.

Two lines come out that begin with ``MARK``: when the process is ready to begin (idle), and when it is done.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from read_client import resident_mb

#: Airflow writes to the same output.
MARK = "speed-client "
#: Way -> module and function that imports what an idle process of this way has, and returns what then runs.
WAYS: Mapping[str, str] = {
    "ours": "speed_ours:sync",
    "ours, nothing new": "speed_ours:nothing_new",
    "plain": "speed_ways:plain",
    "16 threads": "speed_ways:threads",
    "64 threads": "speed_ways:threads",
    "HttpHook": "speed_ways:http_hook",
    "drt": "speed_peers:drt",
    "dlt": "speed_peers:dlt",
    "raw socket": "raw_client:send",
}


def main(job: dict[str, Any]) -> None:
    os.environ.update(AIRFLOW_HOME=job["home"], HOME=job["home"])
    module, _, function = WAYS[job["way"]].partition(":")
    start: Callable[[], dict[str, Any]] = getattr(import_module(module), function)(job)
    gc.collect()
    idle = resident_mb()
    # From here on the kernel notes the peak anew.
    Path("/proc/self/clear_refs").write_text("5")
    say({"idle_mb": idle})
    collecting = noted_collections() if job.get("notes_gc") else [0.0]
    started, cpu = time.monotonic(), time.process_time()
    found = start()
    cost = {"seconds": time.monotonic() - started, "run_cpu": time.process_time() - cpu, "gc_seconds": collecting[0]}
    say({**cost, "peak_mb": peak_mb(), **found})


def noted_collections() -> list[float]:
    """Add up from now on, in the one number of the list, the CPU seconds in which Python collects garbage."""
    total, began = [0.0], [0.0]

    def note(phase: str, _: Mapping[str, Any]) -> None:
        if phase == "start":
            began[0] = time.thread_time()
        else:
            total[0] += time.thread_time() - began[0]

    gc.callbacks.append(note)
    return total


def say(found: Mapping[str, Any]) -> None:
    print(MARK + json.dumps(found), flush=True)


def peak_mb(process: int | str = "self") -> float:
    """Return the most memory that a process has had since its peak was reset."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
