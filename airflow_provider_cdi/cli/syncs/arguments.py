"""Arguments of an operator from the words of a command line."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse

    from airflow_provider_cdi.transfers.arguments.checked import CheckedOperator
    from airflow_provider_cdi.transfers.base import WarehouseSyncOperator

#: Options that are arguments of the operator.
_OWN = ("warehouse_conn_id", "source", "sql", "data_type", "braze_conn_id", "klaviyo_conn_id", "http_conn_id")
_TASK_ID = "command_line"


def arguments_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of an operator that a command line gives.

    :param options: of a command with :data:`~airflow_provider_cdi.cli.sync_args.SYNC_ARGS`.
    :raises UsageError: when one of them cannot be read.
    """
    given = {name: getattr(options, name) for name in _OWN if getattr(options, name) is not None}
    for one in options.arguments or ():
        name, equals, text = one.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise UsageError(f"--arg {one!r} has no value: write --arg NAME=VALUE, such as --arg catalog=products.")
        given[name] = _value(text)
    return given


def typed(kind: type[CheckedOperator], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as an operator takes them: times in seconds and settings in JSON become what they stand for.

    :param kind: the operator's class.
    :param given: as they were read from the command line.
    :raises UsageError: when the operator has no such argument, or when a setting makes no sense.
    """
    known = [name for name, one in inspect.signature(kind).parameters.items() if one.kind is one.KEYWORD_ONLY]
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=3)
            cure = f"Did you mean {' or '.join(close)}?" if close else f"It has {', '.join(known)}."
            raise UsageError(f"{kind.__name__} has no argument {name}. {cure}")
    limits = KlaviyoLimits if "klaviyo_conn_id" in kind.template_fields else BrazeLimits
    kinds = {"delivery": DeliverySettings, "delete_cap": DeleteCap, "limits": limits}
    return {name: _typed(name, value, kinds.get(name)) for name, value in given.items()}


def built_operator(given: Mapping[str, Any]) -> WarehouseSyncOperator:
    """Return a sync that no DAG has.

    :param given: the arguments of its operator; the connection of the destination says which operator it is.
    :raises UsageError: when they make no sense.
    """
    from airflow_provider_cdi import WarehouseToBrazeOperator, WarehouseToHttpOperator, WarehouseToKlaviyoOperator

    kinds: dict[str, type[WarehouseSyncOperator]] = {
        "braze_conn_id": WarehouseToBrazeOperator,
        "klaviyo_conn_id": WarehouseToKlaviyoOperator,
        "http_conn_id": WarehouseToHttpOperator,
    }
    named = [name for name in kinds if name in given]
    if len(named) != 1:
        raise UsageError("Say where the rows go, with one of --braze-conn-id, --klaviyo-conn-id and --http-conn-id.")
    if "data_type" not in given and named != ["http_conn_id"]:
        raise UsageError("Say what the rows are, with --data-type, such as attributes (Braze) or profiles (Klaviyo).")
    kind = kinds[named[0]]
    try:
        return kind(**{"task_id": _TASK_ID, "sync_id": _TASK_ID, **typed(kind, given)})
    except (ConfigurationError, TypeError) as error:  # the second for an argument that is wanted
        raise UsageError(str(error).removeprefix(f"Task {_TASK_ID!r}: ")) from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _typed(name: str, value: Any, kind: Any) -> Any:
    if name == "settle" and isinstance(value, (int, float)):
        return timedelta(seconds=value)
    if kind is None or not isinstance(value, dict):
        return value
    known = [one.name for one in fields(kind)]
    if unknown := sorted(set(value) - set(known)):
        raise UsageError(f"--arg {name} has no {', '.join(unknown)}; it has {', '.join(known)}.")
    try:
        return kind(**value)
    except (ConfigurationError, TypeError, ValueError) as error:
        raise UsageError(f"--arg {name}: {error}") from error
