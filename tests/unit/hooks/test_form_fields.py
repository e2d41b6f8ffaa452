"""The page of the warehouses says of each field of Airflow's own forms whether it counts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from airflow_provider_cdi.hooks.connection_types import CONNECTION_TYPES

PAGE = Path(__file__).parents[3] / "docs" / "connections" / "warehouses.md"
SHOWS_FIELDS = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
for form in HookMetaService.hook_meta_data():
    print(json.dumps([form.connection_type, list(form.extra_fields or {})]))
"""


@cache
def fields_of_forms():
    done = subprocess.run([sys.executable, "-c", SHOWS_FIELDS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))


def rows():
    table = PAGE.read_text().partition("## Which fields of Airflow's forms count")[2].partition("\n## ")[0]
    for line in re.findall(r"^\| `.*", table, re.MULTILINE):
        types = line.split("|")[1]
        for kind in re.findall(r"`(\w+)`", types):
            yield kind, line


@pytest.mark.parametrize(("kind", "line"), list(rows()), ids=[kind for kind, _ in rows()])
def test_each_field_of_the_form_is_on_the_page(kind, line):
    if kind not in fields_of_forms():
        pytest.skip(f"the provider of {kind} is not installed")
    assert [field for field in fields_of_forms()[kind] if f"`{field}`" not in line] == []


def test_the_warehouses_with_a_page_of_their_own_are_in_the_table():
    read_their_own_way = {kind for kind, one in CONNECTION_TYPES.items() if "sql.hook:" not in one.hook}
    assert read_their_own_way <= dict(rows()).keys()
