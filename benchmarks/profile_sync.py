"""Where the time of a sync goes: ``make profile``, or ``make profile ROWS=100000`` for a try.

py-spy looks at a run of the operator 200 times a second. A table comes out, and a flame graph for the browser.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from profile_parts import shares, table
from speed_client import MARK
from speed_process import CLIENT, PEERS_PYTHON, ROOT
from speed_server import CountingServer, counting_server
from speed_tables import filled

PLACE = ROOT / "build" / "profile"
PY_SPY = PEERS_PYTHON.with_name("py-spy")
LOOKS_A_SECOND = "200"


def main(rows: int) -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    database = filled(ROOT / "build" / "bench", "attributes", rows)
    samples, flames = PLACE / "samples.txt", PLACE / "sync.svg"
    with counting_server() as server:
        told = observed(server, database, "raw", samples)
        observed(server, database, "flamegraph", flames)
    print(f"{rows:,} rows, {told['run_cpu']:.1f} CPU s, self time by part:")
    print(table(shares(samples.read_text().splitlines()), 100 * told["gc_seconds"] / told["run_cpu"]))
    print(f"Flame graph: {flames.relative_to(ROOT)}")


def observed(server: CountingServer, database: Path, form: str, output: Path) -> dict[str, float]:
    """Run a sync under py-spy, and return what the run tells of itself."""
    server.reset()
    with tempfile.TemporaryDirectory() as home:
        job = {"way": "ours", "database": str(database), "url": server.url, "home": home, "data_type": "attributes"}
        spy = [str(PY_SPY), "record", "--format", form, "--rate", LOOKS_A_SECOND, "--full-filenames"]
        run = [sys.executable, str(CLIENT), json.dumps({**job, "notes_gc": True})]
        done = subprocess.run([*spy, "--output", str(output), "--", *run], capture_output=True, text=True, check=False)
    told: dict[str, float] = {}
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            told |= json.loads(line.removeprefix(MARK))
    if done.returncode or "gc_seconds" not in told:
        raise SystemExit(f"The observed run failed:\n{done.stderr[-4_000:]}")
    return told


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
