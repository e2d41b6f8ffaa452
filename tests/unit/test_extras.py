"""Who installs one warehouse gets one vendor."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

VENDORS = {
    "snowflake": "snowflake-connector-python",
    "redshift": "redshift-connector",
    "bigquery": "google-cloud-bigquery",
    "databricks": "databricks-sql-connector",
    "duckdb": "duckdb",
}


def brought_by(requirement: str) -> set[str]:
    """Return the names of all packages that a requirement brings, as the installed ones declare it."""
    found: set[tuple[str, frozenset[str]]] = set()
    left = [Requirement(requirement)]
    while left:
        wanted = left.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in found:
            continue
        found.add(key)
        try:
            declared = requires(wanted.name) or []
        except PackageNotFoundError:
            continue
        left += [
            one
            for one in map(Requirement, declared)
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (wanted.extras or {""}))
        ]
    return {name for name, _ in found}


@pytest.mark.parametrize("extra", list(VENDORS))
def test_one_extra_brings_one_vendor(extra: str) -> None:
    brought = brought_by(f"airflow-provider-cdi[{extra}]")
    assert {vendor for vendor in VENDORS.values() if vendor in brought} == {VENDORS[extra]}


def test_without_an_extra_no_vendor_comes() -> None:
    assert not brought_by("airflow-provider-cdi") & set(VENDORS.values())


def test_all_brings_all() -> None:
    assert brought_by("airflow-provider-cdi[all]") >= set(VENDORS.values())
