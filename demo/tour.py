"""``make demo``: rows travel from a warehouse through Airflow to a local Braze and Klaviyo; back comes the proof."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cdi_sandbox.server import SandboxServer
from demo.changes import CHANGES, apply_changes
from demo.checks import Checks, received, requests
from demo.in_process import InProcessAirflow, Run
from demo.places import CATALOG, CATALOG_FIELDS, Places, airflow_environment, connection_variables
from demo.screen import aside, say, show, step, table
from demo.warehouse import BAD_ROWS, DAGS, make_warehouse, without_unsent

CUSTOMER, EMAIL = "c-0007", "customer-7@example.com"
_WIDTHS = (36, 7, 10, 10, 9, 9, 10)
_TITLES = ("DAG", "read", "accepted", "rejected", "skipped", "unknown", "requests")


class Tour:
    """The demonstration, step by step.

    :param places: where its files go; what is there is deleted.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._log = places.logs / "airflow.log"
        self._checks = Checks()
        self._rejects: list[Path] = []

    def take(self) -> bool:
        """Show everything.

        :return: whether everything was as it should be.
        """
        started = time.monotonic()
        shutil.rmtree(self._places.folder, ignore_errors=True)
        self._places.airflow_home.mkdir(parents=True)
        first = self._fill_warehouse()
        with SandboxServer() as sandbox:
            airflow = self._start(sandbox)
            self._first_round(airflow, sandbox, first)
            self._second_round(airflow, sandbox, self._change_rows())
            self._name_rejects()
            self._show_customer(sandbox)
        return self._conclude(time.monotonic() - started)

    def _fill_warehouse(self) -> dict[str, Counter[str]]:
        step(1, "Make a sample warehouse")
        rows = make_warehouse(self._places.warehouse, datetime.now(UTC).replace(tzinfo=None, microsecond=0))
        say(
            f"{self._places.shown(self._places.warehouse)} (DuckDB): {sum(map(Counter.total, rows.values())):,} rows "
            "in six sources: attributes of customers, visits, order lines, erasure requests, products, profiles. Among "
            f"them ties, nested values, NULLs and {len(BAD_ROWS)} bad rows."
        )
        return rows

    def _start(self, sandbox: SandboxServer) -> InProcessAirflow:
        step(2, "Start a local Braze and Klaviyo, and an Airflow of its own")
        sandbox.create_catalog(CATALOG, **CATALOG_FIELDS)
        say(f"The sandbox of both: {sandbox.url}   Nothing leaves this machine.")
        environment = airflow_environment(self._places) | connection_variables(self._places, sandbox.port)
        with aside(self._log):
            airflow = InProcessAirflow(environment)
            version = airflow.prepare()
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # Airflow would show its farewell
        say(f"Airflow {version}: it has the DAGs of dags/. Its log: {self._places.shown(self._log)}")
        return airflow

    def _first_round(self, airflow: InProcessAirflow, sandbox: SandboxServer, rows: dict[str, Counter[str]]) -> None:
        step(3, "Run each DAG for the first time: every row is due")
        self._round(airflow, sandbox, without_unsent(rows), "first run")
        held, at_klaviyo = sandbox.state(), sandbox.klaviyo.state()
        say()
        say(
            f"Braze now holds {held['users']:,} users, {held['events']:,} events, {held['purchases']:,} purchases and "
            f"{held['catalogs'][CATALOG]} catalog items, Klaviyo {at_klaviyo['profiles']:,} profiles. Klaviyo refused "
            "the first import because of a bad row, and got the others again."
        )

    def _change_rows(self) -> Mapping[str, Counter[str]]:
        step(4, "Change a few rows in the warehouse")
        for change in CHANGES:
            say(f"- {change.words}")
        say("- no purchase at all")
        return apply_changes(self._places.warehouse, datetime.now(UTC).replace(tzinfo=None))

    def _second_round(
        self, airflow: InProcessAirflow, sandbox: SandboxServer, expected: Mapping[str, Counter[str]]
    ) -> None:
        step(5, "Run each DAG again: exactly those rows are sent")
        came = self._round(airflow, sandbox, expected, "second run")
        say()
        say("What the sandbox's own log says it was sent:")
        for dag_id, keys in came.items():
            show(f"   {dag_id:<36}{', '.join(sorted(keys.elements())) or 'nothing, not even a request'}")
        self._checks.equal("c-2001, which is stamped tomorrow, waits", sandbox.user(external_id="c-2001"), None)

    def _round(
        self, airflow: InProcessAirflow, sandbox: SandboxServer, expected: Mapping[str, Counter[str]], name: str
    ) -> dict[str, Counter[str]]:
        """Run each DAG once and return for each whose objects the sandbox was sent meanwhile."""
        table(_TITLES, [], _WIDTHS)
        came = {}
        for dag_id in DAGS:
            due = expected.get(dag_id, Counter())
            before, requests_before = received(sandbox), requests(sandbox)
            with aside(self._log):
                run = airflow.run(dag_id, _next_logical_date())
            came[dag_id] = received(sandbox) - before
            self._report(dag_id, run)
            self._checks.equal(f"{dag_id}, {name}: the DAG run", run.state, "success")
            self._checks.equal(f"{dag_id}, {name}: what the sandbox was sent", came[dag_id], due)
            if not due:
                self._checks.equal(f"{dag_id}, {name}: requests", requests(sandbox) - requests_before, 0)
        return came

    def _report(self, dag_id: str, run: Run) -> None:
        report = run.report
        names = ("rows_read", "accepted", "rejected", "skipped", "unknown", "requests")
        numbers = [f"{report[name]:,}" if name in report else "-" for name in names]
        table((dag_id, *numbers), [], _WIDTHS)
        details = _listed("rejected", report.get("rejects")) + _listed("skipped", report.get("skipped_because"))
        details.append(f"watermark {report.get('watermark')}")
        say("; ".join(details), indent=5)
        self._rejects += [Path(part["path"]) for part in report.get("rejects_files", ())]

    def _name_rejects(self) -> None:
        step(6, "The rejects: kept with their code, in files that only their owner may read")
        folder = self._places.airflow_home / "cdi_rejects"
        say(f"Below {self._places.shown(folder)}:")
        found = set()
        for path in self._rejects:
            show(f"   {path.relative_to(folder)}")
            for line in path.read_text().splitlines():
                row = json.loads(line)
                name = next(iter(row["identifier"].values()))
                found.add((name, row["code"]))
                say(f"{name}  {row['code']}: {row['reason']}", indent=5)
        self._checks.equal("the rejects", found, {(bad.identifier, bad.code) for bad in BAD_ROWS})

    def _show_customer(self, sandbox: SandboxServer) -> None:
        step(7, f"One customer, {CUSTOMER}, as Braze and Klaviyo see it now")
        user, profile = sandbox.user(external_id=CUSTOMER) or {}, sandbox.klaviyo.profile(email=EMAIL) or {}
        for place, seen in {"Braze": user, "Klaviyo, where an import subscribes nobody": profile}.items():
            say(f"{place}:")
            for line in _legible(seen):
                show(f"     {line}")
        self._checks.equal(f"{CUSTOMER} at Braze", user.get("email"), EMAIL)
        self._checks.equal("c-1950 at Braze", sandbox.user(external_id="c-1950"), None)
        items = sandbox.catalog_items(CATALOG)
        self._checks.equal("p-110 at Braze", items.get("p-110"), None)
        self._checks.equal("the new price of p-007", items.get("p-007", {}).get("price"), 21.9)
        self._check_profiles(sandbox, profile)

    def _check_profiles(self, sandbox: SandboxServer, profile: Mapping[str, Any]) -> None:
        self._checks.equal(f"the new city of {EMAIL}", profile.get("location"), {"city": "Busan"})
        self._checks.equal(f"{EMAIL} is one person", profile.get("external_id"), CUSTOMER)
        self._checks.equal(f"what {EMAIL} consented to", profile.get("consent"), {})
        mended = sandbox.klaviyo.profile(email="customer-115@example.com") or {}
        self._checks.equal("the phone number that was mended", mended.get("phone_number"), "+447700900115")
        refused = sandbox.klaviyo.profile(email="customer-116@example.com")
        self._checks.equal("the profile that Klaviyo refused", refused, None)
        self._checks.equal("profiles in two imports at once", sandbox.klaviyo.state()["job_overlaps"], {})

    def _conclude(self, seconds: float) -> bool:
        show("")
        if self._checks.failures:
            show("NOT AS EXPECTED:")
            for failure in self._checks.failures:
                say(f"- {failure}")
            say(f"What Airflow said is in {self._places.shown(self._log)}.")
            return False
        say(f"Everything was as expected ({self._checks.passed} checks), in {seconds:.0f} seconds.", indent=0)
        say("Next: `make airflow` brings up the whole Airflow with this warehouse, sandbox and DAGs.", indent=0)
        return True


def _listed(title: str, counts: Mapping[str, int] | None) -> list[str]:
    return [f"{title}: " + ", ".join(f"{name} {number:,}" for name, number in counts.items())] if counts else []


def _legible(user: Mapping[str, Any]) -> list[str]:
    """Write a profile, one line a value."""
    lines = []
    for name, value in user.items():
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        if not value and value != 0:
            continue
        lines += [f"{name}:", *(f"  {_member(key, one)}" for key, one in inner)] if inner else [f"{name}: {value}"]
    return lines


def _member(key: str | int, value: Any) -> str:
    if isinstance(value, dict) and "count" in value:  # events and purchases of one name
        return f"{value['name']}: {value['count']} times, the last at {value['last']}"
    text = json.dumps(value, ensure_ascii=False)
    return text if isinstance(key, int) else f"{key}: {text}"


_moments = iter(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(1_000))


def _next_logical_date() -> datetime:
    # Never none: dag.test() without a date deletes the run before, with its XComs.
    return next(_moments)
