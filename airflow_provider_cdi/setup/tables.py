"""The table of a sync as a statement: all columns of a data type's contract, in the types of one warehouse.

One source for the pages of the documentation, for set-up scripts and for the tests that run both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, UPDATED_AT, TableContract

#: What a column holds, where it is no text.
_CONTENTS: Mapping[str, str] = {
    PAYLOAD: "payload",
    "PUSH_TOKENS": "payload",
    "DELETED": "yes_or_no",
    "EVENT_TIME": "moment",
    "CONSENTED_AT": "moment",
    "AGE_GATED_DATE_OF_BIRTH": "day",
    "VALUE": "money",
    "LATITUDE": "degrees",
    "LONGITUDE": "degrees",
}
#: Klaviyo's consent is one column a channel, ``EMAIL_MARKETING``, ``SMS_TRANSACTIONAL`` and so on.
_CHANNELS = ("EMAIL_", "SMS_", "WHATSAPP_", "PUSH_")
_CHANNELS_OF = ("subscribe", "unsubscribe")


@dataclass(frozen=True, slots=True)
class TableDialect:
    """How one warehouse writes such a table.

    :param load_time: type and default of ``UPDATED_AT``.
    :param types: type by what a column holds.
    :param tail: what follows the columns, so that a run skips what lies below the watermark.
    :param is_upper: whether names are written in capitals, as the warehouse keeps them.
    """

    load_time: str
    types: Mapping[str, str]
    tail: str = ""
    is_upper: bool = False


def _types(*, text: str, payload: str, yes_or_no: str, moment: str, money: str, degrees: str) -> Mapping[str, str]:
    named = {"text": text, "payload": payload, "yes_or_no": yes_or_no, "moment": moment, "money": money}
    return {**named, "degrees": degrees, "day": "date"}


#: Types and defaults: Braze's set-up pages for its four warehouses; Redshift's longest ``varchar`` has 65,535 bytes.
DIALECTS: Mapping[str, TableDialect] = {
    "snowflake": TableDialect(
        "timestamp_ntz(9) not null default sysdate()",
        _types(
            text="varchar",
            payload="varchar",
            yes_or_no="boolean",
            moment="timestamp_tz",
            money="number(38, 2)",
            degrees="float",
        ),
        is_upper=True,
    ),
    "redshift": TableDialect(
        "timestamptz not null default sysdate",
        _types(
            text="varchar(1024)",
            payload="varchar(65535)",
            yes_or_no="boolean",
            moment="timestamptz",
            money="numeric(38, 2)",
            degrees="double precision",
        ),
        tail="compound sortkey (updated_at)",
    ),
    "bigquery": TableDialect(
        "timestamp not null default current_timestamp()",
        _types(
            text="string", payload="string", yes_or_no="bool", moment="timestamp", money="numeric", degrees="float64"
        ),
        tail="partition by date(updated_at)\ncluster by updated_at",
    ),
    "databricks": TableDialect(
        "timestamp not null default current_timestamp()",
        _types(
            text="string",
            payload="string",
            yes_or_no="boolean",
            moment="timestamp",
            money="decimal(38, 2)",
            degrees="double",
        ),
        tail="cluster by (updated_at)\ntblproperties ('delta.feature.allowColumnDefaults' = 'supported')",
    ),
    "postgres": TableDialect(
        "timestamptz not null default clock_timestamp()",
        _types(
            text="text",
            payload="jsonb",
            yes_or_no="boolean",
            moment="timestamptz",
            money="numeric",
            degrees="double precision",
        ),
    ),
    "duckdb": TableDialect(
        "timestamptz not null default current_timestamp",
        _types(
            text="varchar",
            payload="json",
            yes_or_no="boolean",
            moment="timestamptz",
            money="decimal(38, 2)",
            degrees="double",
        ),
    ),
}


def create_table(warehouse: str, contract: TableContract, table: str, *, if_missing: bool = False) -> str:
    """Return the statement that makes the table of a data type, with every column that it knows.

    Columns that a row needs are ``not null``; where one of several identifiers is enough, none of them is. Where a
    payload is not needed, there is no column for it: further columns take its place, each under its own name.

    :param warehouse: one of :data:`DIALECTS`.
    :param contract: of the data type.
    :param table: its name, quoted where the warehouse needs it.
    :param if_missing: leave a table of that name as it is.
    :return: without a semicolon at the end.
    """
    dialect = DIALECTS[warehouse]
    columns = [(UPDATED_AT, dialect.load_time)]
    columns += [
        (name, dialect.types[_content(contract, name)] + (" not null" if _is_needed(contract, name) else ""))
        for name in contract.names
        if name != UPDATED_AT and (name != PAYLOAD or contract.needs_payload)
    ]
    width = max(len(name) for name, _ in columns)
    lines = ",\n".join(f"  {written(warehouse, name):<{width}} {kind}" for name, kind in columns)
    clause = "if not exists " if if_missing else ""
    return f"create table {clause}{table} (\n{lines}\n)" + (f"\n{dialect.tail}" if dialect.tail else "")


def written(warehouse: str, name: str) -> str:
    """Return the name of a contract's column as statements of a warehouse write it, without quotes."""
    return name if DIALECTS[warehouse].is_upper else name.lower()


def _content(contract: TableContract, name: str) -> str:
    is_channel = contract.data_type in _CHANNELS_OF and name in contract.optional and name.startswith(_CHANNELS)
    return _CONTENTS.get(name, "yes_or_no" if is_channel else "text")


def _is_needed(contract: TableContract, name: str) -> bool:
    is_only_identifier = contract.identifiers == (name,)
    return is_only_identifier or name in contract.required
