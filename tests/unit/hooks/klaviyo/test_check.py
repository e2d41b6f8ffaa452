"""What the connection test concludes from Klaviyo's answers."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.klaviyo.check import PROBES, check_key

HOST = "a.klaviyo.com"
ACCOUNT = {
    "type": "account",
    "id": "DeMo01",
    "attributes": {"test_account": False, "contact_information": {"organization_name": "Acme"}},
}
ERROR = {"errors": [{"status": 400}]}


def answer(status, body=ERROR, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def check(given=None, *, account=None, **changed):
    """Answer the probes: as to a good key, except those named by their scope (``lists=``, ``accounts=``)."""
    good = {
        "accounts": answer(200, {"data": [ACCOUNT]}),
        "profiles": answer(200, {"data": []}),
        "lists": answer(200, {"data": []}),
        "subscriptions": answer(404),
    }
    answers = {scope: given or each for scope, each in good.items()} | changed
    by_path = {probe.request.path: answers[probe.permission.partition(":")[0]] for probe in PROBES}
    return check_key(lambda request: by_path[request.path], HOST, revision="2026-10-15", account=account)


def test_good_key_is_proved_with_its_account():
    works, text = check(account="DeMo01")
    assert works
    assert text.startswith(f"{HOST} accepts the key of the account 'Acme' (DeMo01). Not looked at")


def test_probes_change_nothing_and_ask_for_one_thing_at_most():
    assert {(probe.request.method, probe.request.body) for probe in PROBES} == {("GET", b"")}
    paged = [probe.request.path for probe in PROBES if "?" in probe.request.path]
    # Lists come ten at most, and may be asked for pages only since a revision.
    assert all("page[size]=1" in path or path.startswith("/api/lists") for path in paged)


def test_a_missing_scope_is_named_with_what_needs_it():
    works, text = check(lists=answer(403))
    assert works
    assert "Not granted: lists:read (following imports)." in text


def test_a_key_that_hides_its_account_does_not_do_where_the_connection_names_one():
    works, text = check(accounts=answer(403), account="DeMo01")
    assert not works
    assert "Runs will stop" in text


def test_an_account_without_a_name_is_still_a_good_key():
    works, text = check(accounts=answer(200, {"data": [{"id": "DeMo01"}]}))
    assert works
    assert "does not tell the account's name" in text


@pytest.mark.parametrize("status", [429, 500, 503, 524])
@pytest.mark.parametrize("body", [b"", b"<html>busy</html>"])
def test_busy_klaviyo_gives_no_verdict(status, body):
    works, text = check(answer(status, body))
    assert not works
    assert f"gave no verdict on the key (status {status})" in text


def test_one_busy_endpoint_does_not_hide_the_others():
    works, text = check(lists=answer(503, b""))
    assert works
    assert "Not clear, test again later: lists:read (status 503)." in text


@pytest.mark.parametrize("given", [answer(200, b"<html>Log in</html>"), answer(403, b"Blocked"), answer(302, b"")])
def test_page_that_is_not_klaviyo_s_is_named(given):
    works, text = check(given)
    assert not works
    assert f"not as Klaviyo's API does (status {given.status} to GET /api/accounts" in text


def test_fault_on_the_way_is_told_and_ends_the_test():
    asked = []

    def call(request):
        asked.append(request)
        raise NoAnswer("the proxy gave no way", may_have_arrived=False)

    assert check_key(call, HOST, revision="2026-10-15") == (False, "No answer from Klaviyo: the proxy gave no way.")
    assert len(asked) == 1
