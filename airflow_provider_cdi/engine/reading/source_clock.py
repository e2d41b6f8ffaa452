"""The clock of an ``UPDATED_AT`` without a zone: which of its times a moment is.

Positions are compared in the warehouse as they stand in the column. So where the column shows the clock of a
place, every moment that bounds a run is turned into that clock once, and nothing is ever turned back.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_cdi.engine.rows.position import parse_position, position_of_moment
from airflow_provider_cdi.exceptions import ConfigurationError

#: How far from a moment the end of its repeated hour may be, in seconds; no zone repeats more than a day.
_REACH = 26 * 3600


@dataclass(frozen=True, slots=True)
class SourceClock:
    """What the source's clock shows at a moment.

    When summer time ends, a clock shows an hour twice, and a row stamped in it may be of the first or of the
    second. Nobody can tell, so :meth:`up_to` leaves that hour alone until it has passed for the second time:
    no row can be written behind the watermark. :meth:`bound` gives the whole hour to the window in which it
    begins, so that windows that touch hold every row once.

    :param zone: name of the zone (IANA), None when the column is in UTC or has a zone itself.
    """

    zone: str | None = None

    @classmethod
    def of(cls, zone: str | None) -> SourceClock:
        """Return the clock of a zone.

        :raises ConfigurationError: when there is no such zone.
        """
        if zone is not None:
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ConfigurationError(
                    f'watermark_timezone is {zone!r}, which is no time zone; name one as "America/New_York".'
                ) from error
        return cls(zone)

    def bound(self, moment: datetime) -> str:
        """Return the bound of a window. Later moments never have earlier bounds.

        :param moment: an aware datetime.
        """
        repeated = self._repeated_hour(moment)
        if repeated is None:
            return self.shown(moment)
        _, end = repeated
        return min(self.shown(moment), end) if self._is_first_pass(moment) else end

    def up_to(self, now: datetime) -> str:
        """Return the position up to which everything that will ever be stamped there was written.

        :param now: an aware datetime.
        """
        repeated = self._repeated_hour(now)
        if repeated is None:
            return self.shown(now)
        start, _ = repeated
        return _before(start)

    def parse(self, text: str) -> str:
        """Return the position that a person or a template wrote.

        :param text: ISO 8601; without an offset it is what the source's own clock shows.
        :raises ValueError: when it is not ISO 8601.
        """
        position = parse_position(text)
        if self.zone is None or _has_no_offset(text):
            return position
        shown, nanos = self.bound(datetime.fromisoformat(f"{position[:26]}Z")), position[26:-1]
        return f"{shown[:-1]}{nanos}Z"

    def within_repeated_hour(self, since: str, until: str) -> tuple[str, str] | None:
        """Return what the clock shows from a moment in that hour to another in the same pass, or at its end.

        For a window that a person asks for: :meth:`bound` would leave nothing of one in the second pass, because it
        gives the whole hour to the window in which the hour begins.

        :param since: ISO 8601 with an offset.
        :param until: the same, later.
        :return: None for any other window.
        :raises ValueError: when one of them is not ISO 8601.
        """
        if self.zone is None or _has_no_offset(since) or _has_no_offset(until):
            return None
        start, end = (datetime.fromisoformat(f"{parse_position(text)[:26]}Z") for text in (since, until))
        if start >= end or self._repeated_hour(start) is None:
            return None
        first, last = self.shown(start), self.shown(end)
        return (first, last) if first < last else None

    def shown(self, moment: datetime) -> str:
        """Return what the clock shows at a moment, as a position."""
        if self.zone is None:
            return position_of_moment(moment)
        return _as_position(moment.astimezone(ZoneInfo(self.zone)))

    def _is_first_pass(self, moment: datetime) -> bool:
        return self.zone is None or moment.astimezone(ZoneInfo(self.zone)).fold == 0

    def _repeated_hour(self, moment: datetime) -> tuple[str, str] | None:
        """Return first and last position of the repeated hour that the clock shows; None outside of one."""
        if self.zone is None:
            return None
        local = moment.astimezone(ZoneInfo(self.zone))
        before, after = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
        if before == after or before is None or after is None:
            return None
        turn = _turn(moment, ZoneInfo(self.zone), after, is_ahead=local.fold == 0)
        return _as_position(turn + after), _as_position(turn + before)


def _turn(moment: datetime, zone: ZoneInfo, after: timedelta, *, is_ahead: bool) -> datetime:
    """Return the moment at which the clock was or will be put back."""
    start = int(moment.timestamp()) - (0 if is_ahead else _REACH)
    seconds = range(start, start + _REACH + 1)

    def is_put_back(second: int) -> bool:
        return datetime.fromtimestamp(second, zone).utcoffset() == after

    return datetime.fromtimestamp(seconds[bisect_left(seconds, True, key=is_put_back)], UTC)


def _as_position(clock: datetime) -> str:
    """Return the digits of a clock as a position, whatever its zone."""
    return position_of_moment(clock.replace(tzinfo=UTC))


def _has_no_offset(text: str) -> bool:
    return not text.strip().endswith(("Z", "z")) and datetime.fromisoformat(text.strip()).tzinfo is None


def _before(position: str) -> str:
    moment = datetime.fromisoformat(position) - timedelta(microseconds=1)
    return position_of_moment(moment)
