"""Checks a sync as a task: before the sync in its DAG, or every night."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.sdk import BaseOperator

from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.sync_tasks import is_mapped, is_of_same_group, is_sync
from airflow_provider_cdi.version_compat import AirflowFailException

# A DAG file imports this module: what looks at warehouses and destinations is imported when a task runs.
if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_cdi.checks.findings import Finding

#: Which findings fail the task.
FailOn = Literal["failure", "warning", "never"]


class CheckSyncOperator(BaseOperator):
    """Checks everything that a run of a sync needs, step by step: network, log-in, table, privileges, key, catalog.

    Nothing is sent and nothing is written. What was found is in the log, and in the task's XCom ``return_value``, also
    when the task fails: ``{"sync_id", "state", "findings": [{"step", "state", "seconds", "message", "cure"}, …]}``.

    .. seealso::
        :ref:`howto/operator:CheckSyncOperator`

    :param sync: the sync's operator, or its ``task_id`` in the same DAG. Its templates are rendered with the context
        of the check's own run.
    :param fail_on: ``failure`` fails the task when a step failed, ``warning`` also when one found something that
        somebody should know, ``never`` only tells (templated).
    :param counts: whether the whole source may be read by aggregates: it takes as long as a count over the table.
    """

    template_fields: Sequence[str] = ("fail_on",)
    ui_color = "#e6ffe6"

    def __init__(
        self,
        *,
        sync: WarehouseSyncOperator | str,
        fail_on: FailOn = "failure",
        counts: bool = True,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.sync_task_id = sync if isinstance(sync, str) else sync.task_id
        self.fail_on = fail_on
        self.counts = counts
        # Kept only where no DAG has it: a DAG is copied with its tasks, and each would carry a second sync around.
        self._sync = None if isinstance(sync, str) or sync.has_dag() else sync  # type: ignore[no-untyped-call]
        if "{{" not in fail_on:
            _refuse_unknown(self.task_id, fail_on)

    def execute(self, context: Context) -> dict[str, Any]:
        """Take the steps, and fail the task when one failed."""
        from airflow_provider_cdi.checks.shown import line, summary
        from airflow_provider_cdi.checks.sync import check_sync

        _refuse_unknown(self.task_id, self.fail_on)
        sync = self._rendered(context)
        findings = []
        for finding in check_sync(sync, counts=self.counts):
            self.log.info("%s", line(finding))
            findings.append(finding)
        result = summary(sync.sync_id, findings)
        refusal = self._refusal(findings)
        if refusal is not None:
            context["ti"].xcom_push(key="return_value", value=result)
            raise refusal
        return result

    def _rendered(self, context: Context) -> WarehouseSyncOperator:
        sync = self._sync or self._from_dag()
        sync = sync.prepare_for_execution()
        sync.render_template_fields(context)
        return sync

    def _from_dag(self) -> WarehouseSyncOperator:
        dag = self.get_dag()
        task = dag.task_dict.get(self.sync_task_id) if dag is not None else None
        is_one = not is_sync(task) or not is_mapped(task) or is_of_same_group(task, self)
        if isinstance(task, WarehouseSyncOperator) and is_one:
            return task
        is_what = "is no task of the DAG" if task is None else "is no sync"
        if not is_one:
            is_what = "is mapped: it is as many syncs as it has instances"
        raise ConfigurationError(
            f"Task {self.task_id!r}: sync= names {self.sync_task_id!r}, which {is_what}. Give the operator of one "
            "sync, or the task_id of one in the same DAG."
        )

    def _refusal(self, findings: Sequence[Finding]) -> Exception | None:
        from airflow_provider_cdi.checks.findings import State
        from airflow_provider_cdi.checks.shown import line

        fatal = {"failure": (State.FAILED,), "warning": (State.FAILED, State.WARNING), "never": ()}[self.fail_on]
        found = [finding for finding in findings if finding.state in fatal]
        if not found:
            return None
        told = "\n".join([f"{len(found)} of {len(findings)} steps found something:", *map(line, found)])
        if all(finding.passes for finding in found):
            return RetryLater(told)
        return AirflowFailException(told)


def _refuse_unknown(task_id: str, fail_on: str) -> None:
    if fail_on not in get_args(FailOn):
        raise ConfigurationError(
            f"Task {task_id!r}: fail_on={fail_on!r} makes no sense: give one of {', '.join(get_args(FailOn))}."
        )
