"""What the arguments of every sync may be, and how those that a template fills in are told from the others.

A DAG file imports this module: what it checks costs nothing to speak of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_cdi.argument_rules import Rule, an, check_arguments, flag, number, one_of, text, whole
from airflow_provider_cdi.engine.reading.partition import Partition
from airflow_provider_cdi.engine.reading.selection import field_paths
from airflow_provider_cdi.engine.rows.position import parse_position
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.arguments.arguments import CheckpointPlace, SyncMode
from airflow_provider_cdi.transfers.arguments.initial import Initial
from airflow_provider_cdi.transfers.arguments.words import YES_NO, is_yes_or_no

_TIMESTAMP = 'a timestamp such as "2026-01-05T00:00:00Z", a date or a datetime'
#: Rows that wait for longer are a mistake of units.
LONGEST_SETTLE = timedelta(days=366)
#: Rows of a preview, at most.
MOST_ROWS = 1_000
#: What Jinja looks for.
TEMPLATE_MARKS = ("{{", "{%", "{#")


def _is_understood(understand: Callable[[str], object]) -> Callable[[Any], bool]:
    """Return whether a text can be read."""

    def is_right(value: Any) -> bool:
        try:
            understand(value)
        except (ConfigurationError, ValueError, ZoneInfoNotFoundError, OSError):
            return False
        return True

    return is_right


_is_timestamp = _is_understood(parse_position)


def _is_moment(value: Any) -> bool:
    return isinstance(value, date) or (isinstance(value, str) and _is_timestamp(value))


def _is_initial(value: Any) -> bool:
    if not isinstance(value, str):
        return isinstance(value, date)
    said = Initial.parse(value)
    return _is_timestamp(said.moment) or (said.delivered is None and said.moment in ("everything", "now"))


def _is_mapping_of_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) and name for pair in value.items() for name in pair)


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) and name.strip(" -_") for name in value)


def _are_payload_columns(value: Any) -> bool:
    is_list = isinstance(value, (list, tuple)) and all(isinstance(name, str) and name for name in value)
    if not is_list and not _is_mapping_of_names(value):
        return False
    field_paths(value)  # says better than any rule what is wrong with a path
    return True


SYNC_RULES: Mapping[str, Rule] = {
    "warehouse_conn_id": text("give the id of an Airflow connection", unset=()),
    "ssh_conn_id": text("give the id of an Airflow connection of the type ssh"),
    "source": text("give the name of a table or view"),
    "sql": text("give a query, or the name of a .sql file"),
    "columns": Rule(
        'give a mapping of the contract\'s names to the source\'s: {"EXTERNAL_ID": "customer"}', _is_mapping_of_names
    ),
    "payload_columns": Rule(
        'give a list of column names, or a mapping: {"amount": "properties.amount"}', _are_payload_columns, unset=((),)
    ),
    "partition": text(
        'write it as "0/8" to "7/8" for eight partitions, or use partitions(8)', _is_understood(Partition.parse)
    ),
    "watermark_timezone": text('name a time zone as "America/New_York"', _is_understood(ZoneInfo)),
    "settle": Rule(
        "give a timedelta of zero or more: timedelta(minutes=10)",
        lambda value: isinstance(value, timedelta) and timedelta(0) <= value <= LONGEST_SETTLE,
        unset=(),
    ),
    "check_late": flag(),
    "sync_id": text("give a text that stays the same for the life of the sync"),
    "same_source": text("give a word for the source that stays when its name or its text changes"),
    "allow_repeats": flag(),
    "initial": Rule(
        f'use "everything", "now", or {_TIMESTAMP}; where rows of just that time are delivered already, say how many: '
        '"2026-01-05T00:00:00Z, 3 rows delivered"',
        _is_initial,
        unset=(),
    ),
    "sync_mode": one_of(*get_args(SyncMode)),
    "since": Rule(f"give {_TIMESTAMP}", _is_moment, unset=(None, "")),
    "until": Rule(f"give {_TIMESTAMP}", _is_moment, unset=(None, "")),
    "dry_run": Rule(f"use True, False, or one of {YES_NO}", is_yes_or_no),
    "dry_run_sample": number(
        f"give a whole number of rows from 1 to {MOST_ROWS:,}, or None", lambda rows: 1 <= rows <= MOST_ROWS, whole=True
    ),
    "dry_run_mask": Rule(
        'give a list of names of fields, such as ("email", "phone"), ("all",) or () for none', _are_names, unset=()
    ),
    "lock_run_choices": flag(unset=(None,)),
    "rejects_path": text("give the path of a file, or None for the default"),
    "allow_rejects_anywhere": flag(),
    "rejects_keep": Rule(
        "give a timedelta of a day or more, such as timedelta(days=30), or None for what [cdi] rejects_keep_days says",
        lambda value: isinstance(value, timedelta) and value >= timedelta(days=1),
    ),
    "max_rows": whole(0),
    "max_share_of_source": number("give a number from 0 to 100, or None", lambda percent: 0 <= percent <= 100),
    "max_data_points": whole(0),
    "max_new_profiles": whole(0),
    "max_reject_percent": number("give a number from 0 to 100, or None", lambda percent: 0 <= percent <= 100),
    "stop_if_all_rejected": number(
        "give a whole number of first rows above 0, or None to never stop for it", lambda rows: rows > 0, whole=True
    ),
    "delivery": an(DeliverySettings),
    "checkpoint": one_of(*get_args(CheckpointPlace), unset=()),
    "max_active_tis_per_dag": number("give a whole number above 0, or None", lambda count: count > 0, whole=True),
}


def check_sync_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments that make no sense, alone or together.

    :param given: name -> value; what is not known yet is left out.
    :raises ConfigurationError: it names the argument and what to give instead.
    """
    check_arguments(given, SYNC_RULES)
    if {"source", "sql"} <= set(given) and bool(given["source"]) == bool(given["sql"]):
        raise ConfigurationError(
            f"{'both' if given['sql'] else 'neither'} of source and sql are given; the sync reads either source= (a "
            "table or view) or sql= (a query)."
        )


def known(given: Mapping[str, Any], templated: Collection[str]) -> dict[str, Any]:
    """Leave out what is only known when the task runs: templates, and what other tasks return.

    :param templated: names of the fields that are rendered.
    """
    return {name: value for name, value in given.items() if name not in templated or not is_template(value)}


def is_template(value: object) -> bool:
    """Whether a template, another task or a file fills in a value when the task runs.

    :param value: of an argument, as it is written.
    """
    if isinstance(value, str):
        return any(mark in value for mark in TEMPLATE_MARKS) or value.endswith(".sql")
    if isinstance(value, (list, tuple)):
        return any(map(is_template, value))
    return hasattr(value, "resolve")  # what another task returns, or a literal()


def as_said(value: Any) -> Any:
    """Return what a template gave, with a number as the text that it stands for: the list ``2024``, the day 20260105.

    With ``render_template_as_native_obj`` Airflow makes numbers of all texts that look like one.
    """
    if isinstance(value, (list, tuple)):
        return [as_said(one) for one in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
