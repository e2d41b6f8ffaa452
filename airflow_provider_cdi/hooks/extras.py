"""How an extra of this package is installed."""

from __future__ import annotations


def install(extra: str) -> str:
    """Say how an extra is installed, as the beginning of a sentence."""
    return f"Install it with pip install 'airflow-provider-cdi[{extra}]'"
