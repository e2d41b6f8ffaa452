"""What reading a warehouse costs the worker, beside the usual ways: ``python benchmarks/read.py 1000000``.

Each warehouse is a stand-in of the tests, in a process of its own, and so is every single read. The ways take turns,
so that a busy machine is busy for all of them; the median of the rounds counts. What is measured, and what the bars
are, is said on ``docs/reading.md``, whose table a run over a million rows writes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from naive_ways import WAYS
from read_client import OURS, VALUES
from read_figures import Figures, markdown, median, missed, printed

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reading.md"
RESULTS = ROOT / "benchmarks" / "results" / "read.json"
#: From so many rows on the bars are judged and the page is written: below, starting up outweighs reading.
JUDGED_ROWS = 1_000_000
#: DuckDB reads inside of the task and this package sorts there, so the order of the rows matters.
SHUFFLED = "duckdb, rows in no order"
WAREHOUSES = ("snowflake", "redshift", "bigquery", "databricks", "postgres", "duckdb", SHUFFLED)


def main() -> None:
    arguments = parsed()
    sys.path.insert(0, str(ROOT / "tests"))
    found = []
    for warehouse in arguments.warehouses:
        figures = [median(runs) for runs in measured(warehouse, arguments.rows, arguments.rounds)]
        print(printed(figures), flush=True)
        found += figures
    bars = missed(found) if arguments.rows >= JUDGED_ROWS else []
    if arguments.rows < JUDGED_ROWS:
        print(f"The bars are judged from {JUDGED_ROWS:,} rows on.")
    elif set(arguments.warehouses) == set(WAREHOUSES):
        save(found, arguments.rows, arguments.rounds)
    if bars:
        raise SystemExit("\n".join(["Bars that are missed:", *bars]))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=JUDGED_ROWS)
    parser.add_argument("--rounds", type=int, default=3, help="reads of each way; their median counts")
    parser.add_argument("--warehouses", nargs="+", choices=WAREHOUSES, default=list(WAREHOUSES))
    return parser.parse_args()


def measured(warehouse: str, rows: int, rounds: int) -> list[list[Figures]]:
    """Measure all ways of one warehouse in turns."""
    name = warehouse.partition(",")[0]
    ways = [OURS, VALUES] if warehouse == SHUFFLED else [OURS, VALUES, *WAYS[name]]
    with started(name) as world, tempfile.TemporaryDirectory() as home:
        world.load("many", table(rows, shuffled=warehouse == SHUFFLED))
        environment = {
            **os.environ,
            **world.variables,
            "AIRFLOW_CONN_W": json.dumps(world.connection()),
            "AIRFLOW_HOME": home,
        }
        found: dict[str, list[Figures]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                found[way].append(Figures(warehouse, way, **read_once(name, way, environment)))
                if found[way][-1].rows != rows:
                    raise SystemExit(f"{warehouse}: {way} returned {found[way][-1].rows:,} of {rows:,} rows")
    return list(found.values())


def read_once(name: str, way: str, environment: dict[str, str]) -> dict[str, Any]:
    """Read in a process of its own, and return its last line."""
    command = [sys.executable, str(ROOT / "benchmarks" / "read_client.py"), name, way]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {way} failed:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def started(name: str) -> Iterator[Any]:
    """Start the warehouse of the contract suite, with results cut as the service cuts them."""
    from warehouses.conftest import WORLDS

    module, _, kind = WORLDS[name].partition(":")
    found = import_module(f"warehouses.worlds.{module}")
    if name == "databricks":
        found.SIZES.clear()
    with getattr(found, kind)().started() as world:
        yield world


def table(rows: int, *, shuffled: bool) -> Any:
    """Return rows of some 220 bytes, of which seven share a time."""
    import duckdb

    note = "repeat('x', 130)"
    payload = f"""format('{{{{"first_name":"{{}}","visits":{{}},"note":"{{}} é"}}}}', md5(i::varchar)[:8], i, {note})"""
    with duckdb.connect() as connection:
        found = connection.sql(
            f"""select make_timestamp(1767225600000000 + (i // 7) * 1000003) as updated_at,
                       format('user-{{:08d}}', i) as external_id, {payload} as payload
                from range({rows}) numbers(i) {"order by hash(i)" if shuffled else ""}"""
        )
        return found.to_arrow_table()


def save(found: list[Figures], rows: int, rounds: int) -> None:
    """Write the figures as JSON, and as the table of the page between its two marks."""
    RESULTS.parent.mkdir(exist_ok=True)
    text, facts = markdown(found, rows, rounds)
    RESULTS.write_text(json.dumps({**facts, "figures": [figures.to_json() for figures in found]}, indent=2) + "\n")
    begin, end = "<!-- bench-read: begin -->", "<!-- bench-read: end -->"
    before, _, rest = PAGE.read_text().partition(begin)
    PAGE.write_text(f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}")
    print(f"Written: {PAGE.relative_to(ROOT)}, {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
