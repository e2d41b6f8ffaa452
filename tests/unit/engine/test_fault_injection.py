"""Whatever raises, and wherever: a run ends in an error or accounts for every row, and loses none.

Every call of the engine into its parts and into the outside is counted in a run without a fault. Then there is a run
for each of these calls in which just that one raises, before it does its work or after.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import pytest
from support.engine_world import ThingDestination, Things, make_run

from airflow_provider_cdi.engine.delivery.concurrency_limit import Concurrency
from airflow_provider_cdi.engine.delivery.delivery import Delivery, Evidence
from airflow_provider_cdi.engine.delivery.lanes import Lanes
from airflow_provider_cdi.engine.delivery.pacing import Pacer
from airflow_provider_cdi.engine.delivery.rate_line import Turn
from airflow_provider_cdi.engine.outcome import ledger as ledger_module
from airflow_provider_cdi.engine.outcome.checkpoints import Checkpoints
from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.outcome.reject_gate import RejectGate
from airflow_provider_cdi.engine.outcome.row_block import RowBlock
from airflow_provider_cdi.engine.reading.slice_reader import SliceReader
from airflow_provider_cdi.engine.rows import plain_row as plain_row_module
from airflow_provider_cdi.engine.rows.jobs import Jobs
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import DestinationRefused, RetryLater
from airflow_provider_cdi.testing.memory_runs import MemoryJournal, incremental
from airflow_provider_cdi.testing.sources import ListSource, Row, position
from airflow_provider_cdi.testing.virtual_time import VirtualClock, VirtualLoop

#: A run that takes longer than this, in virtual seconds, hangs; so does one that goes in circles while no time passes.
LONGEST_RUN = 3_600.0
MOST_TURNS = 20_000
BAD, REFUSED = "bad", "c-11"
TABLE = [
    Row(-1000 + number, f"c-{number % 30}", BAD if number in (7, 23) else f'{{"n":{number}}}') for number in range(60)
]
SETTINGS = DeliverySettings(max_in_flight=3, window_rows=20, checkpoint_seconds=0.1, retry=RetryPolicy(attempts=3))
#: What the engine calls: its own parts, and the outside.
PARTS: tuple[type, ...] = (
    Ledger,
    RowBlock,
    Checkpoints,
    Lanes,
    Pacer,
    Turn,
    Concurrency,
    Delivery,
    Evidence,
    RejectGate,
    Jobs,
    SliceReader,
    RejectedRow,
    ListSource,
    ThingDestination,
    Things,
    MemoryJournal,
    VirtualClock,
)
#: These take no part in a run, or run inside the event loop's own machinery.
LEFT_ALONE = frozenset({"monotonic", "now", "ids", "waiting", "limit"})


class InjectedFault(Exception):
    """Nobody knows this error: a mistake of ours, or of a library."""


class InjectedSignal(BaseException):
    """What a signal raises in the main thread: Airflow's time-out of a task is such a one."""


class BoundedLoop(VirtualLoop):
    """A loop in which a run that hangs ends."""

    turns, seen = 0, 0.0

    def _run_once(self) -> None:
        self.turns, self.seen = (self.turns + 1 if self.passed == self.seen else 0), self.passed
        if self.passed > LONGEST_RUN or self.turns > MOST_TURNS:
            raise AssertionError("the run hangs")
        super()._run_once()


@dataclass
class Injector:
    """Counts calls and raises at one of them.

    :param at: number of the call; None for none.
    :param after: whether the call does its work first.
    """

    at: int | None = None
    after: bool = False
    error: Callable[[], BaseException] = InjectedFault
    calls: int = 0
    names: list[str] = field(default_factory=list)

    def wrap(self, name: str, function: Any) -> Any:
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                due = self._is_due(name)
                if due and not self.after:
                    raise self.error()
                result = await function(*args, **kwargs)
                if due:
                    raise self.error()
                return result

            return awaited

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            due = self._is_due(name)
            if due and not self.after:
                raise self.error()
            result = function(*args, **kwargs)
            if due:
                raise self.error()
            return result

        return called

    def _is_due(self, name: str) -> bool:
        self.calls += 1
        self.names.append(name)
        return self.calls == self.at


