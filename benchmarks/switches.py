"""How many modules one has to open to follow one row: ``python benchmarks/switches.py``.

A run of one row goes from a source in memory to a transport and a journal in memory. Each call of a Python function of
the package whose module is another one than that of the call before is a switch. Given are the switches of the whole
run and of the part from the first batch of rows to the saved checkpoint, and below them which functions were called.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.clock import SystemClock
from airflow_provider_cdi.engine.ports import Counts
from airflow_provider_cdi.engine.reading.slice import Slice
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.verdicts import Response

PACKAGE = "airflow_provider_cdi"
OPENED_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
UP_TO = "2026-06-01T12:00:00.000000Z"
STAMP = int(OPENED_AT.timestamp()) * 1_000_000 - 10_000_000
COUNTS = Counts(in_bounds=1, at_position=0, future=0, without_time=0)
ACCEPTED = Response(201, {}, b'{"message":"success","attributes_processed":1}')

T = TypeVar("T")


class Call(NamedTuple):
    """A call of a function of the package.

    :param module: without the package's name.
    """

    module: str
    function: str


@dataclass
class Trace:
    """The calls of one run, in their order.

    :param from_rows: how many there were before the first batch of rows was handed over.
    :param to_saved: how many there were until the checkpoint was saved.
    """

    calls: list[Call] = field(default_factory=list)
    from_rows: int = 0
    to_saved: int = 0

    def note(self, frame: FrameType, event: str, _arg: Any) -> None:
        """Note a call, as ``sys.setprofile`` tells of it."""
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith(f"{PACKAGE}."):
            self.calls.append(Call(module.removeprefix(f"{PACKAGE}."), frame.f_code.co_name))

    @property
    def of_the_row(self) -> list[Call]:
        """The calls from the first batch of rows to the saved checkpoint."""
        return self.calls[self.from_rows : self.to_saved]


class OneRow:
    """A source of one row.

    :param trace: is told when the row is handed over.
    """

    opened_at = OPENED_AT

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def now(self) -> datetime:
        return OPENED_AT

    def count(self, *_bounds: Any, **_position: Any) -> Counts:
        return COUNTS

    def read(self, _bounds: Any) -> Iterator[pa.RecordBatch]:
        rows = {"UPDATED_AT": pa.array([STAMP], pa.timestamp("us")), "EXTERNAL_ID": ["c-1"], "PAYLOAD": ['{"a":1}']}
        batch = pa.record_batch(rows)
        self._trace.from_rows = len(self._trace.calls)
        yield batch

    def cancel(self) -> None:
        raise AssertionError("nothing is cancelled here")


class Accepting:
    """A transport to a service that accepts everything."""

    async def send(self, _request: Any) -> Response:
        return ACCEPTED


class Memory:
    """A journal that keeps nothing.

    :param trace: is told when the checkpoint is saved.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    async def commit(self, _progress: Any, rejects: Sequence[Any]) -> None:
        await asyncio.sleep(0)
        assert not rejects
        self._trace.to_saved = len(self._trace.calls)


async def read_inline(open_reader: Callable[[], Iterator[pa.RecordBatch]]) -> AsyncGenerator[pa.RecordBatch, None]:
    for batch in open_reader():
        yield batch
        await asyncio.sleep(0)


async def call_inline(call: Callable[[], T]) -> T:
    return call()


def trace() -> Trace:
    """Run one row and return the calls. The run before it, not counted, does what is done once in a process."""
    asyncio.run(_traced(Trace()))
    found = Trace()
    asyncio.run(_traced(found))
    return found


async def _traced(found: Trace) -> None:
    run = Run(
        RunInputs(
            source=OneRow(found),
            destination=braze_destination("attributes"),
            transport=Accepting(),
            journal=Memory(found),
            part=Slice("incremental", up_to=UP_TO),
            clock=SystemClock(),
            read_ahead=read_inline,
            call_aside=call_inline,
        )
    )
    sys.setprofile(found.note)
    try:
        report = await run.run()
    finally:
        sys.setprofile(None)
    assert report.totals.accepted == 1


def visits(calls: Sequence[Call]) -> list[tuple[str, list[str]]]:
    """Return the modules in the order in which they are gone to, each with the functions that are called there."""
    return [
        (module, [call.function for call in group])
        for module, group in itertools.groupby(calls, key=lambda call: call.module)
    ]


if __name__ == "__main__":
    found = trace()
    print(
        f"{len(visits(found.calls))} switches, {len(visits(found.of_the_row))} of them from the rows to the checkpoint"
    )
    for number, (module, functions) in enumerate(visits(found.calls), 1):
        print(f"{number:3} {module}: {' '.join(functions)}")
