"""Consent and deletion through the operator, from a DuckDB table to the sandbox, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.version_compat import AirflowFailException

CONSENT = """create or replace table consent as select timestamp '2026-01-01' + to_seconds(i) as updated_at,
    'c' || i || '@acme-demo.io' as email, '+49151123456' || (10 + i) as phone_number,
    i % 3 > 0 as email_marketing, i % 2 = 0 as sms_marketing from range({rows}) as numbers(i)"""
ADDRESSES = """create or replace table consent as select timestamp '2026-01-01' + to_seconds(i) as updated_at,
    'c' || i || '@acme-demo.io' as email from range({rows}) as numbers(i)"""
EMAIL = {"channels": ["email_marketing"]}
KINDS = {
    "subscribe": ("subscription-bulk-create", "SUBSCRIBED"),
    "unsubscribe": ("subscription-bulk-delete", "UNSUBSCRIBED"),
}


class ConsentLab:
    """A sync of consent and Klaviyo behind it."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.sql, self.klaviyo = lab, lab.sql, lab.klaviyo

    def run(self, data_type: str, **arguments: Any) -> dict[str, Any]:
        defaults = {"source": "consent", "data_type": data_type, "sync_id": data_type}
        report: dict[str, Any] = self.lab.run(**defaults | arguments)
        outcomes = (report["accepted"], report["rejected"], report["skipped"], report["unknown"])
        assert report["rows_read"] == sum(outcomes)
        return report

    def change(self, verb: str, *numbers: int) -> None:
        """Change the consent of people in Klaviyo, as somebody else would."""
        name, state = KINDS[verb]
        choice = {"email": {"marketing": {"consent": state}}}
        self._post(f"profile-{name}-job", [{"email": person(n), "subscriptions": choice} for n in numbers])

    def suppress(self, *numbers: int) -> None:
        self._post("profile-suppression-bulk-create-job", [{"email": person(n)} for n in numbers])

    def _post(self, kind: str, attributes: list[dict[str, Any]]) -> None:
        profiles = {"data": [{"type": "profile", "attributes": each} for each in attributes]}
        body = {"data": {"type": kind, "attributes": {"profiles": profiles}}}
        self.klaviyo.call("POST", f"/api/{kind}s", body)
        self.klaviyo.state()

    def consent(self, number: int) -> dict[str, str]:
        found = self.klaviyo.profile(email=person(number))
        return found["consent"] if found else {}

    def suppressions(self, number: int) -> list[str]:
        return self.klaviyo.profile(email=person(number))["suppressions"]


def person(number: int) -> str:
    return f"c{number}@acme-demo.io"


@pytest.fixture
def consent_lab(klaviyo_lab: Any) -> ConsentLab:
    klaviyo_lab.sandbox.change(klaviyo={"job_seconds": [0, 0]}, apply_delay=0)
    return ConsentLab(klaviyo_lab)


# --- subscribe and unsubscribe --------------------------------------------------------------------------


def test_a_table_of_consent_feeds_a_sync_that_subscribes_and_one_that_unsubscribes(consent_lab):
    consent_lab.sql(CONSENT.format(rows=6))
    report = consent_lab.run(
        "subscribe", sql="select * from consent where email_marketing or sms_marketing", source=None
    )
    assert report["accepted"] == 5
    assert [consent_lab.consent(n) for n in (1, 2, 3)] == [
        {"email.marketing": "SUBSCRIBED"},
        {"email.marketing": "SUBSCRIBED", "sms.marketing": "SUBSCRIBED"},
        {},
    ]
    consent_lab.sql(
        "update consent set email_marketing = false, updated_at = timestamp '2026-02-01' "
        "where email = 'c2@acme-demo.io'"
    )
    report = consent_lab.run("unsubscribe", sql="select * from consent where not email_marketing", source=None, **EMAIL)
    assert report["accepted"] == 3
    assert consent_lab.consent(2) == {"email.marketing": "UNSUBSCRIBED", "sms.marketing": "SUBSCRIBED"}


