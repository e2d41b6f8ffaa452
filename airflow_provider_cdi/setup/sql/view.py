"""The columns of a view that gives an existing table the names of a contract."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT, TableContract
from airflow_provider_cdi.exceptions import ConfigurationError


def view_columns(contract: TableContract, given: Mapping[str, str]) -> Mapping[str, str]:
    """Return what the view selects: name in the contract -> column of the table.

    Columns that every row needs are there in any case, under their own names where nothing else is said; so are all
    identifiers, unless some of them are named.

    :param contract: of the data type.
    :param given: name in the contract, or where it takes further columns a name of one's own -> column.
    :raises ConfigurationError: when a name is none of the contract, or stands there twice.
    """
    named = {(name.upper() if name.upper() in contract.names else name): column for name, column in given.items()}
    _check(contract, given, named)
    identifiers = [name for name in contract.identifiers if name in named] or contract.identifiers
    payload = (PAYLOAD,) if contract.has_payload and contract.needs_payload else ()
    needed = (UPDATED_AT, *identifiers, *contract.required, *payload)
    return {**{name: named.get(name, name) for name in needed}, **named}


def _check(contract: TableContract, given: Mapping[str, str], named: Mapping[str, str]) -> None:
    if len(named) < len(given):
        raise ConfigurationError("--column names the same column twice: give each once.")
    unknown = [name for name in named if name not in contract.names]
    if unknown and contract.other_columns == "ignored":
        raise ConfigurationError(
            f"--column {unknown[0]}=… is no column of {contract.data_type}; there are {', '.join(contract.names)}."
        )
