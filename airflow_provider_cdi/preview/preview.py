"""A preview as people and programs see it: what is masked is masked in everything that leaves this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from airflow_provider_cdi.preview.masks import Cover, Mask
from airflow_provider_cdi.preview.requests import PlannedRequest
from airflow_provider_cdi.preview.sample import Sample, SampledRow

#: What becomes of a row, in the words of a report.
_WORDS = {"sent": "would be sent", "rejected": "rejected", "skipped": "skipped"}
#: Why a row that no run up to now sends is not sent, and one that was sent before.
_SKIPPED = {
    "already_delivered": "delivered before, with the time at which the watermark stands",
    "future": "stamped later than now, and sent when that time has come",
    "settling": "younger than settle= asks for, and sent when old enough",
    "no_updated_at": "without an UPDATED_AT that can be read, and never sent until it is filled in",
}


@dataclass(frozen=True)
class Preview:
    """What the next run of a sync would send.

    :param about: ``sync_id`` (None before there is a DAG), ``data_type``, ``destination`` and ``source``.
    :param slice: what the run would read, in words.
    :param sample: the first rows of it.
    :param mask: what people may not see.
    :param headers: of each request, without secrets.
    :param base_url: of the requests.
    :param notes: what should be known besides, such as where the state was looked for.
    """

    about: Mapping[str, str | None]
    slice: str
    sample: Sample = field(repr=False)
    mask: Mask = field(default_factory=Mask)
    headers: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    notes: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        """Whether the run would send what is shown, and not stop before."""
        return not self.sample.stopped_by

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows, those that a run would read first in front."""
        return [self._row(row) for row in self.sample.rows]

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests, in the order in which they would be sent."""
        return [self._request(request) for request in self.sample.requests]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types. Bodies are texts: they are the requests' own, byte for byte, in UTF-8."""
        sample = self.sample
        return {
            **self.about,
            "slice": self.slice,
            "masked": self.mask.told,
            "due": sample.due,
            "skipped": dict(sample.skipped),
            "is_whole": sample.is_whole,
            "stopped_by": sample.stopped_by or None,
            "notes": [*self.notes, *self._notes_of_sample()],
            "rows": self.rows(),
            "requests": self.requests(),
        }

    def remarks(self) -> list[str]:
        """Return in sentences what stands neither in a row nor in a request."""
        said = [f"The next run reads: {self.slice}."]
        if self.mask:
            said.append(f"Masked: {', '.join(self.mask.told)}. What is shown as *** is sent as it is.")
        return [*said, *self.notes, *self._notes_of_sample()]

    def lines(self) -> list[str]:
        """Return the preview as a block of text, for a log."""
        about = self.about
        lines = [f"Preview of {about['sync_id'] or about['source']}: {about['data_type']} to {about['destination']}"]
        lines += [f"  {remark}" for remark in self.remarks()]
        for number, row in enumerate(self.rows(), 1):
            why = ": ".join(filter(None, (row["code"], row["reason"])))
            whose = ", ".join(f"{name} {value}" for name, value in row["identifier"].items())
            carried = f" in request {row['request']}" if row["request"] else ""
            lines.append(
                f"  {number}. {_WORDS[row['outcome']]}{carried}, {row['updated_at']}, {whose}{why and f' ({why})'}"
            )
            lines += [f"     {row['payload']}"] if row["payload"] is not None else []
        lines += [f"  request {one['number']}: {one['method']} {one['url']}" for one in self.requests()]
        return lines

    def text(self) -> str:
        """Return everything as text, with the requests as they would go over the wire but for what is masked."""
        requests = [
            "\n".join(
                [
                    f"{one['method']} {one['url']}",
                    *(f"{name}: {value}" for name, value in one["headers"].items()),
                    *(["", one["body"]] if one["body"] else []),
                ]
            )
            for one in self.requests()
        ]
        return "\n\n".join(["\n".join(self.lines()), *requests])

    def _notes_of_sample(self) -> list[str]:
        sample, notes = self.sample, []
        if sample.stopped_by:
            notes.append(f"The run would stop before it sends anything: {sample.stopped_by}")
        if not sample.due:
            notes.append("Nothing is due: the run would send nothing.")
        elif not sample.is_whole:
            notes.append(
                f"These are the first rows of {sample.due:,} that are due: a request of the run may hold more rows. "
                "What stands under payload is each row's own part of it."
            )
        if any(not one.records for one in sample.requests):
            notes.append(
                "Before it sends, the run asks about people. For a preview nobody is looked up: what follows is shown "
                "as if each were known and nothing stood against it. Whoever the answers speak against is passed over."
            )
        outcomes = [row.outcome for row in sample.rows if row.outcome != "skipped"]
        if len(outcomes) > 1 and set(outcomes) == {"rejected"}:
            notes.append("Every row that is shown would be rejected.")
        return notes + [_about_skipped(reason, number) for reason, number in sample.skipped.items()]

    @cached_property
    def _cover(self) -> Cover:
        return self.mask.over([row.row for row in self.sample.rows])

    def _row(self, row: SampledRow) -> dict[str, Any]:
        cover = self._cover
        return {
            "outcome": row.outcome,
            "identifier": {name: cover.value(name, value) for name, value in row.row.identifier.items()},
            "updated_at": row.row.updated_at,
            "code": row.code or None,
            "reason": cover.text(row.reason) or None,
            "request": row.request,
            "payload": self._payload(row),
            "adjusted": list(row.adjusted),
        }

    def _payload(self, row: SampledRow) -> str | None:
        """Return what is sent of a row; of one that is not sent, what was read."""
        if row.body is not None:
            return self._cover.json(_readable(row.body))
        if row.row.payload is None:
            return None
        payload = row.row.payload
        return self._cover.json(payload if isinstance(payload, str) else orjson.dumps(payload).decode())

    def _request(self, planned: PlannedRequest) -> dict[str, Any]:
        request, cover = planned.request, self._cover
        return {
            "number": planned.number,
            "method": request.method,
            "url": self.base_url + cover.path(request.path),
            "headers": dict(self.headers),
            "rows": len([row for record in planned.records for row in record.rows()]),
            "bytes": len(request.body),
            "body": cover.json(_readable(request.body)),
        }


def _about_skipped(reason: str, number: int) -> str:
    rows = "1 row is" if number == 1 else f"{number:,} rows are"
    return f"{rows} skipped ({reason}): {_SKIPPED[reason]}."


def _readable(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")
