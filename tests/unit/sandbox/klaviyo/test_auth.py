"""What stands before every endpoint of Klaviyo: key, path, scopes, content type, revision, size, syntax."""

from __future__ import annotations

import json

import pytest
from support.klaviyo_world import pointers

from cdi_sandbox.klaviyo.endpoints import ENDPOINTS
from cdi_sandbox.klaviyo.json_api.revisions import NEWEST, serve

YEAR_2026, YEAR_2027 = 1_790_000_000.0, 1_821_000_000.0


def error_of(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["title"], error["detail"]


@pytest.mark.parametrize("key", [None, "Klaviyo-API-Key pk_wrong", "Bearer pk_sandbox", "Klaviyo-API-Key sandbox-key"])
def test_a_missing_and_a_wrong_key_are_answered_alike_and_without_rate_headers(klaviyo, key):
    answer = klaviyo.call("GET", "/api/accounts", authorization=key)
    title, detail = "Authentication credentials were not provided.", "Missing or invalid private key."
    assert error_of(answer) == (401, "not_authenticated", title, detail)
    assert answer.headers["www-authenticate"] == "Bearer, Klaviyo-API-Key"
    assert not any(name.startswith("ratelimit") for name in answer.headers)


def test_a_wrong_key_is_never_repeated(klaviyo):
    assert "secret" not in klaviyo.call("GET", "/api/accounts", authorization="Klaviyo-API-Key pk_secret").text


def test_a_good_answer_says_who_and_which_revision_answered(klaviyo):
    answer = klaviyo.call("GET", "/api/accounts")
    assert answer.headers["content-type"] == "application/vnd.api+json"
    assert answer.headers["cid"] == "DeMo01"
    assert answer.headers["x-klaviyo-api-revision"] == "2026-10-15"
    assert answer.headers["x-klaviyo-api-retirement-date"] == "2028-10-15"
    assert answer.headers["x-klaviyo-req-id"]


def test_the_request_id_of_an_error_is_also_its_header(klaviyo):
    answer = klaviyo.call("POST", "/api/profile-import", {"data": {"type": "profile", "attributes": {}}})
    assert {error["id"] for error in answer.json()["errors"]} == {answer.headers["x-klaviyo-req-id"]}


def test_the_account_of_the_key_is_shown(klaviyo):
    (account,) = klaviyo.get("/api/accounts")["data"]
    assert (account["type"], account["id"], account["attributes"]["test_account"]) == ("account", "DeMo01", True)
    assert account["attributes"]["contact_information"]["organization_name"] == "Acme Demo"


def test_a_slash_at_the_end_changes_nothing(klaviyo):
    assert klaviyo.call("GET", "/api/accounts/").status_code == 200
    assert klaviyo.sandbox.received("/api/accounts")["requests"] == 1


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nowhere", "/api/accounts/1/2"])
def test_an_unknown_path_is_not_found(klaviyo, path):
    assert klaviyo.call("GET", path).status_code == 404


def test_a_method_that_a_path_does_not_have_is_not_allowed(klaviyo):
    assert klaviyo.call("DELETE", "/api/profile-bulk-import-jobs").status_code == 405


def test_a_key_without_a_scope_is_told_which_one(make_klaviyo):
    klaviyo = make_klaviyo(shared={"klaviyo_keys": {"pk_reader": frozenset({"profiles:read", "lists:write"})}})
    answer = klaviyo.import_profiles({"attributes": {"email": "a@acme.io"}}, authorization="Klaviyo-API-Key pk_reader")
    assert error_of(answer)[:2] == (403, "permission_denied")
    assert error_of(answer)[3] == "The key is missing the scope profiles:write."


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_every_endpoint_needs_its_scopes(make_klaviyo, endpoint):
    klaviyo = make_klaviyo(shared={"klaviyo_keys": {"pk_nothing": frozenset()}})
    path = endpoint.path.replace("{id}", "x")
    answer = klaviyo.call(endpoint.method, path, {}, authorization="Klaviyo-API-Key pk_nothing")
    assert answer.status_code == 403
    assert all(scope in answer.text for scope in endpoint.permission.split())


def test_a_body_of_another_type_is_refused(klaviyo):
    assert klaviyo.call("POST", "/api/profile-import", {}, content_type="text/plain").status_code == 415


def test_a_plain_json_type_is_taken_too(klaviyo):
    body = {"data": {"type": "profile", "attributes": {"email": "a@acme.io"}}}
    assert klaviyo.call("POST", "/api/profile-import", body, content_type="application/json").status_code == 201


def test_a_compressed_body_is_refused(klaviyo):
    assert klaviyo.call("POST", "/api/profile-import", content=b"x", content_encoding="gzip").status_code == 415


@pytest.mark.parametrize(("setting", "status"), [(413, 413), (400, 400)])
def test_a_body_over_five_megabytes_is_refused_with_the_status_chosen(make_klaviyo, setting, status):
    klaviyo = make_klaviyo(oversize_status=setting)
    answer = klaviyo.call("POST", "/api/profile-bulk-import-jobs", content=b" " * 5_000_001)
    assert answer.status_code == status


def test_a_body_that_is_no_json_is_refused(klaviyo):
    assert pointers(klaviyo.call("POST", "/api/profile-import", content=b"{")) == ["/data"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], "/data"),
        ({"data": []}, "/data"),
        ({"data": {"type": "profiles", "attributes": {}}}, "/data/type"),
        ({"data": {"type": "profile", "attributes": 1}}, "/data/attributes"),
    ],
    ids=json.dumps,
)
def test_an_envelope_of_another_shape_is_refused(klaviyo, body, pointer):
    assert pointers(klaviyo.call("POST", "/api/profile-import", body)) == [pointer]


