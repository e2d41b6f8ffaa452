"""The chart of the page, rows a second over the delay: ``python speed_chart.py speed.json speed.svg``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from speed_bars import ROWS_A_SECOND
from speed_figures import Case, Results, Run

#: Read on white and on near-black alike: the background is transparent, every colour of middle brightness.
INK, GRID, OURS = "#7d8590", "#7d859040", "#d9480f"
COLOURS = {
    "plain": "#2f80c8",
    "16 threads": "#9a6dd7",
    "64 threads": "#c2559d",
    "HttpHook": "#2c9c8f",
    "drt": "#8a8f2a",
    "dlt": "#7d8590",
}
NAMES = {"ours": "this package", "plain": "requests loop", "HttpHook": "HttpHook", "drt": "drt-core", "dlt": "dlt"}
#: Names at the ends of lines keep so much distance, in factors of the axis.
_APART = 1.28


def main(results: str, chart: str) -> None:
    import matplotlib as mpl

    mpl.use("svg" if chart.endswith(".svg") else "agg")
    found = json.loads(Path(results).read_text())
    # Text stays text, and two runs over the same figures write the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif", "font.size": 11})
    figure = drawn(Results([Run.from_json(run) for run in found["runs"]]))
    figure.savefig(chart, transparent=True, metadata={"Date": None} if chart.endswith(".svg") else None, dpi=110)


def drawn(results: Results) -> Any:
    """Draw the largest table that all ways read."""
    from matplotlib import pyplot

    rows = max(results.sizes())
    delays = results.delays(rows)
    figure, axes = pyplot.subplots(figsize=(8.6, 4.8), layout="constrained")
    ends = {}
    for way in reversed(results.ways()):
        shown = [delay for delay in delays if Case(way, rows, delay) in results]
        spreads = [results.spread(Case(way, rows, delay), "rate") for delay in shown]
        colour, is_ours = COLOURS.get(way, OURS), way == "ours"
        middles = [spread.middle for spread in spreads]
        axes.plot(
            shown, middles, color=colour, linewidth=3 if is_ours else 1.8, marker="o", markersize=6 if is_ours else 4
        )
        axes.vlines(shown, [spread.least for spread in spreads], [spread.most for spread in spreads], color=colour)
        ends[way] = middles[-1]
    _name_lines(axes, ends, max(delays))
    _dress(axes, rows, delays)
    return figure


def _name_lines(axes: Any, ends: dict[str, float], delay: int) -> None:
    """Write each name at the end of its line, from the lowest up, so that none covers another."""
    least = 0.0
    for way, end in sorted(ends.items(), key=lambda item: item[1]):
        place = max(end, least * _APART)
        least = place
        colour, weight = COLOURS.get(way, OURS), "bold" if way == "ours" else "normal"
        axes.annotate(
            NAMES.get(way, way),
            (delay, place),
            (9, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            weight=weight,
        )


def _dress(axes: Any, rows: int, delays: list[int]) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_yscale("log")
    axes.hlines(ROWS_A_SECOND, min(delays) - 3, max(delays), color=INK, linestyles="--", linewidth=1.2)
    limit = f"Braze's default limit, {ROWS_A_SECOND:,.0f}"
    axes.annotate(limit, (max(delays) / 2, ROWS_A_SECOND), (0, -12), textcoords="offset points", color=INK, fontsize=9)
    axes.set_xticks(delays, [f"{delay} ms" for delay in delays])
    axes.set_xlim(min(delays) - 3, max(delays) * 1.22 + 1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_title(f"Rows a second, {rows:,} rows of attributes", color=INK, loc="left", fontsize=12)
    axes.set_xlabel("delay between request and answer", color=INK)
    axes.tick_params(colors=INK, which="both")
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(INK)


if __name__ == "__main__":
    main(*sys.argv[1:])
