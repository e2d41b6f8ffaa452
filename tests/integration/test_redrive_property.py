"""Rejects, mends, newer rows, usual runs and redrives in any order: the newest value stays, no event goes twice."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.airflow_world import AirflowWorld
from support.rejected_rows import again

EVENT = '{"name":"visit","time":"2026-01-01T00:00:00Z","properties":{"n":%d}}'
PAYLOADS = {"attributes": '{"n":%d}', "events": EVENT}
PEOPLE = ("anna", "bert")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["bad row", "good row", "mend"]), st.sampled_from(PEOPLE)),
        st.sampled_from([("run", ""), ("redrive", "")]),
    ),
    min_size=4,
    max_size=8,
)
LOADS = st.lists(
    st.sampled_from(["bad row", "good row", "mend", "next load", "run", "redrive"]), min_size=6, max_size=10
)
examples = count()


class Story:
    """One table and its syncs, from its first row to its last run; people are of this story alone."""

    def __init__(self, lab: Any, kind: str) -> None:
        self.lab, self.kind, self.number = lab, kind, next(examples)
        self.rows = count(1)
        self.runs = count(1)
        self.newest: dict[str, int] = {}
        lab.world = AirflowWorld()
        lab.arguments = {"rejects_path": str(lab.rejects / f"{self.number}.jsonl")}
        lab.sql("create or replace table users (updated_at timestamp, external_id varchar, payload varchar, n int)")

    def named(self, person: str) -> str:
        return f"{person}-{self.number}"

    def add(self, person: str, *, is_good: bool) -> None:
        number = next(self.rows)
        self.newest[person] = number
        payload = PAYLOADS[self.kind] % number if is_good else "bad"
        at = f"timestamp '2026-01-01' + interval {number} second"
        self.lab.sql(f"insert into users values ({at}, '{self.named(person)}', '{payload}', {number})")

    def mend(self, person: str) -> None:
        good = (PAYLOADS[self.kind] % 12345).replace("12345", "' || n || '")
        self.lab.sql(
            f"update users set payload = '{good}' where payload = 'bad' and external_id = '{self.named(person)}'"
        )

    def run(self) -> None:
        """Run with a good row at the end: one that was rejected at the watermark's very time and is mended is sent by
        the next run without a redrive, as the guide says."""
        self.add("last", is_good=True)
        self.lab.run(run_id=f"run-{next(self.runs)}", data_type=self.kind, stop_if_all_rejected=None)

    def redrive(self) -> None:
        again(self.lab, f"again-{next(self.runs)}", kind=self.kind)

    def step(self, what: str, person: str) -> None:
        match what:
            case "bad row" | "good row":
                self.add(person, is_good=what == "good row")
            case "mend":
                self.mend(person)
            case "run":
                self.run()
            case "redrive":
                self.redrive()

    def end(self) -> None:
        for person in PEOPLE:
            self.mend(person)
        self.run()
        self.redrive()


FEW = settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FEW
@given(steps=STEPS)
def test_at_the_end_everybody_has_the_value_of_the_newest_row(lab, steps):
    story = Story(lab, "attributes")
    for step in steps:
        story.step(*step)
    story.end()
    for person, newest in story.newest.items():
        assert lab.sandbox.user(external_id=story.named(person))["custom_attributes"] == {"n": newest}


@FEW
@given(steps=STEPS)
def test_each_event_arrives_once(lab, steps):
    story = Story(lab, "events")
    for step in steps:
        story.step(*step)
    story.end()
    arrived = [
        event["properties"]["n"] for who in story.newest for event in lab.sandbox.events(external_id=story.named(who))
    ]
    assert Counter(arrived) == Counter(range(1, next(story.rows)))


class Loads:
    """Events of which all that come with one load have one time, each of somebody else."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.number, self.runs, self.rows, self.load = lab, next(examples), count(1), 0, 1
        lab.world = AirflowWorld()
        lab.arguments = {"rejects_path": str(lab.rejects / f"{self.number}.jsonl"), "stop_if_all_rejected": None}
        lab.sql("create or replace table users (updated_at timestamp, external_id varchar, payload varchar)")

    def add(self, payload: str) -> None:
        self.rows += 1
        values = f"timestamp '2026-01-01' + to_seconds({self.load}), 'p{self.number}-{self.rows}', '{payload}'"
        self.lab.sql(f"insert into users values ({values})")

    def step(self, what: str) -> None:
        match what:
            case "bad row" | "good row":
                self.add(EVENT % 1 if what == "good row" else "bad")
            case "mend":
                first = "select min(external_id) from users where payload = 'bad'"
                self.lab.sql(f"update users set payload = '{EVENT % 1}' where external_id = ({first})")
            case "next load":
                self.load += 1
            case "run":
                self.lab.run(run_id=f"run-{next(self.runs)}", data_type="events")
            case "redrive":
                again(self.lab, f"again-{next(self.runs)}", kind="events")


@FEW
@given(steps=LOADS)
def test_each_event_of_loads_that_stamp_all_rows_alike_arrives_once(lab, steps):
    loads = Loads(lab)
    for step in ["bad row", "good row", "run", *steps]:
        loads.step(step)
    lab.sql(f"update users set payload = '{EVENT % 1}'")
    for step in ["run", "redrive"]:
        loads.step(step)
    received = lab.arrivals()["received"]
    arrived = {name: number for name, number in received.items() if f":p{loads.number}-" in name}
    assert (len(arrived), set(arrived.values())) == (loads.rows, {1})
