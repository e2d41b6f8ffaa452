"""A page of a proxy in the place of the vendor's answer, over real sockets: nothing is lost, and nobody is blamed."""

from __future__ import annotations

import gzip

import pytest

from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.version_compat import AirflowFailException

QUICK = DeliverySettings(retry=RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.01))
NGINX = "<html><head><title>400 Bad Request</title></head><body><hr><center>nginx</center></body></html>"
USERS = """create or replace table users as select timestamp '2026-01-01' + to_seconds(i) as updated_at,
    'c-' || i as external_id, '{"email_subscribe": "unsubscribed"}' as payload from range(300) as numbers(i)"""
CONSENT = """create or replace table consent as select timestamp '2026-01-01' + to_seconds(i) as updated_at,
    'c' || i || '@acme-demo.io' as email, false as email_marketing from range(250) as numbers(i)"""
UNSUBSCRIBE = {"source": "consent", "data_type": "unsubscribe", "delivery": QUICK}


def page(lab, status, body=NGINX, **fields):
    lab.sandbox.set_faults({"kind": "answer", "status": status, "body": body, "content_type": "text/html", **fields})


@pytest.mark.parametrize("status", [400, 413, 422])
def test_pages_of_a_proxy_leave_the_rows_of_braze_due(lab, status):
    lab.sql(USERS)
    page(lab, status)
    with pytest.raises((RetryLater, AirflowFailException), match=r"proxy"):
        lab.run(delivery=QUICK)
    assert lab.rejected() == []
    lab.sandbox.clear_faults()
    assert lab.run(delivery=QUICK)["accepted"] == 300


@pytest.mark.parametrize("status", [400, 413, 422, 200, 202])
def test_pages_of_a_proxy_leave_unsubscriptions_due(klaviyo_lab, status):
    klaviyo_lab.sql(CONSENT)
    page(klaviyo_lab, status, path="/api/profile-subscription-bulk-delete-jobs")
    with pytest.raises((RetryLater, AirflowFailException)):
        klaviyo_lab.run(**UNSUBSCRIBE)
    assert klaviyo_lab.rejected() == []
    klaviyo_lab.sandbox.clear_faults()
    assert klaviyo_lab.run(**UNSUBSCRIBE)["accepted"] == 250
    assert klaviyo_lab.klaviyo.profile(email="c249@acme-demo.io")["consent"]["email.marketing"] == "UNSUBSCRIBED"


def test_a_page_that_passes_is_passed_over(klaviyo_lab):
    klaviyo_lab.sql(CONSENT)
    page(klaviyo_lab, 400, path="/api/profile-subscription-bulk-delete-jobs", times=1)
    report = klaviyo_lab.run(**UNSUBSCRIBE)
    assert (report["accepted"], report["rejected"]) == (250, 0)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_cannot_be_unpacked_is_no_answer(lab, encoding):
    lab.sql(USERS)
    garbage = gzip.compress(b"x" * 50)[:20].decode("latin-1")
    page(lab, 400, garbage, headers={"content-encoding": encoding})
    with pytest.raises(RetryLater):
        lab.run(delivery=QUICK)
    assert lab.rejected() == []


def test_a_contract_error_of_klaviyo_stops_the_sync_and_names_the_field(klaviyo_lab):
    klaviyo_lab.sql(CONSENT)
    pointer = "/data/attributes/profiles/data/0/attributes/subscriptions/email/marketing"
    error = {"detail": "'marketing' is not a valid field for the resource 'email'.", "source": {"pointer": pointer}}
    page(klaviyo_lab, 400, {"errors": [error]}, path="/api/profile-subscription-bulk-delete-jobs")
    with pytest.raises(AirflowFailException, match=r"takes no field 'marketing' of 'email' .* revision 2026-10-15"):
        klaviyo_lab.run(**UNSUBSCRIBE)
    klaviyo_lab.sandbox.clear_faults()
    assert klaviyo_lab.run(**UNSUBSCRIBE)["accepted"] == 250
