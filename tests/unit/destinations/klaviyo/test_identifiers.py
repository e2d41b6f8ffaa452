"""Whose row it is, for Klaviyo."""

from __future__ import annotations

import pytest
from support.klaviyo_rows import ADA, VISIT, code_of, encode_row, profile

from airflow_provider_cdi.exceptions import ConfigurationError, SourceError

ALL = {
    "KLAVIYO_ID": "01KAAAAAAAAAAAAAAAAAAAAAA1",
    "EMAIL": "Ada@acme-demo.io",
    "PHONE_NUMBER": "+4915112345678",
    "EXTERNAL_ID": "C-1",
}


def test_all_filled_identifiers_are_sent():
    assert profile(ALL) == {
        "type": "profile",
        "id": "01KAAAAAAAAAAAAAAAAAAAAAA1",
        "attributes": {"email": "Ada@acme-demo.io", "phone_number": "+4915112345678", "external_id": "C-1"},
    }


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (ALL, "id:01KAAAAAAAAAAAAAAAAAAAAAA1"),
        (["EMAIL", "PHONE_NUMBER", "EXTERNAL_ID"], "email:ada@acme-demo.io"),
        (["PHONE_NUMBER", "EXTERNAL_ID"], "phone_number:+4915112345678"),
        (["EXTERNAL_ID"], "external_id:C-1"),
    ],
)
def test_the_first_filled_identifier_says_whose_row_it_is(names, key):
    assert encode_row({name: ALL[name] for name in names}).key == key


def test_all_identifiers_of_a_row_keep_its_order_as_klaviyo_compares_them():
    keys = ("id:01KAAAAAAAAAAAAAAAAAAAAAA1", "email:ada@acme-demo.io", "phone_number:+4915112345678", "external_id:C-1")
    assert encode_row(ALL).keys == keys
    assert encode_row({**VISIT, **ALL}, "events").keys == keys
    contacts = {name: ALL[name] for name in ("EMAIL", "PHONE_NUMBER")}
    assert encode_row({**contacts, "EMAIL_MARKETING": False}, "unsubscribe").keys == keys[1:3]


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_a_blank_identifier_counts_as_missing(blank):
    assert profile({**ADA, "EXTERNAL_ID": blank})["attributes"] == {"email": "ada@acme-demo.io"}
    assert code_of({"EMAIL": blank}) == "identifier_missing"


@pytest.mark.parametrize(
    "email", ["nobody", "a@b", "a b@c.io", "a@@b.io", "a@b.io,c@d.io", "@b.io", "a@b.", "a\x00@b.io"]
)
def test_what_can_be_no_address_is_refused_before_sending(email):
    assert code_of({"EMAIL": email}) == "email_invalid"


@pytest.mark.parametrize("email", ["a.b+c@d-e.co.uk", "o'neil@acme.io", "jö@acme.io", "a@b..io", "x..y@b.io"])
def test_what_may_be_an_address_is_for_klaviyo_to_judge(email):
    assert profile({"EMAIL": email})["attributes"]["email"] == email


def test_a_bad_identifier_beside_a_good_one_refuses_the_row():
    assert code_of({"EXTERNAL_ID": "C-1", "EMAIL": "nobody"}) == "email_invalid"
    assert code_of({"EXTERNAL_ID": "C-1", "PHONE_NUMBER": "0151"}) == "phone_invalid"


def test_lengths_that_klaviyo_cannot_hold_are_refused():
    assert code_of({"EMAIL": "a" * 93 + "@acme.io"}) == "identifier_too_long"
    assert code_of({"EMAIL": "a" * 92 + "@acme.io"}) is None
    assert code_of({"EXTERNAL_ID": "ä" * 255}) is None
    assert code_of({"EXTERNAL_ID": "ä" * 256}) == "identifier_too_long"


@pytest.mark.parametrize(
    "phone", ["0151 12345678", "+49 151 12345678", "4915112345678", "+0123", "+", "+1234567890123456"]
)
def test_without_a_region_a_phone_number_must_be_in_e164(phone):
    assert code_of({"PHONE_NUMBER": phone}) == "phone_invalid"


@pytest.mark.parametrize("phone", ["0151 12345678", "(0151) 123-456 78", "+49 151 12345678", "004915112345678"])
def test_with_a_region_phone_numbers_are_brought_into_e164(phone):
    record = encode_row({"PHONE_NUMBER": phone}, default_region="DE")
    assert record.key == "phone_number:+4915112345678"
    assert record.identifiers == {"phone_number": "+4915112345678"}


@pytest.mark.parametrize("phone", ["0151", "hello", "+999123456789", "+1 200 555 0100 99"])
def test_with_a_region_a_number_that_cannot_exist_is_refused(phone):
    assert code_of({"PHONE_NUMBER": phone}, default_region="DE") == "phone_invalid"


@pytest.mark.parametrize("region", ["de", "Germany", "XX", ""])
def test_a_region_that_nobody_knows_is_refused(region):
    with pytest.raises(ConfigurationError, match="default_region"):
        encode_row(ADA, default_region=region)


def test_numbers_as_ids_have_no_fraction():
    assert profile({"EXTERNAL_ID": 42})["attributes"] == {"external_id": "42"}


def test_a_column_that_cannot_identify_stops_the_sync():
    with pytest.raises(SourceError, match="EXTERNAL_ID"):
        encode_row({"EXTERNAL_ID": {"a": 1}})


@pytest.mark.parametrize("email", ["a@example.com", "a@TEST.com"])
def test_events_at_domains_that_klaviyo_drops_in_silence_are_refused(email):
    assert code_of({**VISIT, "EMAIL": email}, "events") == "email_domain_dropped"
    assert code_of({"EMAIL": email}) is None
