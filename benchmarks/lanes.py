"""What order costs a row: ``python benchmarks/lanes.py``.

Records go through the lanes as in a run: a few requests are on their way, and each that comes back lets the next ones
go. Given are the microseconds of processor time a row, the best of several runs, without encoding and sending.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable
from random import Random

from airflow_provider_cdi.engine.delivery.lanes import Batch, Lanes
from airflow_provider_cdi.engine.ports import BatchLimits
from airflow_provider_cdi.engine.rows.records import Record

ROWS = 200_000
RUNS = 7
ON_THEIR_WAY = 16
BODY = b"x" * 200


def one_identifier(row: int) -> tuple[str, ...]:
    return (f"email:p{row}@acme.io",)


def two_identifiers(row: int) -> tuple[str, ...]:
    return (f"email:p{row}@acme.io", f"external_id:{row}")


def three_identifiers(row: int) -> tuple[str, ...]:
    return (f"email:p{row}@acme.io", f"phone_number:+49{row:010d}", f"external_id:{row}")


def new_addresses(row: int) -> tuple[str, ...]:
    """One row in ten is of a person of the last thousand rows, under another address."""
    random = Random(row)
    person = row - random.randrange(1, 1_000) if random.random() < 0.1 else row
    return (f"email:p{row}@acme.io", f"external_id:{person}")


def repeats(row: int) -> tuple[str, ...]:
    """One row in ten is of a person of the last thousand rows."""
    random = Random(row)
    return (f"email:p{row - random.randrange(1, 1_000) if random.random() < 0.1 else row}@acme.io",)


def microseconds(keys_of: Callable[[int], tuple[str, ...]], batch_rows: int) -> float:
    """Return the best processor time a row."""
    keys = [keys_of(row) for row in range(ROWS)]
    return min(_once(keys, batch_rows) for _ in range(RUNS)) / ROWS * 1e6


def _once(keys: list[tuple[str, ...]], batch_rows: int) -> float:
    ready: deque[Batch] = deque()
    lanes = Lanes(BatchLimits(batch_rows, 5_000_000), ready.append)
    more = [(one[1:],) if len(one) > 1 else () for one in keys]
    gc.collect()
    gc.disable()
    began = time.process_time()
    for one, others in zip(keys, more, strict=True):
        lanes.add(Record(one[0], BODY, "", "", *others))
        if len(ready) > ON_THEIR_WAY:
            lanes.finish(ready.popleft())
    while not lanes.is_idle:
        lanes.flush()
        while ready:
            lanes.finish(ready.popleft())
    spent = time.process_time() - began
    gc.enable()
    return spent


if __name__ == "__main__":
    for case in (one_identifier, repeats, two_identifiers, three_identifiers, new_addresses):
        print(f"{case.__name__:<18} {microseconds(case, 75):5.2f} us a row in requests of 75")
