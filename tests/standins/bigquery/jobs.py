"""Query jobs: started, waited for, cancelled, and kept for a while with their results."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import duckdb

from standins.bigquery.accounts import Account
from standins.bigquery.engine import LOCATION, Engine
from standins.bigquery.errors import ServiceError
from standins.bigquery.results import Result
from standins.bigquery.schema import Field
from standins.bigquery.translate import Translated
from standins.control import Asked, Faults, StatementLog

#: Where results lie; a dataset whose name begins with an underscore is not shown to anybody.
RESULTS = "_anon"
KEPT = 8
#: The label whose value the log shows as the statement's tag.
TAG_LABEL = "cdi_sync"


@dataclass
class Job:
    """One query job."""

    project: str
    name: str
    configuration: dict[str, Any]
    connection: duckdb.DuckDBPyConnection
    asked: Asked
    done: threading.Event = field(default_factory=threading.Event)
    started: int = field(default_factory=lambda: int(time.time() * 1000))
    bytes: int = 0
    fields: list[Field] = field(default_factory=list)
    result: Result | None = None
    error: ServiceError | None = None
    is_cancelled: bool = False

    def resource(self) -> dict[str, Any]:
        """Return the job as the REST API shows it."""
        status: dict[str, Any] = {"state": "DONE" if self.done.is_set() else "RUNNING"}
        if self.error is not None:
            status |= {"errorResult": self.error.proto(), "errors": [self.error.proto()]}
        query = {**self.configuration.get("query", {}), "destinationTable": self.destination}
        return {
            "kind": "bigquery#job",
            "id": f"{self.project}:{LOCATION}.{self.name}",
            "jobReference": self.reference,
            "configuration": {**self.configuration, "jobType": "QUERY", "query": query},
            "status": status,
            "statistics": self._statistics(),
            "user_email": "",
        }

    @property
    def reference(self) -> dict[str, str]:
        """The job's own name."""
        return {"projectId": self.project, "jobId": self.name, "location": LOCATION}

    @property
    def destination(self) -> dict[str, str]:
        """The table that the result is found in."""
        return {"projectId": self.project, "datasetId": RESULTS, "tableId": f"anon{self.name}"}

    def _statistics(self) -> dict[str, Any]:
        query = {
            "statementType": "SELECT",
            "totalBytesProcessed": str(self.bytes),
            "schema": {"fields": [each.resource() for each in self.fields]},
        }
        times = {"creationTime": str(self.started), "startTime": str(self.started)}
        return {**times, "totalBytesProcessed": str(self.bytes), "query": query}


class Jobs:
    """Runs jobs in threads of their own.

    :param engine: what they run on.
    :param log: where they are noted.
    :param faults: what goes wrong: ``job_slow`` lets a job last longer (``seconds``).
    """

    def __init__(self, engine: Engine, log: StatementLog, faults: Faults) -> None:
        self._engine = engine
        self._log = log
        self._faults = faults
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def insert(self, project: str, name: str, configuration: dict[str, Any], caller: Account) -> Job:
        """Start a job, or only plan it when it is a dry run.

        :raises ServiceError: when the statement cannot be understood or its tables are not there.
        """
        query = configuration["query"]
        tag = configuration.get("labels", {}).get(TAG_LABEL, "")
        dry = bool(configuration.get("dryRun"))
        types = [each["parameterType"]["type"] for each in query.get("queryParameters", ())]
        asked = self._log.add(query["query"], tag, dry=dry, account=caller.email, types=types)
        if name in self._jobs:
            raise ServiceError("duplicate", f"Already Exists: Job {project}:{LOCATION}.{name}")
        job = Job(project, name, configuration, self._engine.connect(_zone(query)), asked)
        try:
            translated = self._understood(job, caller)
        except ServiceError:
            asked.state = "failed"
            raise
        if dry:
            asked.state = "finished"
            job.done.set()
            return job
        self._keep(job)
        threading.Thread(target=self._run, args=(job, translated), name=name, daemon=True).start()
        return job

    def find(self, name: str) -> Job:
        """Return a job.

        :raises ServiceError: when there is none of this name, or not any more.
        """
        job = self._jobs.get(name)
        if job is None:
            raise ServiceError("notFound", f"Not found: Job {self._engine.project}:{LOCATION}.{name}")
        return job

    def cancel(self, name: str) -> Job:
        """Stop a job; one that is done stays as it is."""
        job = self.find(name)
        if not job.done.is_set():
            job.is_cancelled = True
            # An interrupt between two steps of the engine is lost: it is repeated until the job has ended.
            while not job.done.wait(0.02):
                job.connection.interrupt()
        return job

    def table(self, table: str) -> Result:
        """Return the result that lies in a table.

        :raises ServiceError: when it is not there.
        """
        job = self.find(table.removeprefix("anon"))
        job.done.wait()
        if job.result is None:
            raise ServiceError("notFound", f"Not found: Table {job.project}:{RESULTS}.{table}")
        return job.result

    def _understood(self, job: Job, caller: Account) -> Translated:
        query = job.configuration["query"]
        dataset = query.get("defaultDataset", {}).get("datasetId")
        parameters = query.get("queryParameters", ())
        translated = self._engine.understood(query["query"], dataset, parameters, caller.hidden)
        if translated.is_query:
            job.fields = self._engine.describe(job.connection, translated)
            job.bytes = self._engine.bytes_of(job.connection, translated)
            _check_price(job.bytes, int(query.get("maximumBytesBilled", job.bytes)))
        return translated

    def _keep(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.name] = job
            ended = [name for name, kept in self._jobs.items() if kept.done.is_set()]
            for name in ended[: max(0, len(self._jobs) - KEPT)]:
                old = self._jobs.pop(name)
                if old.result is not None:
                    old.result.free()

    def _run(self, job: Job, translated: Translated) -> None:
        time.sleep((self._faults.take("job_slow") or {}).get("seconds", 0))
        try:
            job.result = self._engine.run(job.connection, translated, job.name)
            job.asked.state = "finished"
        except ServiceError as error:
            job.error = error
            job.asked.state = "cancelled" if job.is_cancelled else "failed"
        finally:
            job.connection.close()
            job.done.set()


def _zone(query: dict[str, Any]) -> str:
    properties = {one["key"]: one["value"] for one in query.get("connectionProperties", ())}
    return str(properties.get("time_zone", "UTC"))


def _check_price(needed: int, allowed: int) -> None:
    if needed > allowed:
        message = f"Query exceeded limit for bytes billed: {allowed}. {needed} or higher required."
        raise ServiceError("bytesBilledLimitExceeded", message)
