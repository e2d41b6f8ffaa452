"""What the person who triggered a run chose, in the form or in ``conf``, beside what the task says itself.

A choice is done as it was made, or the run stops before anything is read: nothing that was filled in is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.arguments.words import yes_or_no
from airflow_provider_cdi.transfers.params import CHOICES, default_of, is_of_sync
from airflow_provider_cdi.transfers.redrive.choice import RejectChoice, check_age, codes_of

#: What says nothing: the form as it is before a person touches it.
_NEUTRAL: Mapping[str, Any] = {
    "sync_mode": "auto",
    "since": "",
    "until": "",
    "dry_run": False,
    "pass_gates": False,
    "reject_codes": "",
    "reject_run_id": "",
    "reject_older_than": "",
    "reject_unknown": False,
    "reject_stored_payload": False,
}
#: What is on or off.
_SWITCHES = frozenset(name for name, value in _NEUTRAL.items() if value is False)
_OF_REJECTS = tuple(name for name in _NEUTRAL if name.startswith("reject_"))


@dataclass(frozen=True, slots=True)
class RunChoices:
    """What kind of run it is to be.

    :param sync_mode: ``auto``, ``incremental``, ``full``, ``window`` or ``rejects``.
    :param since: first moment of a window; empty for the start of the run's data interval.
    :param until: the moment after a window; empty for the end of the data interval, else for now.
    :param dry_run: whether nothing is to be sent.
    :param pass_gates: whether this one run may send however much is due.
    :param reject_codes: which rejects are sent again: with one of these codes, with commas between them; with the next
        four as :class:`~airflow_provider_cdi.transfers.redrive.choice.RejectChoice` has them.
    """

    sync_mode: str = "auto"
    since: str = ""
    until: str = ""
    dry_run: bool = False
    pass_gates: bool = False
    reject_codes: str = ""
    reject_run_id: str = ""
    reject_older_than: str = ""
    reject_unknown: bool = False
    reject_stored_payload: bool = False

    @property
    def rejects(self) -> RejectChoice:
        """Which rejects are sent again."""
        return RejectChoice(
            codes=codes_of(self.reject_codes),
            run_id=self.reject_run_id,
            older_than=self.reject_older_than,
            unknown=self.reject_unknown,
            stored_payload=self.reject_stored_payload,
        )


def choose(
    said: Mapping[str, Any], context: Mapping[str, Any], declared: Mapping[str, Any], *, is_locked: bool
) -> RunChoices:
    """Put together what the task says and what was chosen for this run.

    :param said: what the task's own arguments say, None where they leave it to the run.
    :param context: of the task.
    :param declared: the Params of the DAG and the task, name -> Param.
    :param is_locked: whether nobody may choose another kind of run than the task's own; a dry run is always allowed,
        since it sends nothing.
    :raises ConfigurationError: when a choice is not understood, not allowed, or does not go with another one.
    """
    own = {name: _plain(name, value) for name, value in said.items() if value is not None}
    shown = _shown_by_the_form(context, declared, set(own))
    chosen = {name: value for name, value in shown.items() if value != _untouched(name, declared)}
    if is_locked and set(chosen) - {"dry_run"}:
        raise ConfigurationError(
            f"This run was asked for {_listed(chosen)}, and the task is locked against choices (lock_run_choices), as "
            "tasks that delete people are by default. Nothing was read. Trigger the DAG without it; if it is meant, "
            "let the DAG's author set lock_run_choices=False."
        )
    # A form that shows a dry run must not send, whoever made it its default.
    binding = chosen | {name: value for name, value in shown.items() if name == "dry_run" and value}
    for name, value in binding.items():
        if name in own and own[name] != value and (name == "dry_run" or own[name] != _NEUTRAL[name]):
            raise ConfigurationError(
                f"This run was asked for {name}={value!r}, and the task says {name}={own[name]!r} itself. Nothing was "
                f"read. Trigger the DAG without it, or take {name}= out of the task, so that each run can choose."
            )
    said_at_all = {name: value for name, value in own.items() if value != _NEUTRAL[name]}
    choices = RunChoices(**{**_NEUTRAL, **shown, **said_at_all, **chosen})
    return _without_contradiction(choices, _run_type(context))


def declared_params(context: Mapping[str, Any], task: Any) -> dict[str, Any]:
    """Return the Params that the DAG and the task declare, name -> Param; the task's go before the DAG's."""
    declared: dict[str, Any] = {}
    for owner in (context.get("dag"), task):
        if owner is not None:
            declared |= {name: owner.params.get_param(name) for name in owner.params}
    return declared


def _without_contradiction(choices: RunChoices, run_type: str) -> RunChoices:
    window = {name: getattr(choices, name) for name in ("since", "until") if getattr(choices, name)}
    rejects = {name: getattr(choices, name) for name in _OF_REJECTS if getattr(choices, name)}
    if rejects or choices.sync_mode == "rejects":
        return _of_rejects(choices, {**window, **rejects} if window else rejects, run_type)
    if run_type == "backfill" and (window or choices.sync_mode == "full"):
        wrong = window or {"sync_mode": "full"}
        raise ConfigurationError(
            f"This is a run of a backfill and has {_listed(wrong)}: each run of it would send the same rows once more. "
            "A backfill sends the data interval of each run: leave it out, or trigger the DAG once by hand with it."
        )
    if not window:
        return choices
    if choices.sync_mode in ("incremental", "full"):
        raise ConfigurationError(
            f"{_listed(window)} mean a window of time, and sync_mode={choices.sync_mode!r} is something else. Nothing "
            "was read. Leave one of the two out."
        )
    return replace(choices, sync_mode="window")


def _of_rejects(choices: RunChoices, said: Mapping[str, Any], run_type: str) -> RunChoices:
    """Return the choices of a run that sends rejected rows again, and nothing else."""
    if run_type == "backfill":
        raise ConfigurationError(
            "This is a run of a backfill and was asked for rejected rows: each run of it would look for the same ones. "
            'Trigger the DAG once by hand with sync_mode="rejects".'
        )
    if choices.since or choices.until or choices.sync_mode not in ("auto", "rejects"):
        other = {} if choices.sync_mode == "auto" else {"sync_mode": choices.sync_mode}
        raise ConfigurationError(
            f"This run was asked for {_listed({**other, **said})}. Rejected rows are one thing and all others are "
            "another; nothing was read. Leave one of them out, and trigger the DAG once more for the other."
        )
    if choices.reject_older_than:
        check_age(choices.reject_older_than)
    return replace(choices, sync_mode="rejects")


def _shown_by_the_form(context: Mapping[str, Any], declared: Mapping[str, Any], own: set[str]) -> dict[str, Any]:
    """Return what the run was given, as far as it says anything or as a person changed it."""
    conf = _conf(context)
    _refuse_misspelt(conf, declared)
    shown = {}
    for name in CHOICES:
        if name in declared and not is_of_sync(declared[name]):
            _refuse_a_foreign_dry_run(name, context, own)
            continue
        value = _plain(name, _of_this_run(name, context, conf))
        if value != _NEUTRAL[name] or value != _untouched(name, declared):
            shown[name] = value
    return shown


def _untouched(name: str, declared: Mapping[str, Any]) -> Any:
    """Return what a choice is when nobody touches the form."""
    return _plain(name, default_of(declared[name])) if name in declared else _NEUTRAL[name]


def _of_this_run(name: str, context: Mapping[str, Any], conf: Mapping[str, Any]) -> Any:
    """Return what a run was given under a name; Airflow merges ``conf`` into ``params``, unless it is told not to."""
    params = context.get("params")
    if params is None:
        return conf.get(name)
    if name in conf and _plain(name, conf[name]) != _plain(name, params.get(name)):
        raise ConfigurationError(
            f"This run was triggered with {name}={conf[name]!r}, and Airflow does not hand it on to tasks, because "
            "[core] dag_run_conf_overrides_params is False. Nothing was read: the run would not do what its form "
            "shows. Change that option, or set the argument of the task."
        )
    return params.get(name)


def _refuse_a_foreign_dry_run(name: str, context: Mapping[str, Any], own: set[str]) -> None:
    """A Param of the DAG's own is not read; but who ticked a box "dry run" must not find everything sent."""
    value = (context.get("params") or {}).get(name)
    if name == "dry_run" and name not in own and value not in (None, "") and yes_or_no(value, name):
        raise ConfigurationError(
            "The DAG has a Param dry_run of its own, and this run has it on. Syncs read the Params of sync_params() "
            'only. Use those, or give the task dry_run="{{ params.dry_run }}" (or dry_run=False, if it means others).'
        )


