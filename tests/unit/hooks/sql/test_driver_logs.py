from __future__ import annotations

import logging
from typing import Any

import pytest
from support.leaks import VALUE, pieces_in

from airflow_provider_cdi.hooks.sql.driver_logs import quiet, quiet_driver


@pytest.mark.parametrize(
    ("line", "values", "said"),
    [
        ("error ignored in rollback on %s: %s", ("connection", VALUE), "error ignored in rollback on …"),
        (f"Failed to convert: field v: TEXT::{VALUE}, Error: no", (), "Failed to convert …"),
        (f"{VALUE} is no number", (), "…"),
        (f"[{VALUE}] is no number", (), "…"),
        ("The connection is closed.", (), "The connection is closed."),
        (ValueError(VALUE), (), "ValueError"),
    ],
)
def test_only_the_words_at_the_beginning_of_a_drivers_line_are_logged(
    line: Any, values: tuple[object, ...], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("some_driver.cursor")
    quiet("some_driver")
    try:
        raise ValueError(VALUE)
    except ValueError:
        logger.exception(line, *values)
    (record,) = caplog.records
    assert record.getMessage() == said
    assert pieces_in(caplog.text) == []


def test_debug_of_a_driver_is_for_those_who_ask_for_it_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("other_driver").setLevel(logging.NOTSET)
    quiet("other_driver")
    logging.getLogger("other_driver.cursor").debug("select")
    assert caplog.text == ""
    logging.getLogger("asked_for").setLevel(logging.DEBUG)
    quiet("asked_for")
    logging.getLogger("asked_for").debug("select")
    assert "select" in caplog.text


def test_the_driver_of_any_connection_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    driver = type("Connection", (), {"__module__": "strange_driver.api"})
    logger = logging.getLogger("strange_driver.api.cursor")
    quiet_driver(driver())
    logger.warning("could not read '%s'", VALUE)
    assert "could not read" in caplog.text
    assert pieces_in(caplog.text) == []


def test_neither_airflow_nor_this_package_is_taken_for_a_driver(caplog: pytest.LogCaptureFixture) -> None:
    quiet_driver(type("Connection", (), {"__module__": "airflow_provider_cdi.hooks.bigquery.connection"})())
    logging.getLogger("airflow_provider_cdi").warning("Attempt %d", 3)
    assert "Attempt 3" in caplog.text
