"""What a run leaves behind for people: also a run that failed tells its numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import CdiError, StopSync, TooManyRejects, Unforeseen, is_of_airflow, raise_alone
from airflow_provider_cdi.state.airflow_calls import in_turn
from airflow_provider_cdi.transfers.live_report import LiveReport
from airflow_provider_cdi.version_compat import AirflowFailException, AirflowTaskTimeout, has_thread_safe_calls

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.report import Report

#: The XCom that says what became of a try, or how far it is; a run that ended well returns its report besides.
REPORT_KEY = "report"
#: Kinds of what Airflow raises around a task, by the names of the classes: they stand at another place in each version.
#: Their texts are about its configuration and hold nothing of a row.
_KINDS = {
    "AirflowTaskTimeout": "transient",
    "AirflowNotFoundException": "configuration",
    "TemplateError": "configuration",  # Jinja's, for a field of the operator
}
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class RunTold:
    """What is known of a run while it is at work.

    :param about: which sync, where to, which kind of run.
    :param numbers: gives the report so far; None before anything was read.
    :param is_dry_run: whether nothing is sent.
    :param rejects_files: says where the rejects are.
    :param now: the time of day, which each report carries as ``at``.
    :param live: writes the report while the run is at work; None before its begin.
    """

    about: dict[str, Any] = field(default_factory=dict)
    numbers: Callable[[], Report] | None = None
    is_dry_run: bool = False
    rejects_files: Callable[[], list[dict[str, Any]]] = list
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    live: LiveReport | None = None

    def begin(self, ti: Any) -> None:
        """Leave the report of a run that begins, and keep it young from now on.

        :param ti: the task instance.
        """
        self.live = LiveReport(self._so_far, lambda report: _push(ti, report), in_thread=has_thread_safe_calls())
        self.live.begin()

    def end_of_run(self) -> dict[str, Any]:
        """Return what the report of a run that ended says of it, with the time of its end."""
        return self.about | {"at": self._at()}

    def leave(self, ti: Any, error: BaseException) -> None:
        """Leave the report of a try that failed as an XCom, since a failed task returns nothing and makes no event.

        :param ti: the task instance.
        :param error: why it failed; it carries the report to Airflow's callbacks.
        """
        told = {"kind": kind_of(error), "error": f"{type(error).__name__}: {error}"}
        report = self._so_far(status_of(error)) | told
        if isinstance(error, CdiError | AirflowTaskTimeout):
            error.report = report  # type: ignore[union-attr]
        self._leave(ti, report)

    def leave_deferred(self, ti: Any) -> None:
        """Leave the report so far of a task that waits without its worker.

        :param ti: the task instance.
        """
        self._leave(ti, self._so_far("deferred"))

    def replace(self, ti: Any, report: Report) -> None:
        """Leave the report of a run that ended well in the place of what it left while it was at work.

        :param ti: the task instance.
        :param report: of the run.
        """
        self._leave(ti, report.to_json())

    def _so_far(self, status: str) -> dict[str, Any]:
        about = self.about | {"at": self._at()}
        if self.numbers is None:
            return about | {"status": status} | ({"dry_run": True} if self.is_dry_run else {})
        report = self.numbers()
        report.about, report.dry_run = about, report.dry_run or self.is_dry_run
        report.rejects_files, report.failed_as = self.rejects_files(), status
        return report.to_json()

    def _at(self) -> str:
        return self.now().isoformat(timespec="seconds")

    def _leave(self, ti: Any, report: dict[str, Any]) -> None:
        if self.live is not None:
            self.live.end()
        try:
            _push(ti, report)
        except Exception as error:  # how the run itself ended is what must be told
            _log.warning("The report of the run could not be saved as an XCom (%s)", type(error).__name__)


def _class_names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _push(ti: Any, report: dict[str, Any]) -> None:
    in_turn(ti.xcom_push)(key=REPORT_KEY, value=report)


def status_of(error: BaseException) -> str:
    """Return what a run is called that ended by an error.

    :param error: of this package, of Airflow or of anything below.
    """
    return error.status if isinstance(error, CdiError) else CdiError.status


def kind_of(error: BaseException) -> str:
    """Return what kind of trouble an error is, one of :data:`~airflow_provider_cdi.exceptions.KINDS`.

    :param error: of this package, of Airflow or of anything below.
    """
    if isinstance(error, CdiError | SyncStopped):
        return error.kind
    kinds = (_KINDS[name] for name in _class_names(error) if name in _KINDS)
    return next(kinds, Unforeseen.kind)


def sentence_of(error: BaseException, doing: str) -> str:
    """Return what an error says, without the text of one that may hold values of rows.

    :param error: of this package, of Airflow or of anything below.
    :param doing: what failed, as the beginning of a sentence.
    """
    has_safe_text = is_of_airflow(error) or not _KINDS.keys().isdisjoint(_class_names(error))
    if isinstance(error, CdiError | SyncStopped) or (has_safe_text and str(error)):
        return str(error)
    return str(Unforeseen(error, doing))


def tell_timeout(error: BaseException) -> None:
    """Say of Airflow's own timeout what it means: its text has the number of a process and nothing else.

    :param error: ``AirflowTaskTimeout``.
    """
    error.args = (
        "The task took longer than its execution_timeout, so Airflow ended it. What was acknowledged is saved: the "
        "next try or run goes on from there. Raise execution_timeout if runs may take so long; the log says what the "
        "time went into.",
    )


class SyncStopped(AirflowFailException):
    """How a sync that only a person can mend ends: Airflow tries no more, and its callbacks find what happened.

    :param error: why. Cause and cure stand in its text.
    """

    def __init__(self, error: StopSync) -> None:
        super().__init__(str(error))
        self.kind = error.kind
        self.status = error.status
        self.report = error.report


@contextmanager
def without_values(doing: str) -> Iterator[None]:
    """Raise what nobody foresaw without its text, which may be about a value of a row.

    :param doing: what the body does, as the beginning of a sentence.
    :raises Unforeseen: for every error that is neither ours nor Airflow's.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, CdiError) or is_of_airflow(error):
            raise
        raise_alone(Unforeseen(error, doing))


def refuse_too_many_rejects(report: Report, max_percent: float | None) -> None:
    """Fail a run of which too much was rejected, after everything else was done.

    :raises TooManyRejects: it says where the rejects are.
    """
    if max_percent is None or report.reject_percent <= max_percent:
        return
    bound = f"more than max_reject_percent={max_percent:g}"
    if report.dry_run:
        raise TooManyRejects(
            f"{report.reject_percent:.2f} % of the rows would be rejected, {bound}. This was a dry run: nothing was "
            "sent, nothing was saved, and no reject file was written. The report has the codes, the log the first "
            "rejects."
        )
    watermark = "is saved" if report.about.get("moves_watermark", True) else "stays where it was"
    raise TooManyRejects(
        f"{report.reject_percent:.2f} % of the rows were rejected, {bound}. Everything else was delivered and the "
        f"watermark {watermark}; the rejected rows are in {report.rejects_in_words()}."
    )
