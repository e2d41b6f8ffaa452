"""Every exception of the package, grouped by what to do next: stop, retry, or find out what happened.

A row that breaks its contract is not an exception: it becomes a
:class:`~airflow_provider_cdi.engine.rows.records.Rejection` and its neighbours go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from traceback import extract_tb
from typing import Any, ClassVar, NoReturn, Self

#: Kinds of trouble. ``rows`` is of rows; all others stop the whole sync.
KINDS = {
    "connection": "the other side is not reached, or does not let the connection's login or key in",
    "permission": "the login or key is let in, and may not do what the sync needs",
    "missing": "a table, a column, a catalog or another object of the other side is not there",
    "resources": "the warehouse has no resources: it is suspended, over its quota, busy or out of memory",
    "storage_full": "a disk, a bucket or the destination's storage is full or cannot be written",
    "configuration": "an argument, a connection's field or the shape of the source makes no sense",
    "guard": "a guard, a gate or lost state stopped the run before it could do harm",
    "rows": "rows were rejected, or their outcome is unknown",
    "transient": "it may pass by itself: an overload, a rate limit, a restart",
    "unforeseen": "nobody foresaw it",
}


class CdiError(Exception):
    """Base of all errors of this package. The text says what failed, on what, and what to do next.

    :cvar status: what a run that ends by it is called, in the vendors' words.
    """

    status: ClassVar[str] = "error"

    #: What kind of trouble it is, one of :data:`KINDS`.
    kind: str = "transient"

    #: The report so far of the run that ended by it; None outside of a run.
    report: Mapping[str, Any] | None = None

    #: What failed, and what that usually means with what to do, where the text is made of these two.
    parts: tuple[str, str] | None = None

    def of_kind(self, kind: str) -> Self:
        """Say what kind of trouble it is, where the class alone does not tell.

        :param kind: one of :data:`KINDS`.
        """
        self.kind = kind
        return self


class Unforeseen(CdiError):
    """An error that nothing here knows, told by its class and its place, because its text may hold a row's values.

    It has the traceback of that error: raised alone, a log shows the way there without the text.

    :param error: what was raised.
    :param doing: what failed, as the beginning of a sentence (``Reading the table users``).
    """

    kind = "unforeseen"

    def __init__(self, error: BaseException, doing: str) -> None:
        frames = extract_tb(error.__traceback__)
        place = f" in {PurePath(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
        super().__init__(
            f"{doing} failed in a way that nobody foresaw: {type(error).__name__}{place}. Its text may hold values of "
            "rows and is not shown. Report it with this place, and with the traceback where there is one."
        )
        self.with_traceback(error.__traceback__)


def is_of_airflow(error: BaseException) -> bool:
    """Whether an error is one of Airflow's own, whose text is about its configuration and holds nothing of a row.

    :param error: what was raised.
    """
    return any(kind.__module__.startswith("airflow.") for kind in type(error).__mro__)


def raise_alone(error: Exception) -> NoReturn:
    """Raise an error without the one that is being handled, whose text may hold values of rows.

    ``from None`` keeps it out of tracebacks, and leaves it as the context, where some handlers of errors find it.
    """
    try:
        raise error from None
    finally:
        error.__context__ = None


# Stop: trying again without a change would fail again.


class StopSync(CdiError):
    """A sync-level error that only a person can mend: a wrong key, a missing table, a missing permission."""

    status = "config_error"
    kind = "configuration"


class ConfigurationError(StopSync):
    """An argument of the operator or a field of the connection makes no sense."""


class MissingConnection(ConfigurationError):
    """An Airflow connection that is not there, or not any more.

    :param conn_id: its id.
    :param used_by: what is known of the syncs that use it, as sentences.
    """

    def __init__(self, conn_id: str, used_by: str = "") -> None:
        super().__init__(
            f"There is no Airflow connection {conn_id!r}. Add it under Admin > Connections, or set the "
            f"environment variable AIRFLOW_CONN_{conn_id.upper()}.{f' {used_by}' if used_by else ''}"
        )
        self.conn_id = conn_id


class UsageError(StopSync):
    """A command was called with words that make no sense, or that name no sync or more than one."""


class SourceError(StopSync):
    """The source table, view or query cannot be read as it is: missing, forbidden, or of the wrong shape."""


class DestinationRefused(StopSync):
    """The destination refuses the whole sync: key, permission, catalog or storage."""


class GuardTripped(StopSync):
    """A guard stopped the run before anything was sent: too many deletes, or state that went missing."""

    status = "guarded"
    kind = "guard"


class AllRejected(StopSync):
    """The first rows of a run were all rejected with one code. They are not saved as passed, so they stay due.

    :param rows: how many.
    :param code: the code of the rejects.
    :param reason: of the first of them, without anything of the row.
    """

    status = "guarded"
    kind = "guard"

    def __init__(self, rows: int, code: str, reason: str) -> None:
        super().__init__(
            f"The first {rows:,} rows of this run were all rejected with one code, {code} ({reason}), so probably a "
            "choice is wrong and not the rows. They are not saved as passed and stay due. Check that data_type= is "
            "that of the table, what columns=, payload_columns= and sql= make of it, and the destination's own "
            "settings; docs/rejects.md says what the code means. If the rows are right to be rejected, set "
            "stop_if_all_rejected=None for this run: then they go into the reject file and the watermark passes them."
        )
        self.code = code


class TooManyRejects(StopSync):
    """More rows were rejected than ``max_reject_percent`` allows. Everything else was delivered."""

    status = "partial"
    kind = "rows"


# Retry: the same call may succeed later; a new try of the task goes on at the last checkpoint.


class RetryLater(CdiError):
    """The source or the destination did not do its part within the bounds of the retry policy."""


class Interrupted(RetryLater):
    """The task was told to end. What was acknowledged is saved; a new try goes on from there."""


class Superseded(RetryLater):
    """Another try or run of the sync has taken over. This one sends nothing and saves nothing any more."""


class RejectsNotWritten(RetryLater):
    """Rejects could not be written down, so the watermark stops in front of the first of them."""

    kind = "storage_full"


class JobsRunning(RetryLater):
    """Jobs are still at work on the other side; a later try goes on with them.

    :param jobs: what the other side calls them.
    """

    def __init__(self, jobs: Sequence[str]) -> None:
        super().__init__(
            f"{len(jobs)} jobs are still at work at the destination. They are saved: a new try goes on with them and "
            "sends nothing twice."
        )
        self.jobs = tuple(jobs)


# Unknown: nobody can tell whether the other side acted.


class NoAnswer(CdiError):
    """A request was made and no readable answer came back.

    :param reason: what happened, without any part of the request in it.
    :param may_have_arrived: False when it is certain that the request never reached the other side
        (the connection was never made), True otherwise.
    :param passes: False when asking again cannot help, because the other side speaks no TLS, or shows a certificate
        that is not believed.
    """

    kind = "connection"

    def __init__(self, reason: str, *, may_have_arrived: bool, passes: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_have_arrived = may_have_arrived
        self.passes = passes
