"""Points in time as text: positions on their way into SQL, and ISO 8601 on its way out of SQLite."""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: What SQLite may hold in UPDATED_AT: date and time, a space or a T between them, up to six digits of a
#: second, and an offset, a Z, or nothing, which means UTC.
_ISO_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?P<second>:\d\d(\.(?P<fraction>\d{1,6}))?)?"
    r" ?(?P<zone>Z|[+-]\d\d(:?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)


def literal(position: str, *, digits: int, zone: str) -> str:
    """Spell a position as SQL casts want it.

    Digits beyond the column's precision are cut, not rounded: a lower bound that was rounded up would
    pass over rows.

    :param position: ``2026-01-05T09:00:00.123456Z``, with six or nine digits after the point.
    :param digits: how many digits of a second the column's type holds.
    :param zone: what follows, for types with a zone (``+00:00``).
    """
    date, _, rest = position.removesuffix("Z").partition("T")
    clock, _, fraction = rest.partition(".")
    return f"{date} {clock}.{fraction.ljust(digits, '0')[:digits]}{zone}"


def sortable(position: str) -> str:
    """Return a text that orders positions of six and of nine digits alike."""
    return literal(position, digits=9, zone="")


def utc_text(value: object) -> str | None:
    """Turn ISO 8601 text into ``2026-01-05 09:00:00.123456`` in UTC; None when it cannot be read so.

    SQLite has no timestamp type: this function is registered on its connections, and comparisons and the
    order go through it.
    """
    found = _ISO_TEXT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    text = found[0].upper().replace(" Z", "Z")
    try:
        moment = datetime.fromisoformat(text)
        if found["second"] and not found["zone"] and text[11:13] < "24":
            # The usual case: nothing to convert, and a third of the time.
            return f"{text[:10]} {text[11:19]}.{(found['fraction'] or '').ljust(6, '0')}"
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of February; an offset beyond the year 1
        return None
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")
