"""What a status says at every service: wait, nobody knows, or the sync itself is refused; and what to do about it.

A service adds what its own pages say, in its own words; this holds for whatever answers, a proxy's too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.verdicts import Ambiguous, BatchRejected, Response, Throttled
from airflow_provider_cdi.exceptions import DestinationRefused

#: Nothing was applied, because of a row or of the request as a whole.
REFUSALS = frozenset({400, 413, 422})
#: The request may or may not have been read to its end.
_UNCLEAR_BELOW_500 = frozenset({408, 425})
#: A day; a longer wait comes from a broken header.
_LONGEST_WAIT = 86_400.0

#: What no service has words of its own for. ``{name}`` is that of the service.
_SENTENCES = {
    407: "a proxy asks for credentials. Check the proxy settings of the worker (HTTPS_PROXY, NO_PROXY).",
    413: (
        "something on the way takes no request of this size, not even one row's, and it was not {name}. Raise the "
        "limit of what lies between (proxy, gateway), or make the row smaller."
    ),
    415: "the request's content type or encoding is not accepted; a proxy may have changed it.",
}
_OTHER = "this answer is not documented. Check the host of the connection and what lies between (proxy, gateway)."


@dataclass(frozen=True, slots=True)
class Service:
    """Who answers, and what to tell a person when the sync itself is refused.

    :param name: as a sentence calls it.
    :param redirect: what a redirect means, and what to do.
    :param sentences: status -> what it means and what to do, where that is the service's own.
    """

    name: str
    redirect: str
    sentences: Mapping[int, str] = field(default_factory=dict)

    def failure(self, status: int, wait: float | None = None) -> Throttled | Ambiguous | None:
        """Say whether a status asks to wait, or leaves open what became of the request; None for any other.

        :param wait: seconds that a 429 asks to wait; None for none.
        """
        if status == 429:
            return Throttled(f"{self.name} answered 429: over the rate limit", wait)
        if status in _UNCLEAR_BELOW_500 or status >= 500:
            return Ambiguous(f"{self.name} answered {status}")
        return None

    def foreign(self, status: int) -> Throttled:
        """Doubt a refusal that is not in the service's form: it says nothing about rows, and may pass."""
        return Throttled(
            f"{status} came in another form than {self.name}'s: a proxy, gateway or firewall on the way gave it"
        )

    def too_large(
        self, count: int, rejection: Rejection, refusal: DestinationRefused, *, is_own: bool
    ) -> BatchRejected:
        """Read a 413: whoever gave it, less is the cure; but only the service's own says that a row is too large.

        :param count: of the records in the request.
        :param refusal: raised for a record that is alone, where somebody else gave the answer.
        :param is_own: whether the answer is in the service's form.
        """
        if count == 1 and not is_own:
            raise refusal
        return BatchRejected(rejection, {0: rejection} if count == 1 else {})

    def refused(
        self, status: int, request: str, *, is_own: bool, advice: str = "", said: str = "", **words: str
    ) -> DestinationRefused:
        """Make the error for an answer that concerns the sync as a whole.

        :param request: method and path.
        :param is_own: whether the answer is in the service's form.
        :param advice: what it means and what to do, where the status alone does not tell.
        :param said: of its text, what may be shown.
        :param words: what stands in the sentences of the service.
        """
        is_redirect = 300 <= status < 400
        if not advice:
            sentence = self.sentences.get(status) or _SENTENCES.get(status, _OTHER)
            advice = self.redirect if is_redirect else sentence.format(name=self.name, **words)
        not_ours = f" The answer is not in {self.name}'s form, so a proxy or firewall on the way may have given it."
        hint = "" if is_own or is_redirect else not_ours
        refused = DestinationRefused(f"{self.name} answered {status}{said} to {request}: {advice}{hint}")
        return refused.of_kind(kind_of_status(status))


#: Kinds of trouble by what a status says of the whole request.
_KINDS = {401: "connection", 402: "resources", 403: "permission", 404: "missing", 407: "connection", 410: "missing"}


def kind_of_status(status: int) -> str:
    """Return what kind of trouble a status is that refuses a whole request.

    :param status: of the answer.
    """
    return _KINDS.get(status, "configuration")


def retry_after(answer: Response) -> float | None:
    """Give the seconds that ``Retry-After`` asks to wait; None when it gives no usable number."""
    try:
        seconds = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT else None
