"""Ten thousand rows of which five hundred are rejected, for five reasons, and runs that send them again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

ROWS = 10_000
#: One row in a hundred has each of these troubles.
BAD = {
    "attributes": {
        7: ("payload_not_json", "'bad'"),
        17: ("payload_not_object", "'[1]'"),
        27: ("payload_too_deep", "'{\"a\":' || repeat('[', 60) || repeat(']', 60) || '}'"),
        37: ("identifier_in_payload", '\'{"external_id":"x"}\''),
        47: ("payload_missing", "null"),
    },
    "events": {
        7: ("payload_not_json", "'bad'"),
        17: ("payload_not_object", "'[1]'"),
        27: ("event_name_missing", '\'{"time":"2026-01-01T00:00:00Z"}\''),
        37: ("time_invalid", '\'{"name":"visit","time":"soon"}\''),
        47: ("payload_missing", "null"),
    },
}
#: The payload of a row that is as it should be.
GOOD = {
    "attributes": "'{{\"n\":' || {n} || '}}'",
    "events": '\'{{"name":"visit","time":"2026-01-01T00:00:00Z","properties":{{"n":\' || {n} || \'}}}}\'',
}


def fill(lab: Any, kind: str, people: int = 2_000) -> None:
    """Rows of a few thousand people: each has several, one after the other."""
    cases = " ".join(f"when i % 100 = {rest} then {payload}" for rest, (_, payload) in BAD[kind].items())
    lab.sql(
        f"""create table users as select timestamp '2026-01-01' + interval (i // 50) second as updated_at,
        'c-' || (i % {people}) as external_id, i as n,
        case {cases} else {GOOD[kind].format(n="i")} end as payload from range({ROWS}) as numbers(i)"""
    )


def mend(lab: Any, kind: str, *rests: int) -> None:
    lab.sql(f"update users set payload = {GOOD[kind].format(n='n')} where n % 100 in ({','.join(map(str, rests))})")


def again(
    lab: Any,
    run_id: str,
    *,
    kind: str = "attributes",
    try_number: int = 1,
    map_index: int = -1,
    on: str | None = None,
    **choices: Any,
) -> dict[str, Any]:
    """Trigger a run that sends rejected rows again.

    :param kind: the data type.
    :param on: the machine that takes it.
    """
    arguments = {name: choices.pop(name) for name in ("delivery", "dry_run", "source") if name in choices}
    dag_run = SimpleNamespace(run_type="manual", clear_number=0, conf={"sync_mode": "rejects"} | choices)
    context = {"dag_run": dag_run, "try_number": try_number, "map_index": map_index, "hostname": on}
    report: dict[str, Any] = lab.run(run_id=run_id, context=context, data_type=kind, **arguments)
    return report


def put_in_a_dag(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the lab's tasks a DAG, below whose name rejects lie where a place says only where."""
    make = lab.make
    monkeypatch.setattr(lab, "make", lambda **arguments: make(dag=DAG("a_dag", schedule=None), **arguments))


def add_new_rows(lab: Any, kind: str, rows: int = 50) -> None:
    """Add rows of new people, all of them good."""
    lab.sql(
        f"insert into users select timestamp '2026-02-01', 'new-' || i, {ROWS} + i, {GOOD[kind].format(n='i')} "
        f"from range({rows}) as numbers(i)"
    )
