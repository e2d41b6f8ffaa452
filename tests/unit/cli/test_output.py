"""Results on standard output, in three forms."""

from __future__ import annotations

import io
import json
import re

import pytest
from airflow.cli import simple_table  # when it is imported first, Airflow prints a line of its log

from airflow_provider_cdi.cli.output import print_json, print_result, print_text, shortened

ROWS = [
    {"name": "[dbo].[users]", "rows": 3, "good": True, "why": None, "also": ["a", "b"]},
    {"name": "Grüße", "rows": 12, "good": False, "why": "none", "also": []},
]


def printed(capsys, rows, output, **more):
    print_result(rows, output, **more)
    return capsys.readouterr()


def test_json_keeps_types_and_every_sign(capsys):
    assert json.loads(printed(capsys, ROWS, "json").out) == ROWS


def test_json_may_hold_more_than_the_table(capsys):
    assert json.loads(printed(capsys, ROWS, "json", document={"rows": 2}).out) == {"rows": 2}


def test_json_of_nothing_is_an_empty_list(capsys):
    assert printed(capsys, [], "json") == ("[]\n", "")


def test_a_table_has_a_head_and_what_looks_like_markup_stays(capsys):
    lines = printed(capsys, ROWS, "table").out.splitlines()
    assert [cell.strip() for cell in lines[0].split("|")] == ["name", "rows", "good", "why", "also"]
    assert [cell.strip() for cell in lines[2].split("|")] == ["[dbo].[users]", "3", "yes", "", "a, b"]


def test_plain_has_columns_without_lines_between(capsys):
    lines = printed(capsys, ROWS, "plain").out.splitlines()
    assert lines[0].split() == ["name", "rows", "good", "why", "also"]
    assert lines[2].split() == ["Grüße", "12", "no", "none"]


@pytest.mark.parametrize("output", ["table", "plain"])
def test_nothing_is_told_on_standard_error(capsys, output):
    assert printed(capsys, [], output) == ("", "Nothing found.\n")


@pytest.mark.parametrize("output", ["table", "plain"])
def test_a_value_cannot_command_the_terminal(capsys, output):
    assert "\x1b" not in printed(capsys, [{"name": "\x1b[31mred"}], output).out


def in_latin(monkeypatch, show):
    """Return what a terminal gets that does not have every sign."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stream)
    show()
    stream.flush()
    return stream.buffer.getvalue().decode("latin-1")


def test_a_sign_that_the_terminal_does_not_have_is_escaped(monkeypatch):
    assert in_latin(monkeypatch, lambda: print_text("✓ Grüße …\n✗ λ")) == "+ Grüße ...\nx \\u03bb\n"


def test_json_stays_json_on_a_terminal_that_does_not_have_every_sign(monkeypatch):
    document = {"name": "Grüße λ"}
    assert json.loads(in_latin(monkeypatch, lambda: print_json(document))) == document


@pytest.mark.parametrize("output", ["table", "plain"])
def test_a_table_is_printed_on_a_terminal_that_does_not_have_every_sign(monkeypatch, output):
    assert "\\u03bb..." in in_latin(monkeypatch, lambda: print_result([{"name": "λ…"}], output))


ROW = {
    "outcome": "sent",
    "who": "EXTERNAL_ID c-1, EMAIL a@b.io",
    "at": "2026-11-30T02:54:14.117219Z",
    "payload": '{"name":"' + "x" * 60 + '"}',
}


def narrow(monkeypatch, capsys, columns, row=ROW):
    monkeypatch.setattr(simple_table, "is_tty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    return re.sub(r"\x1b\[\d+m", "", printed(capsys, [row], "table").out)


def test_a_narrow_terminal_breaks_long_cells_before_timestamps(monkeypatch, capsys):
    out = narrow(monkeypatch, capsys, 80)
    assert ROW["at"] in out
    assert max(map(len, out.splitlines())) <= 80


SYNC = {
    "sync_id": "customer_attributes_every_15_minutes.send_attributes",
    "status": "guarded: this run would send 812,400 of 1,000,000 rows",
    "watermark": "2026-11-30T02:54:14Z",
    "lease": "",
}


def test_a_terminal_too_narrow_for_its_names_gets_a_block_a_row_without_what_is_empty(monkeypatch, capsys):
    assert narrow(monkeypatch, capsys, 60, SYNC).splitlines() == [
        "sync_id    customer_attributes_every_15_minutes.send_attributes",
        "status     guarded: this run would send 812,400 of 1,000,000",
        "           rows",
        "watermark  2026-11-30T02:54:14Z",
    ]


def test_in_a_pipe_a_row_is_one_line_however_long_it_is(capsys):
    lines = printed(capsys, [SYNC | {"lease": "held by " + "a worker " * 40}], "table").out.splitlines()
    assert len(lines) == 3
    assert SYNC["sync_id"] in lines[2]
    assert lines[2].count("worker") == 40


@pytest.mark.parametrize(("length", "shown"), [(0, 0), (60, 60), (61, 61), (5_000, 61)])
def test_a_payload_fits_into_a_cell_and_a_sign_tells_what_was_cut_off(length, shown):
    text = shortened("x" * length)
    assert (len(text), text.endswith("…")) == (shown, length > 60)
