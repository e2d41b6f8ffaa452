"""What Airflow's callbacks know of a run of a sync, read from their context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_cdi.destinations.cures import cure_of
from airflow_provider_cdi.exceptions import KINDS, CdiError, Unforeseen
from airflow_provider_cdi.notifications.message import CodeTold
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.transfers.runs.reporting import REPORT_KEY, kind_of, sentence_of
from airflow_provider_cdi.transfers.sync_tasks import operator_class
from airflow_provider_cdi.version_compat import airflow_option

_COUNTS = ("rows_read", "accepted", "rejected", "skipped", "unknown")


@dataclass(frozen=True, slots=True)
class Happening:
    """How a run of a sync ended, or one of its tries.

    :param sync_id: of the sync; a mapped one says which instance.
    :param destination: where it sends to.
    :param ti: the task instance.
    :param report: of the run, as far as it came; empty where there is none.
    :param kind: of the trouble; None for a run that ended well.
    :param sentence: what failed and what to do next.
    :param at: now.
    """

    sync_id: str
    destination: str
    ti: Any
    report: Mapping[str, Any]
    kind: str | None
    sentence: str
    at: datetime

    @classmethod
    def of(cls, context: Mapping[str, Any], *, has_failed: bool, at: datetime | None = None) -> Happening:
        """Read it from the context of a callback.

        :param context: of ``on_failure_callback``, ``on_retry_callback`` or ``on_success_callback``, in the task's
            process or in the DAG processor.
        :param has_failed: whether the run failed; the DAG processor has no exception that would tell.
        :param at: now.
        """
        ti, error = context["ti"], context.get("exception")
        report = getattr(error, "report", None) or (None if has_failed else _sent(context)) or _left(ti)
        return cls(
            sync_id=str(report.get("sync_id") or _name(ti)),
            destination=str(report.get("destination") or _destination(ti)),
            ti=ti,
            report=report,
            kind=_kind(error, report) if has_failed else None,
            sentence=_sentence(error, report) if has_failed else "",
            at=at or datetime.now(UTC),
        )

    @property
    def stamp(self) -> str:
        """The time as it is kept and shown."""
        return self.at.isoformat(timespec="seconds")

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of rows."""
        return {name: int(self.report[name]) for name in _COUNTS if self.report.get(name) is not None}

    @property
    def codes(self) -> dict[str, int]:
        """Rows that were not accepted, by code; those of which nobody knows as ``unknown``."""
        rejects = {str(code): int(number) for code, number in (self.report.get("rejects") or {}).items()}
        unknown = int(self.report.get("unknown") or 0)
        return rejects | ({"unknown": unknown} if unknown else {})

    def codes_told(self, only: frozenset[str] | None = None) -> list[CodeTold]:
        """Return the codes with their cures, the most frequent first.

        :param only: which of them; None for all.
        """
        found = {code: number for code, number in self.codes.items() if only is None or code in only}
        ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
        vendor = getattr(operator_class(self.ti.task), "vendor", "")
        return [CodeTold(code, number, cure_of(code, vendor)) for code, number in ordered]

    def facts(self) -> list[tuple[str, str]]:
        """Return what there is to know beside the message: run, try, numbers, where the rejects are."""
        counts = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in self.counts.items())
        limit = getattr(self.ti, "max_tries", None)
        tries = f"{self.ti.try_number} of {limit + 1}" if isinstance(limit, int) else f"{self.ti.try_number}"
        files = [
            f"{part['path']} on {part['host']}" if part.get("host") else str(part["path"])
            for part in self.report.get("rejects_files") or ()
        ]
        facts = [("Run", str(self.ti.run_id)), ("Try", tries), ("Rows", counts), ("Rejects", ", ".join(files))]
        return [(label, value) for label, value in facts if value]

    def links(self) -> list[tuple[str, str]]:
        """Return the addresses of the log and of the DAG, none where ``[api] base_url`` is not set."""
        base = _base_url()
        if not base:
            return []
        dag = f"{base}/dags/{quote(self.ti.dag_id, safe='')}"
        mapped = (
            f"/mapped/{self.ti.map_index}" if (self.ti.map_index or 0) >= 0 and self.ti.map_index is not None else ""
        )
        task = f"{dag}/runs/{quote(self.ti.run_id, safe='')}/tasks/{quote(self.ti.task_id, safe='')}{mapped}"
        return [("Log", f"{task}?try_number={self.ti.try_number}"), ("DAG", dag)]


def _base_url() -> str:
    parts = urlsplit(airflow_option("api", "base_url"))
    host = parts.netloc.rpartition("@")[2]  # no login that somebody wrote into it
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", "")) if host else ""


def _kind(error: Any, report: Mapping[str, Any]) -> str:
    # The DAG processor has no exception, and the report of a try that ended by one.
    kind = kind_of(error) if isinstance(error, BaseException) else report.get("kind")
    return kind if kind in KINDS else Unforeseen.kind


def _sentence(error: Any, report: Mapping[str, Any]) -> str:
    if isinstance(error, BaseException):
        return sentence_of(error, "The task")
    return str(report.get("error") or "") or (
        "Airflow ended the task from outside: its process or its worker is gone (killed, out of memory). What was "
        "acknowledged is saved, and the next run goes on from there. See the logs of the task and of the scheduler."
    )


def _left(ti: Any) -> Mapping[str, Any]:
    """Return the report that a try left, also a dry run; empty where there is none, or Airflow does not give it."""
    index = -1 if ti.map_index is None else ti.map_index
    try:
        found = ti.xcom_pull(task_ids=ti.task_id, key=REPORT_KEY, map_indexes=index)
    except AirflowRuntimeError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _sent(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the report of a run that ended well; a dry run, and a task that is no sync, have none here."""
    asset = sync_asset(str(getattr(context["ti"].task, "sync_id", "")))
    try:
        extra: Mapping[str, Any] = context["outlet_events"][asset].extra
    except KeyError:
        return {}
    return extra


def _name(ti: Any) -> str:
    if hasattr(ti.task, "name_of"):
        return str(ti.task.name_of(ti))
    # The DAG processor has the task before it was expanded.
    base = (getattr(ti.task, "partial_kwargs", None) or {}).get("sync_id") or f"{ti.dag_id}.{ti.task_id}"
    return f"{base}[{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else str(base)


def _destination(ti: Any) -> str:
    try:
        return str(ti.task.destination_name())
    except (AttributeError, CdiError):  # not expanded yet, or its connection is what is missing
        return ""
