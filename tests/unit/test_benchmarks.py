"""What the benchmarks say: figures, ratios, bars, the page; and that the page holds what was measured."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.klaviyo.endpoints import CREATE_EVENTS, IMPORT_PROFILES, TIERS
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

import counting_server  # noqa: E402
import laws  # noqa: E402
import profile_parts  # noqa: E402
import speed  # noqa: E402
import speed_bars  # noqa: E402
import speed_page  # noqa: E402
import speed_process  # noqa: E402
import speed_tables  # noqa: E402
from speed_figures import Case, Results, Run, Spread  # noqa: E402

PAGE = (ROOT / "docs" / "speed.md").read_text()
FACTS = {"date": "2026-01-01", "machine": "m", "system": "s", "rounds": 3, "cap": 10.0, "minutes": 30}


def run(way: str = "ours", rows: int = 1_000_000, delay_ms: int = 0, **figures: Any) -> Run:
    """Make a run that misses no bar."""
    case = Case(way, rows, delay_ms, **{name: figures.pop(name) for name in ("data_type", "limit") if name in figures})
    chosen = {
        "rows": rows,
        "requests": rows // 75,
        "refused": 0,
        "sending": rows / (80_000 if way == "ours" else 1_000),
        "process": rows / 1_000 + 3,
        "cpu": 2.0 + rows / 100_000 * (0.6 if way == "ours" else 2.0),
        "idle_mb": 170.0,
        "peak_mb": 260.0,
        "server_share": 0.1,
        "most_in_flight": 64,
        "more": {"state_bytes": 900, "checkpoints": 5, "report_seconds": 0.02},
    }
    return Run(case, **{**chosen, **figures})


def nothing_new(**more: int) -> Run:
    found = {"requests_for_nothing": 0, "statements_on_table": 2, "statements": 4, "report_seconds": 0.02}
    return run("ours, nothing new", 10_000, more={**found, **more})


def good() -> list[Run]:
    """Return the runs of a benchmark that misses no bar."""
    ways = ("ours", "plain", "64 threads")
    paces = {"plain": 1_400, "64 threads": 25_000}
    matrix = [
        run(way, rows, delay, **({"sending": rows / paces[way]} if way in paces else {}))
        for way in ways
        for rows in (100_000, 1_000_000)
        for delay in (0, 50)
    ]
    types = [run(data_type=name, delay_ms=delay) for name in ("events", "purchases") for delay in (0, 50)]
    klaviyo = [run(data_type="profiles"), run(data_type="klaviyo_events", rows=100_000)]
    limited = run(rows=2_000_000, delay_ms=50, limit=3_000, requests=26_667, sending=27.0)
    sizes = [run(rows=10_000), run(rows=10_000_000), run("raw socket", 0)]
    empty = [run(way, 0, cpu=2.0) for way in ways]
    return [*empty, *matrix, *types, *klaviyo, limited, *sizes, nothing_new()]


def test_a_spread_is_the_median_with_the_least_and_the_most():
    assert Spread.of([3.0, 1.0, 2.0, 9.0, 2.5]) == Spread(2.5, 1.0, 9.0)


def test_the_pace_is_counted_from_the_first_request_to_the_last_answer():
    measured = run(rows=1_000, sending=2.0, process=5.0)
    assert (measured.rate, measured.process_rate) == (500.0, 200.0)


def test_cpu_above_empty_leaves_out_what_the_way_costs_without_rows():
    results = Results([run(rows=0, cpu=2.0), run(rows=200_000, cpu=3.0), run(rows=200_000, cpu=3.2)])
    assert results.cpu_above_empty(Case("ours", 200_000, 0)) == pytest.approx(0.55)


def test_a_run_that_was_ended_has_no_cpu_above_empty():
    results = Results([run("plain", 0, cpu=2.0), run("plain", 100_000, capped=True)])
    assert results.cpu_above_empty(Case("plain", 100_000, 0)) is None


def test_ours_is_compared_with_a_way_on_the_same_table_and_delay():
    runs = [run(rows=100, sending=1.0), run("plain", 100, sending=4.0), run(rows=100, delay_ms=50, sending=9.0)]
    assert Results(runs).times_ours(Case("plain", 100, 0)) == 4.0


def test_there_is_no_ratio_without_a_run_of_ours():
    assert Results([run("plain", 100)]).times_ours(Case("plain", 100, 0)) is None


def test_a_run_survives_its_way_through_json():
    measured = run(data_type="events", capped=True)
    assert Run.from_json(json.loads(json.dumps(measured.to_json()))) == measured


def test_a_good_benchmark_misses_no_bar_and_leaves_none_out():
    assert speed_bars.missed(Results(good())) == []
    assert speed_bars.unjudged(Results(good())) == []


MISSES = {
    "the pace": (run(delay_ms=50, sending=14.0), "71,429 rows/s, wanted 75,000"),
    "the loop": (run("plain", delay_ms=50, sending=500.0), "40.0 times as fast as plain, wanted 50 times"),
    "the threads": (run("64 threads", delay_ms=50, sending=33.0), "2.6 times as fast as 64 threads, wanted 3 times"),
    "the limit": (
        run(rows=2_000_000, delay_ms=50, limit=3_000, requests=26_667, sending=28.0),
        "952 requests/s, wanted 970",
    ),
    "429": (
        run(rows=2_000_000, delay_ms=50, limit=3_000, requests=26_667, sending=27.0, refused=30),
        "30 of 26,697 answers were 429, wanted fewer than 1 in 1,000",
    ),
    "CPU": (run(cpu=13.0), "1.10 CPU s for 100,000 rows above an empty run, allowed 1."),
    "half of the loop": (run("plain", cpu=10.0), "0.60 CPU s for 100,000 rows, the plain loop 0.80: half is allowed"),
    "memory": (run(rows=100_000, peak_mb=295.0), "125 MB above idle, allowed 120"),
    "flat memory": (run(rows=10_000_000, peak_mb=285.5), "10,000,000 rows take 26 MB more than 100,000, allowed 25"),
    "purchases": (run(data_type="purchases", delay_ms=50, sending=20.0), "50,000 rows/s, wanted 75,000"),
    "Klaviyo": (run(data_type="profiles", sending=60.0), "16,667 rows/s, wanted 20,000"),
    "linear time": (
        run(rows=10_000_000, cpu=82.0),
        "10,000,000 rows cost 0.80 CPU s for 100,000, a tenth of them 0.60",
    ),
    "state": (run(more={"state_bytes": 40_000}), "a state of 40,000 bytes, allowed 32,768"),
    "requests for nothing": (nothing_new(requests_for_nothing=1), "A run that found nothing sent 1 requests"),
    "queries for nothing": (nothing_new(statements_on_table=3), "asked 3 queries on the table, allowed 2"),
    "the server": (run(server_share=0.7), "the server used 70 % of a core, allowed 60"),
}


@pytest.mark.parametrize("name", MISSES)
def test_a_missed_bar_is_named_with_its_figure(name):
    bad, sentence = MISSES[name]
    runs = [measured for measured in good() if measured.case != bad.case]
    found = speed_bars.missed(Results([*runs, bad]))
    assert any(sentence in each for each in found), found


def test_what_was_not_measured_is_not_judged_but_named():
    results = Results([run(rows=0), run(rows=20_000)])
    assert speed_bars.missed(results) == []
    assert "the pace at 50 ms" in speed_bars.unjudged(results)


def test_ended_runs_are_marked_and_their_memory_is_at_least():
    results = Results([run(), run("plain", capped=True)])
    (_, loop) = speed_page.cells(results, 1_000_000, 0)
    assert loop[0] == "plain"
    assert all(speed_page.CAPPED in cell for cell in (loop[1], loop[4], loop[8]))
    assert loop[6] == "≥ 90"


def test_the_page_shows_every_part():
    text = speed_page.markdown(Results(good()), FACTS)
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert headings == [
        "100,000 rows",
        "1,000,000 rows",
        "With Braze's limit",
        "Other data types",
        "From 10,000 to 10,000,000 rows",
        "A run that finds nothing",
        "The server",
    ]
    assert (
        "**80,000 rows a second**: 57 times as many as a `requests.Session` loop (1,400), 3.2 times as many as" in text
    )


def test_every_table_of_the_page_has_as_many_cells_in_each_line():
    tables = re.findall(r"(?:^\|.*\|\n?)+", speed_page.markdown(Results(good()), FACTS), re.MULTILINE)
    assert len(tables) == 7
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_the_page_and_the_readme_show_what_was_measured_last():
    kept = speed.RESULTS
    if not kept.exists():
        assert "No results are kept yet" in PAGE
        return
    found = json.loads(kept.read_text())
    results = Results([Run.from_json(measured) for measured in found["runs"]])
    assert speed_page.markdown(results, found["facts"]) in PAGE
    assert speed_page.readme(results) in (ROOT / "README.md").read_text()


def test_text_is_written_between_the_marks_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{speed.BEGIN}\nold\n{speed.END}\nafter\n")
    speed.replace(page, "new")
    assert page.read_text() == f"before\n{speed.BEGIN}\n\nnew\n\n{speed.END}\nafter\n"


def test_a_page_without_marks_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match=r"page\.md has no marks"):
        speed.replace(page, "new")
    assert page.read_text() == "no marks"


def test_the_arithmetic_of_the_page_is_that_of_the_limits():
    braze, klaviyo = BrazeLimits(), KlaviyoLimits()
    burst, a_minute = TIERS[IMPORT_PROFILES.tier]
    assert TIERS[CREATE_EVENTS.tier] == (burst, a_minute)
    lines = [
        ("3,000 requests in 3 s", braze.track_objects, speed_bars.REQUESTS_A_SECOND),
        ("20,000 requests a minute", braze.delete_ids, 20_000 / 60),
        ("16,000 requests a minute", braze.catalog_items, 16_000 / 60),
        (f"{a_minute} requests a minute, {burst} in any second", klaviyo.import_profiles, a_minute / 60),
        (f"{a_minute} requests a minute, {burst} in any second", klaviyo.events, a_minute / 60),
    ]
    for limit, records, a_second in lines:
        assert f"| {limit} | {records:,} | {records * a_second:,.0f} |" in PAGE
    assert (braze.track_objects, a_minute) == (speed_bars.BATCH, speed_bars.KLAVIYO_REQUESTS_A_MINUTE)
    assert {"profiles": klaviyo.import_profiles, "klaviyo_events": klaviyo.events} == speed_bars.KLAVIYO_BATCHES


def test_the_bars_on_the_page_are_those_that_are_judged():
    assert f"Above {100 * speed_bars.SERVER_SHARE:.0f} % of a core" in PAGE
    assert f"no more than {speed_bars.LINEAR:g} times the CPU seconds" in PAGE
    assert f"no more than {speed_bars.MEMORY_GROWTH_MB:.0f} MB above the smallest" in PAGE


def test_a_table_has_fifty_rows_a_second_and_payloads_of_176_bytes(tmp_path):
    import duckdb

    path = speed_tables.filled(tmp_path, "attributes", 100_000)
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(
            f"select count(*), count(distinct updated_at), avg(strlen(payload)), min(len(json_keys(payload))) "
            f"from {speed_tables.TABLE}"
        ).fetchone()
    assert found[:2] == (100_000, 100_000 // speed_tables.ROWS_A_SECOND)
    assert found[2] == pytest.approx(176, abs=3)
    assert found[3] == 9


def test_an_empty_table_can_be_made_of_every_kind(tmp_path):
    for data_type in speed_tables.COLUMNS:
        assert speed_tables.filled(tmp_path, data_type, 0).exists()


@pytest.mark.parametrize("wrong", [{"rows": 99}, {"requests": 3}], ids=["rows are missing", "requests came twice"])
def test_a_run_that_did_not_send_every_row_once_is_no_result(wrong):
    measured = replace(run("plain", 100), **{"rows": 100, "requests": 2, **wrong})
    with pytest.raises(SystemExit, match="plain sent"):
        speed_process.check(measured, distinct=2)


def test_the_server_counts_rows_and_distinct_requests():
    counts = counting_server.Counts()
    for body in (b'{"attributes":[{"external_id":"a"},{"external_id": "b"}]}', b'{"attributes":[{"external_id":"c"}]}'):
        assert counts.enter(body).startswith(b"HTTP/1.1 201 ")
    counts.enter(b'{"attributes":[{"external_id":"c"}]}')
    found = json.loads(counts.to_json())
    assert (found["rows"], found["requests"], found["distinct"]) == (4, 3, 2)
    assert sum(found["a_second"]) == 3


def test_the_server_refuses_what_is_above_its_limit_until_the_next_window(monkeypatch):
    moments = iter([3.0, 4.0, 5.9, 6.0])
    monkeypatch.setattr(counting_server.time, "time", lambda: next(moments))
    counts = counting_server.Counts(requests=2, seconds=3)
    statuses = [counts.enter(b"{}").split()[1] for _ in range(4)]
    assert statuses == [b"201", b"201", b"429", b"201"]
    assert (counts.requests, counts.refused) == (3, 1)


def test_the_server_shows_what_is_left_of_a_window(monkeypatch):
    monkeypatch.setattr(counting_server.time, "time", lambda: 4.0)
    answer = counting_server.Counts(requests=3_000, seconds=3).enter(b"{}")
    assert b"x-ratelimit-limit: 3000\r\nx-ratelimit-remaining: 2999\r\nx-ratelimit-reset: 6\r\n" in answer


PARTS = {
    "encode": "check (/x/airflow_provider_cdi/destinations/braze/users/attributes.py:9)",
    "read": "wrapper (/v/pyarrow/compute.py:255)",
    "HTTP client": "request (/v/aiohttp/client.py:550)",
    "event loop and sockets": "write (/usr/lib/asyncio/selector_events.py:1057)",
    "lanes": "add (/x/airflow_provider_cdi/engine/delivery/lanes.py:91)",
}


@pytest.mark.parametrize("part", PARTS)
def test_the_innermost_frame_that_tells_decides_on_the_part(part):
    outer = ["<module> (/b/speed_client.py:1)", "sync.<locals>.run (/b/speed_ours.py:26)"]
    source = "batches (/x/airflow_provider_cdi/hooks/arrow/external_sort.py:20)"
    found = profile_parts.shares([f"{';'.join([*outer, source, PARTS[part]])} 7"])
    assert found == {part: 7}


def test_a_line_that_calls_a_json_parser_is_json(tmp_path):
    code = tmp_path / "airflow_provider_cdi" / "destinations" / "payload.py"
    code.parent.mkdir(parents=True)
    code.write_text("import orjson\ndocument = orjson.loads(text)\n")
    assert profile_parts.part_of([f"read_payload ({code}:2)"]) == "JSON"


def test_threads_that_wait_and_what_happens_before_the_run_are_left_out():
    waits = "_worker (/usr/lib/concurrent/futures/thread.py:81);wait (/usr/lib/threading.py:327) 5"
    imports = "<module> (/b/speed_client.py:1);main (/b/speed_client.py:39);_find_and_load (<frozen importlib>:1) 5"
    assert profile_parts.shares([waits, imports]) == {}


def test_the_page_has_a_line_for_each_world_of_the_laws_and_says_what_the_model_does():
    assert [name for name, *_ in laws.worlds()] == list(laws.FORMER)
    assert all(f"\n| {name} | " in PAGE for name in laws.FORMER)
    figures = laws.measured("503 at once above 40, 50 ms", laws.AdaptiveConcurrencyLimit)
    assert f"\n| 503 at once above 40, 50 ms | {laws.told(figures)} | " in PAGE


@pytest.mark.parametrize("name", ["8 workers of 20 ms, 20 ms away", "503 after 50 ms above 40"])
def test_the_law_loses_no_more_than_five_per_cent_to_the_former_one(name):
    assert laws.measured(name, laws.AdaptiveConcurrencyLimit).rate >= 0.95 * laws.FORMER[name].rate
