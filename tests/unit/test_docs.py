"""The pages of docs/ keep step with the code: links, arguments, defaults, examples."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.delivery import Traffic
from airflow_provider_cdi.engine.guards import DeleteCap
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.totals import Totals
from airflow_provider_cdi.sandbox.faults import KINDS
from airflow_provider_cdi.sandbox.settings import RATES, Settings
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.params import sync_params
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "airflow_provider_cdi"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
OPERATOR_PAGE = (DOCS / "operators" / "warehouse_to_braze.md").read_text()
SANDBOX_PAGE = (DOCS / "sandbox.md").read_text()

_LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]+)\)")
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


def without_code(text: str) -> str:
    return _FENCE.sub("", text)


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub and MyST give to a page's headings."""
    headings = re.findall(r"^#{1,3} (.+)$", without_code(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def examples(language: str) -> list[Any]:
    return [
        pytest.param(textwrap.dedent(found[3]), id=f"{name_of(page)}-{number}")
        for page in PAGES
        for number, found in enumerate(_FENCE.finditer(page.read_text()), start=1)
        if found[2] == language
    ]


def arguments() -> list[str]:
    names = [
        name
        for operator in (WarehouseSyncOperator, WarehouseToBrazeOperator)
        for name in inspect.signature(operator.__init__).parameters
    ]
    return sorted(set(names) - {"self", "args", "kwargs"})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_to_a_page_and_a_heading_that_exist(page):
    for target in _LINK.findall(without_code(page.read_text())):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", [*PAGES, DOCS / "conf.py"], ids=name_of)
def test_no_page_names_a_folder_of_somebodys_machine(page):
    assert not re.search(r"(?<![\w.])/(work|root|home|Users|tmp|opt)/", page.read_text())


def test_every_page_is_in_the_table_of_contents():
    contents = _FENCE.findall((DOCS / "index.md").read_text())[-1][2].split()
    listed = {f"{entry}.md" for entry in contents if entry != ":hidden:"}
    assert listed == {name_of(page) for page in PAGES} - {"index.md"}


@pytest.mark.parametrize("argument", arguments())
def test_every_argument_of_the_operator_has_a_row_on_its_page(argument):
    assert re.search(rf"^\| `{argument}`", OPERATOR_PAGE, re.MULTILINE)


def test_what_is_templated_is_marked_on_the_page():
    marked = set(re.findall(r"^\| `(\w+)` \*\(t\)\*", OPERATOR_PAGE, re.MULTILINE))
    assert marked == {name.removeprefix("is_") for name in WarehouseToBrazeOperator.template_fields}


@pytest.mark.parametrize("settings", [BrazeLimits, DeliverySettings, RetryPolicy, DeleteCap])
def test_every_field_of_a_settings_object_is_on_the_page_with_its_default(settings):
    for field in fields(settings):
        shown = re.findall(rf"^\| `{field.name}` \| ([^|]+) \|", OPERATOR_PAGE, re.MULTILINE)
        assert _shown_default(field.default) in [text.strip("`").replace(",", "") for text in shown], field.name


def _shown_default(default: Any) -> str:
    if is_dataclass(default):
        return f"{type(default).__name__}()"
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_every_field_of_the_report_is_on_the_page():
    report = Report("", Totals(), Traffic(), 0.0, None).to_json()
    about = inspect.getsource(WarehouseSyncOperator._about)
    for field in [*report, *re.findall(r'"(\w+)":', about)]:
        assert re.search(rf"^\|[^|]*`{field}`", OPERATOR_PAGE, re.MULTILINE), field


def test_the_params_of_the_trigger_form_are_on_the_schedules_page():
    page = (DOCS / "schedules.md").read_text()
    assert all(f"`{name}`" in page for name in sync_params())


def test_the_sandbox_page_names_every_option_fault_and_setting():
    options = re.findall(r'"(--[\w-]+)"', (PACKAGE / "sandbox" / "__main__.py").read_text())
    settings = Settings().summary()
    for name in [*options, *KINDS, *settings, *RATES]:
        assert f"`{name}" in SANDBOX_PAGE, name


def test_every_module_has_its_place_on_the_architecture_page():
    page = (DOCS / "architecture.md").read_text()
    modules = {path.stem for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts} - {"__init__"}
    assert [name for name in sorted(modules) if not re.search(rf"`(\.\./)?{name}`", page)] == []


@pytest.mark.parametrize("text", examples("json"))
def test_every_example_in_json_is_json(text):
    assert json.loads(text)


@pytest.mark.parametrize("code", examples("python"))
def test_every_example_in_python_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example", "exec"), {"WarehouseToBrazeOperator": WarehouseToBrazeOperator})
