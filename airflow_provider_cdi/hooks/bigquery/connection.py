"""One connection to BigQuery: jobs that run one after the other, and a way to stop them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as NotDoneYet
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.hooks.bigquery.errors import IncompleteResult, JobStopped
from airflow_provider_cdi.hooks.bigquery.results import ResultReader

#: How long a call is tried again while BigQuery does not answer, in seconds. The client's own ten minutes would
#: let a task hang that can as well be retried.
RETRY_SECONDS = 120.0
#: How long one call may take, in seconds.
CALL_SECONDS = 60.0
#: How long it is tried to cancel a job, in seconds: a task that is told to end has not much time.
CANCEL_SECONDS = 10.0
#: How long a running job is waited for, in seconds, before BigQuery is asked whether it is still there.
WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class JobDefaults:
    """What the Airflow connection says about every job.

    :param configuration: BigQuery's own ``configuration.query`` (``maximumBytesBilled``).
    :param labels: shown in BigQuery's history and on the bill.
    :param priority: ``INTERACTIVE`` or ``BATCH``.
    :param dataset: ``project.dataset`` where names of one part are looked for.
    """

    configuration: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    priority: str | None = None
    dataset: str | None = None


class BigQueryConnection:
    """Runs one query job at a time.

    :param client: Google's client.
    :param defaults: what every job carries.
    :param results: reads what a job has found.
    """

    def __init__(self, client: Any, defaults: JobDefaults, results: ResultReader) -> None:
        self._client = client
        self._defaults = defaults
        self._results = results
        self._job: Any = None
        self._is_stopped = False

    def columns(self, text: str) -> list[tuple[str, object]]:
        """Return the names and types of a query's columns; nothing is read.

        :return: BigQuery's type names; an array is ``ARRAY``.
        """
        job = self._insert(text, self._configuration((), dry_run=True))
        return [(column.name, "ARRAY" if column.mode == "REPEATED" else column.field_type) for column in job.schema]

    def scanned(self, text: str, parameters: Sequence[tuple[str, str]]) -> int | None:
        """Return how many bytes a query will process, by a dry run, which reads nothing and costs nothing.

        :param parameters: type and value of each ``?``.
        """
        total: int | None = self._insert(text, self._configuration(parameters, dry_run=True)).total_bytes_processed
        return total

    def permissions(self, path: Sequence[str], asked: Sequence[str]) -> list[str]:
        """Return those of some permissions that the account has on a table.

        :param path: the table's name, of one to three parts.
        :param asked: IAM's names (``bigquery.tables.updateData``).
        """
        above = (self._defaults.dataset or "").split(".")[-2:] if len(path) == 1 else []
        table = ".".join([*filter(None, above), *path])
        found = self._client.test_iam_permissions(table, list(asked), retry=_retry(), timeout=CALL_SECONDS)
        return list(found.get("permissions", ()))

    def run(self, text: str, parameters: Sequence[tuple[str, str]]) -> Any:
        """Run a query and wait for its end.

        :param parameters: type and value of each ``?``.
        :return: the client's iterator of rows; nothing of them is fetched yet.
        """
        self._job = self._insert(text, self._configuration(parameters))
        if self._is_stopped:  # while it was on its way
            self.stop()
        while True:
            try:
                return self._job.result(retry=_retry(), timeout=WAIT_SECONDS)
            except NotDoneYet:
                # The client says so for a slow query and for a silent network alike; this call tells them apart.
                self._job.reload(retry=_retry(), timeout=CALL_SECONDS)

    def read(self, text: str, parameters: Sequence[tuple[str, str]]) -> Iterator[pa.RecordBatch]:
        """Run a query and stream its result in order.

        :raises JobStopped: after :meth:`stop`.
        :raises IncompleteResult: when the stream ends early.
        """
        rows = self.run(text, parameters)
        expected, seen = rows.total_rows or 0, 0
        try:
            for batch in self._results.batches(self._job) if expected else ():
                seen += batch.num_rows
                yield batch
        except ValueError as error:
            # gRPC raises it for a call on a channel that was closed.
            if not self._is_stopped:
                raise
            raise JobStopped from error
        if self._is_stopped:
            raise JobStopped
        if seen != expected:
            raise IncompleteResult(expected, seen)

    def stop(self) -> None:
        """Cancel the running job in BigQuery and end the stream; from any thread."""
        self._is_stopped = True
        try:
            if self._job is not None:
                self._job.cancel(retry=_retry().with_timeout(CANCEL_SECONDS), timeout=CANCEL_SECONDS)
        finally:
            self._results.close()

    def close(self) -> None:
        """Close both clients."""
        self._results.close()
        self._client.close()

    def _insert(self, text: str, configuration: Any) -> Any:
        # job_retry would run a failed job again for up to 40 minutes: the task's own tries are for that.
        return self._client.query(
            text,
            job_config=configuration,
            job_id_prefix="cdi_",
            retry=_retry(),
            job_retry=None,
            timeout=CALL_SECONDS,
        )

    def _configuration(self, parameters: Sequence[tuple[str, str]], *, dry_run: bool = False) -> Any:
        from google.cloud.bigquery import ConnectionProperty, QueryJobConfig, ScalarQueryParameter

        settings: Any = QueryJobConfig.from_api_repr({"query": dict(self._defaults.configuration)})
        settings.use_legacy_sql = False
        others = [one for one in settings.connection_properties if one.key != "time_zone"]
        settings.connection_properties = [*others, ConnectionProperty("time_zone", "UTC")]
        settings.labels = dict(self._defaults.labels)
        settings.query_parameters = [ScalarQueryParameter(None, kind, value) for kind, value in parameters]
        if self._defaults.priority:
            settings.priority = self._defaults.priority
        if self._defaults.dataset:
            settings.default_dataset = self._defaults.dataset
        if dry_run:
            settings.dry_run = True
        return settings


def _retry() -> Any:
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(RETRY_SECONDS)
