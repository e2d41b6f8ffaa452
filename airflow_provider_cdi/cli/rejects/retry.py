"""``airflow cdi rejects retry``: trigger a run that sends rejected rows again. The command itself sends nothing."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_cdi.cli.command import GOOD, NOT_GOOD, confirm
from airflow_provider_cdi.cli.output import print_json, print_result, tell
from airflow_provider_cdi.cli.rejects.choice import chosen_codes, moment
from airflow_provider_cdi.cli.rejects.summary import Group
from airflow_provider_cdi.cli.rejects.sync import RejectsOfSync, rejects_of_sync
from airflow_provider_cdi.cli.syncs.triggered_run import KnownDag, known_dag, other_tasks, refusal, trigger
from airflow_provider_cdi.destinations.cures import cure_of
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.redrive.choice import RejectChoice
from airflow_provider_cdi.transfers.redrive.redrive import may_be_sent, not_chosen, reject_filter
from airflow_provider_cdi.transfers.redrive.taking import MOST, key_of
from airflow_provider_cdi.version_compat import cdi_command

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.rows.table_contract import TableContract
    from airflow_provider_cdi.transfers.base import WarehouseSyncOperator


@dataclass(slots=True)
class Due:
    """What a run would take.

    :param groups: code and outcome -> how many.
    :param without_key: rejects that name nobody, so that no row is found for them.
    :param in_doubt: those that may have arrived, and are not meant.
    """

    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    without_key: int = 0
    in_doubt: int = 0

    @property
    def number(self) -> int:
        """How many."""
        return sum(group.number for group in self.groups.values())

    def rows(self, vendor: str) -> list[dict[str, Any]]:
        """Return one row for each code and outcome.

        :param vendor: whose codes they are.
        """
        return [
            {
                "code": code,
                "outcome": outcome,
                "number": group.number,
                "oldest": group.oldest,
                "what_to_do": cure_of(code, vendor),
            }
            for (code, outcome), group in self.groups.items()
        ]


def retry_rejects(options: argparse.Namespace) -> int:
    """Show what would be sent again, and trigger the run that does it; return the exit code.

    :param options: of the command line.
    :raises UsageError: when they make no sense, or name no sync.
    :raises ConfigurationError: when the sync would refuse such a run, or Airflow cannot be asked for one.
    """
    choice = _choice(options)
    conf = _conf(choice)
    of = rejects_of_sync(argparse.Namespace(**{**vars(options), "map_index": None}))
    if refused := refusal(of.task, conf):
        raise ConfigurationError(f"{of.task.name} would refuse such a run, so none was triggered. {refused}")
    due = _due(of, choice)
    rows = due.rows(of.vendor)
    if rows and options.output != "json":
        print_result(rows, options.output)
    _tell_due(due, rows if options.output == "json" else [])
    is_whole = of.is_whole()
    away = of.index.elsewhere()
    run_id, known = None, None
    if due.number or away:
        known = known_dag(of.task.dag.dag_id)
        _tell_run(of, known, conf, away=bool(away))
        confirm(options)
        run_id = trigger(of.task.dag.dag_id, conf)
        _tell_triggered(of, run_id, known)
    else:
        if others := not_chosen(of.index):
            tell(others)
        tell(
            "Nothing is to be taken, so no run was triggered. "
            f"`{cdi_command('rejects list --all')}` shows what there is."
        )
    if options.output == "json":
        print_json(_document(of, due, conf, known, run_id))
    return GOOD if run_id or is_whole else NOT_GOOD


def _choice(options: argparse.Namespace) -> RejectChoice:
    """Return which rejects are meant: none that is rejected after the person has seen them."""
    now = datetime.now(UTC)
    before = moment("--older-than", options.older_than, now)
    return RejectChoice(
        codes=chosen_codes(options),
        run_id=options.run_id or "",
        older_than=before.isoformat() if before else "",
        unknown=options.unknown,
        stored_payload=options.stored_payload,
    ).at(now)


def _conf(choice: RejectChoice) -> dict[str, Any]:
    """Return the choice as the trigger form has it, without what says nothing."""
    said = {
        "reject_codes": ",".join(choice.codes),
        "reject_run_id": choice.run_id,
        "reject_older_than": choice.older_than,
        "reject_unknown": choice.unknown,
        "reject_stored_payload": choice.stored_payload,
    }
    return {"sync_mode": "rejects", **{name: value for name, value in said.items() if value}}


def _due(of: RejectsOfSync, choice: RejectChoice) -> Due:
    """Count what the run would take, by what the run itself goes by."""
    every_row, contract = _kind(of)
    due = Due()
    for reject in of.index.entries(reject_filter(choice)):
        if not may_be_sent(reject, choice, every_row=every_row):
            due.in_doubt += 1
        elif contract is not None and not key_of(reject.identifier, contract):
            due.without_key += 1
        else:
            due.groups.setdefault((reject.code, reject.outcome), Group()).add(reject)
    return due


def _kind(of: RejectsOfSync) -> tuple[bool, TableContract | None]:
    """Return whether each row counts for itself, and what names a row; of what only a run knows nothing is left out."""
    if of.task.missing is not None:
        return False, None
    operator = cast("WarehouseSyncOperator", of.task.operator({}))
    if of.vendor == "klaviyo":  # without a look at its connection
        from airflow_provider_cdi.destinations.klaviyo import klaviyo_destination

        return operator.counts_every_row(), klaviyo_destination(operator.data_type).contract
    return operator.counts_every_row(), operator.make_destination(loads_history=True).contract


# --- what a person is told --------------------------------------------------------------------------------------------


def _tell_due(due: Due, rows: list[dict[str, Any]]) -> None:
    """Say how many there are, and with ``--output json``, which comes at the end, also which."""
    for row in rows:
        tell(f"{row['number']:,} {row['code']} ({row['outcome']}), the oldest of {row['oldest']}: {row['what_to_do']}")
    if due.number:
        more = (
            f"; one run of a sync takes {MOST:,}, the oldest first: then retry once more" if due.number > MOST else ""
        )
        tell(f"To be taken: {due.number:,} rejects{more}. Those whose cause is not mended are rejected again.")
        tell(
            "Rows are found by the identifier they had; where that was mended, a new UPDATED_AT sends the row by "
            "itself."
        )
    if due.without_key:
        tell(f"Left as they are: {due.without_key:,} that name nobody, so no row is found. A window sends theirs.")
    if due.in_doubt:
        tell(
            f"Left as they are: {due.in_doubt:,} that may have arrived and may count twice; --unknown takes them, too."
        )


def _tell_run(of: RejectsOfSync, known: KnownDag, conf: dict[str, Any], *, away: bool) -> None:
    if away:
        tell("A run takes what lies on the worker on which it runs, and on storage that all share.")
    for line in other_tasks(of.task.dag, of.task.task_id, conf):
        tell(line)
    if known.waiting:
        tell(f"A run for rejects was triggered before and has not ended: {', '.join(known.waiting)}.")
    if known.is_paused:
        tell(f"The DAG {of.task.dag.dag_id} is paused: a paused DAG does not start the run.")


def _tell_triggered(of: RejectsOfSync, run_id: str, known: KnownDag) -> None:
    dag_id = of.task.dag.dag_id
    tell(f"Triggered: run {run_id} of the DAG {dag_id}.")
    tell(f"`{cdi_command('syncs')}` shows how it goes; what became of each reject, its report says under redrive.")
    if known.is_paused:
        tell(f"It waits until somebody unpauses the DAG, which starts its schedule, too: airflow dags unpause {dag_id}")


def _document(of: RejectsOfSync, due: Due, conf: dict[str, Any], known: KnownDag | None, run_id: str | None) -> Any:
    return {
        "sync_id": of.task.sync_id,
        "dag_id": of.task.dag.dag_id,
        "run_id": run_id,
        "is_paused": known.is_paused if known else None,
        "conf": conf if run_id else None,
        "number": due.number,
        "rejects": due.rows(of.vendor),
        "without_key": due.without_key,
        "in_doubt": due.in_doubt,
        **of.unread(),
    }
