"""How the figures are shown: on a terminal, and on ``docs/speed.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from speed_bars import BATCH, LIMIT_SECONDS, ROWS_A_SECOND, missed
from speed_figures import TITLES, Case, Results, Run, Spread

#: The mark of a figure that is that of a part of the table.
CAPPED = "⁺"
_HEADS = (
    "way",
    "rows/s",
    "range",
    "whole process",
    "CPU s",
    "above empty",
    "MB above idle",
    "peak MB",
    "requests",
    "ours is",
)
_COLUMN_WIDTHS = (12, 10, 17, 14, 7, 12, 14, 8, 9, 9)
#: What the README compares with.
_HEADLINE = ("plain", "64 threads", "HttpHook")
_TYPE_NAMES = {"klaviyo_events": "Klaviyo events", "profiles": "Klaviyo profiles"}
_BINDS = {
    "attributes": "CPU at 0 ms; at 50 ms Braze's 1,000 requests/s of 75",
    "events": "the same",
    "purchases": "the same",
    "user_deletes": "Braze: 20,000 requests a minute of 50 ids",
    "catalog_items": "Braze: 16,000 requests a minute of 50 items",
    "profiles": "Klaviyo: 150 imports a minute of 10,000",
    "klaviyo_events": "Klaviyo: 150 requests a minute of 1,000",
}


def cells(results: Results, rows: int, delay_ms: int) -> Iterator[tuple[str, ...]]:
    """Return a line for each way on one table with one delay."""
    for way in results.ways():
        case = Case(way, rows, delay_ms)
        if case not in results:
            continue
        mark = CAPPED if results.is_capped(case) else ""
        rate, times = results.spread(case, "rate"), results.times_ours(case)
        above, memory = results.cpu_above_empty(case), results.spread(case, "above_idle").middle
        yield (
            way,
            f"{rate.middle:,.0f}{mark}",
            _range(rate),
            "" if mark else f"{results.spread(case, 'process_rate').middle:,.0f}",
            f"{results.spread(case, 'cpu_a_line').middle:.2f}{mark}",
            "" if above is None else f"{above:.2f}",
            f"{'≥ ' if mark else ''}{memory:,.0f}",
            f"{'≥ ' if mark else ''}{results.spread(case, 'peak_mb').middle:,.0f}",
            f"{results.spread(case, 'requests').middle:,.0f}{mark}",
            "" if times is None else f"{times:.1f}-fold",
        )


def printed(results: Results, rows: int, delay_ms: int) -> str:
    """Return a table for a terminal."""
    lines = [_HEADS, *cells(results, rows, delay_ms)]
    shown = [" ".join(cell.ljust(width) for cell, width in zip(line, _COLUMN_WIDTHS, strict=True)) for line in lines]
    return "\n".join([f"\n{rows:,} rows, {delay_ms} ms", *shown])


def line(run: Run) -> str:
    """Return one run as a line for a terminal."""
    case = run.case
    return (
        f"  {case.way:<18} {case.data_type:<14} {case.rows:>10,} rows {case.delay_ms:>3} ms {run.rate:>9,.0f} rows/s "
        f"{run.cpu:>6.1f} CPU s {run.above_idle:>5.0f} MB above idle {run.most_in_flight:>4} in flight"
        f"{f' {run.refused} refused' if run.refused else ''}{' (ended)' if run.capped else ''}"
    )


def markdown(results: Results, facts: Mapping[str, Any]) -> str:
    """Return what stands between the marks of the page."""
    parts = [_said(facts), _sentence(results), _chart(), *_matrix(results), *_rest(results), _missed(results)]
    return "\n\n".join(part for part in parts if part)


def _missed(results: Results) -> str:
    """Name the bars that this run missed."""
    sentences = "\n".join(f"- {sentence}" for sentence in sorted(missed(results)))
    return f"### Bars that are missed\n\n{sentences}" if sentences else ""


def readme(results: Results) -> str:
    """Return the sentence for the README; empty when its figures were not measured."""
    return _sentence(results, "docs/speed.md")


def _said(facts: Mapping[str, Any]) -> str:
    return (
        "{date}; {machine}, {system}, the server on the same cores. {rounds} rounds; a run of another way was ended "
        "when it had sent for {cap:g} s; {minutes} minutes in all."
    ).format(**facts)


def _sentence(results: Results, page: str = "") -> str:
    """Say the headline: ours at 50 ms, beside the loop and the threads."""
    sizes = [rows for rows in results.sizes() if Case("ours", rows, 50) in results]
    if not sizes:
        return ""
    rows = max(sizes)
    compared = [Case(way, rows, 50) for way in results.ways() if way != "ours" and (way in _HEADLINE or not page)]
    times = ", ".join(
        f"{_times(results, case)} times as many as {TITLES[case.way]} ({results.rate(case):,.0f})"
        for case in compared
        if case in results
    )
    where = f" ([how it was measured]({page}))" if page else ""
    ours = results.rate(Case("ours", rows, 50))
    return (
        f"With 50 ms to the server and {rows:,} rows, one task delivers **{ours:,.0f} rows a second**: {times}{where}."
    )


def _times(results: Results, case: Case) -> str:
    times = results.times_ours(case) or 0.0
    return f"{times:.0f}" if times >= 10 else f"{times:.1f}"


def _chart() -> str:
    return (
        "![Rows a second over the delay, one line a way](images/speed.svg)\n\n"
        f"The dashed line is Braze's default limit: {ROWS_A_SECOND:,.0f} rows a second."
    )


def _matrix(results: Results) -> Iterator[str]:
    for rows in results.sizes():
        yield f"### {rows:,} rows"
        yield _rates(results, rows)
        delay_ms = min(results.delays(rows))
        yield f"At {delay_ms} ms, what it costs:"
        yield _table(_HEADS, [(TITLES[cells[0]], *cells[1:]) for cells in cells(results, rows, delay_ms)])


def _rates(results: Results, rows: int) -> str:
    """Rows a second of each way, by delay, with how many times as fast ours is."""
    delays = results.delays(rows)
    heads = ("rows/s", *(f"{delay} ms" for delay in delays))
    lines = []
    for way in results.ways():
        found = [Case(way, rows, delay) for delay in delays]
        lines.append((TITLES[way], *(_rate(results, case) for case in found)))
    return _table(heads, lines)


def _rate(results: Results, case: Case) -> str:
    if case not in results:
        return ""
    rate, times = results.spread(case, "rate"), results.times_ours(case)
    shown = f"{rate.middle:,.0f}{CAPPED if results.is_capped(case) else ''}"
    around = _range(rate)
    return " ".join(filter(None, (shown, f"({around})" if around else "", f"{times:.1f}-fold" if times else "")))


def _rest(results: Results) -> Iterator[str]:
    sections = {
        "With Braze's limit": _limit,
        "Other data types": _types,
        "From 10,000 to 10,000,000 rows": _growth,
        "A run that finds nothing": _nothing,
        "The server": _server,
    }
    for title, section in sections.items():
        if shown := section(results):
            yield f"### {title}"
            yield shown


def _limit(results: Results) -> str:
    heads = ("delay", "limit", "requests/s", "of the limit", "answers 429", "of", "rows/s", "most in flight")
    lines = []
    for case in _cases(results, limited=True):
        rate = results.spread(case, "request_rate").middle
        runs = results.of(case)
        refused, requests = sum(run.refused for run in runs), sum(run.requests for run in runs)
        allowed = case.limit / LIMIT_SECONDS
        lines.append(
            (
                f"{case.delay_ms} ms",
                f"{case.limit:,} in {LIMIT_SECONDS} s",
                f"{rate:,.0f}",
                f"{100 * rate / allowed:.1f} %",
                f"{refused:,}",
                f"{refused + requests:,}",
                f"{results.rate(case):,.0f}",
                f"{results.spread(case, 'most_in_flight').middle:.0f}",
            )
        )
    return _table(heads, lines) if lines else ""


def _types(results: Results) -> str:
    heads = ("data type", "rows", "delay", "rows/s", "CPU s above empty", "MB above idle", "what binds")
    lines = []
    for case in _cases(results):
        if case.data_type == "attributes":
            continue
        above = results.cpu_above_empty(case)
        lines.append(
            (
                _TYPE_NAMES.get(case.data_type, f"`{case.data_type}`"),
                f"{case.rows:,}",
                f"{case.delay_ms} ms",
                f"{results.rate(case):,.0f}",
                "" if above is None else f"{above:.2f}",
                f"{results.spread(case, 'above_idle').middle:.0f}",
                _BINDS[case.data_type],
            )
        )
    return _table(heads, lines) if lines else ""


def _growth(results: Results) -> str:
    heads = ("rows", "seconds", "rows/s", "CPU s for 100,000", "MB above idle", "states saved", "largest state")
    lines = []
    for case in _cases(results):
        if case.data_type != "attributes" or case.delay_ms:
            continue
        runs = results.of(case)
        above = results.cpu_above_empty(case)
        lines.append(
            (
                f"{case.rows:,}",
                f"{results.spread(case, 'sending').middle:.1f}",
                f"{results.rate(case):,.0f}",
                "" if above is None else f"{above:.2f}",
                f"{results.spread(case, 'above_idle').middle:.0f}",
                f"{Spread.of(run.more.get('checkpoints', 0) for run in runs).middle:.0f}",
                f"{max(run.more.get('state_bytes', 0) for run in runs):,} bytes",
            )
        )
    return _table(heads, lines) if len(lines) > 1 else ""


def _nothing(results: Results) -> str:
    runs = [run for run in results.runs if run.case.way == "ours, nothing new"]
    if not runs:
        return ""
    more, seconds = runs[0].more, Spread.of(run.more["report_seconds"] for run in runs).middle
    return (
        f"After a run of {runs[0].case.rows:,} rows, the next one finds nothing: {more['statements_on_table']} "
        f"statements on the table, {more['requests_for_nothing']} requests, {seconds:.2f} s."
    )


def _server(results: Results) -> str:
    raw = next((run for run in results.runs if run.case.way == "raw socket"), None)
    if raw is None:
        return ""
    busiest = max((run for run in results.runs if run.case.way == "ours"), key=lambda run: run.server_share)
    return (
        f"Ready-made bodies over plain sockets reach {raw.request_rate:,.0f} requests a second, "
        f"{BATCH * raw.request_rate:,.0f} rows. In our own runs the server used at most "
        f"{100 * busiest.server_share:.0f} % of a core ({busiest.case.data_type}, {busiest.case.rows:,} rows, "
        f"{busiest.case.delay_ms} ms)."
    )


def _cases(results: Results, *, limited: bool = False) -> list[Case]:
    found = {run.case for run in results.runs if run.case.way == "ours" and bool(run.case.limit) == limited}
    types = list(_BINDS)
    return sorted(
        (case for case in found if case.rows), key=lambda case: (types.index(case.data_type), case.rows, case.delay_ms)
    )


def _range(spread: Spread) -> str:
    """Return a range in thousands; empty for a single run."""
    return "" if spread.least == spread.most else f"{spread.least / 1e3:.1f} to {spread.most / 1e3:.1f} k"


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [heads, tuple("---" for _ in heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
