"""What reads cost: the figures of a run, the bars that they must not miss, and how they are shown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from read_client import OURS, VALUES

#: MB above an idle task, at most; Cloud Fetch holds whole files.
MEMORY_BARS: Mapping[str, float] = {"databricks": 220}
MEMORY_BAR = 120
#: CPU seconds of the worker for a million rows, at most.
CPU_BARS: Mapping[str, float] = {"snowflake": 1.5, "bigquery": 1.5, "databricks": 1.5, "duckdb": 1.5, "redshift": 7}

_HEADS = ("warehouse", "way", "rows/s", "first rows after", "CPU s per million", "MB above idle", "CPU", "memory")


@dataclass(frozen=True, slots=True)
class Figures:
    """One read, or the median of several.

    :param warehouse: which.
    :param way: how it was read.
    :param rows: how many came.
    :param seconds: from the idle task to the last row.
    :param first: seconds until the first rows were there.
    :param cpu: CPU seconds of the reading process alone.
    :param bare_mb: memory of a task before the vendor's modules are imported.
    :param idle_mb: memory of an idle task.
    :param peak_mb: the most memory that the process had while it read.
    """

    warehouse: str
    way: str
    rows: float
    seconds: float
    first: float
    cpu: float
    bare_mb: float
    idle_mb: float
    peak_mb: float

    @property
    def rate(self) -> float:
        return self.rows / self.seconds

    @property
    def cpu_per_million(self) -> float:
        return 1_000_000 * self.cpu / self.rows

    @property
    def above_idle(self) -> float:
        return self.peak_mb - self.idle_mb

    def to_json(self) -> dict[str, Any]:
        return {name: value if isinstance(value, str) else round(value, 3) for name, value in asdict(self).items()}


def median(runs: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    numbers = [field.name for field in fields(Figures) if field.name not in ("warehouse", "way")]
    middle = {name: statistics.median(getattr(run, name) for run in runs) for name in numbers}
    return Figures(runs[0].warehouse, runs[0].way, **middle)


def missed(found: Sequence[Figures]) -> list[str]:
    """Return a sentence for each bar that this package misses."""
    sentences = []
    for figures in found:
        if figures.way != OURS:
            continue
        name = figures.warehouse.partition(",")[0]
        memory, cpu = MEMORY_BARS.get(name, MEMORY_BAR), CPU_BARS.get(name)
        if figures.above_idle >= memory:
            sentences.append(f"{figures.warehouse}: {figures.above_idle:.0f} MB above idle, allowed {memory:.0f}")
        if cpu is not None and figures.cpu_per_million > cpu:
            sentences.append(f"{figures.warehouse}: {figures.cpu_per_million:.2f} CPU s per million, allowed {cpu}")
    return sentences


def rows_of(found: Sequence[Figures]) -> Iterator[tuple[str, ...]]:
    """Return the cells of each line; the last two compare with this package."""
    ours = {figures.warehouse: figures for figures in found if figures.way == OURS}
    for figures in found:
        own = ours[figures.warehouse]
        is_ours = figures.way in (OURS, VALUES)
        yield (
            figures.warehouse if figures.way == OURS else "",
            figures.way,
            f"{figures.rate:,.0f}",
            f"{figures.first:.1f} s",
            f"{figures.cpu_per_million:.2f}",
            f"{figures.above_idle:,.0f}",
            "" if is_ours else f"{figures.cpu / own.cpu:.1f}-fold",
            "" if is_ours else f"{figures.above_idle / own.above_idle:.1f}-fold",
        )


def printed(found: Sequence[Figures]) -> str:
    """Return the figures as a table for a terminal."""
    widths = (26, 32, 12, 17, 18, 14, 8, 8)
    lines = [_HEADS, *rows_of(found)]
    return "\n".join(" ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def markdown(found: Sequence[Figures], rows: int, rounds: int) -> tuple[str, dict[str, Any]]:
    """Return the table of the page, and what it was measured on."""
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "rows": rows,
        "rounds": rounds,
        "machine": f"{os.cpu_count()} cores of {processor()}, {memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    names = {"name": "", **facts}
    said = "{date}, {rows:,} rows, median of {rounds}; {machine}, {system}, warehouses on the same cores.".format(
        **names
    )
    lines = [_HEADS, tuple("---" for _ in _HEADS), *rows_of(found)]
    shown = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"\n{said}\n\n{shown}\n\n", facts


def processor() -> str:
    """Return what the kernel calls the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown make")


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
