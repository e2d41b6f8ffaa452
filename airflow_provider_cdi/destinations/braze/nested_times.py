"""Times in nested values: ``{"$time": "2026-01-05T09:30:00Z"}``.

Braze (array_of_objects, "Invalid nested custom attributes"): one that is null or cannot be read, or a year outside 0 to
3000, drops the nested updates of the request without a word.
"""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_cdi.destinations.times import is_usual_time, read_time, sent_time

TIME = "$time"
_LAST_YEAR = 3000
_LAST = str(_LAST_YEAR)


#: What a payload's text holds where there may be such times in it.
MARK = b'"$time"'
#: Those that are sent as they stand.
_USUAL = re.compile(rb'"\$time":"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?"')


def holds_odd_times(text: bytes) -> bool:
    """Tell of a payload's text whether there may be times in it that are not sent as they stand."""
    return MARK in text and text.count(MARK) > len(_USUAL.findall(text))


def is_good_time(value: dict[str, Any]) -> bool:
    """Tell of an object with ``$time`` whether Braze keeps it: alone, and a time of the years 1 to 3000."""
    text = value[TIME]
    if len(value) > 1 or not isinstance(text, str):
        return False
    if is_usual_time(text) and text[:4] < _LAST:
        return True
    time = read_time(text)
    return time is not None and time.moment.year <= _LAST_YEAR


def has_bad_time(value: Any) -> bool:
    """Look for such a time that Braze would not keep, at any depth."""
    pending = [value]
    for current in pending:
        if type(current) is dict:
            if TIME in current and not is_good_time(current):
                return True
            pending.extend(current.values())
        elif type(current) is list:
            pending.extend(current)
    return False


def with_sent_times(value: Any) -> Any:
    """Put each such time into the form in which it is sent; all of them must be good."""
    if type(value) is list:
        return [with_sent_times(part) for part in value]
    if type(value) is not dict:
        return value
    if TIME in value:
        return {TIME: sent_time(value[TIME])}
    return {name: with_sent_times(part) for name, part in value.items()}
