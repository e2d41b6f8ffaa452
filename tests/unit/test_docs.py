"""The pages of docs/ keep step with the code: links, arguments, defaults, examples."""

from __future__ import annotations

import ast
import inspect
import json
import re
import runpy
import textwrap
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.delivery.traffic import Traffic
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.rows.totals import Totals
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.hooks.connection_types import CONNECTION_TYPES
from airflow_provider_cdi.hooks.redshift.hook import FETCH_ROWS
from airflow_provider_cdi.hooks.redshift.iam import FIELDS as IAM_FIELDS
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.params import sync_params
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_http import WarehouseToHttpOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import KLAVIYO_DELIVERY, WarehouseToKlaviyoOperator
from cdi_sandbox.api.fault import KINDS
from cdi_sandbox.settings import RATES, Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "airflow_provider_cdi"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
#: What GitHub shows beside the code.
PAGES_ABOVE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "cdi_sandbox/README.md")]
OPERATOR_PAGE = (DOCS / "operators" / "warehouse_to_braze.md").read_text()
KLAVIYO_PAGE = (DOCS / "operators" / "warehouse_to_klaviyo.md").read_text()
OPERATORS = [
    (WarehouseToBrazeOperator, OPERATOR_PAGE),
    (WarehouseToKlaviyoOperator, KLAVIYO_PAGE),
    (WarehouseToHttpOperator, (DOCS / "operators" / "warehouse_to_http.md").read_text()),
]
SANDBOX_PAGE = (DOCS / "sandbox.md").read_text()
CONNECTIONS = DOCS / "connections"
WAREHOUSE_NAMES = ("snowflake", "redshift", "bigquery", "databricks")

_LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]+)\)")
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"^export AIRFLOW_CONN_\w+='(\{.*?\})'$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(DOCS).as_posix() if path.is_relative_to(DOCS) else path.name


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


def arguments() -> list[Any]:
    return [
        pytest.param(name, page, id=f"{operator.__name__}-{name}")
        for operator, page in OPERATORS
        for name in sorted(
            {name for one in (WarehouseSyncOperator, operator) for name in inspect.signature(one.__init__).parameters}
            - {"self", "arguments"}
        )
    ]


@pytest.mark.parametrize("page", [*PAGES, *PAGES_ABOVE], ids=name_of)
def test_every_relative_link_leads_to_a_page_and_a_heading_that_exist(page):
    for target in _LINK.findall(without_code(page.read_text())):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", [*PAGES, *PAGES_ABOVE, DOCS / "conf.py"], ids=name_of)
def test_no_page_names_a_folder_of_somebodys_machine(page):
    assert not re.search(r"(?<![\w.])/(work|root|home|Users|tmp|opt)/", page.read_text())


def test_every_page_is_in_the_table_of_contents():
    contents = _FENCE.findall((DOCS / "index.md").read_text())[-1][2].split()
    listed = {f"{entry}.md" for entry in contents if entry != ":hidden:"}
    assert listed == {name_of(page) for page in PAGES} - {"index.md"}


@pytest.mark.parametrize(("argument", "page"), arguments())
def test_every_argument_of_an_operator_has_a_row_on_its_page(argument, page):
    assert re.search(rf"^\| `{argument}`", page, re.MULTILINE)


@pytest.mark.parametrize(("operator", "page"), OPERATORS, ids=["braze", "klaviyo", "http"])
def test_what_is_templated_is_marked_on_the_page(operator, page):
    marked = set(re.findall(r"^\| `(\w+)` \*\(t\)\*", page, re.MULTILINE))
    assert marked == {name.removeprefix("is_") for name in operator.template_fields}


def test_the_delivery_settings_for_klaviyo_are_on_its_page():
    assert f"`max_in_flight={KLAVIYO_DELIVERY.max_in_flight}`" in KLAVIYO_PAGE
    assert f"`window_rows={KLAVIYO_DELIVERY.window_rows:_}`" in KLAVIYO_PAGE


@pytest.mark.parametrize("settings", [BrazeLimits, KlaviyoLimits, DeliverySettings, RetryPolicy, DeleteCap])
def test_every_field_of_a_settings_object_is_on_a_page_with_its_default(settings):
    for field in fields(settings):
        shown = re.findall(rf"^\| `{field.name}` \| ([^|]+) \|", OPERATOR_PAGE + KLAVIYO_PAGE, re.MULTILINE)
        assert _shown_default(field.default) in [text.strip("`").replace(",", "") for text in shown], field.name


