"""What touches Airflow, on every version of Airflow: ``python tests/matrix.py [VERSION ...]``, or ``make test-matrix``.

Each version gets an environment of its own beside the project's, ``.venv-<version>``, made once.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")

#: The official DuckDB provider is younger than the older versions of Airflow, and works with them.
DUCKDB = ("apache-airflow-providers-duckdb", "2026-11-01")
#: Tells by mail what a watch has to tell.
SMTP = ("apache-airflow-providers-smtp", "2026-11-01")


@dataclass(frozen=True)
class Release:
    """One version of Airflow.

    :param version: the newest of its line.
    :param newest: no package may be younger, so that the version gets the libraries of its time; Airflow's own
        constraints files are not in a package index.
    :param but: packages that may be younger, each up to a day of its own.
    :param also: what people install with this version.
    """

    version: str
    newest: str
    but: Sequence[tuple[str, str]] = (DUCKDB, SMTP)
    also: Sequence[str] = ()


RELEASES = (
    # The FAB provider brings the form library (wtforms), without which 3.0 shows no connection form of any provider.
    Release(
        "3.0.6",
        "2025-09-20",
        but=(
            DUCKDB,
            SMTP,
            ("apache-airflow-providers-common-sql", "2025-11-01"),
            # Those of its time put no bound on what an answer may take.
            ("aiohttp", "2026-04-01"),
            ("urllib3", "2026-04-01"),
        ),
        also=("apache-airflow-providers-fab",),
    ),
    Release("3.1.8", "2026-04-01"),
    Release("3.2.2", "2026-07-15"),
    Release("3.3.2", "2026-10-01"),
)

TOOLS = ("apache-airflow-providers-sqlite", SMTP[0], "hypothesis", "pytest", "jsonschema")

#: The tests of what Airflow imports, calls or keeps. The engine, the destinations and the sandbox know no Airflow.
TESTS = (
    "tests/unit/cli",
    "tests/unit/checks",
    "tests/unit/hooks/braze/test_hook.py",
    "tests/unit/hooks/klaviyo/test_hook.py",
    "tests/unit/hooks/sql/test_source.py",
    "tests/unit/notifications",
    "tests/unit/operators",
    "tests/unit/transfers",
    "tests/unit/triggers",
    "tests/unit/test_dags.py",
    "tests/unit/test_import_cost.py",
    "tests/unit/test_provider_info.py",
    "tests/unit/state",
    "tests/unit/test_version_compat.py",
    "tests/integration/test_operator_acceptance.py",
    "tests/integration/test_operator_bad_input.py",
    "tests/integration/test_airflow_away.py",
    "tests/integration/test_told_as_it_is.py",
    "tests/integration/test_klaviyo_deferral.py",
    "tests/integration/test_adopt.py",
    "tests/integration/test_clock_changes.py",
    "tests/airflow/test_check_runs.py",
    "tests/airflow/cli/test_cli.py",
    "tests/airflow/test_dag_runs.py",
    "tests/airflow/test_klaviyo_dag_runs.py",
    "tests/airflow/test_redrive_runs.py",
    "tests/airflow/test_run_choices.py",
    "tests/airflow/cli/test_rejects_retry.py",
    "tests/airflow/cli/test_state_by_hand.py",
    "tests/airflow/cli/test_xcom_place.py",
    "tests/airflow/test_versions.py",
    "tests/airflow/test_watch_runs.py",
)

#: What the engine does with a million rows is seen once, by `make test`.
BUT = "not 1_000_000 and not 100_000"

#: Warnings are errors where our modules cause them; those of old libraries among each other are not ours to mend.
WARNINGS = "filterwarnings=default\nerror:::airflow_provider_cdi"


def main(versions: Sequence[str]) -> int:
    """Run the tests on the named versions, on all when none is named; return the process's exit code."""
    chosen = [release for release in RELEASES if not versions or release.version in versions]
    if len(chosen) < len(set(versions)):
        print(f"The versions are {', '.join(release.version for release in RELEASES)}.")
        return 2
    results = {release.version: run_tests(release, make_environment(release)) for release in chosen}
    print(*(f"Airflow {version}: {'passed' if code == 0 else 'FAILED'}" for version, code in results.items()), sep="\n")
    return max(results.values())


def make_environment(release: Release) -> Path:
    """Make the environment of a version, unless it is there already; return its folder."""
    folder, stamp = PROJECT / f".venv-{release.version}", PROJECT / f".venv-{release.version}" / "made-of"
    install = [str(UV), "pip", "install", "--quiet", "--python", str(folder), "--exclude-newer", release.newest]
    for package, newest in release.but:
        install += ["--exclude-newer-package", f"{package}={newest}"]
    # With its dependencies: so it is proved that what setup.cfg asks for can be had with this version.
    install += ["--editable", "./cdi_sandbox"]
    install += ["--editable", ".[demo]", f"apache-airflow=={release.version}", *TOOLS, *release.also]
    recipe = hashlib.sha256((PROJECT / "setup.cfg").read_bytes() + repr(install).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != recipe:
        started = time.monotonic()
        make = [str(UV), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
        for command in (make, install):
            subprocess.run(command, cwd=PROJECT, check=True)
        stamp.write_text(recipe)
        print(f"Airflow {release.version} installed in {time.monotonic() - started:.0f} s")
    return folder


def run_tests(release: Release, folder: Path) -> int:
    """Run the tests in the environment of a version; return pytest's exit code."""
    print(f"--- Airflow {release.version}", flush=True)
    # Set, it would make every process compile Airflow anew.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [str(folder / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", WARNINGS, *TESTS]
    options = ["-k", BUT, "--disable-warnings", "--show-capture=no"]
    return subprocess.run(command + options, cwd=PROJECT, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
