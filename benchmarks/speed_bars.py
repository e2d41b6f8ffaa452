"""The bars that a `make bench` must not miss, each with a sentence that names figure and bar."""

from __future__ import annotations

from collections.abc import Iterator

from speed_figures import Case, Results

#: Braze's documented limit of `/users/track`: 3,000 requests in 3 seconds, of 75 objects each.
LIMIT_REQUESTS, LIMIT_SECONDS, BATCH = 3_000, 3, 75
REQUESTS_A_SECOND = LIMIT_REQUESTS / LIMIT_SECONDS
ROWS_A_SECOND = REQUESTS_A_SECOND * BATCH

#: The delay at which speed is judged, the way and how many times as fast ours must be.
JUDGED_DELAY_MS = 50
TIMES = {"plain": 50.0, "64 threads": 3.0}
#: The smallest table whose pace is judged: below, the first and the last second weigh too much.
JUDGED_ROWS = 1_000_000
#: The smallest table whose CPU seconds and memory are judged.
JUDGED_COST_ROWS = 100_000

LIMIT_SHARE = 0.97
REFUSED_SHARE = 0.001
CPU_A_LINE = 1.0
CPU_OF_PLAIN = 0.5
MEMORY_MB = 120.0
#: What the largest table may take more than the smallest one; so much differs between two runs of one size.
MEMORY_GROWTH_MB = 25.0
#: CPU seconds a row of the largest table, as a multiple of those of a table a tenth as large.
LINEAR = 1.25
STATE_BYTES = 32 * 1024
#: The table's columns are looked at, and its new rows counted.
STATEMENTS_FOR_NOTHING = 2
SERVER_SHARE = 0.6

SAME_BARS = ("events", "purchases")
#: Klaviyo's limit of both endpoints (tier M), and rows of a request.
KLAVIYO_REQUESTS_A_MINUTE = 150
KLAVIYO_BATCHES = {"profiles": 10_000, "klaviyo_events": 1_000}
#: What stays for an account's other integrations is not asked for.
KLAVIYO_SHARE = 0.8


def missed(results: Results) -> list[str]:
    """Return a sentence for each bar that is missed; what was not measured is not judged."""
    judges = (_pace, _limit, _cpu, _memory, _data_types, _growth, _nothing_new, _server)
    return [sentence for judge in judges for sentence in judge(results)]


def unjudged(results: Results) -> list[str]:
    """Return what a `make bench` with all its parts would have judged, and this one did not measure."""
    wanted = {
        "the pace at 50 ms": any(case.rows >= JUDGED_ROWS for case in _paced(results)),
        "the server's limit": bool(_limited(results)),
        "CPU seconds above an empty run": results.empty_cpu("ours") is not None,
        "10,000,000 rows": Case("ours", 10_000_000, 0) in results,
        "a run that finds nothing": any(run.case.way == "ours, nothing new" for run in results.runs),
        "other data types": all(Case("ours", JUDGED_ROWS, 50, data_type) in results for data_type in SAME_BARS),
        "Klaviyo": any(run.case.data_type == "profiles" for run in results.runs),
        "how fast the server is": any(run.case.way == "raw socket" for run in results.runs),
    }
    return [name for name, is_measured in wanted.items() if not is_measured]


def _pace(results: Results) -> Iterator[str]:
    for case in _paced(results):
        if case.rows < JUDGED_ROWS:
            continue
        rate = results.rate(case)
        if rate < ROWS_A_SECOND:
            yield f"{_name(case)}: {rate:,.0f} rows/s, wanted {ROWS_A_SECOND:,.0f}."
        for way, wanted in TIMES.items():
            times = results.times_ours(Case(way, case.rows, case.delay_ms))
            if times is not None and times < wanted:
                yield f"{_name(case)}: {times:.1f} times as fast as {way}, wanted {wanted:g} times."


def _limit(results: Results) -> Iterator[str]:
    for case in _limited(results):
        # Fixed windows let nobody through above their limit, so only too slow can be missed.
        rate = results.spread(case, "request_rate").middle
        wanted = LIMIT_SHARE * case.limit / LIMIT_SECONDS
        if rate < wanted:
            yield f"{_name(case)}, limited: {rate:,.0f} requests/s, wanted {wanted:,.0f}."
        runs = results.of(case)
        refused = sum(run.refused for run in runs)
        answers = refused + sum(run.requests for run in runs)
        if refused >= REFUSED_SHARE * answers:
            yield f"{_name(case)}, limited: {refused:,} of {answers:,} answers were 429, wanted fewer than 1 in 1,000."


def _cpu(results: Results) -> Iterator[str]:
    for case in _unlimited(results, 0):
        ours = results.cpu_above_empty(case)
        if case.data_type != "attributes" or case.rows < JUDGED_COST_ROWS or ours is None:
            continue
        if ours > CPU_A_LINE:
            yield f"{_name(case)}: {ours:.2f} CPU s for 100,000 rows above an empty run, allowed {CPU_A_LINE:g}."
        plain = results.cpu_above_empty(Case("plain", case.rows, 0))
        if plain is not None and ours > CPU_OF_PLAIN * plain:
            yield f"{_name(case)}: {ours:.2f} CPU s for 100,000 rows, the plain loop {plain:.2f}: half is allowed."