def _shown_default(default: Any) -> str:
    if is_dataclass(default):
        return f"{type(default).__name__}()"
    if isinstance(default, frozenset):
        return "` `".join(sorted(default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_every_field_of_the_report_is_on_the_page():
    report = Report("", Totals(), Traffic(), 0.0, 0.0, None).to_json()
    about = inspect.getsource(WarehouseSyncOperator._about)
    for field in [*report, *re.findall(r'"(\w+)":', about)]:
        assert re.search(rf"^\|[^|]*`{field}`", OPERATOR_PAGE, re.MULTILINE), field


def test_the_params_of_the_trigger_form_are_on_the_schedules_page():
    page = (DOCS / "schedules.md").read_text()
    assert all(f"`{name}`" in page for name in sync_params())


def test_the_sandbox_page_names_every_option_fault_and_setting():
    options = re.findall(r'"(--[\w-]+)"', (ROOT / "cdi_sandbox" / "__main__.py").read_text())
    settings = Settings().summary()
    for name in [*options, *KINDS, *settings, *RATES]:
        assert f"`{name}" in SANDBOX_PAGE, name


MODULE_TABLE = runpy.run_path(str(DOCS / "module_table.py"))


def test_the_table_of_modules_is_put_into_the_architecture_page():
    assert MODULE_TABLE["MARK"] in (DOCS / "architecture.md").read_text()


def test_every_module_has_its_place_on_the_architecture_page():
    summary, lines = MODULE_TABLE["summary"], MODULE_TABLE["markdown"]().splitlines()
    expected = {
        f"**`{path.parent.relative_to(ROOT)}/`**: {summary(path)}"
        if path.stem == "__init__"
        else f"| `{path.stem}` | {summary(path)} |"
        for path in PACKAGE.rglob("*.py")
    }
    assert {line for line in lines if "`" in line} == expected


def test_every_module_says_what_it_is_for():
    assert [path for path in PACKAGE.rglob("*.py") if not MODULE_TABLE["summary"](path)] == []


@pytest.mark.parametrize("text", examples("json"))
def test_every_example_in_json_is_json(text):
    assert json.loads(text)


@pytest.mark.parametrize("code", examples("python"))
def test_every_example_in_python_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example", "exec"), {"WarehouseToBrazeOperator": WarehouseToBrazeOperator})


# --- the pages of the warehouses --------------------------------------------------------------------------


def warehouse_page(name: str) -> str:
    return (CONNECTIONS / f"{name}.md").read_text()


def section(page: str, heading: str) -> str:
    """Return what stands below a heading of the second level."""
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_cells(table: str) -> list[str]:
    """Return the first cell of each row of all tables."""
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| message |")]
    return [re.split(r"(?<!\\) \| ", row.removeprefix("| "))[0] for row in rows]


def said_by_the_package() -> list[str]:
    """Return every text constant of the package, those in f-strings in their parts."""
    trees = (ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [node.value for node in nodes if isinstance(node.value, str)]


def connections(page: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in _VARIABLE.findall(page.read_text())]


def known_extras(name: str) -> str:
    """Return the source of what reads the extra of a warehouse's connection."""
    from airflow.providers.databricks.hooks import databricks_base, databricks_sql
    from airflow.providers.google.common.hooks import base_google
    from airflow.providers.snowflake.hooks import snowflake
    from databricks.sql import client

    from airflow_provider_cdi.hooks.bigquery import reader as bigquery_opener
    from airflow_provider_cdi.hooks.databricks import hook as databricks

    readers: dict[str, list[Any]] = {
        "snowflake": [snowflake],
        "redshift": [],
        "bigquery": [base_google, bigquery_opener],
        "databricks": [databricks_base, databricks_sql, client, databricks],
    }
    return "\n".join(inspect.getsource(module) for module in readers[name])


def test_every_connection_on_the_pages_is_one_that_airflow_and_this_package_know():
    from airflow.sdk import Connection

    types = {*CONNECTION_TYPES, "sqlite", "ssh", "braze", "klaviyo", "http"}
    found = [shown for page in sorted(CONNECTIONS.glob("*.md")) for shown in connections(page)]
    assert len(found) > len(WAREHOUSE_NAMES)
    for shown in found:
        connection = Connection.from_json(json.dumps(shown))
        assert connection.conn_type in types
        assert connection.extra_dejson == shown.get("extra", {})


@pytest.mark.parametrize("name", ["snowflake", "bigquery", "databricks"])
def test_every_key_of_an_extra_on_a_warehouses_page_is_read_by_somebody(name):
    shown = {key for example in connections(CONNECTIONS / f"{name}.md") for key in example["extra"]}
    assert shown
    source = known_extras(name)
    assert [key for key in sorted(shown) if not re.search(rf"\b{key}\b", source)] == []


def test_every_key_of_an_extra_on_redshifts_page_is_ours_or_the_drivers():
    import redshift_connector

    known = {*IAM_FIELDS, FETCH_ROWS, *inspect.signature(redshift_connector.connect).parameters}
    shown = {key for example in connections(CONNECTIONS / "redshift.md") for key in example.get("extra", {})}
    assert shown - known == set()


@pytest.mark.parametrize("field", sorted({*IAM_FIELDS, FETCH_ROWS} - {"serverless_acct_id"}))
def test_every_field_that_is_read_by_this_package_alone_is_on_redshifts_page(field):
    assert f"`{field}`" in warehouse_page("redshift")


def test_what_databricks_is_opened_with_is_on_its_page_with_its_value():
    from airflow_provider_cdi.hooks.databricks.hook import DEFAULTS, MAX_TAG, TAG

    page = warehouse_page("databricks")
    for name, value in DEFAULTS.items():
        shown = str(value).lower() if isinstance(value, bool) else f"{value:g}"
        assert re.search(rf"^\| `{name}` \| `?{shown}`? \|", page, re.MULTILINE), name
    assert f"`{TAG}`" in page
    assert f"{MAX_TAG} characters" in page


def test_the_numbers_and_names_of_the_other_pages_are_those_of_the_code():
    from airflow_provider_cdi.hooks.bigquery.reader import TAG_LABEL
    from airflow_provider_cdi.hooks.bigquery.results import GOOGLES_ENDPOINT
    from airflow_provider_cdi.hooks.redshift.reader import SINGLE_NODE_ROWS
    from airflow_provider_cdi.hooks.snowflake.hook import CHUNK_MEGABYTES
    from airflow_provider_cdi.hooks.snowflake.reader import PREFETCHED

    assert f"Chunks of at most {CHUNK_MEGABYTES} MB" in warehouse_page("snowflake")
    assert PREFETCHED == 1
    assert f"rows of one `FETCH`, {SINGLE_NODE_ROWS:,}" in warehouse_page("redshift")
    assert f"label `{TAG_LABEL}`" in warehouse_page("bigquery")
    assert GOOGLES_ENDPOINT.partition(":")[0] in warehouse_page("bigquery")


@pytest.mark.parametrize("name", WAREHOUSE_NAMES)
def test_what_reading_costs_on_a_warehouses_page_is_what_was_measured(name):
    measured = json.loads((ROOT / "benchmarks" / "results" / "read.json").read_text())["figures"]
    (ours,) = (each for each in measured if each["warehouse"] == name and each["way"] == "this package")
    memory = ours["peak_mb"] - ours["idle_mb"]
    cost = f"{ours['cpu']:.1f} CPU seconds and {memory:.0f} MB above an idle task"
    assert cost in " ".join(warehouse_page(name).split())


@pytest.mark.parametrize("name", WAREHOUSE_NAMES)
def test_every_message_on_a_warehouses_page_is_one_that_the_package_writes(name):
    assert_written(first_cells(section(warehouse_page(name), "Errors")))


def test_every_message_of_the_warehouses_in_troubleshooting_is_one_that_the_package_writes():
    page = (DOCS / "troubleshooting.md").read_text()
    assert_written(first_cells(section(page, "Snowflake, Redshift, BigQuery, Databricks")))


def assert_written(cells: list[str]) -> None:
    said = said_by_the_package()
    messages = [message for cell in cells for message in re.findall(r"\*([^*]+)\*", cell)]
    assert len(messages) >= len([cell for cell in cells if cell != "---"])
    fragments = [part.strip(" ,.") for message in messages for part in message.split("…")]
    assert [part for part in fragments if part and not any(part in text for text in said)] == []
