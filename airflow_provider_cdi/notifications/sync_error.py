"""Who hears that a sync does not run, and that it runs again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.notifications.base import SyncNotifier

# A DAG file imports this module: what is needed to tell something is imported when there is something to tell.
if TYPE_CHECKING:
    from airflow_provider_cdi.notifications.happening import Happening
    from airflow_provider_cdi.notifications.message import AlertMessage


class SyncErrorNotifier(SyncNotifier):
    """Tells that a sync does not run: for ``on_failure_callback``, and for ``on_retry_callback`` if retries matter.

    Each contact hears once of a trouble: not again while the sync fails in the same way, but of another kind, and when
    it failed again after it had run. Rejected rows are no matter of this notifier, see
    :class:`~airflow_provider_cdi.notifications.row_errors.RowErrorNotifier`.

    .. seealso::
        :ref:`howto/notifier:SyncErrorNotifier`

    :param notifier: one of Airflow's notifiers, or several.
    :param patience: seconds after which a notifier is given up.
    """

    def tell(self, context: Mapping[str, Any]) -> None:
        """Tell each contact of a trouble of which it has not heard.

        :param context: of the callback.
        """
        from airflow_provider_cdi.notifications.happening import Happening

        seen = Happening.of(context, has_failed=True)
        if seen.report.get("dry_run"):  # whoever asked for it sees it
            return
        memory = self.remember(seen.sync_id)
        if seen.kind == "rows":  # the sync ran
            memory.recovered(run_id=None, at=seen.stamp)
            self.keep(memory)
            return
        trouble = memory.failed(
            str(seen.kind), run_id=str(seen.ti.run_id), at=seen.stamp, successes=_successes(seen.ti)
        )
        self.keep(memory)
        for notifier, contact in self.each_contact(memory.needs_to_hear):
            if self.deliver(notifier, _failed(seen, trouble), context):
                memory.heard(contact)
                self.keep(memory)


class RecoveredNotifier(SyncNotifier):
    """Tells that a sync runs again after a trouble that somebody was told of: for ``on_success_callback``.

    .. seealso::
        :ref:`howto/notifier:SyncErrorNotifier`

    :param notifier: one of Airflow's notifiers, or several.
    :param patience: seconds after which a notifier is given up.
    """

    def tell(self, context: Mapping[str, Any]) -> None:
        """Tell each contact once that the trouble is over.

        :param context: of the callback.
        """
        from airflow_provider_cdi.notifications.happening import Happening

        seen = Happening.of(context, has_failed=False)
        if seen.report.get("dry_run"):
            return
        memory = self.remember(seen.sync_id)
        run_id = str(seen.ti.run_id)
        over = memory.recovered(run_id=run_id, at=seen.stamp)
        if not self.keep(memory):  # else each good run would tell the end again
            return
        for notifier, contact in self.each_contact(lambda one: memory.needs_to_hear_of_the_end(one, run_id)):
            is_told = self.deliver(notifier, _recovered(seen, over or {}), context)
            memory.heard_of_the_end(contact, is_told=is_told)
            self.keep(memory)


def _failed(seen: Happening, trouble: Mapping[str, Any]) -> AlertMessage:
    from airflow_provider_cdi.exceptions import KINDS
    from airflow_provider_cdi.notifications.message import AlertMessage

    kind = str(seen.kind)
    runs = f" ({trouble['runs']:,} runs)" if trouble["runs"] > 1 else ""
    return AlertMessage(
        headline=f"Sync {seen.sync_id} failed: {kind.replace('_', ' ')}",
        advice=seen.sentence,
        sync_id=seen.sync_id,
        kind=kind,
        status=str(seen.report.get("status") or "error"),
        facts=[
            ("Kind", f"{kind}: {KINDS[kind]}"),
            ("Destination", seen.destination or "not known"),
            ("Failing since", f"{trouble['since']}{runs}"),
            *seen.facts(),
        ],
        codes=seen.codes_told(),
        links=seen.links(),
        dedup_key=f"cdi-sync:{seen.sync_id}",
        counts=seen.counts,
    )


def _recovered(seen: Happening, over: Mapping[str, Any]) -> AlertMessage:
    from airflow_provider_cdi.notifications.message import AlertMessage

    return AlertMessage(
        headline=f"Sync {seen.sync_id} runs again",
        advice="",
        sync_id=seen.sync_id,
        severity="info",
        status=str(seen.report.get("status") or "success"),
        facts=[
            ("Was", over["kind"].replace("_", " ")),
            ("Failed since", over["since"]),
            ("Runs again since", over["over"]),
            ("Destination", seen.destination or "not known"),
            *seen.facts(),
        ],
        links=seen.links(),
        dedup_key=f"cdi-sync:{seen.sync_id}",
        is_over=True,
        counts=seen.counts,
    )


def _successes(ti: Any) -> int | None:
    """Return how often the task succeeded; None where it cannot be asked."""
    from airflow.sdk.exceptions import AirflowRuntimeError

    try:
        found: int = ti.get_ti_count(
            dag_id=ti.dag_id, task_ids=[ti.task_id], map_index=ti.map_index, states=["success"]
        )
    except (AirflowRuntimeError, ValueError):  # the DAG processor of 3.3 cannot read the answer to its own question
        return None
    return found
