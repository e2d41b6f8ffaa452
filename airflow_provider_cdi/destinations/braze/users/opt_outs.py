"""Opt-outs in a row of attributes: they are delivered also when the rest of the row is refused.

Braze refuses an object as a whole: a bad address or group id beside ``email_subscribe`` would let mail go on to
somebody who said no. So the opt-outs of a refused object are sent once more, each in an object of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import (
    BatchRejected,
    Completed,
    FollowUp,
    Request,
    Response,
    Unattributed,
    Verdict,
)

#: Braze: user attributes object. Member -> what it says when somebody opts out.
_OPT_OUTS: Mapping[str, Any] = {
    "email_subscribe": "unsubscribed",
    "push_subscribe": "unsubscribed",
    "email_open_tracking_disabled": True,
    "email_click_tracking_disabled": True,
}
_GROUPS = "subscription_groups"
_UPDATE_ONLY = "_update_existing_only"
#: Nobody can be opted out whom Braze does not take for a user.
_OF_THE_USER = frozenset({"braze_external_id_too_large", "braze_external_id_blocked", "braze_identifier_missing"})


class OptOutRecord(Record):
    """The opt-outs of a row whose other attributes cannot be sent.

    :param refusal: why they cannot.
    """

    __slots__ = ("refusal",)

    def __init__(self, key: str, body: bytes, refusal: Rejection) -> None:
        super().__init__(key, body)
        self.refusal = refusal

    @property
    def shortfall(self) -> Rejection:
        """Why the rest of the row is not sent, and which opt-outs are."""
        return _told(self.refusal, [name for name, _ in _opt_outs(orjson.loads(self.body))])


def opt_out_record(key: str, head: bytes, document: Any, refusal: Rejection) -> Record | Rejection:
    """Save the opt-outs of a row that is refused before it is sent.

    :param head: its object up to its attributes, without the closing brace.
    :param document: its decoded payload, whatever it is.
    :return: the refusal when there are none.
    """
    found = list(_opt_outs(document))
    if not found:
        return refusal
    groups = [group for _, members in found for group in members.get(_GROUPS, ())]
    joined = {name: value for _, members in found for name, value in members.items()}
    joined |= {_GROUPS: groups} if groups else {}
    return OptOutRecord(key, head + b"," + orjson.dumps(joined)[1:], refusal)


def deliver_opt_outs(
    verdict: Verdict,
    records: Sequence[Record],
    *,
    most: int,
    request: Callable[[Sequence[Record]], Request],
    read: _Read,
) -> Verdict:
    """Go on with the opt-outs of what was refused.

    :param verdict: about the records.
    :param most: objects a request.
    :param request: joins objects into a request.
    :param read: says what the answer to it means.
    :return: where there are any, the question that goes on with them.
    """
    if isinstance(verdict, BatchRejected) and len(verdict.named) == len(records):
        verdict = Completed(verdict.named)
    elif isinstance(verdict, BatchRejected) and any(map(_has_opt_out, (records[place] for place in verdict.named))):
        verdict = BatchRejected(verdict.rejection)  # halves find them too, and then their opt-outs can go
    if isinstance(verdict, Completed):
        if not verdict.rejected and not any(isinstance(record, OptOutRecord) for record in records):
            return verdict
        refused, rejected = verdict.rejected, dict(verdict.rejected)
        for place, record in enumerate(records):
            if isinstance(record, OptOutRecord) and place not in rejected:
                rejected[place] = record.shortfall
        outcome: _Outcome = replace(verdict, rejected=rejected)
    elif isinstance(verdict, Unattributed):
        refused, outcome = verdict.named, verdict
    else:
        return verdict
    left = {
        place: records[place]
        for place, rejection in refused.items()
        if rejection.code not in _OF_THE_USER and _has_opt_out(records[place])
    }
    return _Rescue(left, outcome, most, request, read).next() if left else outcome


_Read = Callable[[Response, Sequence[Record]], Verdict]
_Outcome = Completed | Unattributed


class _Rescue:
    """Sends opt-outs one by one, several in a request, and says of each row which of them were delivered.

    :param refused: place -> the record that was refused.
    :param outcome: that of all records as it stands.
    :param most: objects a request.
    """

    def __init__(
        self,
        refused: Mapping[int, Record],
        outcome: _Outcome,
        most: int,
        request: Callable[[Sequence[Record]], Request],
        read: _Read,
    ) -> None:
        self._refused = refused
        self._outcome_so_far = outcome
        self._most = most
        self._request = request
        self._interpret = read
        self._objects = deque(one for place, record in refused.items() for one in _objects(place, record))
        self._delivered: dict[int, list[str]] = {}

    def next(self) -> Verdict:
        """Send the next ones; when all are sent, tell the outcome."""
        if not self._objects:
            return self._outcome()
        sent = [self._objects.popleft() for _ in range(min(self._most, len(self._objects)))]
        return FollowUp(self._request([record for *_, record in sent]), lambda answer: self._read(answer, sent))

    def _read(self, answer: Response, sent: Sequence[tuple[int, str, Record]]) -> Verdict:
        verdict = self._interpret(answer, [record for *_, record in sent])
        if isinstance(verdict, Completed):
            for number, (place, name, _) in enumerate(sent):
                if number not in verdict.rejected:
                    self._delivered.setdefault(place, []).append(name)
        elif isinstance(verdict, BatchRejected | Unattributed):
            others = [one for number, one in enumerate(sent) if number not in verdict.named]
            if verdict.named or len(sent) > 1:
                # Nobody knows which of them is at fault, if none is named: each alone tells it.
                self._most = self._most if verdict.named else 1
                self._objects.extendleft(reversed(others))
        else:
            return verdict
        return self.next()

    def _outcome(self) -> _Outcome:
        so_far = self._outcome_so_far
        rejected = dict(so_far.rejected if isinstance(so_far, Completed) else so_far.named)
        for place, names in self._delivered.items():
            record = self._refused[place]
            why = record.refusal if isinstance(record, OptOutRecord) else rejected[place]
            rejected[place] = _told(why, names)
        return replace(so_far, rejected=rejected) if isinstance(so_far, Completed) else replace(so_far, named=rejected)


def _opt_outs(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each opt-out of an object: the member that says it, and what to send for it."""
    if not isinstance(document, dict):
        return
    for name, said in _OPT_OUTS.items():
        if document.get(name) is said or (isinstance(said, str) and document.get(name) == said):
            yield name, {name: said}
    groups = document.get(_GROUPS)
    for group in groups if isinstance(groups, list) else ():
        if isinstance(group, dict) and group.get("subscription_state") == "unsubscribed":
            key = group.get("subscription_group_id")
            if isinstance(key, str) and key:
                left = {"subscription_group_id": key, "subscription_state": "unsubscribed"}
                yield _GROUPS, {_GROUPS: [left]}


def _has_opt_out(record: Record) -> bool:
    return any(_opt_outs(orjson.loads(record.body)))


def _objects(place: int, record: Record) -> Iterator[tuple[int, str, Record]]:
    """Give the objects that save the opt-outs of a record: each for itself."""
    document = orjson.loads(record.body)
    kind = record.key.partition(":")[0]
    head = {name: document[name] for name in (kind, _UPDATE_ONLY) if name in document}
    for name, members in _opt_outs(document):
        if head | members != document:  # just that was refused
            yield place, name, Record(record.key, orjson.dumps(head | members))


def _told(why: Rejection, names: Sequence[str]) -> Rejection:
    delivered = tuple(dict.fromkeys(names))
    return Rejection(why.code, f"{why.reason} Delivered all the same: {', '.join(delivered)}.", delivered)
