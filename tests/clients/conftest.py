"""A sandbox on a real socket, for clients that nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cdi_sandbox.server import SandboxServer


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(klaviyo={"strict": True}) as server:
        yield server
