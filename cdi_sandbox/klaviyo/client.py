"""The local Klaviyo of a running sandbox, for tests and demonstrations: ``sandbox.klaviyo``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.json_api.errors import JSON_API
from cdi_sandbox.klaviyo.json_api.revisions import NEWEST

_ALL = 1_000_000_000


class KlaviyoClient:
    """Asks a sandbox about its Klaviyo, and calls Klaviyo's API.

    :param key: the private key.
    :param request: calls a path with a body and headers.
    :param control: calls a path of the control plane.
    """

    def __init__(self, key: str, request: Callable[..., Any], control: Callable[..., Any]) -> None:
        self.key = key
        self._request = request
        self._control = control

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """Call an endpoint of the API, for example ``call("GET", "/api/accounts")``.

        :return: the answer's body; None for an empty one.
        :raises SandboxError: for an answer of 400 or more.
        """
        headers = {"authorization": f"Klaviyo-API-Key {self.key}", "revision": NEWEST, "content-type": JSON_API}
        return self._request(method, path, body, headers)

    def create_list(self, name: str, opt_in: str = "single_opt_in") -> str:
        """Make a list, and return its id."""
        attributes = {"name": name, "opt_in_process": opt_in}
        made = self.call("POST", "/api/lists", {"data": {"type": "list", "attributes": attributes}})
        return str(made["data"]["id"])

    def state(self) -> dict[str, Any]:
        """Count what it holds, and which events vanished for which reason."""
        shown: dict[str, Any] = self._control("GET", "/klaviyo/state")
        return shown

    def profile(self, **identifier: str) -> dict[str, Any] | None:
        """Show one profile, for example ``profile(email="a@b.io")``; None when there is none."""
        shown: dict[str, Any] | None = self._control("GET", "/klaviyo/profile", query=identifier, absent=None)
        return shown

    def profiles(self) -> list[dict[str, Any]]:
        """Show all profiles, in the order of their creation."""
        shown: list[dict[str, Any]] = self._control("GET", "/klaviyo/profiles", query={"limit": _ALL})["profiles"]
        return shown

    def events(self, **identifier: str) -> list[dict[str, Any]]:
        """Show all events, or those of one profile, in the order in which they were recorded."""
        query = {"limit": _ALL, **identifier}
        found = self._control("GET", "/klaviyo/events", query=query, absent={"events": []})
        shown: list[dict[str, Any]] = found["events"]
        return shown

    def jobs(self) -> list[dict[str, Any]]:
        """Show all jobs, in the order of their creation."""
        shown: list[dict[str, Any]] = self._control("GET", "/klaviyo/jobs")
        return shown