@contextmanager
def injected(injector: Injector) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for part in PARTS:
            for name, member in list(vars(part).items()):
                if name.startswith("__") or name in LEFT_ALONE or not inspect.isfunction(member):
                    continue
                patch.setattr(part, name, injector.wrap(f"{part.__name__}.{name}", member))
        for module, name in ((ledger_module, "row_hashes"), (plain_row_module, "plain_value")):
            patch.setattr(module, name, injector.wrap(name, getattr(module, name)))
        yield


class Bumpy(Things):
    """Now and then busy, now and then silent; refuses one row inside a success, and one alone."""

    def __init__(self) -> None:
        super().__init__(refuses={REFUSED}, fault=self._trouble)

    def _trouble(self, objects: list[dict[str, Any]]) -> Response | None:
        if self.requests in (2, 5):
            return Response(429 if self.requests == 2 else 500, {}, b"")
        return Response(413, {}, b"") if any(thing["id"] == "c-17" for thing in objects) else None


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of runs, each of which tells of its rejects."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@dataclass
class World:
    """What outlives a run."""

    source: ListSource = field(default_factory=lambda: ListSource(TABLE, batch_rows=16, breaks=(2,)))
    things: Things = field(default_factory=Bumpy)
    journal: MemoryJournal = field(default_factory=MemoryJournal)


def run(world: World) -> tuple[Any, BaseException | None]:
    """One run, with the report that it leaves, and what it raised."""
    left: list[Any] = [None, None]

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        part = incremental(world.journal.progress)
        try:
            left[0] = await make_run(world.source, world.things, world.journal, part, settings=SETTINGS).run()
        except BaseException as error:
            left[1] = error

    with asyncio.Runner(loop_factory=BoundedLoop) as runner:
        runner.run(main())
    return left[0], left[1]


def passed(world: World) -> list[Row]:
    """The rows that no later run reads again."""
    progress = world.journal.progress
    if progress is None or progress.watermark is None:
        return []
    return [row for row in TABLE if position(row.at) <= progress.watermark.position]


def check_nothing_is_lost(world: World) -> None:
    """Every row that the saved watermark passes was applied, or its reject is written."""
    applied = Counter((thing["id"], thing["payload"]) for thing in world.things.applied)
    rejected = {(reject.updated_at, reject.identifier["EXTERNAL_ID"]) for reject in world.journal.rejects}
    for row in passed(world):
        assert applied[row.id, row.payload] or (position(row.at), row.id) in rejected, f"{row} is lost"


def check_a_next_run_delivers_the_rest(world: World) -> None:
    _, error = run(world)
    assert error is None
    assert world.journal.progress is not None
    assert len(passed(world)) == len(TABLE)
    check_nothing_is_lost(world)


def calls_of_a_run() -> list[str]:
    injector = Injector()
    with injected(injector):
        report, error = run(World())
    assert error is None
    assert report.totals.rows_read == len(TABLE)
    return injector.names


CALLS = calls_of_a_run()


def inject(at: int, *, after: bool, error: Callable[[], BaseException]) -> None:
    world, injector = World(), Injector(at, after, error)
    with injected(injector):
        report, raised = run(world)
    assert raised is not None or report.totals.rows_read == len(TABLE), "the run is green and does not account for all"
    check_nothing_is_lost(world)
    check_a_next_run_delivers_the_rest(world)


def test_the_run_that_is_tried_calls_every_part():
    called = {name.split(".")[0] for name in CALLS}
    assert {part.__name__ for part in PARTS} <= called


ERRORS: tuple[Callable[[], BaseException], ...] = (
    InjectedFault,
    InjectedSignal,
    asyncio.CancelledError,
    lambda: RetryLater("it may pass"),
    lambda: DestinationRefused("it does not pass"),
)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("turn", [0, 1])
def test_no_fault_in_any_call_is_lost_or_loses_a_row(turn, after):
    problems = []
    for at in range(1, len(CALLS) + 1):
        error = ERRORS[(at + turn + 2 * after) % len(ERRORS)]
        try:
            inject(at, after=after, error=error)
        except AssertionError as problem:
            problems.append(f"{CALLS[at - 1]} (call {at}): {str(problem).splitlines()[0]}")
    assert not problems, "\n".join(problems)


def test_an_unknown_error_ends_the_run_with_itself_wherever_it_comes_from():
    tolerated = {"Concurrency.abandon"}
    swallowed = set()
    for at in range(1, len(CALLS) + 1):
        with injected(Injector(at)):
            _, raised = run(World())
        if not isinstance(raised, InjectedFault):
            swallowed.add(CALLS[at - 1])
    assert swallowed <= tolerated
