"""Clients from npm and PyPI, each downloaded once into ``build/clients``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build" / "clients"
BRAZE_API = "braze-api@2.13.4"
#: Without what it needs: it asks for an Airflow below 3, and its hook runs on ours.
BRAZE_PROVIDER = "airflow-provider-braze==1.0.4"
MINUTES = 5


def npm_package(package: str) -> Path:
    """Return the folder that ``NODE_PATH`` must name."""
    folder = _once(package, ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", package, "--prefix"])
    return folder / "node_modules"


def python_package(package: str) -> Path:
    """Return the folder that ``PYTHONPATH`` must name."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    return _once(package, [*command, package, "--target"])


def _once(package: str, command: Sequence[str]) -> Path:
    """Download into a folder beside its place, so that one that was cut short is never taken for whole."""
    folder, unfinished = BUILD / package, BUILD / f"{package}.part"
    if not folder.exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        subprocess.run([*command, str(unfinished)], check=True, timeout=60 * MINUTES)
        unfinished.rename(folder)
    return folder
