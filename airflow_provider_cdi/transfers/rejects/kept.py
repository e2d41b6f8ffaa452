"""How long a sync's rejects are kept, and their removal at the end of a run that wrote some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError
from airflow_provider_cdi.rejects.retention import remove_old
from airflow_provider_cdi.transfers.rejects.stored import reject_index
from airflow_provider_cdi.version_compat import airflow_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_cdi.rejects.parts import RejectPart
    from airflow_provider_cdi.transfers.declared_sync import DeclaredSync

#: More is for ever, and no moment lies so long ago.
_LONGEST = timedelta(days=365 * 100)


def kept_for(given: timedelta | None) -> timedelta | None:
    """Return how long rejects are kept; None for ever.

    :param given: ``rejects_keep`` of the sync; None leaves it to Airflow's option ``[cdi] rejects_keep_days``.
    :raises ConfigurationError: when the option is no number of days.
    """
    if given is not None:
        return given if given < _LONGEST else None
    text = airflow_option("cdi", "rejects_keep_days")
    if not text:
        return None
    try:
        days = int(text)
    except ValueError:
        days = 0
    if days < 1:
        raise ConfigurationError(
            f"Airflow's option [cdi] rejects_keep_days is {text!r}. Give a whole number of days of 1 or more, or leave "
            "it empty to keep rejects for ever."
        )
    return timedelta(days=days) if days < _LONGEST.days else None


def remove_old_rejects(
    sync: DeclaredSync, *, host: str = "", needed: Sequence[RejectPart] = (), now: datetime | None = None
) -> int:
    """Delete the rejects of a sync that are older than it keeps them, with their marks; say how many went.

    A failure is told in the task's log and changes nothing else: the rows of the run are delivered.

    :param sync: whose they are.
    :param host: this machine's name as Airflow shows it.
    :param needed: parts that the sync's record names; they stay.
    :param now: the time.
    """
    keep = kept_for(sync.rejects_keep)
    if keep is None:
        return 0
    index = reject_index(sync, host=host)
    try:
        gone = remove_old(index, (now or datetime.now(UTC)) - keep, keep={part.token for part in needed})
    except CdiError as error:
        sync.log.warning("Rejects that are older than rejects_keep could not be deleted: %s", error)
        return 0
    if gone:
        sync.log.info("Deleted %s rejects that were older than %s", f"{gone:,}", keep)
    return gone
