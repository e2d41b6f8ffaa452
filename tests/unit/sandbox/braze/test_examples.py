"""Every recorded or documented pair of request and response of Braze's API, against the sandbox."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

EXAMPLES = json.loads((Path(__file__).parent / "examples.json").read_text())
RATE_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-retry-after")
# What the file says in words.
BODIES = {
    "<76 objects>": [{"external_id": f"c-{n}", "a": n} for n in range(76)],
    "<51 ids>": [f"c-{n}" for n in range(51)],
    "<51 items>": [{"id": f"s-{n}"} for n in range(51)],
    "<988 bytes>": "é" * 494,
    "<any>": [{"external_id": "c-1", "name": "e", "time": "2026-01-05T00:00:00Z"}],
}
RAW_BODIES = {
    "<body over 4 MB>": b" " * (4 * 1024 * 1024 + 1),
    "<body over 2 MB>": b" " * (2 * 1024 * 1024 + 1),
    "<no content-type>": b"{}",
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_example_is_answered_as_braze_does(make_sandbox, example):
    keys = {"sandbox-key": None, "tracker": frozenset({"users.track"})}
    options = {"now": example["now"]} if "now" in example else {}
    sandbox = make_sandbox(keys=keys, **options, **example.get("settings", {}))
    for call in example.get("given", []):
        for _ in range(call.get("times", 1)):
            assert sandbox.call(call["method"], call["path"], call["body"]).status_code < 300
    for fault in example.get("faults", []):
        sandbox.set_fault(**fault)

    answer = send(sandbox, example["request"], example.get("key", "sandbox-key"))

    expected = example["response"]
    assert answer.status_code == expected["status"]
    assert {name: answer.headers[name] for name in RATE_HEADERS if name in answer.headers} == expected["headers"]
    assert comparable(answer.json(), example) == comparable(expected["body"], example)


def send(sandbox, request, key):
    body = request["body"]
    if isinstance(body, str):
        raw = RAW_BODIES.get(body, body.encode())
        headers = {"authorization": f"Bearer {key}"}
        if body != "<no content-type>":
            headers["content-type"] = "application/json"
        return sandbox.http.request(request["method"], request["path"], content=raw, headers=headers)
    return sandbox.call(request["method"], request["path"], written_out(body), key)


def written_out(value):
    if isinstance(value, str):
        return BODIES.get(value, value)
    if isinstance(value, list):
        return [written_out(part) for part in value]
    if isinstance(value, dict):
        return {name: written_out(part) for name, part in value.items()}
    return value


def comparable(body, example):
    """Keep what the example is about: for illustrative values the keys only, ids of Braze's by their form."""
    if example.get("compare") == "keys":
        return {name: sorted(part[0]) if isinstance(part, list) else part for name, part in body.items()}
    return json.loads(re.sub(r'"[0-9a-f]{24}"', '"<24 hexadecimal digits>"', json.dumps(body)))
