"""What the connection test concludes from Braze's answers."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.braze.check import PROBES, check_key

HOST = "rest.iad-01.braze.com"
VALID_DATA = {"message": "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."}
BAD_KEY = {"message": "Invalid API Key"}
DENIED = {"message": "Access Denied"}
NO_CATALOG = {"message": "Not Found", "errors": [{"id": "catalog-not-found"}]}


def answer(status, body):
    return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


#: How Braze answers a key that may do everything.
GOOD = {
    "/users/track": answer(400, VALID_DATA),
    "/users/delete": answer(400, {"message": "At least one id is required"}),
    "/catalogs": answer(200, {"catalogs": [], "message": "success"}),
    "items": answer(404, NO_CATALOG),
}


def check(**changed):
    """Answer the probes: as to a good key, except those named (track, delete, catalogs, items)."""
    answers = {path.rpartition("/")[2]: each for path, each in GOOD.items()} | changed
    return check_key(lambda request: answers[request.path.rpartition("/")[2]], HOST)


def everywhere(given):
    return check(track=given, delete=given, catalogs=given, items=given)


def test_good_key_is_proved_with_all_its_permissions():
    works, text = check()
    assert works
    assert text.startswith(f"{HOST} accepts the key. Granted: users.track (attributes, events, purchases), ")
    for probe in PROBES:
        assert probe.permission in text
    assert "Not" not in text


def test_probes_send_no_row():
    bodies = {probe.request.body for probe in PROBES}
    assert bodies == {b"{}", b'{"external_ids":[]}', b"", b'{"items":[]}'}


def test_probes_cover_what_the_data_types_need():
    assert [probe.permission for probe in PROBES] == [
        "users.track",
        "users.delete",
        "catalogs.get",
        "catalogs.replace_items",
        "catalogs.update_items",
        "catalogs.delete_items",
    ]


def test_empty_lists_that_are_accepted_are_a_grant_too():
    works, text = check(delete=answer(201, {"deleted": 0, "message": "success"}), track=answer(202, BAD_KEY))
    assert works
    assert "Not" not in text


def test_dead_key_and_wrong_instance_are_named_together():
    works, text = everywhere(answer(401, BAD_KEY))
    assert not works
    assert "refused the key (401)" in text
    assert "another instance" in text


@pytest.mark.parametrize("refusal", [answer(403, DENIED), answer(401, DENIED)])
def test_missing_permission_is_told_from_a_bad_key(refusal):
    works, text = check(delete=refusal)
    assert works
    assert "Not granted: users.delete (user_deletes)." in text


def test_key_for_catalogs_alone_works():
    works, text = check(track=answer(403, DENIED), delete=answer(403, DENIED))
    assert works
    assert "Not granted: users.track" in text


def test_live_key_without_any_permission_fails():
    works, text = everywhere(answer(403, DENIED))
    assert not works
    assert "knows the key, but it grants none" in text


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b'{"message":"busy"}'])
def test_busy_braze_gives_no_verdict(status, body):
    works, text = everywhere(answer(status, body))
    assert not works
    assert f"gave no verdict on the key (status {status})" in text


def test_one_busy_endpoint_does_not_hide_the_others():
    works, text = check(delete=answer(503, b""))
    assert works
    assert "Not clear, test again later: users.delete (status 503)." in text


def test_unknown_path_is_not_a_grant():
    works, text = check(items=answer(404, {"message": "Not Found"}))
    assert works
    assert "Not clear, test again later: catalogs.replace_items (status 404)" in text


@pytest.mark.parametrize(
    "given",
    [
        answer(200, b"<html>Log in</html>"),
        answer(403, b"<html>Blocked by policy</html>"),
        answer(302, b""),
        answer(200, {"ok": True}),
        answer(200, [1]),
        answer(400, b"\xff"),
    ],
)
def test_page_that_is_not_braze_s_is_named(given):
    works, text = everywhere(given)
    assert not works
    assert "not as Braze's REST API does" in text
    assert f"status {given.status} to POST /users/track" in text


def test_fault_on_the_way_is_told_and_ends_the_test():
    asked = []

    def call(request):
        asked.append(request)
        raise NoAnswer("the proxy proxy.corp:3128 gave no way", may_have_arrived=False)

    assert check_key(call, HOST) == (False, "No answer from Braze: the proxy proxy.corp:3128 gave no way.")
    assert len(asked) == 1
