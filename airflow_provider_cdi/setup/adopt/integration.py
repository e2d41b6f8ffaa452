"""An integration of Braze's own CDI and its runs, read from what Braze answers.

Braze documents the members and hardly any of their values, so types, warehouses and statuses are matched by the words
in them, and what is not known is passed on as Braze wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_cdi.engine.rows.position import parse_position

#: Data type -> the words of an integration's type, all of which must be there, the more telling type first.
_TYPE_WORDS = (
    ("user_deletes", ("delete",)),
    ("catalog_items", ("catalog",)),
    ("purchases", ("purchase",)),
    ("attributes", ("attribute",)),
    ("events", ("event",)),
)
#: Warehouse -> the usual connection.
_CONNECTIONS = {
    "snowflake": "snowflake_default",
    "redshift": "redshift_default",
    "bigquery": "bigquery_default",
    "databricks": "databricks_default",
}
_FRACTION = re.compile(r"\.(\d+)")


@dataclass(frozen=True, slots=True)
class Integration:
    """What Braze tells of an integration.

    :param id: Braze's id.
    :param name: as people see it.
    :param type: as Braze writes it.
    :param status: as Braze writes it, such as ``active``.
    :param warehouse: as Braze writes it.
    :param last_synced: the last timestamp that was synced, as a text of ISO 8601; empty for none.
    :param next_run: when it is due, None for one that nobody has scheduled.
    """

    id: str
    name: str
    type: str
    status: str
    warehouse: str
    last_synced: str
    next_run: datetime | None

    @classmethod
    def read(cls, member: Mapping[str, Any]) -> Integration:
        """Read an entry of the list of integrations."""
        return cls(
            id=_text(member, "integration_id"),
            name=_text(member, "integration_name") or _text(member, "integration_id"),
            type=_text(member, "integration_type"),
            status=_text(member, "integration_status"),
            warehouse=_text(member, "warehouse_type"),
            last_synced=_text(member, "last_updated_at"),
            next_run=_moment(member, "next_scheduled_run"),
        )

    @property
    def data_type(self) -> str | None:
        """The data type of this provider; None for a type that it does not have."""
        known = self.type.lower()
        return next((data_type for data_type, words in _TYPE_WORDS if all(word in known for word in words)), None)

    @property
    def connection(self) -> str | None:
        """The usual connection for the warehouse; None for a source that is none of the four."""
        known = self.warehouse.lower()
        return next((connection for warehouse, connection in _CONNECTIONS.items() if warehouse in known), None)

    @property
    def is_active(self) -> bool:
        """Whether Braze runs it, as far as the word for its status tells."""
        return self.status.lower() == "active"

    def describe(self) -> str:
        """Return what it is, for a person."""
        what = f"{self.type or 'no type'} from {self.warehouse or 'an unknown source'}"
        return f"{self.name} ({self.id}), {what}, {self.status or 'no status'}"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of an integration.

    :param status: as Braze writes it, in lower case.
    :param started: when it began.
    :param finished: when it ended; None while it runs.
    :param synced: the last ``UPDATED_AT`` that it processed, as a text of ISO 8601; empty for none.
    :param rows: how many rows it read; None when Braze does not say.
    :param failed: how many of them it could not send.
    """

    status: str
    started: datetime | None
    finished: datetime | None
    synced: str
    rows: int | None
    failed: int

    @classmethod
    def read(cls, member: Mapping[str, Any]) -> Job:
        """Read an entry of the list of runs."""
        sent, failed = member.get("rows_synced"), member.get("rows_failed_with_errors")
        is_counted = isinstance(sent, int) and isinstance(failed, int)
        return cls(
            status=_text(member, "job_status").lower(),
            started=_moment(member, "sync_start_time"),
            finished=_moment(member, "sync_finish_time"),
            synced=_text(member, "last_timestamp_synced"),
            rows=sent + failed if isinstance(sent, int) and isinstance(failed, int) else None,
            failed=failed if is_counted and isinstance(failed, int) else 0,
        )

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.status == "running"

    @property
    def moved(self) -> bool:
        """Whether it read rows and came to an end: a run in error sent none, and the timestamp stays."""
        return bool(self.synced) and not self.is_running and self.status not in ("error", "config_error")


def digits_of(text: str) -> int:
    """Return how many digits behind the second a timestamp has, at most nine."""
    found = _FRACTION.search(text)
    return min(len(found[1]), 9) if found else 0


def is_timestamp(text: str) -> bool:
    """Whether a text is a timestamp."""
    try:
        parse_position(text)
    except ValueError:
        return False
    return True


def _text(member: Mapping[str, Any], name: str) -> str:
    value = member.get(name)
    return value.strip() if isinstance(value, str) else ""


def _moment(member: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(member, name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
