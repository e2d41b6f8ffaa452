"""Which part of a sync a sample of py-spy belongs to: the innermost frame that says so decides."""

from __future__ import annotations

import linecache
import re
from collections import Counter
from collections.abc import Iterable

#: Threads that wait are not always told from those that work.
_WAITING = re.compile(
    r"\((?:\S*/)?(?:threading|queue|selectors)\.py:\d+\)$|_worker \(\S*concurrent/futures/thread\.py:\d+\)$"
)
_JSON = re.compile(r"\b(?:orjson|json)\.(?:loads|dumps)\b|\b(?:loads|dumps)\(")
_PLACE = re.compile(r"\((?P<path>[^()]+):(?P<line>\d+)\)$")
#: What stands in a path -> the part, the most particular first.
_PARTS = (
    ("/airflow_provider_cdi/destinations/braze/responses/", "read the answers"),
    ("/airflow_provider_cdi/destinations/", "encode"),
    ("/airflow_provider_cdi/hooks/http/", "HTTP client"),
    ("/airflow_provider_cdi/hooks/", "read"),
    ("/airflow_provider_cdi/engine/reading/", "read"),
    ("/airflow_provider_cdi/engine/delivery/lanes", "lanes"),
    ("/airflow_provider_cdi/engine/outcome/", "outcomes"),
    ("/airflow_provider_cdi/engine/rows/", "outcomes"),
    ("/airflow_provider_cdi/engine/delivery/", "deliver"),
    ("/airflow_provider_cdi/engine/", "flow"),
    ("/airflow_provider_cdi/", "state and the rest"),
    ("/duckdb/", "read"),
    ("/aiohttp/", "HTTP client"),
    ("/yarl/", "HTTP client"),
    ("/multidict/", "HTTP client"),
    ("/asyncio/", "event loop and sockets"),
)
OTHER = "other"
#: Threads of DuckDB and Arrow have no frames of Python.
NATIVE = "native threads"


def shares(samples: Iterable[str]) -> Counter[str]:
    """Count the samples of each part.

    :param samples: lines of py-spy's raw format: frames from the outermost to the innermost, and a count.
    :return: part -> samples; those of threads that wait, or before the sync began, are left out.
    """
    found: Counter[str] = Counter()
    for sample in samples:
        stack, _, count = sample.rstrip("\n").rpartition(" ")
        frames = stack.split(";")
        if _is_of_the_sync(frames):
            found[part_of(frames)] += int(count)
    return found


def part_of(frames: list[str]) -> str:
    """Name the part that the innermost frames belong to."""
    if frames == [""]:
        return NATIVE
    if _holds_json(frames[-1]):
        return "JSON"
    for frame in reversed(frames):
        for piece, part in _PARTS:
            if piece in frame:
                return part
    return OTHER


def _is_of_the_sync(frames: list[str]) -> bool:
    is_main = frames[0].startswith("<module>")
    return not _WAITING.search(frames[-1]) and (
        not is_main or any("speed_ours.py" in frame and "run" in frame for frame in frames)
    )


def _holds_json(frame: str) -> bool:
    """Whether the line of a frame calls a JSON parser, which has no frame of its own."""
    place = _PLACE.search(frame)
    return bool(place and _JSON.search(linecache.getline(place["path"], int(place["line"]))))


def table(found: Counter[str], gc_percent: float) -> str:
    """Return the parts in percent, the largest first, and what garbage collection takes of all of them."""
    total = sum(found.values())
    lines = [f"  {part:<24} {100 * count / total:5.1f} %" for part, count in found.most_common()]
    return "\n".join([*lines, f"  of all this, garbage collection took {gc_percent:.1f} %"])
