"""Reading the plan of a query: the form that Snowflake documents, and anything else, which tells nothing."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.hooks.snowflake.scan import bytes_assigned

#: Of Snowflake's page "EXPLAIN", with other numbers.
DOCUMENTED = """{"GlobalStats": {"partitionsTotal": 2, "partitionsAssigned": 2, "bytesAssigned": 1024},
"Operations": [[{"id": 0, "operation": "Result", "expressions": ["Z1.ID"]},
{"id": 1, "parentOperators": [0], "operation": "TableScan", "objects": ["TESTDB.Z1"], "partitionsTotal": 1,
"partitionsAssigned": 1, "bytesAssigned": 512}]]}"""


def test_the_bytes_of_the_whole_plan_are_read():
    assert bytes_assigned(DOCUMENTED) == 1024


@pytest.mark.parametrize("plan", [None, "", "no JSON", "[]", "{}", '{"GlobalStats": {}}', '{"GlobalStats": 3}',
                                  '{"GlobalStats": {"bytesAssigned": "many"}}'])  # fmt: skip
def test_a_plan_of_another_form_tells_nothing(plan):
    assert bytes_assigned(plan) is None
