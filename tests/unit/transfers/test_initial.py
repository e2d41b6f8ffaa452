"""``initial`` with a number of rows: a sync goes on where another tool stopped."""

from __future__ import annotations

import pytest
from support.airflow_world import make_operator

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.arguments.initial import Initial


@pytest.mark.parametrize("text", ["2026-01-05T08:59:58.123456Z, 3 rows delivered", "2026-01-05 09:00, 1 row delivered"])
def test_the_text_is_read_and_written_alike(text):
    assert str(Initial.parse(text)) == text


@pytest.mark.parametrize("text", ["everything", "now", "2026-01-05T08:59:58Z"])
def test_a_text_without_a_number_knows_of_no_delivered_row(text):
    assert Initial.parse(text) == Initial(text, None)


@pytest.mark.parametrize(
    "text",
    [
        "now, 3 rows delivered",
        "everything, 3 rows delivered",
        "2026-01-05, 0 rows delivered",
        "2026-01-05, rows delivered",
    ],
)
def test_a_number_goes_with_a_time_and_counts_from_one(text):
    with pytest.raises(ConfigurationError, match="initial is"):
        make_operator(initial=text)
