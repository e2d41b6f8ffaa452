"""Where an adopted sync starts, so that exactly what CDI has not sent is sent, rows of one timestamp included.

CDI remembers the greatest ``UPDATED_AT`` of what it has sent. Whether all rows of just that time were sent is found out
by counting: if the table has as many rows between the last two timestamps as CDI's run read there, nothing came since,
so those of just that time are delivered, and ``initial`` says how many they are. Where the numbers differ, all rows of
that time are sent, which loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.position import (
    integers,
    is_later,
    parse_position,
    position_of_moment,
    position_of_stamp,
)
from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT
from airflow_provider_cdi.setup.adopt.history import History
from airflow_provider_cdi.setup.adopt.integration import digits_of

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Source

_MICROS = 6


@dataclass(frozen=True, slots=True)
class Start:
    """Where an adopted sync starts.

    :param initial: the operator's argument.
    :param is_exact: whether exactly what CDI has not sent is sent; else some rows go out once more.
    :param why: in a sentence.
    """

    initial: str
    is_exact: bool
    why: str


def find_start(history: History, source: Source | None, *, trusts_ties: bool = False) -> Start:
    """Find out where the sync starts.

    :param history: how far CDI has come.
    :param source: the table, to count in; None when it is not to be asked.
    :param trusts_ties: take all rows that have just the last timestamp for sent, whatever the numbers say.
    """
    if not history.synced:
        return Start("everything", True, "CDI has sent nothing")
    ahead = _sent_ahead(history)
    if ahead is not None:
        return ahead
    return _uncounted(history) if source is None else _counted(history, source, trusts_ties=trusts_ties)


def _counted(history: History, source: Source, *, trusts_ties: bool) -> Start:
    position, tied = _rows_at(source, history.synced)
    if not tied:
        return Start(history.synced, True, f"no row is stamped {history.synced} any more, so nothing is sent twice")
    if trusts_ties:
        return Start(
            _delivered(position, tied), True, f"as you said, CDI has sent the {tied:,} rows stamped {position}"
        )
    if history.tied is not None:
        return _of_tied(history, history.tied, position, tied)
    return _of_interval(history, source, position, tied)


def _sent_ahead(history: History) -> Start | None:
    """Return the start of a sync whose timestamp lies in the future: CDI passes over what was stamped before it."""
    run = history.reached
    if run is None or run.started is None or run.finished is None:
        return None
    if not is_later(parse_position(history.synced), position_of_moment(run.finished)):
        return None
    begun = position_of_moment(run.started)
    return Start(
        begun,
        False,
        f"the last timestamp, {history.synced}, lay ahead when it was synced, so CDI has sent nothing since that was "
        f"stamped earlier. The sync starts where that run began, and rows of its minutes may be sent twice",
    )


def _uncounted(history: History) -> Start:
    if history.tied is not None:
        return Start(
            _delivered(parse_position(history.synced), history.tied),
            True,
            f"CDI's last run sent the {history.tied:,} rows stamped {history.synced} again; the first run counts them",
        )
    return Start(
        history.synced,
        False,
        f"the table was not counted, so all rows stamped {history.synced} are sent, though CDI may have sent them",
    )


def _of_tied(history: History, sent: int, position: str, tied: int) -> Start:
    """CDI's last run with rows read those of the last timestamp alone: it says how many there were."""
    if tied == sent:
        return Start(_delivered(position, tied), True, f"CDI has sent the {tied:,} rows stamped {position}, as counted")
    return Start(history.synced, False, _differ(tied, position, f"CDI's last run sent {sent:,} of that time"))


def _of_interval(history: History, source: Source, position: str, tied: int) -> Start:
    if history.rows is None:
        return Start(history.synced, False, _differ(tied, position, "Braze does not say how many CDI's run read"))
    since = _rows_at(source, history.since)[0] if history.since else None
    counts = source.count(Bounds(after=since, up_to=position), position=position, now=position)
    if counts.in_bounds == history.rows:
        return Start(
            _delivered(position, tied),
            True,
            f"the table has the {history.rows:,} rows that CDI's last run with rows has read, so it has sent the "
            f"{tied:,} stamped {position}",
        )
    where = f"between {since} and then" if since else "up to then"
    differ = f"CDI's last run with rows read {history.rows:,} rows, and the table has {counts.in_bounds:,} {where}"
    return Start(history.synced, False, _differ(tied, position, differ))


def _differ(tied: int, position: str, why: str) -> str:
    return (
        f"{why}, so which of the {tied:,} rows stamped {position} CDI has sent cannot be told, and all of them are "
        "sent: nothing is lost, and those go out once more"
    )


def _delivered(position: str, rows: int) -> str:
    return f"{position}, {rows} row{'' if rows == 1 else 's'} delivered"


def _rows_at(source: Source, synced: str) -> tuple[str, int]:
    """Find the latest time that Braze may have written so, and count its rows.

    Braze writes at most six digits, perhaps fewer: the table may have more.

    :return: the position, at the table's precision, and the number of rows there, 0 for none.
    """
    latest = since = parse_position(synced)
    for rows in source.read(_written_as(since, digits_of(synced))):
        if rows.num_rows:
            stamps = rows.column(UPDATED_AT)
            latest = position_of_stamp(integers(stamps)[rows.num_rows - 1], stamps.type.unit)
    counts = source.count(Bounds(since=latest, up_to=latest), position=latest, now=latest)
    return latest, counts.at_position


def _written_as(position: str, digits: int) -> Bounds:
    """Return the bounds of all times that are written with so many digits as this one."""
    if digits > _MICROS:
        return Bounds(since=position, up_to=position)
    moment = datetime.fromisoformat(f"{position[:26]}Z").astimezone(UTC)
    return Bounds(since=position, until=position_of_moment(moment + timedelta(microseconds=10 ** (_MICROS - digits))))
