"""What goes to a destination, what comes back, and what that means: the verdict about the records of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from airflow_provider_cdi.engine.rows.records import Record, Rejection


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, without host and credentials. Its repr shows no body: that is personal data.

    :param family: the rate budget that it counts against, one of the destination's ``rates``; empty for none.
    :param is_question: whether it changes nothing on the other side, though its method is none of those that ask.
    """

    method: str
    path: str
    body: bytes = field(repr=False)
    family: str = ""
    is_question: bool = False

    @property
    def changes(self) -> bool:
        """Whether it may change something on the other side."""
        return self.method != "GET" and not self.is_question


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer. Header names are in lower case; the body may be anything, and no repr shows either."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer tells the outcome of every record: those named here were rejected or passed over, all others accepted.

    :param rejected: place in the request's records -> why.
    :param skipped: place in the request's records -> the reason for which it was passed over on purpose.
    :param mended: place in the request's records -> what to send next for a record that was not applied: the same
        without the part that was refused, with a notice about it.
    :param remarks: what the answer said besides -> how often. No person's data: the report shows it.
    """

    rejected: Mapping[int, Rejection] = field(default_factory=dict)
    skipped: Mapping[int, str] = field(default_factory=dict)
    mended: Mapping[int, Record] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchRejected:
    """The request was refused as a whole and nothing was applied, because of a record in it or its size.

    Where the answer names the records at fault they are rejected and the rest is sent again. Where it does not, the
    engine sends halves; a record that is refused alone, where others are accepted, is rejected with ``rejection``.

    :param rejection: why.
    :param named: place in the request's records -> why, for the records that the answer names.
    :param mended: see :class:`Completed`: sent in the place of the record, together with those that are not named.
    """

    rejection: Rejection
    named: Mapping[int, Rejection] = field(default_factory=dict)
    mended: Mapping[int, Record] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Throttled:
    """Nothing was applied; the same request may be sent after ``wait`` seconds (None: the engine's back-off)."""

    reason: str
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Nobody can tell whether the request was applied (a 5xx, a broken body)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unattributed:
    """The request was applied, but some of its records were refused and the answer does not say which, or not of all.

    The records that it names are rejected. The others are sent again in smaller parts, where that is harmless, until
    the one that is meant stands alone; else nobody knows what became of them.

    :param named: place in the request's records -> why, for the records that the answer names.
    :param mended: see :class:`Completed`: sent in the place of the record.
    :param remarks: what it said of the others -> how often. No person's data: the report shows it.
    """

    named: Mapping[int, Rejection] = field(default_factory=dict)
    mended: Mapping[int, Record] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The outcome is not known yet: send this next, and read its answer so.

    A conversation about one batch: a look-up before the records are sent, a job that is asked for until it has
    ended, the pages of its errors.

    :param request: what to send next. A repeat of it must be harmless, or the records' own must be.
    :param read: what the answer to it means; may ask on.
    :param wait: seconds until then.
    :param job: the name of a job that was accepted on the other side and works on these records by itself. It is
        saved, so that a later try asks for it (:meth:`JobDestination.attach`) instead of sending the records again.
    """

    request: Request
    read: Callable[[Response], Verdict]
    wait: float = 0.0
    job: str | None = None


Verdict = Completed | BatchRejected | Throttled | Ambiguous | Unattributed | FollowUp