def test_whoever_unsubscribed_in_klaviyo_since_is_not_subscribed_again(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=5))
    consent_lab.change("unsubscribe", 1, 2)
    report = consent_lab.run("subscribe", **EMAIL)
    assert (report["accepted"], report["skipped_because"]) == (3, {"consent_is_newer": 2})
    assert consent_lab.consent(1) == {"email.marketing": "UNSUBSCRIBED"}
    assert consent_lab.lab.rejected() == []


def test_with_allow_resubscribe_they_are(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=5))
    consent_lab.change("unsubscribe", 1, 2)
    report = consent_lab.run("subscribe", allow_resubscribe=True, **EMAIL)
    assert (report["accepted"], report["requests"]) == (5, 1)
    assert consent_lab.consent(1) == {"email.marketing": "SUBSCRIBED"}


def test_a_historical_import_keeps_the_time_and_asks_for_no_confirmation(consent_lab):
    consent_lab.lab.sandbox.change(klaviyo={"double_opt_in": True})
    consent_lab.sql(
        ADDRESSES.format(rows=3), "alter table consent add column consented_at timestamp default '2025-03-01 12:00:00'"
    )
    arguments = {"historical_import": True, "custom_source": "Shop till", **EMAIL}
    assert consent_lab.run("subscribe", **arguments)["accepted"] == 3
    assert consent_lab.consent(0) == {"email.marketing": "SUBSCRIBED"}
    assert consent_lab.klaviyo.state()["confirmation_mails"] == 0
    query = "/api/profiles?additional-fields[profile]=subscriptions"
    marketing = consent_lab.klaviyo.call("GET", query)["data"][0]["attributes"]["subscriptions"]["email"]["marketing"]
    assert (marketing["consent_timestamp"], marketing["method_detail"]) == ("2025-03-01T12:00:00+00:00", "Shop till")


def test_people_are_put_on_the_list_and_asked_to_confirm_where_the_list_wants_it(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=3))
    single = consent_lab.klaviyo.create_list("Single")
    double = consent_lab.klaviyo.create_list("Double", "double_opt_in")
    consent_lab.run("subscribe", list_id=single, **EMAIL)
    assert consent_lab.klaviyo.state()["lists"] == {"Single": 3, "Double": 0}
    consent_lab.run("subscribe", list_id=double, sync_id="double", **EMAIL)
    assert consent_lab.klaviyo.state()["confirmation_mails"] == 3


def test_a_list_that_does_not_exist_stops_the_sync(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=3))
    with pytest.raises(AirflowFailException, match="NoPe99"):
        consent_lab.run("subscribe", list_id="NoPe99", **EMAIL)


def test_rows_that_klaviyo_refuses_are_named_without_the_persons_number(consent_lab):
    consent_lab.lab.sandbox.change(klaviyo={"age_gate": True})
    consent_lab.sql(
        CONSENT.format(rows=4),
        "alter table consent add column age_gated_date_of_birth date",
        "update consent set age_gated_date_of_birth = date '1990-01-31' where email = 'c0@acme-demo.io'",
    )
    report = consent_lab.run(
        "subscribe", channels=["sms_marketing"], sql="select * from consent where sms_marketing", source=None
    )
    assert (report["accepted"], report["rejects"]) == (1, {"klaviyo_age_gate": 1})
    (reject,) = consent_lab.lab.rejected()
    assert reject["identifier"]["EMAIL"] == person(2)
    assert "+49" not in reject["reason"]


def test_a_table_with_a_payload_is_no_table_of_consent(consent_lab):
    consent_lab.sql("create table consent as select now()::timestamp as updated_at, 'a@b.io' as email, '{}' as payload")
    with pytest.raises(AirflowFailException, match="PAYLOAD"):
        consent_lab.run("subscribe", **EMAIL)


def test_a_source_that_names_no_channel_stops_the_sync(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=3))
    with pytest.raises(AirflowFailException, match="channels="):
        consent_lab.run("subscribe")


