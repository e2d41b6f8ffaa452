"""A hook that is bound to a connection asks Airflow for none."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import BaseHook, Connection

from airflow_provider_cdi.hooks.pinning import pinned

CONNECTION = Connection(conn_id="w", conn_type="sqlite", host="/tmp/w")


class _LazyHook(BaseHook):
    def host(self) -> str | None:
        return self.get_connection("w").host


class _EagerHook(BaseHook):
    def __init__(self, **_: Any) -> None:
        self.found = self.get_connection("w")


@pytest.fixture(autouse=True)
def _airflow_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(_cls: type, conn_id: str) -> Connection:
        raise AssertionError(f"Airflow was asked for {conn_id}")

    monkeypatch.setattr(BaseHook, "get_connection", classmethod(asked))


def test_a_hook_that_asks_when_it_connects() -> None:
    assert pinned(_LazyHook(), CONNECTION).host() == CONNECTION.host


def test_a_hook_that_asks_as_soon_as_it_is_made() -> None:
    own = pinned(type("Own", (_EagerHook,), {}), CONNECTION)
    assert own().found is CONNECTION


def test_nobody_elses_hook_is_bound() -> None:
    pinned(_LazyHook(), CONNECTION)
    with pytest.raises(AssertionError, match="was asked"):
        _LazyHook().host()
