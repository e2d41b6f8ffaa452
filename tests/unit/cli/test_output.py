"""Results on standard output, in three forms."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.cli.output import print_result

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