def _memory(results: Results) -> Iterator[str]:
    peaks = {}
    for case in _unlimited(results, 0):
        if case.data_type != "attributes" or case.rows < JUDGED_COST_ROWS:
            continue
        peaks[case.rows] = results.spread(case, "above_idle").middle
        if peaks[case.rows] >= MEMORY_MB:
            yield f"{_name(case)}: {peaks[case.rows]:.0f} MB above idle, allowed {MEMORY_MB:.0f}."
    if peaks and (growth := peaks[max(peaks)] - peaks[min(peaks)]) > MEMORY_GROWTH_MB:
        yield f"{max(peaks):,} rows take {growth:.0f} MB more than {min(peaks):,}, allowed {MEMORY_GROWTH_MB:.0f}."


def _data_types(results: Results) -> Iterator[str]:
    for case in {run.case for run in results.runs if run.case.data_type in (*SAME_BARS, *KLAVIYO_BATCHES)}:
        cpu, memory = results.cpu_above_empty(case), results.spread(case, "above_idle").middle
        if memory >= MEMORY_MB:
            yield f"{_name(case)}: {memory:.0f} MB above idle, allowed {MEMORY_MB:.0f}."
        is_judged_for_cpu = case.delay_ms == 0 and case.rows >= JUDGED_COST_ROWS and case.data_type != "klaviyo_events"
        if is_judged_for_cpu and cpu is not None and cpu > CPU_A_LINE:
            yield f"{_name(case)}: {cpu:.2f} CPU s for 100,000 rows above an empty run, allowed {CPU_A_LINE:g}."
        wanted = _wanted_pace(case)
        if (rate := results.rate(case)) < wanted:
            yield f"{_name(case)}: {rate:,.0f} rows/s, wanted {wanted:,.0f}."


def _wanted_pace(case: Case) -> float:
    if case.data_type in KLAVIYO_BATCHES:
        allowed = KLAVIYO_REQUESTS_A_MINUTE / 60 * KLAVIYO_BATCHES[case.data_type]
        return KLAVIYO_SHARE * allowed if case.rows >= JUDGED_COST_ROWS else 0.0
    return ROWS_A_SECOND if case.delay_ms == JUDGED_DELAY_MS and case.rows >= JUDGED_ROWS else 0.0


def _growth(results: Results) -> Iterator[str]:
    cases = [case for case in _unlimited(results, 0) if case.data_type == "attributes"]
    costs = {case.rows: cost for case in cases if (cost := results.cpu_above_empty(case)) is not None}
    largest = max(costs, default=0)
    tenth = costs.get(largest // 10)
    if largest > JUDGED_ROWS and tenth and costs[largest] > LINEAR * tenth:
        yield (
            f"{largest:,} rows cost {costs[largest]:.2f} CPU s for 100,000, a tenth of them {tenth:.2f}: time does not "
            f"grow with the rows alone, allowed is {LINEAR:g} times."
        )
    for case in cases:
        state = max(run.more.get("state_bytes", 0) for run in results.of(case))
        if state > STATE_BYTES:
            yield f"{_name(case)}: a state of {state:,} bytes, allowed {STATE_BYTES:,}."


def _nothing_new(results: Results) -> Iterator[str]:
    for run in (run for run in results.runs if run.case.way == "ours, nothing new"):
        if run.more["requests_for_nothing"]:
            yield f"A run that found nothing sent {run.more['requests_for_nothing']} requests, wanted none."
        if run.more["statements_on_table"] > STATEMENTS_FOR_NOTHING:
            yield (
                f"A run that found nothing asked {run.more['statements_on_table']} queries on the table, allowed "
                f"{STATEMENTS_FOR_NOTHING}: its columns, and whether there is anything new."
            )


def _server(results: Results) -> Iterator[str]:
    for run in (run for run in results.runs if run.case.way == "ours"):
        if run.server_share > SERVER_SHARE:
            yield (
                f"{_name(run.case)}: the server used {100 * run.server_share:.0f} % of a core, allowed "
                f"{100 * SERVER_SHARE:.0f}: the figures may be its own, not ours."
            )


def _paced(results: Results) -> list[Case]:
    return [case for case in _unlimited(results, JUDGED_DELAY_MS) if case.data_type == "attributes"]


def _limited(results: Results) -> list[Case]:
    return sorted({run.case for run in results.runs if run.case.way == "ours" and run.case.limit}, key=_order)


def _unlimited(results: Results, delay_ms: int) -> list[Case]:
    found = {run.case for run in results.runs if run.case.way == "ours" and not run.case.limit and run.case.rows}
    return sorted((case for case in found if case.delay_ms == delay_ms), key=_order)


def _order(case: Case) -> tuple[str, int, int]:
    return case.data_type, case.rows, case.delay_ms


def _name(case: Case) -> str:
    return f"{case.data_type}, {case.rows:,} rows, {case.delay_ms} ms"
