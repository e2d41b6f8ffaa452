"""What is handed out: the source distribution, the wheel, and what they say of themselves."""

from __future__ import annotations

import email
import importlib.resources
import json
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest
import yaml

from airflow_provider_cdi import __version__
from airflow_provider_cdi.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
NAME = f"airflow_provider_cdi-{__version__}"
BUILDS = "from setuptools import build_meta; build_meta.build_sdist('dist'); build_meta.build_wheel('dist')"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both as pip does, without a network, of a copy: a build leaves files beside the code."""
    pytest.importorskip("setuptools", minversion="77")
    copy = tmp_path_factory.mktemp("clone") / "clone"
    ignored = shutil.ignore_patterns(
        ".*", "_build", "build", "dist", "*.egg-info", "__pycache__", "tests", "benchmarks"
    )
    shutil.copytree(ROOT, copy, ignore=ignored)
    done = subprocess.run([sys.executable, "-c", BUILDS], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return copy / "dist"


@pytest.fixture(scope="module")
def sources(built: Path) -> set[str]:
    with tarfile.open(built / f"{NAME}.tar.gz") as sdist:
        return {name.partition("/")[2] for name in sdist.getnames()}


@pytest.fixture(scope="module")
def wheel(built: Path) -> set[str]:
    with zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl") as wheel:
        return set(wheel.namelist())


@pytest.fixture(scope="module")
def metadata(built: Path) -> Message:
    with zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl") as wheel:
        return email.message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))


def modules() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / "airflow_provider_cdi").rglob("*.py")}


def test_the_wheel_holds_every_module_and_nothing_beside_the_package(wheel):
    code = {name for name in wheel if ".dist-info/" not in name}
    assert modules() | {"airflow_provider_cdi/py.typed"} <= code
    assert {name.partition("/")[0] for name in code} == {"airflow_provider_cdi"}


def test_the_sources_hold_the_package_the_example_dags_and_the_pages(sources):
    dags = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dags").glob("*.py")}
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts}
    assert modules() | dags | pages <= sources
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "provider.yaml"} <= sources


def test_the_metadata_names_licence_services_and_warehouses(metadata):
    assert metadata["License-Expression"] == "Apache-2.0"
    keywords = metadata["Keywords"].split(",")
    assert {"braze", "klaviyo", "snowflake", "redshift", "bigquery", "databricks"} <= set(keywords)


def test_only_who_asks_for_it_gets_the_sandbox(metadata):
    needed = [line for line in metadata.get_all("Requires-Dist", []) if line.startswith("cdi-sandbox")]
    assert needed
    assert all(re.search(r"; extra == '(sandbox|demo|dev)'|; extra == \"(sandbox|demo|dev)\"", line) for line in needed)


def test_airflow_finds_the_provider_in_the_wheel(built):
    with zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl") as wheel:
        points = wheel.read(f"{NAME}.dist-info/entry_points.txt").decode()
    assert (
        "[apache_airflow_provider]\nprovider_info = airflow_provider_cdi.get_provider_info:get_provider_info" in points
    )


def provider_yaml() -> dict[str, object]:
    return dict(yaml.safe_load((ROOT / "provider.yaml").read_text()))


def test_provider_yaml_says_what_airflow_reads():
    of_the_release = {"state", "source-date-epoch", "versions"}
    said = provider_yaml()
    assert {key: value for key, value in said.items() if key not in of_the_release} == get_provider_info()
    assert said["versions"] == [__version__]


def test_provider_yaml_satisfies_airflow_s_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = importlib.resources.files("airflow").joinpath("provider.yaml.schema.json").read_text()
    jsonschema.validate(provider_yaml(), json.loads(schema))


@pytest.mark.parametrize(
    ("script", "made", "text"),
    [
        ("make_provider_yaml.py", "provider.yaml", "text"),
        ("make_versions.py", "docs/versions.md", "page"),
    ],
)
def test_what_is_made_by_a_script_is_as_the_script_makes_it(script, made, text):
    module = runpy.run_path(str(ROOT / "docs" / script))
    assert (ROOT / made).read_text() == module[text](), f"run: python docs/{script}"
