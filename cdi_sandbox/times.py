"""Which texts Braze reads as a moment, and how a moment is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

#: What ``write_moment`` can write.
EARLIEST = datetime(1, 1, 1, tzinfo=UTC).timestamp()
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC).timestamp()

# Braze, events: ISO 8601 or yyyy-MM-dd'T'HH:mm:ss:SSSZ; its example of /users/track has the offset +1:00, and a
# recording of 2020 shows that it took a space before the offset. UTC, small letters and short offsets leave no doubt.
_DATE = r"(?P<date>\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d(-?\d)?)"
_CLOCK = r"(?P<clock>\d\d(:?\d\d(:?\d\d([.,:](?P<fraction>\d+))?)?)?)"
_ZONE = r"(Z|UTC|GMT|(?P<offset>[+-](\d(:[0-5]\d)?|\d\d(:?[0-5]\d(:?[0-5]\d)?)?)))?"
_MOMENT = re.compile(rf"{_DATE}((T| +){_CLOCK} *{_ZONE})?", re.ASCII | re.IGNORECASE)
# Braze, user attributes: of all that can be read, only ISO 8601 with its hyphens and these two become dates.
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?", re.ASCII)
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
    found = _MOMENT.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    date, clock = found["date"].upper(), (found["clock"] or "").replace(":", "").ljust(6, "0")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock[:2]}:{clock[2:4]}:{clock[4:6]}")
        moment = moment.replace(tzinfo=_zone(found["offset"] or "+00")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return min(moment.timestamp() + float(f"0.{found['fraction'] or 0}"), LATEST)


def as_stored_date(text: str) -> str:
    """Return what Braze keeps of a string attribute.

    A date in one of the supported formats is written anew in UTC; any other text (also a date after the
    year 3000) stays the string it was, without a word.
    """
    if not 8 <= len(text) <= 40 or not (text[0].isdigit() or text[:3].isalpha()):
        return text
    moment = read_moment(text) if _ISO_DATE.fullmatch(text) else _other_date(text)
    return text if moment is None or _year_of(moment) > 3000 else write_moment(moment)


def write_moment(moment: float) -> str:
    """Write seconds since the epoch as Braze's exports do: ``2026-01-05T10:00:00.000Z``."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_exact_moment(moment: float) -> str:
    """Write seconds since the epoch with all digits: ``2026-03-25T12:53:35.183728Z``.

    So the CDI endpoints answered the authors of airflow-provider-braze. Their hook looks for the run that began at or
    after the moment at which it asked for one, so nothing may be cut.
    """
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _zone(offset: str) -> timezone:
    digits = offset[1:].replace(":", "")
    digits = (digits if len(digits) % 2 == 0 else f"0{digits}").ljust(6, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    return timezone(ahead if offset[0] == "+" else -ahead)


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
