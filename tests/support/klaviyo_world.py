"""Calling the local Klaviyo in tests, and what is sent to it."""

from __future__ import annotations

import orjson

HEADERS = {
    "authorization": "Klaviyo-API-Key pk_sandbox",
    "revision": "2026-10-15",
    "content-type": "application/vnd.api+json",
    "host": "sandbox.localhost",
}


class KlaviyoCaller:
    """Calls the local Klaviyo of a sandbox without a network."""

    def __init__(self, sandbox) -> None:
        self.sandbox = sandbox
        self.clock = sandbox.clock

    def call(self, method, path, body=None, *, content=None, **headers):
        chosen = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        content = orjson.dumps(body) if content is None and body is not None else content
        return self.sandbox.http.request(method, path, content=content, headers=chosen)

    def get(self, path):
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, path, kind, attributes, relations=None, **headers):
        data = {"type": kind, "attributes": attributes, **({"relationships": relations} if relations else {})}
        return self.call("POST", f"/api/{path}", {"data": data}, **headers)

    def import_profiles(self, *profiles, lists=(), **headers):
        things = [{"type": "profile", **profile} for profile in profiles]
        relations = {"lists": {"data": [{"type": "list", "id": key} for key in lists]}} if lists else None
        content = {"profiles": {"data": things}}
        return self.send("profile-bulk-import-jobs", "profile-bulk-import-job", content, relations, **headers)

    def import_attributes(self, *attributes, **options):
        answer = self.import_profiles(*({"attributes": each} for each in attributes), **options)
        assert answer.status_code == 202, answer.text
        return answer.json()["data"]["id"]

    def job(self, job_id):
        return self.get(f"/api/profile-bulk-import-jobs/{job_id}")["data"]["attributes"]

    def import_errors(self, job_id):
        found = self.get(f"/api/profile-bulk-import-jobs/{job_id}/import-errors?page[size]=100")["data"]
        return [error["attributes"] for error in found]

    def upsert(self, **attributes):
        return self.send("profile-import", "profile", attributes)

    def send_events(self, *entries, **headers):
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

    def create_list(self, name="Warehouse", **attributes):
        answer = self.send("lists", "list", {"name": name, **attributes})
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]

    def profile(self, **identifier):
        answer = self.sandbox.http.get("/_sandbox/klaviyo/profile", params=identifier)
        return None if answer.status_code == 404 else answer.json()

    def events(self, **identifier):
        return self.sandbox.http.get("/_sandbox/klaviyo/events", params=identifier).json()["events"]

    def state(self):
        return self.sandbox.http.get("/_sandbox/klaviyo/state").json()

    def change(self, **settings):
        self.sandbox.change(klaviyo=settings)


def event(metric="Opened", **attributes):
    """Make an event as Klaviyo wants it."""
    named = {"data": {"type": "metric", "attributes": {"name": metric}}}
    return {"type": "event", "attributes": {"metric": named, "properties": {}, **attributes}}


def single_event(klaviyo, profile, sent, **headers):
    """Send one event of one profile (``{"attributes": ...}``) without a bulk request."""
    attributes = {**sent["attributes"], "profile": {"data": {"type": "profile", **profile}}}
    return klaviyo.send("events", "event", attributes, **headers)


def pointers(answer):
    """List where in the body of its request an answer 400 sees errors."""
    assert answer.status_code == 400, answer.text
    return [error["source"]["pointer"] for error in answer.json()["errors"]]
