"""Times as text: which forms can be read without doubt, and the form in which they are sent.

One list for all destinations. No zone means UTC. What has two readings is refused: ``01/02/2024``, the name of a zone
other than UTC, an offset of three digits.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

#: ISO 8601, and what databases and Braze's own examples make of it: a space for the T (Snowflake and others) or before
#: the zone, ``UTC``, small letters, offsets such as ``+1:00`` (Braze: ``/users/track``) or ``-0330``, and Braze's colon
#: before the milliseconds.
_FORM = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d(?:-?\d)?)"
    r"(?:(?:T| +)(?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,:](?P<fraction>\d+))?)?)?"
    # Three digits in an offset may be one and two, or two and one: they are none.
    r" *(?:Z|UTC|GMT|(?P<offset>[+-](?:\d(?::[0-5]\d)?|\d\d(?::?[0-5]\d(?::?[0-5]\d)?)?)))?)?",
    re.ASCII | re.IGNORECASE,
)
#: Years near the ends of the calendar are looked at more closely: an offset may lead out of it.
_USUAL = re.compile(r"(?!0001|9999)\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:[0-5]\d)?", re.ASCII)
#: What else is sent as it stands: ISO 8601 and the forms that Braze documents (user attributes object, event object).
_SENT_AS_IT_IS = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:[.:]\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?| \d\d:\d\d:\d\d)?|\d{8}T\d{6}Z?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Time(NamedTuple):
    """A point in time that was said as text.

    :param moment: in UTC, cut to the second.
    :param fraction: all digits of the second's fraction that were given.
    """

    moment: datetime
    fraction: str

    @property
    def text(self) -> str:
        """The canonical form: ISO 8601 in UTC, with every digit: ``2026-01-05T09:30:00.5Z``."""
        clock = self.moment.replace(tzinfo=None).isoformat()
        return f"{clock}.{self.fraction}Z" if self.fraction else f"{clock}Z"

    @property
    def seconds(self) -> int:
        """Whole seconds since the epoch."""
        since = self.moment - _EPOCH
        return since.days * 86_400 + since.seconds


def read_time(text: str) -> Time | None:
    """Read a time; white space around it is ignored.

    :return: None for a text that is no time, can be read in two ways, or lies outside the years 1 to 9999 in UTC.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        return None
    clock = ":".join(found[part] or "00" for part in ("hour", "minute", "second"))
    try:
        moment = datetime.fromisoformat(f"{found['date'].upper()}T{clock}{_offset(found['offset'])}").astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of February; an offset that leads out of the years
        return None
    return Time(moment, found["fraction"] or "")


def sent_time(text: object) -> str | None:
    """Give a time as it is sent: as it stands where its form is a vendor's own, else in the canonical form.

    :return: None where it cannot be read, see :func:`read_time`, or is no text.
    """
    if not isinstance(text, str):
        return None
    if is_usual_time(text):
        return text
    time = read_time(text)
    if time is None:
        return None
    return text if _SENT_AS_IT_IS.fullmatch(text) else time.text


def is_usual_time(text: str) -> bool:
    """Tell at little cost whether a text is a time in the most usual form: ``2026-01-05T09:30``, with or without more.

    What it leaves open is for :func:`sent_time`.
    """
    # In UTC to the second or the millisecond, as most are, a few looks do; they take half the time.
    length = len(text)
    is_plain = length == 20 or (length == 24 and text[19] == ".")
    if not (is_plain and text[-1] == "Z" and text[7:14:3] == "-T:") and not _USUAL.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _offset(text: str | None) -> str:
    if text is None:
        return "+00:00"
    digits = text[1:].replace(":", "")
    return text[0] + (f"0{digits}" if len(digits) % 2 else digits).ljust(4, "0")
