"""Which texts Braze reads as a moment, and how a moment is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: What ``write_moment`` can write.
EARLIEST = datetime(1, 1, 1, tzinfo=UTC).timestamp()
LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()

# Braze, events: ISO 8601 or yyyy-MM-dd'T'HH:mm:ss:SSSZ.
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,:]\d{1,9})?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?", re.ASCII)
_COLON_FRACTION = re.compile(r"(?<=\d\d:\d\d:\d\d):(?=\d{1,9})", re.ASCII)
# Braze, user attributes: these two are dates as well.
_OTHER_DATES = (
    (re.compile(r"\d{2}/\d{2}/\d{4}", re.ASCII), "%m/%d/%Y"),
    (
        re.compile(r"[A-Z][a-z]{2} \d{2} \d{2} \d{2}:\d{2}:\d{2}\.[A-Z]{3} \d{4}", re.ASCII),
        "%a %m %d %H:%M:%S.%Z %Y",
    ),
)


def read_moment(text: object) -> float | None:
    """Read the time of an event or purchase.

    :return: seconds since the epoch, midnight or UTC where the text leaves them out; None for anything else.
    """
    if not isinstance(text, str) or not _ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(_COLON_FRACTION.sub(".", text).replace(" Z", "Z"))
    except ValueError:
        return None
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return seconds if EARLIEST <= seconds <= LATEST else None


def as_stored_date(text: str) -> str:
    """Return what Braze keeps of a string attribute.

    A date in one of the supported formats is written anew in UTC; any other text (also a date after the
    year 3000) stays the string it was, without a word.
    """
    if not 8 <= len(text) <= 40 or not (text[0].isdigit() or text[:3].isalpha()):
        return text
    moment = read_moment(text)
    if moment is None:
        moment = _other_date(text)
    return text if moment is None or _year_of(moment) > 3000 else write_moment(moment)


def write_moment(moment: float) -> str:
    """Write seconds since the epoch as Braze's exports do: ``2026-01-05T10:00:00.000Z``."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _other_date(text: str) -> float | None:
    for shape, form in _OTHER_DATES:
        if shape.fullmatch(text):
            try:
                return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
            except ValueError:
                return None
    return None


def _year_of(moment: float) -> int:
    return datetime.fromtimestamp(moment, UTC).year
