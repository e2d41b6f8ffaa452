"""How fast rows reach Braze, beside what people use today: ``make bench``.

A try: ``make bench ARGS="--rows 100000 --delays 0 50 --rounds 1 --ways ours plain"``. Every run is a process of its
own. The ways take turns, so that a busy machine is busy for all of them. What is measured, and what the bars are, is
said on ``docs/speed.md``, whose figures a run with all parts writes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from read_figures import memory_gib, processor
from speed_bars import JUDGED_ROWS, LIMIT_REQUESTS, missed, unjudged
from speed_figures import TITLES, Case, Results, Run
from speed_page import line, markdown, printed, readme
from speed_process import PEERS, PEERS_PYTHON, ROOT, run_once
from speed_server import CountingServer, counting_server, klaviyo_server

PAGE, README = ROOT / "docs" / "speed.md", ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results" / "speed.json"
CHART = ROOT / "docs" / "images" / "speed.svg"
BEGIN, END = "<!-- bench-speed: begin -->", "<!-- bench-speed: end -->"

SIZES, DELAYS = (100_000, 1_000_000), (0, 20, 50, 100)
GROWTH = (10_000, 100_000, 1_000_000, 10_000_000)
TYPES = ("events", "purchases", "user_deletes", "catalog_items")
KLAVIYO_ROWS = {"profiles": 1_000_000, "klaviyo_events": 100_000}
#: Half a minute at the limit.
LIMIT_ROWS = 2_000_000
RAW_REQUESTS = 100_000


def main() -> None:
    # Ended from outside, the servers and the run are to end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    arguments = parsed()
    if arguments.show:
        found = json.loads(arguments.show.read_text())
        write([Run.from_json(run) for run in found["runs"]], found["facts"])
        return
    if missing := [way for way in arguments.ways if way in PEERS and not PEERS_PYTHON.exists()]:
        raise SystemExit(f"{', '.join(missing)}: their environment is missing; `make bench` makes it.")
    started = time.monotonic()
    runs = measured(arguments)
    about = facts(arguments, (time.monotonic() - started) / 60)
    results = Results(runs)
    unmeasured = unjudged(results)
    if arguments.keep:
        arguments.keep.write_text(json.dumps(kept(runs, about), indent=1) + "\n")
    if not unmeasured:
        write(runs, about)
    else:
        print(f"\nNot judged, and the page is not written: {'; '.join(unmeasured)}.")
    if sentences := missed(results):
        raise SystemExit("\n".join(["\nBars that are missed:", *sentences]))
    print("\nNo bar is missed." if not unmeasured else "\nNo bar that was judged is missed.")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES), help="tables that all ways read")
    parser.add_argument("--delays", type=int, nargs="+", default=list(DELAYS), help="milliseconds until an answer")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way and delay; their median counts")
    parser.add_argument("--ways", nargs="+", choices=TITLES, default=list(TITLES))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=None, help="all, or 'ways' where others are given")
    parser.add_argument("--growth", type=int, nargs="+", default=list(GROWTH), help="tables of the part 'growth'")
    parser.add_argument("--cap", type=float, default=5.0, help="seconds of sending after which a way is ended")
    parser.add_argument("--tables", type=Path, default=ROOT / "build" / "bench", help="folder of the DuckDB files")
    parser.add_argument("--keep", type=Path, help="also write the figures of a try, as JSON, to this file")
    parser.add_argument("--show", type=Path, help="measure nothing, write the page again from this JSON")
    arguments = parser.parse_args()
    is_try = (arguments.rows, arguments.delays, arguments.ways) != (list(SIZES), list(DELAYS), list(TITLES))
    arguments.parts = arguments.parts or (["ways"] if is_try else list(PARTS))
    return arguments


def measured(arguments: argparse.Namespace) -> list[Run]:
    """Run all parts that were asked for."""
    runs: list[Run] = []
    started = time.monotonic()
    with counting_server() as server:
        for part in arguments.parts:
            print(f"\n[{(time.monotonic() - started) / 60:.0f} min] {part}", flush=True)
            for run in PARTS[part](arguments, server):
                print(line(run), flush=True)
                runs.append(run)
            if part == "ways":
                results = Results(runs)
                for rows in arguments.rows:
                    for delay in arguments.delays:
                        print(printed(results, rows, delay), flush=True)
    return runs


def all_ways(arguments: argparse.Namespace, server: CountingServer) -> Iterator[Run]:
    """All ways in turns: with an empty table first, then each table with each delay.

    A way that had to be ended is not run again on a table of a million rows: reading it takes longer than it sends.
    """
    for _ in range(arguments.rounds):
        yield from (_run(arguments, server, Case(way, 0, 0)) for way in arguments.ways)
    for rows in arguments.rows:
        for delay in arguments.delays:
            ended: set[str] = set()
            for _ in range(arguments.rounds):
                for way in (way for way in arguments.ways if way not in ended):
                    run = _run(arguments, server, Case(way, rows, delay))
                    if run.capped and rows >= JUDGED_ROWS:
                        ended.add(way)
                    yield run


def limit(arguments: argparse.Namespace, server: CountingServer) -> Iterator[Run]:
    """Ours against Braze's limit, of which it may take everything."""
    for delay in (20, 50):
        yield _run(arguments, server, Case("ours", LIMIT_ROWS, delay, limit=LIMIT_REQUESTS), whole_limit=True)


