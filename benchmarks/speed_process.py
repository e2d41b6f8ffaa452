"""Runs one case in a process of its own, and ends it when it has sent for long enough."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from speed_client import MARK, peak_mb
from speed_figures import Case, Run
from speed_server import CountingServer, KlaviyoServer
from speed_tables import filled

ROOT = Path(__file__).parent.parent
CLIENT = ROOT / "benchmarks" / "speed_client.py"
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PEERS = ("drt", "dlt")
#: Seconds between two looks at the process; each look is one cheap question to the server.
_LOOK = 0.25
#: A process that has neither ended nor been capped by then hangs.
_LONGEST = 1_800.0
#: The fastest are not ended: their figures are to be whole.
_UNCAPPED = ("ours", "ours, nothing new", "raw socket")
Server = CountingServer | KlaviyoServer
_TICKS = os.sysconf("SC_CLK_TCK")


def run_once(case: Case, server: Server, tables: Path, *, cap: float = 10.0, python: str = "", **more: Any) -> Run:
    """Run a case and count.

    :param tables: folder of the DuckDB files.
    :param cap: seconds of sending after which a way other than ours is ended.
    :param python: interpreter; that of the peers for them, else this one.
    :param more: for the client (see ``speed_client``).
    :raises SystemExit: when it fails, or when rows are missing.
    """
    database = filled(tables, case.data_type, case.rows)
    server.reset(delay=case.delay_ms / 1_000, limit=case.limit, data_type=case.data_type)
    with tempfile.TemporaryDirectory() as home:
        job = {"way": case.way, "database": str(database), "url": server.url, "home": home, **more}
        found = _watched({**job, "data_type": case.data_type}, server, case.rows, cap, python or _python(case.way))
    counts = server.counts()
    run = _figures(case, counts, found)
    check(run, counts["distinct"])
    return run


def _python(way: str) -> str:
    return str(PEERS_PYTHON) if way in PEERS else sys.executable


def _watched(job: dict[str, Any], server: Server, rows: int, cap: float, python: str) -> dict[str, Any]:
    """Start the client, look at it until it ends or must be ended, and return what it cost.

    :param rows: of the table: a way that has sent them all is not ended any more.
    """
    output, errors = Path(job["home"]) / "output", Path(job["home"]) / "errors"
    cap = float("inf") if job["way"] in _UNCAPPED else cap
    with output.open("wb") as out, errors.open("wb") as err:
        started = time.monotonic()
        # An extra folder of modules is for ours alone: the peers have their own.
        environment = os.environ if job["way"] not in PEERS else {**os.environ, "PYTHONPATH": ""}
        process = subprocess.Popen(
            [python, str(CLIENT), json.dumps(job)], stdout=out, stderr=err, env=environment, start_new_session=True
        )
        try:
            found = _until_done(process.pid, server, rows, cap, started)
        except BaseException:
            _kill(process.pid)
            raise
        finally:
            process.returncode = 0  # it was waited for here, for its own resource usage
    if found["status"] and not found["capped"]:
        said = (errors.read_text(errors="replace") + output.read_text(errors="replace"))[-4_000:]
        raise SystemExit(f"{job['way']} failed:\n{said}")
    for line in output.read_text(errors="replace").splitlines():
        if line.startswith(MARK):
            found |= json.loads(line.removeprefix(MARK))
    return found


def _until_done(process: int, server: Server, rows: int, cap: float, started: float) -> dict[str, Any]:
    began: tuple[float, int] | None = None  # CPU seconds and rows when the first rows had come
    while True:
        ended, status, usage = os.wait4(process, os.WNOHANG)
        if ended:
            cpu = usage.ru_utime + usage.ru_stime
            return {"capped": False, "status": status, "cpu": cpu, "process": time.monotonic() - started}
        counts = server.counts()
        if began is None and counts["rows"]:
            began = (_cpu_so_far(process), counts["rows"])
        is_sending = 0 < counts["rows"] < rows
        if is_sending and time.time() - counts["first"] > cap:
            return _ended(process, server, began or (0.0, 0), started)
        if time.monotonic() - started > _LONGEST:
            raise SystemExit(f"The run has taken {_LONGEST:.0f} seconds; something hangs. The server says: {counts}")
        time.sleep(_LOOK)


def _ended(process: int, server: Server, began: tuple[float, int], started: float) -> dict[str, Any]:
    """End a run that was long enough, and scale its CPU seconds while it sent to all rows that were counted."""
    peak, sending_cpu = peak_mb(process), _cpu_so_far(process) - began[0]
    rows = server.counts()["rows"]
    _kill(process)
    share = rows / max(rows - began[1], 1)
    return {
        "capped": True,
        "status": 0,
        "cpu": sending_cpu * share,
        "process": time.monotonic() - started,
        "peak_mb": peak,
    }


def _kill(process: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.killpg(process, signal.SIGKILL)
        os.wait4(process, 0)


def _cpu_so_far(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _figures(case: Case, counts: dict[str, Any], found: dict[str, Any]) -> Run:
    # Where the server tells no times, the run's own count: from its start to its report.
    sending = counts["answered"] - counts["first"] if counts["answered"] else found["seconds"]
    told = ("idle_mb", "peak_mb", "cpu", "process", "capped")
    more = {name: value for name, value in found.items() if name not in (*told, "status")}
    return Run(
        case,
        rows=counts["rows"],
        requests=counts["requests"],
        refused=counts["refused"],
        sending=sending,
        server_share=counts["cpu"] / sending if sending > 1 else 0.0,
        most_in_flight=counts["most_in_flight"],
        more={**more, "distinct": counts["distinct"], "a_second": counts["a_second"]},
        **{name: found[name] for name in told},
    )


def check(run: Run, distinct: int) -> None:
    """Refuse a run that was done and has not sent every row once.

    :param distinct: requests that differ from each other.
    :raises SystemExit: then.
    """
    if run.capped or run.case.way == "raw socket":
        return
    if run.rows != run.case.rows or distinct != run.requests:
        raise SystemExit(
            f"{run.case.way} sent {run.rows:,} rows of the {run.case.rows:,} in the table of {run.case.data_type}, in "
            f"{run.requests:,} requests of which {distinct:,} are distinct: the figures would not mean anything."
        )
