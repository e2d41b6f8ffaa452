"""The steps of a check in depth, in their order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from airflow_provider_cdi.checks.depth.checked_warehouse import CheckedWarehouse, Rows, first_rows, positions
from airflow_provider_cdi.checks.depth.profiles import EXPECTED, SAMPLE_ROWS
from airflow_provider_cdi.checks.findings import Finding, NotTried, Problem, State, found
from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.exceptions import CdiError, Interrupted, SourceError

#: Later than any row should be; nanoseconds in 64 bits end in April of that year.
LAST = "2262-01-01T00:00:00.000000Z"
#: What a session in UTC calls its zone, or writes behind nine o'clock of 2026-01-05 in UTC.
_UTC = (
    "utc",
    "2026-01-05 09:00:00 +00",
    "etc/utc",
    "2026-01-05 09:00:00 +0000",
    "2026-01-05 09:00:00 z",
    "2026-01-05 09:00:00+00",
    "2026-01-05 09:00:00",
)
#: Seconds until a query is cancelled, and until it must have ended then.
CANCEL_AFTER, ENDED_WITHIN = 2.0, 60.0


def of_connection(warehouse: CheckedWarehouse) -> Iterator[Finding]:
    """Check what needs no table."""
    connected = found("connect", partial(_connect, warehouse))
    yield connected
    if connected.state is State.FAILED:
        return
    yield found("session zone", partial(_zone, warehouse))
    yield found("missing table", partial(_missing, warehouse))
    sample = Rows("the sample, as a query", sql=warehouse.profile.sample(), is_sample=True)
    yield from of_rows(warehouse, sample)
    yield found("quoting", partial(_quoting, warehouse, sample))
    yield found("cancel", partial(cancelled, warehouse))
    yield found("query tag", partial(_tag, warehouse))


def of_rows(warehouse: CheckedWarehouse, rows: Rows) -> Iterator[Finding]:
    """Check a table or a query."""

    def step(name: str, look: Callable[[CheckedWarehouse, Rows], str], looked_at: Rows = rows) -> Finding:
        return found(f"{name}: {looked_at.label}", partial(look, warehouse, looked_at))

    described = step("describe", _describe)
    yield described
    if described.state is State.FAILED:
        return
    yield step("count", _count)
    yield step("read", _read)
    yield step("precision", _precision)
    yield step("bounds", _bounds)
    if rows.is_sample:
        yield step("types", _types)
        zoned = Rows(f"{rows.label}, time with zone", rows.table, rows.sql, "changed_at", contract=rows.contract)
        yield step("precision", _precision, zoned)
        yield step("bounds", _bounds, zoned)


# --- the connection -------------------------------------------------------------------------------------


def _connect(warehouse: CheckedWarehouse) -> str:
    works, sentence = warehouse.hook().test_connection()
    if not works:
        raise Problem(sentence)
    ((version,),) = warehouse.ask(warehouse.profile.version)
    return f"It answers. Version: {version}."


def _zone(warehouse: CheckedWarehouse) -> str:
    ((zone,),) = warehouse.ask(warehouse.profile.zone)
    if str(zone).lower() not in _UTC:
        raise Problem(f"The session should be in UTC, and it says {zone!r}.")
    return "The session is in UTC."


def _missing(warehouse: CheckedWarehouse) -> str:
    try:
        warehouse.source(Rows("a table that is not there", table=warehouse.profile.missing))
    except SourceError as error:
        if "check the name" in str(error) or "permission" in str(error):
            return "A table that is not there is told as one."
        raise Problem(f"A table that is not there should be told as one; we say: {error}") from None
    raise Problem("A table that is not there was found.")


def _quoting(warehouse: CheckedWarehouse, sample: Rows) -> str:
    names = {UPDATED_AT: "select", "EXTERNAL_ID": "From", "PAYLOAD": "groUp"}
    columns = ", ".join(f"{name.lower()} as {warehouse.quoted(alias)}" for name, alias in names.items())
    text = f"select {columns} from {warehouse.relation(sample)}"  # noqa: S608 - our own names
    read = sum(batch.num_rows for batch in first_rows(warehouse.source(Rows("", sql=text), columns=names), Bounds()))
    if read != SAMPLE_ROWS:
        raise Problem(f"{read} rows came through columns with odd names, {SAMPLE_ROWS} were expected.")
    return "Reserved words in mixed case are read as names of columns."


def cancelled(warehouse: CheckedWarehouse) -> str:
    """Cancel a read that would take a minute.

    :raises Problem: when it does not end.
    :raises NotTried: when it was over before.
    """
    source, ended = warehouse.source(Rows("", sql=warehouse.profile.slow)), list[BaseException | None]()

    def reading() -> None:
        try:
            for _ in source.read(Bounds()):
                pass
            ended.append(None)
        except CdiError as error:
            ended.append(error)

    thread = threading.Thread(target=reading, name="cdi-check-in-depth", daemon=True)
    thread.start()
    thread.join(CANCEL_AFTER)
    if ended:
        raise NotTried(f"The query that should run for a minute ended by itself: {ended[0] or 'without an error'}")
    started = time.monotonic()
    source.cancel()
    thread.join(ENDED_WITHIN)
    if not ended or not isinstance(ended[0], Interrupted):
        raise Problem(f"After cancel() the read should end as interrupted; it ended with {ended or 'nothing'}.")
    return f"A read ended {time.monotonic() - started:.1f} s after it was cancelled; the history should show the same."


def _tag(warehouse: CheckedWarehouse) -> str:
    tag, history = warehouse.tag, warehouse.profile.history
    if history is None:
        raise NotTried(f"Look yourself: the warehouse's history should show the name {tag} at what was asked.")
    try:
        ((seen,),) = warehouse.ask(history.replace("{tag}", tag))
    except CdiError as error:
        raise NotTried(f"The history could not be asked; look there yourself for the tag {tag}. {error}") from None
    if not seen:
        raise NotTried(f"The history has no statement with the tag {tag} yet: some histories lag. Look there later.")
    return f"The history shows {seen} statements with our tag."


# --- rows -----------------------------------------------------------------------------------------------


def _describe(warehouse: CheckedWarehouse, rows: Rows) -> str:
    selection = warehouse.source(rows).selection
    parts = [UPDATED_AT, *selection.identifiers, *(["PAYLOAD"] if selection.payload else []), *selection.optional]
    return f"It has {', '.join(parts)}."


def _count(warehouse: CheckedWarehouse, rows: Rows) -> str:
    source = warehouse.source(rows)
    counts = source.count(Bounds(up_to=LAST), position=None, now=LAST, with_total=True)
    time_name = warehouse.quoted(source.selection.updated_at)
    query = f"select count(*), count({time_name}) from {warehouse.relation(rows)}"  # noqa: S608 - quoted
    ((total, timed),) = warehouse.ask(query)
    if (counts.total, counts.in_bounds) != (total, timed):
        ours = f"We count {counts.total} rows, {counts.in_bounds} in time"
        raise Problem(f"{ours}; plain SQL counts {total} and {timed}.")
    return f"{total} rows, {counts.without_time} without UPDATED_AT, as plain SQL counts them."


def _read(warehouse: CheckedWarehouse, rows: Rows) -> str:
    source = warehouse.source(rows)
    started, first, read, size = time.monotonic(), 0.0, 0, 0
    previous = ""
    for batch in first_rows(source, Bounds()):
        first = first or time.monotonic() - started
        for position in positions(iter([batch])):
            if position < previous:
                raise Problem("Rows do not come in the order of UPDATED_AT.")
            previous = position
        read, size = read + batch.num_rows, size + batch.nbytes
    seconds = time.monotonic() - started
    if rows.is_sample and read != SAMPLE_ROWS:
        raise Problem(f"{read} rows came, {SAMPLE_ROWS} were expected.")
    return (
        f"{read} rows ({size / max(1, read):.0f} bytes each) came in order, the first after {first:.2f} s, "
        f"the last after {seconds:.2f} s: {read / max(seconds, 0.001):,.0f} rows/s."
    )


def _precision(warehouse: CheckedWarehouse, rows: Rows) -> str:
    source = warehouse.source(rows)
    ours = [_padded(position) for position in positions(first_rows(source, Bounds()))]
    name = warehouse.quoted(source.selection.updated_at)
    form = (
        warehouse.profile.zoned_text
        if warehouse.is_zoned(rows, source.selection.updated_at)
        else warehouse.profile.time_text
    )
    query = (
        f"select {form.format(name)} as shown from {warehouse.relation(rows)} "  # noqa: S608 - quoted
        f"where {name} is not null order by {name}"
    )
    theirs = [_padded(text) for (text,) in warehouse.ask(query, max(1, len(ours)))]
    unequal = sum(one != other for one, other in zip(ours, theirs, strict=False))
    if unequal or len(ours) != len(theirs):
        raise Problem(f"{unequal} of {len(ours)} times differ from the warehouse's own text ({len(theirs)} of them).")
    digits = max((len(one.rstrip("0").partition(".")[2]) for one in ours), default=0)
    return f"{len(ours)} times equal the warehouse's own text to the last digit; up to {digits} digits are in use."


def _bounds(warehouse: CheckedWarehouse, rows: Rows) -> str:
    source = warehouse.source(rows)
    known = positions(first_rows(source, Bounds()))
    # What is known is complete below its last time.
    low, high = known[len(known) // 4] if known else "", known[-1] if known else ""
    if not known or low == high:
        raise NotTried("It takes two different times to check bounds.")
    expected = {
        Bounds(after=low, until=high): sum(low < one < high for one in known),
        Bounds(since=low, until=high): sum(low <= one < high for one in known),
        Bounds(up_to=low): sum(one <= low for one in known),
        Bounds(until=low): sum(one < low for one in known),
    }
    for bounds, count in expected.items():
        counted = source.count(bounds, position=low, now=LAST)
        read = sum(batch.num_rows for batch in source.read(bounds))
        if (counted.in_bounds, read, counted.at_position) != (count, count, known.count(low)):
            shape = " and ".join(name for name in ("after", "since", "until", "up_to") if getattr(bounds, name))
            raise Problem(f"Within {shape}: {count} rows expected, {counted.in_bounds} counted, {read} read.")
    return "after, since, until and up_to are exact; rows at the watermark are found."


def _types(warehouse: CheckedWarehouse, rows: Rows) -> str:
    names = list(warehouse.profile.literals)
    # Without the column PAYLOAD, or that would be the payload.
    text = f"select updated_at, external_id, {', '.join(names)} from {warehouse.relation(rows)}"  # noqa: S608 - ours
    source = warehouse.source(Rows(rows.label, sql=text), payload_columns=names)
    batch = next(first_rows(source, Bounds(), 1))
    (record,) = braze_destination("attributes").encode(batch)
    if not isinstance(record, Record):
        raise Problem(f"The row of all types was rejected: {record.code}, {record.reason}")
    body: dict[str, Any] = json.loads(record.body, parse_float=str, parse_int=str)
    body = {name.lower(): value for name, value in body.items()}
    wrong = [name for name in names if body.get(name) != EXPECTED[name]]
    if wrong:
        shown = "; ".join(f"{name}: {body.get(name)!r} for {EXPECTED[name]!r}" for name in wrong)
        raise Problem(f"Values of our own sample arrive changed: {shown}.")
    return f"{len(names)} types arrive without loss: {', '.join(name.removeprefix('c_') for name in names)}."


def _padded(text: object) -> str:
    """Return a position, or the warehouse's text of one, with nine digits of a second."""
    clock, _, fraction = str(text).removesuffix("Z").replace("T", " ").partition(".")
    return f"{clock}.{fraction.ljust(9, '0')}"
