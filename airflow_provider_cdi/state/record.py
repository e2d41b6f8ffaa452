"""What a sync remembers from run to run, and its JSON, which every later version has to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_cdi.engine.rows.jobs import SubmittedJob
from airflow_provider_cdi.engine.rows.position import parse_position
from airflow_provider_cdi.engine.rows.progress import RowsBelow
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.rows.watermark import Watermark
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.state.identity import Identity, Reading
from airflow_provider_cdi.state.store import Instance

RECORD_VERSION = 1
#: Changes by hand that a record remembers, the newest ones.
CHANGES_KEPT = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a record by a person.

    :param by: who.
    :param at: when, as ISO 8601.
    :param why: in that person's words.
    :param was: what it changed, in words.
    """

    by: str
    at: str
    why: str
    was: str

    def to_json(self) -> dict[str, str]:
        """Return what :meth:`from_json` reads."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Any) -> Change:
        """Read what :meth:`to_json` returned, also of a later version that has more to say."""
        known = stored if isinstance(stored, Mapping) else {}
        return cls(**{name: str(known.get(name, "")) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run is.

    :param watermark: end of the unbroken run of outcomes.
    :param totals: outcomes up to there.
    :param rejects: the parts of the run's rejects up to there (see ``RejectFile``).
    :param jobs: what the destination is still at work on, behind the watermark.
    :param below: how many rows lie below the watermark, where they are counted.
    """

    watermark: Watermark | None
    totals: Totals
    rejects: tuple[RejectPart, ...] = ()
    jobs: tuple[SubmittedJob, ...] = ()
    below: RowsBelow | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        mark = self.watermark.to_json() if self.watermark else None
        jobs = {"jobs": [[job.digest, job.name] for job in self.jobs]} if self.jobs else {}
        rejects = [part.to_json() for part in self.rejects]
        below = {"below": self.below.to_json()} if self.below else {}
        return {"watermark": mark, "totals": self.totals.to_json(), "reject_parts": rejects, **jobs, **below}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Checkpoint:
        """Read what :meth:`to_json` returned."""
        mark = Watermark.from_json(stored["watermark"]) if stored["watermark"] else None
        jobs = tuple(SubmittedJob(*job) for job in stored.get("jobs", ()))
        totals = Totals.from_json(stored["totals"])
        below = RowsBelow.from_json(stored["below"]) if stored.get("below") else None
        return cls(mark, totals, _reject_parts(stored, totals), jobs, below)


