"""A sync in a process of its own, one request a row, that shares a key with others.

``python -m support.rate_sharer URL KEY NAME ROWS`` says ``ready``, waits for a line, and prints what came of it.
"""

from __future__ import annotations

import asyncio
import json
import sys

from airflow_provider_cdi.destinations.braze import BrazeLimits, braze_destination
from airflow_provider_cdi.engine.clock import SystemClock
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.hooks.http.settings import HttpSettings
from airflow_provider_cdi.hooks.http.transport import AiohttpTransport
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import read_inline


async def run(url: str, key: str, name: str, rows: int) -> dict[str, float]:
    """Send the rows, and tell how many were accepted, how long it took, and how many answers were 429."""
    destination = braze_destination("attributes", limits=BrazeLimits(track_objects=1))
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    source = ListSource([Row(-rows + number, f"{name}-{number}", '{"plan":"pro"}') for number in range(rows)])
    async with AiohttpTransport(HttpSettings(url, headers, key), max_connections=4) as transport:
        inputs = RunInputs(
            source=source,
            destination=destination,
            transport=transport,
            journal=MemoryJournal(),
            part=incremental(),
            clock=SystemClock(),
            settings=DeliverySettings(max_in_flight=4),
            read_ahead=read_inline,
        )
        report = await Run(inputs).run()
    return {
        "accepted": report.totals.accepted,
        "seconds": report.seconds,
        "held_back": report.traffic.held_back,
    }


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    url, key, name, rows = sys.argv[1:]
    print(json.dumps(asyncio.run(run(url, key, name, int(rows)))), flush=True)
