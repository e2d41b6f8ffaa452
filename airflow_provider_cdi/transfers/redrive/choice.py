"""Which rejects a run is to send again, as a person says it, and as the plan of the run keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError

_AGE = re.compile(r"(\d{1,6})\s*(m|h|d|w)", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectChoice:
    """Which rejects are sent again; all that are given hold at once.

    :param codes: with one of these codes; empty for any.
    :param run_id: of this run; empty for any.
    :param older_than: rejected before this time: an age (``90m``, ``12h``, ``7d``, ``2w``) or a timestamp of ISO 8601,
        in UTC where it says no zone; empty for all up to now.
    :param unknown: also rows of which nobody knows whether they arrived, where each row counts for itself.
    :param stored_payload: send what was rejected, as it stands in the reject file, and not the row as it is now.
    """

    codes: tuple[str, ...] = ()
    run_id: str = ""
    older_than: str = ""
    unknown: bool = False
    stored_payload: bool = False

    def at(self, now: datetime) -> RejectChoice:
        """Return the choice with its age as a timestamp, and nothing younger than now.

        :param now: when the run began, aware.
        :raises ConfigurationError: when ``older_than`` is no age and no timestamp.
        """
        bound = _moment(self.older_than, now) if self.older_than else now
        return replace(self, older_than=min(bound, now).isoformat())

    @property
    def before(self) -> datetime:
        """The time before which they were rejected; of a choice that :meth:`at` returned."""
        return datetime.fromisoformat(self.older_than)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return asdict(self) | {"codes": list(self.codes)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RejectChoice:
        """Read what :meth:`to_json` returned, also beside what else is kept with it."""
        known = {name: stored[name] for name in cls.__slots__ if name in stored}
        return cls(**{**known, "codes": tuple(stored["codes"])})

    def describe(self) -> str:
        """Return the choice in words for the log."""
        said = [
            f"with the code {' or '.join(self.codes)}" if self.codes else "with any code",
            f"of the run {self.run_id}" if self.run_id else "",
            f"from before {self.older_than}" if self.older_than else "",
            "unknown ones too" if self.unknown else "",
            "as they were stored" if self.stored_payload else "",
        ]
        return f"rejected rows again, {', '.join(filter(None, said))}"


def codes_of(said: str | Iterable[Any]) -> tuple[str, ...]:
    """Return codes as a person writes them: a list, or text with a comma, a blank or a new line between them.

    :param said: in the trigger form of Airflow each line of the field, which may hold several; empty for none.
    :raises ConfigurationError: when it is filled in and holds no code: that is not the same as any code.
    """
    lines = [said] if isinstance(said, str) else list(map(str, said))
    codes = tuple(dict.fromkeys(code for line in lines for code in re.split(r"[\s,;]+", line) if code))
    if not codes and any(lines):
        raise ConfigurationError(f"{' '.join(lines)!r} holds no code. Name codes, or leave them out for any code.")
    return codes


def check_age(text: str) -> None:
    """Refuse what is no age and no timestamp.

    :param text: of ``older_than``.
    :raises ConfigurationError: then.
    """
    _moment(text, datetime.now(UTC))


def moment_of(text: str, now: datetime) -> datetime:
    """Return the moment that an age or a timestamp means.

    :param text: an age (``90m``, ``12h``, ``7d``, ``2w``) or a timestamp of ISO 8601, in UTC where it says no zone.
    :param now: what an age is counted from, aware.
    :raises ValueError: when it is neither.
    :raises OverflowError: when it is longer ago than there are dates.
    """
    if age := _AGE.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[age[2].lower()]: int(age[1])})
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(text: str, now: datetime) -> datetime:
    try:
        return moment_of(text, now)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"reject_older_than is {text!r}, which is no age and no timestamp. Write an age, such as 90m, 12h, 7d or "
            "2w, or a time, such as 2026-01-05T09:00:00Z."
        ) from None
