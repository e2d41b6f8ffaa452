"""A dry run asks about people where its gate would, and says what of its time the run will need too."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from support.town import Town, TownDestination

from airflow_provider_cdi.engine.guards.gates import Gates
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.forecast.dry_run import DryRun
from airflow_provider_cdi.testing.memory_runs import incremental, inputs_in_memory
from airflow_provider_cdi.testing.sources import ListSource, Row
from airflow_provider_cdi.testing.virtual_time import run_virtually


def looked_at(town, gates=None, *, asks_about=0):
    """Try ten rows of ten people dry."""

    @asynccontextmanager
    async def transport():
        yield town

    def inputs(destination, sends, journal, settings):
        return inputs_in_memory(source, destination, sends, journal, part=incremental(), settings=settings, gates=gates)

    source = ListSource([Row(-20 + number, f"p{number}") for number in range(10)])
    run = DryRun(TownDestination(), DeliverySettings(), inputs, transport, asks_about=asks_about)
    return run_virtually(run.run())


@pytest.fixture
def slow_town():
    town = Town()
    town.thinks = 60.0
    return town


def test_the_time_of_a_question_that_no_run_asks_is_not_that_of_the_run(slow_town):
    plan = looked_at(slow_town, asks_about=5).plan
    assert (plan.new.number, plan.pace.seconds < 60) == (10, True)


@pytest.mark.parametrize("most", [3, 9, 10])
def test_the_time_of_the_look_is_that_of_the_run_too(slow_town, most):
    report = looked_at(slow_town, Gates(max_new_profiles=most))
    asks = most < 10
    assert (report.plan.pace.seconds >= 60, bool(report.stopped_by), report.totals.accepted) == (asks, asks, 10)


def test_a_look_that_goes_to_its_end_knows_how_many_are_new():
    town = Town()
    town.applied = [{"id": f"p{number}"} for number in range(4)]
    plan = looked_at(town, Gates(max_new_profiles=8), asks_about=5).plan
    assert (plan.new.number, plan.new.told) == (6, "all of them were asked about")
    assert len(town.applied) == 4