def data_types(arguments: argparse.Namespace, server: CountingServer) -> Iterator[Run]:
    """Ours with Braze's other data types."""
    for data_type in TYPES:
        for delay in (0, 50):
            yield _run(arguments, server, Case("ours", JUDGED_ROWS, delay, data_type))


def klaviyo(arguments: argparse.Namespace, _: CountingServer) -> Iterator[Run]:
    """Ours to the sandbox's Klaviyo, with Klaviyo's limits."""
    with klaviyo_server() as server:
        for data_type, rows in KLAVIYO_ROWS.items():
            yield run_once(Case("ours", rows, 0, data_type), server, arguments.tables)


def growth(arguments: argparse.Namespace, server: CountingServer) -> Iterator[Run]:
    """Ours from small to large, as far as the other parts have not measured it, and a run that finds nothing."""
    for rows in arguments.growth:
        if "ways" not in arguments.parts or rows not in arguments.rows:
            yield _run(arguments, server, Case("ours", rows, 0))
    yield _run(arguments, server, Case("ours, nothing new", min(arguments.growth), 0))


def raw(arguments: argparse.Namespace, server: CountingServer) -> Iterator[Run]:
    """How fast the server is."""
    yield _run(arguments, server, Case("raw socket", 0, 0), requests=RAW_REQUESTS)


Part = Callable[[argparse.Namespace, CountingServer], Iterator[Run]]
PARTS: dict[str, Part] = {
    "server": raw,
    "ways": all_ways,
    "limit": limit,
    "data types": data_types,
    "klaviyo": klaviyo,
    "growth": growth,
}


def _run(arguments: argparse.Namespace, server: CountingServer, case: Case, **more: Any) -> Run:
    return run_once(case, server, arguments.tables, cap=arguments.cap, **more)


def facts(arguments: argparse.Namespace, minutes: float) -> dict[str, Any]:
    """Return when, on what and for how long was measured."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores of {processor()}, {memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "rounds": arguments.rounds,
        "cap": arguments.cap,
        "minutes": round(minutes),
    }


def kept(runs: list[Run], about: dict[str, Any]) -> dict[str, Any]:
    return {"facts": about, "runs": [run.to_json() for run in runs]}


def write(runs: list[Run], about: dict[str, Any]) -> None:
    """Write the figures as JSON, the page and the README between their marks, and the chart."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept(runs, about), indent=1) + "\n")
    # From what was written: its figures are rounded, and the page must say what can be read there.
    results = Results([Run.from_json(run) for run in json.loads(RESULTS.read_text())["runs"]])
    replace(PAGE, markdown(results, about))
    replace(README, readme(results))
    CHART.parent.mkdir(exist_ok=True)
    chart = [str(PEERS_PYTHON), str(ROOT / "benchmarks" / "speed_chart.py"), str(RESULTS), str(CHART)]
    subprocess.run(chart, check=True)
    names = (PAGE, README, RESULTS, CHART)
    print(f"\nWritten: {', '.join(str(path.relative_to(ROOT)) for path in names)}")


def replace(path: Path, text: str) -> None:
    """Put a text between the marks of a file.

    :raises SystemExit: when the file has no marks.
    """
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{path.name} has no marks {BEGIN} and {END} to write between.")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    main()
