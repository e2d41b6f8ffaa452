"""The sandbox as a package of its own: what its wheel holds and needs, and that it works without the provider."""

from __future__ import annotations

import configparser
import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from support.pages import PROJECT, blocks

SOURCE = PROJECT / "cdi_sandbox"
README = SOURCE / "README.md"
#: First the sources, then of these the wheel, as `python -m build` does.
BUILDS = "from setuptools import build_meta; print(build_meta.{what}('dist'))"
#: Before anything else in a process: what is unpacked comes first, and of this project there is nothing else.
ALONE = "import sys; sys.path.insert(0, {path!r}); sys.modules.update(airflow_provider_cdi=None, airflow=None)\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build as pip does, without a network, of a copy: a build leaves files beside the code."""
    pytest.importorskip("setuptools", minversion="77")
    copy = tmp_path_factory.mktemp("clone") / "cdi_sandbox"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__"))
    sources = build("build_sdist", copy)
    with tarfile.open(sources) as packed:
        packed.extractall(copy.parent, filter="data")
    return build("build_wheel", copy.parent / sources.name.removesuffix(".tar.gz"))


def build(what: str, folder: Path) -> Path:
    command = [sys.executable, "-c", BUILDS.format(what=what)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "dist" / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def info(unpacked: Path) -> Path:
    (folder,) = unpacked.glob("*.dist-info")
    return folder


@pytest.fixture(scope="module")
def metadata(info: Path) -> Message:
    return email.message_from_bytes((info / "METADATA").read_bytes())


def run_alone(unpacked: Path, code: str) -> str:
    """Run code in a process in which the provider and Airflow cannot be imported."""
    script = ALONE.format(path=str(unpacked)) + code
    done = subprocess.run([sys.executable, "-c", script], cwd=unpacked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_module_of_every_folder_and_nothing_else(unpacked):
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*.py")}
    modules = {path.relative_to(PROJECT) for path in SOURCE.rglob("*.py")}
    assert held == {path.as_posix() for path in modules if path.parts[1] != "build"}  # an installation leaves that
    assert {path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"} == {"cdi_sandbox"}


def test_the_wheel_says_that_it_is_typed(unpacked):
    assert (unpacked / "cdi_sandbox" / "py.typed").exists()


def test_the_wheel_needs_a_web_server_and_a_reader_of_json_only(metadata):
    needed = [re.match(r"[\w.-]+", line) for line in metadata.get_all("Requires-Dist", [])]
    assert {found[0] for found in needed if found} == {"orjson", "starlette", "uvicorn"}


def test_the_wheel_carries_its_readme_and_its_licence(metadata, info):
    assert metadata["License-Expression"] == "Apache-2.0"
    assert (info / "licenses" / "LICENSE").read_text() == (PROJECT / "LICENSE").read_text()
    assert metadata.get_payload().strip() == README.read_text().strip()


def test_the_command_shows_its_options_where_the_provider_cannot_be_imported(unpacked, info):
    points = configparser.ConfigParser()
    points.read(info / "entry_points.txt")
    module, _, function = points["console_scripts"]["cdi-sandbox"].partition(":")
    shown = run_alone(
        unpacked, f"import {module} as command; sys.argv = ['cdi-sandbox', '--help']; command.{function}()"
    )
    assert shown.startswith("usage: cdi-sandbox")
    assert "--klaviyo-key" in shown


def test_every_module_is_imported_from_the_wheel_where_the_provider_cannot_be(unpacked):
    names = sorted(
        ".".join(path.relative_to(unpacked).with_suffix("").parts).removesuffix(".__init__")
        for path in unpacked.rglob("*.py")
    )
    code = f"import importlib\nfor name in {names!r}:\n    print(importlib.import_module(name).__file__)"
    assert {Path(line).relative_to(unpacked).parts[0] for line in run_alone(unpacked, code).split()} == {"cdi_sandbox"}


@pytest.mark.parametrize("block", blocks(README, "python"), ids=lambda block: block.place)
def test_an_example_of_the_readme_runs_where_the_provider_cannot_be_imported(unpacked, block):
    assert "http://127.0.0.1:" in run_alone(unpacked, block.text)
