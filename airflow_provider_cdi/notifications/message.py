"""What a contact reads: one message as text, as HTML, for Slack and for a pager. It holds nothing of a row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

#: RFC 5322 asks for lines of 998 characters at most; nobody reads so much.
_SUBJECT_CHARS = 200
#: PagerDuty's limit of a dedup_key: https://developer.pagerduty.com/docs/events-api-v2-overview
_KEY_CHARS = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class CodeTold(NamedTuple):
    """A code of the rejects.

    :param number: how many rows have it.
    :param cure: what to do about it; empty where nothing is known.
    """

    code: str
    number: int
    cure: str = ""


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One message about one sync. Notifiers find it as ``cdi_message`` in their templates.

    :param headline: what happened, in one line.
    :param advice: what it means and what to do next; empty where nothing is to be done.
    :param sync_id: of the sync.
    :param severity: ``error``, ``warning`` or ``info``, as PagerDuty calls them.
    :param kind: of trouble, one of :data:`~airflow_provider_cdi.exceptions.KINDS`; empty for good news.
    :param status: of the run.
    :param facts: what there is to know beside it, as label and value.
    :param codes: of the rejects, the most frequent first.
    :param links: label and address.
    :param dedup_key: the same for all messages about one trouble of the sync, its end included.
    :param is_over: whether it tells the end of a trouble.
    """

    headline: str
    advice: str
    sync_id: str
    severity: str = "error"
    kind: str = ""
    status: str = ""
    facts: Sequence[tuple[str, str]] = ()
    codes: Sequence[CodeTold] = ()
    links: Sequence[tuple[str, str]] = ()
    dedup_key: str = ""
    is_over: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.dedup_key) > _KEY_CHARS:
            digest = hashlib.sha256(self.dedup_key.encode()).hexdigest()[:16]
            object.__setattr__(self, "dedup_key", f"{self.dedup_key[: _KEY_CHARS - 17]}-{digest}")

    @property
    def subject(self) -> str:
        """The headline as a subject: one line, whatever the names in it hold."""
        return _line(self.headline)[:_SUBJECT_CHARS]

    @property
    def action(self) -> str:
        """What a pager does with it: ``trigger`` or ``resolve``."""
        return "resolve" if self.is_over else "trigger"

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        blocks = [_line(self.headline), self.advice.strip(), "\n".join(self._lines())]
        return "\n\n".join(filter(None, blocks)) + "\n"

    @property
    def slack(self) -> str:
        """The text for Slack, which reads ``&``, ``<`` and ``>`` as its own marks: nobody is called by a name in it."""
        return escape(self.text, quote=False)

    @property
    def html(self) -> str:
        """The whole message as HTML, everything in it escaped."""
        rows = [_row(label, escape(value)) for label, value in self.facts]
        rows += [_row(f"{one.code} {one.number:,}", escape(one.cure)) for one in self.codes]
        rows += [_row(label, f'<a href="{escape(url)}">{escape(url)}</a>') for label, url in self.links]
        advice = f"<p>{escape(self.advice)}</p>" if self.advice else ""
        return f"<h3>{escape(_line(self.headline))}</h3>{advice}<table>{''.join(rows)}</table>"

    def to_json(self) -> dict[str, Any]:
        """Return the message as JSON types, for a webhook."""
        return {
            "subject": self.subject,
            "text": self.text,
            "sync_id": self.sync_id,
            "kind": self.kind,
            "status": self.status,
            "severity": self.severity,
            "is_over": self.is_over,
            "counts": dict(self.counts),
            "codes": [one._asdict() for one in self.codes],
            "links": dict(self.links),
            "dedup_key": self.dedup_key,
        }

    def _lines(self) -> list[str]:
        lines = [f"{label}: {value}" for label, value in self.facts]
        lines += [f"{one.code} ({one.number:,}): {one.cure}".rstrip(": ") for one in self.codes]
        return [_line(line) for line in lines + [f"{label}: {url}" for label, url in self.links]]


def _row(label: str, value: str) -> str:
    return f'<tr><th align="left">{escape(label)}</th><td>{value}</td></tr>'


def _line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()
