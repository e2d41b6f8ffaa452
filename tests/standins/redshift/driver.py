"""Three habits of the driver and of Airflow's hook that a test run cannot bear, and nobody else minds."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytest


def tame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the habits away for one test; what goes over the wire stays as it is.

    redshift_connector 2.2.0 makes its TLS context the old way, with a warning, and leaves the socket of a connection
    that was refused to the garbage collector. ``RedshiftSQLHook`` tries to connect five times, also with a wrong
    password, and waits up to 16 seconds in between.
    """
    import redshift_connector
    import tenacity
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    original = redshift_connector.Connection.__init__

    @functools.wraps(original)
    def init(self: Any, *arguments: Any, **named: Any) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                original(self, *arguments, **named)
        except BaseException:
            for stream in (getattr(self, "_sock", None), getattr(self, "_usock", None)):
                if stream is not None:
                    stream.close()
            raise

    monkeypatch.setattr(redshift_connector.Connection, "__init__", init)
    monkeypatch.setattr(RedshiftSQLHook.get_conn.retry, "wait", tenacity.wait_none())