def test_arguments_of_another_data_type_stop_the_sync(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=3))
    with pytest.raises((AirflowFailException, ConfigurationError), match="list_id goes with subscribe only"):
        consent_lab.run("unsubscribe", list_id="LiSt01", **EMAIL)


def test_a_dry_run_asks_klaviyo_nothing(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=3))
    report = consent_lab.run("subscribe", dry_run=True, **EMAIL)
    assert (report["dry_run"], report["accepted"]) == (True, 3)
    assert consent_lab.lab.sandbox.requests() == []


# --- suppressions ---------------------------------------------------------------------------------------


def test_addresses_are_suppressed_and_what_klaviyo_skipped_is_counted(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=250))
    consent_lab.suppress(1, 2, 3)
    report = consent_lab.run("suppress")
    assert (report["accepted"], report["skipped_because"]) == (247, {"already_suppressed": 3})
    assert [consent_lab.suppressions(n) for n in (0, 249)] == [["USER_SUPPRESSED"]] * 2


def test_a_suppression_is_taken_back(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=5))
    consent_lab.suppress(1, 2)
    report = consent_lab.run("unsuppress")
    assert (report["accepted"], report["skipped_because"]) == (2, {"not_suppressed": 3})
    assert consent_lab.suppressions(1) == []


@pytest.mark.parametrize("data_type", ["suppress", "unsuppress"])
def test_a_deferred_task_waits_for_suppressions_without_a_worker(consent_lab, data_type, monkeypatch):
    monkeypatch.setattr("airflow_provider_cdi.transfers.warehouse_to_klaviyo.PATIENCE", 0.05)
    monkeypatch.setattr("airflow_provider_cdi.engine.watch.TICK", 0.05)
    consent_lab.sql(ADDRESSES.format(rows=5))
    consent_lab.suppress(*(range(5) if data_type == "unsuppress" else ()), 9)
    consent_lab.lab.sandbox.change(klaviyo={"job_polls": [1, 0]})
    arguments = {"source": "consent", "data_type": data_type, "sync_id": data_type, "max_active_tis_per_dag": 1}
    report = consent_lab.lab.run_to_its_end(**arguments)
    assert (report["accepted"], len(consent_lab.lab.deferrals) >= 1) == (5, True)
    posted = [request for request in consent_lab.lab.sandbox.requests(1_000) if request["method"] == "POST"]
    verb = {"suppress": "create", "unsuppress": "delete"}[data_type]
    assert len([one for one in posted if one["path"].endswith(f"suppression-bulk-{verb}-jobs")]) <= 2


# --- deletions ------------------------------------------------------------------------------------------


def test_profiles_are_deleted_for_good(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=3))
    consent_lab.change("subscribe", 0, 1, 2, 7)
    assert consent_lab.run("privacy_deletions")["accepted"] == 3
    assert [profile["email"] for profile in consent_lab.klaviyo.profiles()] == [person(7)]


def test_a_row_that_names_a_profile_twice_is_named_and_deletes_nobody(consent_lab):
    consent_lab.sql(CONSENT.format(rows=1), "alter table consent drop email_marketing")
    consent_lab.change("subscribe", 0)
    assert consent_lab.run("privacy_deletions")["rejects"] == {"several_identifiers": 1}
    assert len(consent_lab.klaviyo.profiles()) == 1


def test_the_cap_stops_a_run_that_would_delete_too_many(consent_lab):
    consent_lab.sql(ADDRESSES.format(rows=6))
    with pytest.raises(AirflowFailException, match="DeleteCap"):
        consent_lab.run("privacy_deletions", delete_cap=DeleteCap(rows=5))
    assert consent_lab.lab.sandbox.requests() == []


def test_a_table_of_people_deletes_nobody(consent_lab):
    consent_lab.sql("create table consent as select now()::timestamp as updated_at, 'a@b.io' as email, '{}' as payload")
    with pytest.raises(AirflowFailException, match="PAYLOAD"):
        consent_lab.run("privacy_deletions")
