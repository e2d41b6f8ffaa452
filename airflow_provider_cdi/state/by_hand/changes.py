"""A change of state by a person: what becomes of the record, who did it and why, and that no run is at work."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Watermark
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError
from airflow_provider_cdi.state.by_hand.at_work import tasks_at_work
from airflow_provider_cdi.state.by_hand.found import find_leases
from airflow_provider_cdi.state.by_hand.places import ChangedMeanwhile, Place
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.record import Change, Checkpoint, StateRecord

#: Characters that a record keeps of each of its changes: it has to stay under 32 KB.
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Write:
    """One record to write.

    :param place: where.
    :param before: what lies there now, as it is stored; None for nothing.
    :param record: what is to lie there.
    """

    place: Place
    before: dict[str, Any] | None
    record: StateRecord


def check_reason(why: str) -> None:
    """Make sure that somebody says why, in words that a record has room for.

    :param why: in that person's words.
    :raises UsageError: when there are none, or more than 500 characters.
    """
    if not why.strip() or len(why) > LONGEST_REASON:
        raise UsageError(f"--why has {len(why):,} characters: say why in a sentence, of {LONGEST_REASON} at most.")


def change_now(why: str, was: str) -> Change:
    """Return the note of a change that is made now by whoever calls the command.

    :param why: in that person's words.
    :param was: what is changed, in words.
    """
    return Change(person(), datetime.now(UTC).isoformat(timespec="seconds"), why, was)


def changed_record(
    record: StateRecord | None,
    identity: Identity,
    watermark: Watermark | None,
    change: Change,
    *,
    from_beginning: bool = False,
) -> StateRecord:
    """Return a record with another watermark. What depends on the old one goes: totals, rejects, jobs.

    :param record: as it is; None for none.
    :param identity: whose it is.
    :param watermark: the new one; None for a sync that begins anew.
    :param change: who and why.
    :param from_beginning: whether it begins with everything, whatever ``initial`` says.
    """
    gen, changed = (record.gen, record.changed) if record else (0, ())
    map_index, copies = (record.map_index, record.copies) if record else (None, ())
    return StateRecord(
        identity,
        gen + 1,
        Checkpoint(watermark, Totals()),
        run_id="",
        at=change.at,
        map_index=map_index,
        copies=copies,
        changed=(*changed, change),
        from_beginning=from_beginning,
    )


def moved_record(record: StateRecord, to: Sequence[str], change: Change) -> StateRecord:
    """Return what stays under the old name of a sync that has moved.

    :param record: as it is.
    :param to: the names that go on from here.
    :param change: who and why.
    """
    return replace(
        record, gen=record.gen + 1, run_id="", at=change.at, changed=(*record.changed, change), moved_to=tuple(to)
    )


def write_all(writes: Sequence[Write], *, event: str, why: str) -> None:
    """Write records, all or none, and leave a line in Airflow's audit log for each.

    :param writes: what to write.
    :param event: what the audit log calls it, for example ``cdi_state_set``.
    :param why: in the person's words.
    :raises ConfigurationError: when a run is at work, or the state was changed since it was looked at.
    """
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    try:
        with create_session() as session:
            session.add_all(_audited(one, event, why) for one in writes)
            session.flush()  # what SQLite has for a lock: whoever comes second waits here, and then sees the first
            refuse_while_at_work(session, writes)
            for one in writes:
                one.place.replace(session, one.before, one.record.to_json())
            session.flush()
            refuse_while_at_work(session, writes)  # one that began meanwhile: nothing is written then
    except IntegrityError:
        raise ChangedMeanwhile(writes[0].place.describe()) from None
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"Airflow's metadata database did not take the change ({type(error).__name__}): nothing was written. See "
            "that it can be reached and written from here, and repeat the command."
        ) from None


def _audited(one: Write, event: str, why: str) -> Any:
    from airflow.models.log import Log

    mark = one.record.watermark
    extra = {
        "sync_id": one.record.identity.sync_id,
        "where": one.place.describe(),
        "was": one.record.changed[-1].was,
        "watermark": mark.position if mark else None,
        "moved_to": list(one.record.moved_to),
        "why": why,
    }
    return Log(event=event, owner=person(), extra=json.dumps(extra), **_task_of(one))


def refuse_while_at_work(session: Any, writes: Sequence[Write]) -> None:
    """Make sure that nobody is at work on some syncs or about to be: no run of theirs, and nobody who holds a lease.

    :param session: of the database.
    :param writes: what is to be written.
    :raises ConfigurationError: names the run.
    """
    owners = {one.record.identity.owner for one in writes}
    leases = find_leases(session)
    held = [
        (lease, one.record.identity.owner) for one in writes for lease in leases.get(one.record.identity.sync_id, ())
    ]
    for task in tasks_at_work(session):
        if task.is_of(owners) or any(task.holds(lease, owner) for lease, owner in held):
            raise ConfigurationError(
                f"{task.describe()}, and would write over what is written here. Nothing was changed. Wait for its end, "
                "or mark the run as failed; pause the DAG so that no other begins meanwhile."
            )


def _task_of(write: Write) -> dict[str, Any]:
    """Return DAG and task for the audit log, where they are known."""
    dag_id = getattr(write.place, "dag_id", None)
    if dag_id is not None:
        return {"dag_id": dag_id, "task_id": getattr(write.place, "task_id", None)}
    owner = write.record.identity.owner
    dag, _, task = owner.partition("/") if "/" in owner else owner.partition(".")
    return {"dag_id": dag, "task_id": task} if dag and task else {}


def person() -> str:
    """Return who calls: the name of the user and of the machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no name for the number of the user, as in some containers
        name = f"user {os.getuid()}"
    return f"{name}@{socket.gethostname()}"