def _refuse_misspelt(conf: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    if "dry_run_sample" in conf and "dry_run_sample" not in declared:
        raise ConfigurationError(
            "This run was triggered with 'dry_run_sample', which only the DAG can say, because the sample stands in "
            "the log for everybody who may read it. Nothing was read. Leave it out, or let the DAG's author give the "
            "task dry_run_sample=10."
        )
    for key in conf:
        meant = "".join(letter for letter in str(key).lower() if letter.isalpha())
        name = next((name for name in CHOICES if name.replace("_", "") == meant and name != key), None)
        if name is not None and key not in declared:
            raise ConfigurationError(f"This run was triggered with {key!r}, which nobody reads. Write {name!r}.")


def _conf(context: Mapping[str, Any]) -> Mapping[str, Any]:
    conf = getattr(context["dag_run"], "conf", None)
    return conf if isinstance(conf, Mapping) else {}


def _plain(name: str, value: Any) -> Any:
    if name in _SWITCHES:
        return False if value in (None, "") and not isinstance(value, bool) else yes_or_no(value, name)
    if value is None:
        return _NEUTRAL[name]
    if name == "reject_codes" and isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return value.isoformat() if isinstance(value, date) else str(value).strip() or _NEUTRAL[name]


def _listed(choices: Mapping[str, Any]) -> str:
    return " and ".join(f"{name}={value!r}" for name, value in choices.items())


def _run_type(context: Mapping[str, Any]) -> str:
    run_type = context["dag_run"].run_type
    return str(getattr(run_type, "value", run_type))
