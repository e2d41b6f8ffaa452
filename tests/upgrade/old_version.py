"""The earlier version: what it left behind, as recorded or from a run of it now.

Its code comes out of git into a worktree, and runs in the same environment: both versions need the same Airflow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cdi_sandbox.server import SandboxServer
from upgrade.cases import Case

TESTS = Path(__file__).parents[1]
#: The last commit whose state must go on working; nothing is released yet.
COMMIT = "8b019f8183b0efbe64b92534fe5fae44694bb054"
RECORDED = Path(__file__).parent / "recorded.json"
#: How the local Klaviyo behaves.
KLAVIYO: Mapping[str, Any] = {"strict": True, "rates": {"M": [1000, 9000]}}
#: What stands in the record for the address of the sandbox and for the folder of the case.
_ADDRESS, _FOLDER = "http://sandbox.invalid", "/folder"


@dataclass
class Place:
    """A warehouse, a destination and a folder, of one case.

    :param case: what happens there.
    :param folder: for warehouse, rejects and remains.
    :param sandbox: the destination.
    """

    case: Case
    folder: Path
    sandbox: SandboxServer

    def __post_init__(self) -> None:
        self.sql(*self.case.tables())
        if self.case.subject.needs_catalog:
            self.sandbox.create_catalog("things", n="number")

    @property
    def environment(self) -> dict[str, str]:
        """The connections."""
        warehouse = {"conn_type": "duckdb", "host": str(self.folder / "warehouse.duckdb")}
        braze = {"conn_type": "braze", "host": self.sandbox.url, "password": self.sandbox.key}
        klaviyo = {"conn_type": "klaviyo", "host": self.sandbox.url, "password": self.sandbox.klaviyo.key}
        named = {"WAREHOUSE": warehouse, "BRAZE_DEFAULT": braze, "KLAVIYO_DEFAULT": klaviyo}
        return {
            "AIRFLOW_HOME": str(self.folder),
            **{f"AIRFLOW_CONN_{name}": json.dumps(connection) for name, connection in named.items()},
        }

    def sql(self, *statements: str) -> None:
        """Change the warehouse."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            for statement in statements:
                connection.execute(statement)

    def accepted(self) -> int:
        """Return how many rows the destination took so far."""
        found: int = self.sandbox.received(self.case.subject.path)["accepted_objects"]
        return found


@dataclass
class Remains:
    """What a run of the earlier version left behind.

    :param kept: what Airflow keeps.
    :param deferral: of its task, if it was deferred.
    :param report: what it returned, if it ended.
    :param requests: that made jobs which are at work.
    :param jobs: the ids of those.
    :param rejects: the files of rejects.
    """

    kept: dict[str, Any]
    deferral: dict[str, Any]
    report: dict[str, Any]
    requests: list[tuple[str, str, str]]
    jobs: list[str] = field(default_factory=list)
    rejects: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, place: Place) -> Remains:
        """Read what lies in a place."""
        found = cls(**json.loads((place.folder / "remains.json").read_text()))
        found.jobs = [job["id"] for job in place.sandbox.klaviyo.jobs()] if place.case.has_jobs else []
        folder = place.folder / "rejects"
        files = sorted(path for path in folder.rglob("*.jsonl*") if path.is_file())
        found.rejects = {str(path.relative_to(folder)): path.read_text() for path in files}
        return found

    def to_json(self, place: Place) -> dict[str, Any]:
        """Return what can be put into any place."""
        text = json.dumps(vars(self))
        text = text.replace(place.sandbox.url, _ADDRESS).replace(str(place.folder), _FOLDER)
        whole: dict[str, Any] = json.loads(text)
        return whole

    @classmethod
    def recorded(cls, place: Place) -> Remains:
        """Put what was recorded into a place; jobs are made there by the recorded requests."""
        stored = json.loads(RECORDED.read_text())["cases"][place.case.key]
        for method, path, body in stored["requests"]:
            place.sandbox.klaviyo.call(method, path, json.loads(body))
        text = json.dumps(stored).replace(_ADDRESS, place.sandbox.url).replace(_FOLDER, str(place.folder))
        if place.case.has_jobs:
            for old, new in zip(stored["jobs"], place.sandbox.klaviyo.jobs(), strict=True):
                text = text.replace(old, new["id"])
        found = cls(**json.loads(text))
        for name, lines in found.rejects.items():
            path = place.folder / "rejects" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(lines)
        return found


class OldVersion:
    """A process of the earlier version.

    :param checkout: where its code is.
    """

    def __init__(self, checkout: Path, folder: Path) -> None:
        # Its own code first, then the cases and what runs them, which are of today.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), str(TESTS)])}
        command = [sys.executable, "-m", "upgrade.stage"]
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        begun = self._answer()
        if not Path(begun["runs"]).is_relative_to(checkout):
            raise RuntimeError(f"{begun['runs']} runs in the place of {checkout}")
        #: What it reads of connections.
        self.connections: dict[str, Any] = begun["connections"]

    def run(self, place: Place) -> Remains:
        """Run a case as far as it goes with this version."""
        call = {"key": place.case.key, "folder": str(place.folder), "environment": place.environment}
        assert self._process.stdin is not None
        with slow_destination(place):
            print(json.dumps(call), file=self._process.stdin, flush=True)
            status, wanted = self._answer()["status"], 9 if place.case.how == "killed" else 0
        if status != wanted:
            raise RuntimeError(f"{place.case.key}: the earlier version ended with {status} and not with {wanted}")
        return Remains.of(place)

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # Airflow logs to stdout too
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError("the earlier version does not start")


@contextmanager
def old_version(folder: Path, commit: str = COMMIT) -> Iterator[OldVersion]:
    """Take a commit out of git, and start it.

    :param folder: an empty one, for its code.
    """
    git = ["git", "-C", str(TESTS.parent), "worktree"]
    checkout = folder / "earlier"
    subprocess.run([*git, "add", "--detach", str(checkout), commit], check=True, capture_output=True)
    try:
        version = OldVersion(checkout, folder)
        try:
            yield version
        finally:
            version.close()
    finally:
        subprocess.run([*git, "remove", "--force", str(checkout)], check=True)


def has_commit(commit: str = COMMIT) -> bool:
    """Whether git has it here; a shallow clone has not."""
    found = subprocess.run(
        ["git", "-C", str(TESTS.parent), "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True, check=False
    )
    return found.returncode == 0


@contextmanager
def slow_destination(place: Place) -> Iterator[None]:
    """Let jobs be at work for a while, and answers take their time, so that there is a middle of a run."""
    if place.case.how != "done":
        place.sandbox.change(latency=0.2, klaviyo={"job_polls": [2, 0]})
    yield
    place.sandbox.change(latency=0, klaviyo={"job_polls": [0, 0]})
