"""Each refusal before sending says whether the vendor would have taken the row, and on which page that stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_cdi.destinations.braze.responses import codes as braze
from airflow_provider_cdi.destinations.klaviyo.responses import codes as klaviyo
from airflow_provider_cdi.destinations.klaviyo.responses import consent_codes as consent
from airflow_provider_cdi.destinations.reject_codes import BRAZE_SOURCES, KLAVIYO_SOURCES

DOCS = Path(__file__).parents[3] / "docs" / "rejects.md"
TABLES = {
    "braze": (braze.ROW_CODES, BRAZE_SOURCES),
    "klaviyo": (klaviyo.ROW_CODES, KLAVIYO_SOURCES),
    "consent": (consent.CONSENT_ROW_CODES, KLAVIYO_SOURCES),
}
CASES = [
    pytest.param(code, sources, id=f"{table}-{name}")
    for table, (codes, sources) in TABLES.items()
    for name, code in codes.items()
]
#: A row that would arrive whole must not be refused, so none of the answers is a yes.
ANSWERS = ("No ", "No:", "Dropped", "In part", "As something else", "Cannot be said", "Not documented")


def sources_of(taken):
    return [name for group in re.findall(r"\(([^()]+)\)", taken) for name in group.split(", ")]


@pytest.mark.parametrize(("code", "sources"), CASES)
def test_the_answer_is_no_yes_and_names_its_page(code, sources):
    assert code.taken.startswith(ANSWERS)
    assert code.taken.endswith((").", "."))
    named = sources_of(code.taken)
    assert named
    assert set(named) <= set(sources)


def test_what_the_vendor_answered_needs_no_answer():
    answered = [*braze.ANSWER_CODES.values(), *klaviyo.ANSWER_CODES.values(), *consent.CONSENT_ANSWER_CODES.values()]
    assert {code.taken for code in answered} == {""}


def test_every_page_is_named_by_an_answer_and_listed_in_the_docs():
    page = DOCS.read_text()
    named = {name for codes, _ in TABLES.values() for code in codes.values() for name in sources_of(code.taken)}
    assert named == set(BRAZE_SOURCES) | set(KLAVIYO_SOURCES)
    assert all(
        f"| {name} | <{link.partition(' ')[0]}>" in page for name, link in (BRAZE_SOURCES | KLAVIYO_SOURCES).items()
    )
