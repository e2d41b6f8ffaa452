"""Airflow's public REST API, as a person with a script uses it."""

from __future__ import annotations

from typing import Any

import requests


class Rest:
    """A client that is logged in.

    :param url: of the API server, without a path.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between us and the loopback interface

    def log_in(self) -> None:
        """Take a token; every user is an admin here."""
        token = self._session.get(f"{self._url}/auth/token", timeout=30).json()["access_token"]
        self._session.headers["authorization"] = f"Bearer {token}"

    def is_up(self) -> bool:
        """Whether the API server answers and has heard from the scheduler and the DAG processor."""
        try:
            health = self._session.get(f"{self._url}/api/v2/monitor/health", timeout=5).json()
        except (requests.ConnectionError, requests.Timeout):
            return False
        return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))

    def get(self, path: str, **query: Any) -> Any:
        """Return what is at a path."""
        return self._ask("GET", path, params=query)

    def find(self, path: str, **query: Any) -> Any:
        """Return what is at a path, None where there is nothing."""
        return self._ask("GET", path, params=query, absent=True)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Make something."""
        return self._ask("POST", path, json=body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Change something."""
        return self._ask("PATCH", path, json=body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """Set something."""
        return self._ask("PUT", path, json=body)

    def delete(self, path: str) -> None:
        """Remove something."""
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str, *, absent: bool = False, **more: Any) -> Any:
        answer = self._session.request(method, f"{self._url}/api/v2{path}", timeout=60, **more)
        if absent and answer.status_code == 404:
            return None
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:1000]}"
        return answer.json() if answer.content else None
