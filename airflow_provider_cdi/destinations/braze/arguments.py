"""The arguments that only Braze has, and with which data types each goes. Imports nothing to speak of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from airflow_provider_cdi.argument_rules import Rule, an, check_arguments, flag, one_of, text, whole
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.exceptions import ConfigurationError

BrazeDataType = Literal["attributes", "events", "purchases", "user_deletes", "catalog_items"]
OnUnknownField = Literal["stop", "reject", "drop"]
DATA_TYPES: tuple[BrazeDataType, ...] = get_args(BrazeDataType)
OnLongArray = Literal["send", "reject"]
TRACK_TYPES = ("attributes", "events", "purchases")

#: Braze: catalogs, name.
_CATALOG_NAME = re.compile(r"[A-Za-z0-9_-]{1,250}", re.ASCII)

BRAZE_RULES: Mapping[str, Rule] = {
    "braze_conn_id": text("give the id of an Airflow connection", unset=()),
    "data_type": one_of(*DATA_TYPES, unset=()),
    "catalog": text(
        "give the name of a catalog (1 to 250 letters, digits, _ and -)",
        _CATALOG_NAME.fullmatch,
        data_types=("catalog_items",),
    ),
    "merge": flag(data_types=("catalog_items",)),
    "on_unknown_field": one_of(*get_args(OnUnknownField), unset=("stop",), data_types=("catalog_items",)),
    "on_long_array": one_of(*get_args(OnLongArray), unset=("send",), data_types=("attributes",)),
    "update_existing_only": flag(data_types=TRACK_TYPES),
    "delete_cap": an(DeleteCap, data_types=("user_deletes",)),
    "payload_columns": Rule("", lambda value: True, data_types=(*TRACK_TYPES, "catalog_items"), unset=((), [], {})),
    "max_data_points": whole(0, data_types=TRACK_TYPES),
    "max_new_profiles": whole(0, data_types=TRACK_TYPES),
    "limits": an(BrazeLimits),
}


def check_braze_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments that make no sense, or that do not go with the data type.

    :param given: name -> value, ``data_type`` among them; what is not known yet is left out.
    :raises ConfigurationError: it names the argument and what to give instead.
    """
    check_arguments(given, BRAZE_RULES, given.get("data_type"))
    if given.get("data_type") == "catalog_items" and given.get("catalog", "") is None:
        raise ConfigurationError(f"catalog is missing; catalog_items needs it: {BRAZE_RULES['catalog'].wish}.")