def test_a_request_needs_a_revision(klaviyo):
    answer = klaviyo.call("GET", "/api/accounts", revision=None)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"] == {"parameter": "revision"}


@pytest.mark.parametrize(
    ("wanted", "served"),
    [
        ("2026-07-15", "2026-07-15"),
        ("2026-07-15.pre", "2026-07-15"),
        ("2026-08-01", "2026-10-15"),  # there is none of this day
        ("2023-01-24", "2024-10-15"),  # retired
    ],
)
def test_an_unknown_or_retired_revision_falls_forward_to_one_that_is_served(klaviyo, wanted, served):
    answer = klaviyo.call("GET", "/api/accounts", revision=wanted)
    assert (answer.status_code, answer.headers["x-klaviyo-api-revision"]) == (200, served)


@pytest.mark.parametrize(("wanted", "status"), [("2023-01-24", 410), ("2026-08-01", 400)])
def test_a_client_can_opt_out_of_falling_forward(klaviyo, wanted, status):
    opt_out = {"x_klaviyo_revision_fall_forward_opt_out": "1"}
    assert klaviyo.call("GET", "/api/accounts", revision=wanted, **opt_out).status_code == status


@pytest.mark.parametrize(("wanted", "status"), [("2023-01-24", 410), ("2026-08-01", 400)])
def test_falling_forward_can_be_switched_off(make_klaviyo, wanted, status):
    klaviyo = make_klaviyo(unknown_revision="refuse")
    assert klaviyo.call("GET", "/api/accounts", revision=wanted).status_code == status


@pytest.mark.parametrize("wanted", ["2027-01-15", "latest", "2026-13-01", "20261015"])
def test_a_revision_that_does_not_exist_is_refused(klaviyo, wanted):
    assert klaviyo.call("GET", "/api/accounts", revision=wanted).status_code == 400


def test_a_revision_retires_two_years_after_its_date():
    assert serve("2025-04-15", YEAR_2026, forward=False) == ("2025-04-15", "")
    assert serve("2025-04-15", YEAR_2027, forward=False) == ("", "retired")


def test_the_newest_known_revision_is_served_for_ever():
    assert serve(NEWEST, YEAR_2027 * 2, forward=False) == (NEWEST, "")
