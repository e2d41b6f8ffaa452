"""Each code that a reject can have comes with what to do about it, and the docs say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_cdi.destinations.braze.responses import codes as braze
from airflow_provider_cdi.destinations.cures import _FOREIGN, _TABLES, UNKNOWN_CODES, code_of, cure_of
from airflow_provider_cdi.destinations.http import responses as http
from airflow_provider_cdi.destinations.klaviyo.responses import codes as klaviyo
from airflow_provider_cdi.destinations.klaviyo.responses import consent_codes as consent

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "rejects.md").read_text()
MADE = re.compile(r'\bRejection\(\s*(?:code=)?"(\w+)"')


def made_in(*places):
    files = [file for place in places for file in (ROOT / "airflow_provider_cdi" / place).rglob("*.py")]
    return {code for file in files for code in MADE.findall(file.read_text())}


@pytest.mark.parametrize("vendor", ["braze", "klaviyo", "http"])
def test_every_code_that_the_code_makes_has_a_cure(vendor):
    made = made_in(f"destinations/{vendor}", "engine")
    assert len(made) > 3
    assert {code for code in made if code_of(code, vendor) is _FOREIGN} == set()


def test_codes_that_all_destinations_share_have_a_cure_for_each():
    shared = {
        code
        for file in (ROOT / "airflow_provider_cdi/destinations").glob("*.py")
        for code in MADE.findall(file.read_text())
    }
    assert "payload_not_json" in shared
    assert {code for code in shared for vendor in _TABLES if code_of(code, vendor) is _FOREIGN} == set()


def test_every_code_that_an_answer_becomes_has_a_cure():
    assert {cure_of(code, "braze") for code in braze.BRAZE_NAMES.values()}.isdisjoint({_FOREIGN.cure})
    assert all(code_of(code, "klaviyo") is not _FOREIGN for _, _, code in klaviyo._SENTENCES)


@pytest.mark.parametrize("vendor", _TABLES)
def test_the_docs_say_the_same(vendor):
    tables = {name: code for name, code in _TABLES[vendor].items() if name not in UNKNOWN_CODES}
    missing = {name for name, code in tables.items() if f"| `{name}` | {code.cells()} |" not in PAGE}
    assert missing == set()


def test_the_docs_name_what_nobody_knows():
    section = PAGE.partition("## Nobody knows")[2]
    assert all(f"`{name}`" in section for name in UNKNOWN_CODES)


def test_no_code_of_klaviyo_means_two_things():
    assert set(klaviyo.CODES).isdisjoint(consent.CONSENT_CODES)
    assert set(klaviyo.CODES | consent.CONSENT_CODES).isdisjoint(klaviyo.NOTICE_CODES)


def test_the_vendor_chooses_the_words():
    assert code_of("payload_too_large", "http") == http.CODES["payload_too_large"]
    assert code_of("payload_too_large", "braze") == braze.CODES["payload_too_large"]


def test_a_word_of_a_service_is_one_of_its_own():
    assert cure_of("http_unknown_plan", "http") == http.CODES["http_rejected"].cure


def test_a_code_that_no_table_has_is_told_as_that():
    assert code_of("from_a_later_version", "braze") is code_of("mine") is _FOREIGN