@dataclass(frozen=True, slots=True)
class StateRecord:
    """The record that is carried from run to run.

    :param identity: whose record it is.
    :param gen: grows by one with each commit, so that copies can be compared.
    :param checkpoint: the watermark, and how far the run that wrote it was.
    :param run_id: the run that wrote it.
    :param at: when, as ISO 8601.
    :param map_index: which instance of a mapped task wrote it, None where none is mapped.
    :param copies: the XComs that hold a copy of it or of earlier ones, the newest last.
    :param changed: what people changed by hand, the newest last.
    :param from_beginning: whether the next run reads everything, whatever ``initial`` says: a person wants it so.
    :param moved_to: the syncs that go on from here under other names; empty for none.
    """

    identity: Identity
    gen: int
    checkpoint: Checkpoint
    run_id: str
    at: str
    map_index: int | None = None
    copies: tuple[Instance, ...] = ()
    changed: tuple[Change, ...] = ()
    from_beginning: bool = False
    moved_to: tuple[str, ...] = ()

    @property
    def is_by_hand(self) -> bool:
        """Whether a person wrote it last, and not a run."""
        return not self.run_id and bool(self.changed)

    @property
    def written_by(self) -> Instance:
        """Which task instance wrote it."""
        return Instance(self.run_id, -1 if self.map_index is None else self.map_index)

    @property
    def pushed_as(self) -> Instance:
        """Whose XCom it is, if it was found in one."""
        return self.copies[-1] if self.copies else self.written_by

    @property
    def watermark(self) -> Watermark | None:
        """Up to where everything is delivered; None when nothing was delivered yet."""
        return self.checkpoint.watermark

    @property
    def age(self) -> tuple[int, str]:
        """What is greater in the newer one of two copies."""
        return self.gen, self.at

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON types, under 32 KB."""
        reads = self.identity.reads
        known = {
            "reads": reads.to_json() if reads else None,
            "map_index": self.map_index,
            "copies": [list(copy) for copy in self.copies] or None,
            "changed": [change.to_json() for change in self.changed[-CHANGES_KEPT:]] or None,
            "from_beginning": self.from_beginning or None,
            "moved_to": list(self.moved_to) or None,
        }
        return {
            "v": RECORD_VERSION,
            "sync_id": self.identity.sync_id,
            "data_type": self.identity.data_type,
            "destination": self.identity.destination,
            "owner": self.identity.owner,
            "gen": self.gen,
            "run_id": self.run_id,
            "at": self.at,
            **{name: value for name, value in known.items() if value is not None},
            **self.checkpoint.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> StateRecord:
        """Read a record of this or an earlier version, also one that a person wrote by hand.

        By hand, ``sync_id`` and ``watermark`` are enough; ``{"position": "2026-01-05T00:00:00Z"}`` and a plain
        timestamp both make a watermark.

        :raises ConfigurationError: when a newer version of this package wrote it, or it is no such record.
        """
        try:
            _refuse_later_version(stored)
            return cls._read(stored)
        except (AttributeError, ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The state of sync {stored.get('sync_id')!r} is damaged: a value in it is missing, or of another type "
                f"({type(error).__name__}). Nothing goes on from there. Put "
                '{"sync_id": …, "watermark": "2026-01-05T00:00:00Z"} in its place, or delete it to go on with the copy '
                "in the XComs of earlier runs."
            ) from error

    @classmethod
    def _read(cls, stored: Mapping[str, Any]) -> StateRecord:
        identity = Identity(
            _text(stored, "sync_id"), _text(stored, "data_type"), _text(stored, "destination"), _text(stored, "owner")
        )
        if stored.get("reads"):
            identity = replace(identity, reads=Reading.from_json(stored["reads"]))
        map_index = stored.get("map_index")
        return cls(
            identity,
            int(stored.get("gen", 0)),
            Checkpoint.from_json({"totals": Totals().to_json(), **stored, "watermark": _watermark_of(stored)}),
            run_id=_text(stored, "run_id"),
            at=_text(stored, "at"),
            map_index=None if map_index is None else int(map_index),
            copies=tuple(Instance(*copy) for copy in stored.get("copies", ())),
            changed=tuple(map(Change.from_json, stored.get("changed") or ())),
            from_beginning=bool(stored.get("from_beginning")),
            moved_to=tuple(stored.get("moved_to") or ()),
        )


def _refuse_later_version(stored: Mapping[str, Any]) -> None:
    if stored.get("v", RECORD_VERSION) > RECORD_VERSION:
        raise ConfigurationError(
            f"The state of sync {stored.get('sync_id')!r} was written by a newer airflow-provider-cdi (state version "
            f"{stored['v']}, this one knows {RECORD_VERSION}). Upgrade this worker."
        )


def _text(stored: Mapping[str, Any], name: str) -> str:
    text = stored.get(name, "")
    if not isinstance(text, str):
        raise TypeError(name)
    return text


def _reject_parts(stored: Mapping[str, Any], totals: Totals) -> tuple[RejectPart, ...]:
    if stored.get("rejects_written"):  # until 0.1 a run had one file, and its record only the length of it
        return (RejectPart("", "", 0, totals.rejected + totals.unknown),)
    return tuple(map(RejectPart.from_json, stored.get("reject_parts", ())))


def _watermark_of(stored: Mapping[str, Any]) -> dict[str, Any] | None:
    mark = stored.get("watermark")
    if not mark:
        return None
    try:
        mark = {"position": mark} if isinstance(mark, str) else dict(mark)
        return {**mark, "position": parse_position(mark["position"])}
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The watermark in the state of sync {stored.get('sync_id')!r} is not a timestamp. Write it as "
            '"2026-01-05T00:00:00Z" on the asset page of the sync.'
        ) from error
