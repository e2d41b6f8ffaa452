"""Arguments of commands, as a shell reads them."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.setup.sql.shell import Gap, Joined, json_word, word

HOST = Gap("CDI_TEST_HOST", "host of the server")


def shell(text, **variables):
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(["bash", "-c", text], env=environment, capture_output=True, text=True, check=False)


def printed(argument, **variables):
    done = shell(f"printf '%s' {argument}", **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("text", ["a b", "it's", '"; rm -rf / #', "$(id)", "`id`", "\\", "${HOME}", "é"])
def test_a_value_is_one_word_whatever_is_in_it(text):
    assert printed(word(text)) == text
    assert json.loads(printed(json_word({"a": text}))) == {"a": text}


def test_a_gap_is_filled_by_its_variable():
    command = json_word({"host": HOST, "uri": Joined(("https://", HOST, "/x")), "port": 5432}, indent=2)
    found = json.loads(printed(command, CDI_TEST_HOST="db.example.com"))
    assert found == {"host": "db.example.com", "uri": "https://db.example.com/x", "port": 5432}


@pytest.mark.parametrize("argument", [word(HOST), json_word({"it's": HOST})])
def test_a_gap_that_is_not_filled_stops_the_command_and_says_what_it_is(argument, tmp_path):
    done = shell(f"touch {tmp_path}/ran {argument}")
    assert done.returncode != 0
    assert "CDI_TEST_HOST: host of the server" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_would_be_an_option_is_refused():
    with pytest.raises(ConfigurationError, match=r"'--help' begins with a dash"):
        word("--help")


def test_what_a_gap_means_is_plain_text():
    with pytest.raises(ValueError, match="no plain text"):
        Gap("A", 'x"; id')
