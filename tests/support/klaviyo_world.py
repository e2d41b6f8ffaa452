"""Calling the local Klaviyo in tests, and what is sent to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

HEADERS = {
    "authorization": "Klaviyo-API-Key pk_sandbox",
    "revision": "2026-10-15",
    "content-type": "application/vnd.api+json",
    "host": "sandbox.localhost",
}


class KlaviyoCaller:
    """Calls the local Klaviyo of a sandbox without a network."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox
        self.clock = sandbox.clock

    def call(
        self, method: str, path: str, body: Any = None, *, content: bytes | None = None, **headers: str | None
    ) -> Any:
        chosen = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        content = orjson.dumps(body) if content is None and body is not None else content
        return self.sandbox.http.request(method, path, content=content, headers=chosen)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, path: str, kind: str, attributes: Any, relations: Any = None, **headers: str | None) -> Any:
        data = {"type": kind, "attributes": attributes, **({"relationships": relations} if relations else {})}
        return self.call("POST", f"/api/{path}", {"data": data}, content=None, **headers)

    def import_profiles(self, *profiles: Any, lists: Sequence[str] = (), **headers: str | None) -> Any:
        things = [{"type": "profile", **profile} for profile in profiles]
        relations = {"lists": {"data": [{"type": "list", "id": key} for key in lists]}} if lists else None
        content = {"profiles": {"data": things}}
        return self.send("profile-bulk-import-jobs", "profile-bulk-import-job", content, relations, **headers)

    def import_attributes(self, *attributes: Any, **options: Any) -> Any:
        answer = self.import_profiles(*({"attributes": each} for each in attributes), **options)
        assert answer.status_code == 202, answer.text
        return answer.json()["data"]["id"]

    def job(self, job_id: str) -> Any:
        return self.get(f"/api/profile-bulk-import-jobs/{job_id}")["data"]["attributes"]

    def import_errors(self, job_id: str) -> Any:
        found = self.get(f"/api/profile-bulk-import-jobs/{job_id}/import-errors?page[size]=100")["data"]
        return [error["attributes"] for error in found]

    def upsert(self, **attributes: Any) -> Any:
        return self.send("profile-import", "profile", attributes)

    def send_events(self, *entries: Any, **headers: str | None) -> Any:
        """Send entries, each a profile's attributes and its events (see ``event``)."""
        content = [
            {
                "type": "event-bulk-create",
                "attributes": {
                    "profile": {"data": {"type": "profile", "attributes": profile}},
                    "events": {"data": events},
                },
            }
            for profile, *events in entries
        ]
        attributes = {"events-bulk-create": {"data": content}}
        return self.send("event-bulk-create-jobs", "event-bulk-create-job", attributes, **headers)

    def create_list(self, name: str = "Warehouse", **attributes: Any) -> Any:
        answer = self.send("lists", "list", {"name": name, **attributes})
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]

    def profile(self, **identifier: str) -> Any:
        answer = self.sandbox.http.get("/_sandbox/klaviyo/profile", params=identifier)
        return None if answer.status_code == 404 else answer.json()

    def events(self, **identifier: str) -> Any:
        return self.sandbox.http.get("/_sandbox/klaviyo/events", params=identifier).json()["events"]

    def state(self) -> Any:
        return self.sandbox.http.get("/_sandbox/klaviyo/state").json()

    def change(self, **settings: Any) -> None:
        self.sandbox.change(klaviyo=settings)


def event(metric: str = "Opened", **attributes: Any) -> dict[str, Any]:
    """Make an event as Klaviyo wants it."""
    named = {"data": {"type": "metric", "attributes": {"name": metric}}}
    return {"type": "event", "attributes": {"metric": named, "properties": {}, **attributes}}


def single_event(klaviyo: KlaviyoCaller, profile: Any, sent: Any, **headers: str | None) -> Any:
    """Send one event of one profile (``{"attributes": ...}``) without a bulk request."""
    attributes = {**sent["attributes"], "profile": {"data": {"type": "profile", **profile}}}
    return klaviyo.send("events", "event", attributes, **headers)


def pointers(answer: Any) -> list[str]:
    """List where in the body of its request an answer 400 sees errors."""
    assert answer.status_code == 400, answer.text
    return [error["source"]["pointer"] for error in answer.json()["errors"]]
