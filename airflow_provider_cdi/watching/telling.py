"""Tells each contact of a watch what it does not know yet, and that it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from airflow_provider_cdi.notifications.base import SyncNotifier
from airflow_provider_cdi.notifications.memory import AlertMemory
from airflow_provider_cdi.notifications.message import AlertMessage
from airflow_provider_cdi.watching.history import PastRun
from airflow_provider_cdi.watching.judgement import Alarm
from airflow_provider_cdi.watching.memory import WatchMemory


def tell_alarms(
    sync_id: str, wrong: Sequence[Alarm], memory: WatchMemory, contacts: SyncNotifier, context: Mapping[str, Any]
) -> None:
    """Tell of alarms that are new, and of those that are over.

    :param sync_id: of the sync.
    :param wrong: what is wrong now.
    :param memory: what was told before.
    :param contacts: who hears it.
    :param context: of the watch's own task.
    """
    for alarm in wrong:
        message = _message(
            sync_id, alarm.name, f": {alarm.headline}", advice=alarm.advice, severity="warning", status=alarm.name
        )
        for notifier, contact in contacts.each_contact(partial(_has_not_heard, memory, alarm.name)):
            if contacts.deliver(notifier, message, context):
                memory.heard(alarm.name, contact)
    for name in set(memory.told) - {alarm.name for alarm in wrong}:
        message = _message(sync_id, name, f": {name.replace('_', ' ')} is over", status=name, is_over=True)
        for notifier, contact in contacts.each_contact(partial(_has_heard, memory, name)):
            memory.heard_of_the_end(name, contact)  # before it is told: else each look would tell the end again
            if not contacts.deliver(notifier, message, context):
                memory.heard(name, contact)


def tell_failure(sync_id: str, run: PastRun | None, contacts: SyncNotifier, context: Mapping[str, Any]) -> list[str]:
    """Tell of a run that failed unless its callback did, and of the end of a trouble that the contacts know.

    :param sync_id: of the sync.
    :param run: that ended last; None for none.
    :param contacts: who hears it.
    :param context: of the watch's own task.
    :return: what is wrong, in words.
    """
    if run is None:
        return []
    memory = contacts.remember(sync_id)
    if not run.has_failed:
        _tell_end(sync_id, run, memory, contacts, context)
        return []
    kind = str(run.report.get("kind") or "unforeseen")
    if kind != "rows" and not memory.is_told(run.run_id):
        memory.failed(kind, run_id=run.run_id, at=run.at.isoformat(timespec="seconds"))
        contacts.keep(memory)
        facts = [("Run", run.run_id), ("Last heard of", run.at.isoformat(timespec="seconds"))]
        told = f" failed: {kind.replace('_', ' ')}"
        message = _message(sync_id, "", told, advice=_why(run), kind=kind, status="error", facts=facts)
        for notifier, contact in contacts.each_contact(memory.needs_to_hear):
            if contacts.deliver(notifier, message, context):
                memory.heard(contact)
                contacts.keep(memory)
    return [f"failed: {kind}"]


def _tell_end(
    sync_id: str, run: PastRun, memory: AlertMemory, contacts: SyncNotifier, context: Mapping[str, Any]
) -> None:
    over = memory.recovered(run_id=run.run_id, at=run.at.isoformat(timespec="seconds")) or {"told": {}}
    told = {contact for contacts_of_kind in over["told"].values() for contact in contacts_of_kind}
    if not contacts.keep(memory):  # else each look would tell the end again
        return
    message = _message(sync_id, "", " runs again", status=str(run.report.get("status") or "success"), is_over=True)
    for notifier, contact in contacts.each_contact(
        lambda one: one in told and memory.needs_to_hear_of_the_end(one, run.run_id)
    ):
        memory.heard_of_the_end(contact, is_told=contacts.deliver(notifier, message, context))
        contacts.keep(memory)


def _message(
    sync_id: str, trouble: str, told: str, *, advice: str = "", severity: str = "error", is_over: bool = False,
    **more: Any,
) -> AlertMessage:  # fmt: skip
    key = f"cdi-sync:{sync_id}:{trouble}" if trouble else f"cdi-sync:{sync_id}"
    severity = "info" if is_over else severity
    return AlertMessage(f"Sync {sync_id}{told}", advice, sync_id, severity, dedup_key=key, is_over=is_over, **more)


def _has_not_heard(memory: WatchMemory, alarm: str, contact: str) -> bool:
    return contact not in memory.told.get(alarm, ())


def _has_heard(memory: WatchMemory, alarm: str, contact: str) -> bool:
    return contact in memory.told.get(alarm, ())


def _why(run: PastRun) -> str:
    if run.report.get("error"):
        return str(run.report["error"])
    return (
        "Its run ended without a word of its own: its worker is gone (killed, out of memory), or somebody marked the "
        "task as failed. What was acknowledged is saved, and the next run goes on from there. See the logs of the task "
        "and of the scheduler."
    )
