"""Which rejects a run takes: a bounded number, with the key that their rows are looked for by."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.destinations.braze.users.events import CONTRACT
from airflow_provider_cdi.rejects.stored import StoredReject
from airflow_provider_cdi.transfers.redrive.taking import content_of, key_of, sortable, take


def reject(line, second=1, **identifier):
    about = ("users", "r1", -1, 1, "2026-11-30T12:00:00Z", "rejected", "bad_row", "Bad.")
    at = f"2026-01-05T00:00:0{second}.000000Z"
    return StoredReject("try1-0a", line, "r1", *about, identifier or {"EXTERNAL_ID": f"c-{line}"}, at, "{", {})


@pytest.mark.parametrize(
    ("identifier", "key"),
    [
        ({"EMAIL": "a@x.org", "EXTERNAL_ID": "anna"}, (("EXTERNAL_ID", "anna"),)),
        ({"ALIAS_NAME": "a", "ALIAS_LABEL": "shop"}, (("ALIAS_NAME", "a"), ("ALIAS_LABEL", "shop"))),
        ({"ALIAS_LABEL": "shop"}, ()),
        ({"ALIAS_NAME": "a"}, ()),
        ({"ALIAS_NAME": "a", "ALIAS_LABEL": ""}, ()),
        ({"ALIAS_NAME": "a", "EMAIL": "a@x.org"}, (("EMAIL", "a@x.org"),)),
        ({"EXTERNAL_ID": ""}, ()),
        ({}, ()),
    ],
)
def test_a_row_is_looked_for_by_its_first_identifier_an_alias_with_its_label(identifier, key):
    assert key_of(identifier, CONTRACT) == key


def test_the_first_ones_are_taken_in_the_order_of_their_times_and_the_others_counted():
    entries = [reject(0, 3), reject(1, 2), reject(2, ALIAS_LABEL="shop"), reject(3, 1), reject(4, 0)]
    taken = take(entries, CONTRACT, stored=False, most=3)
    assert [one.reject.line for one in taken.rejects] == [3, 1, 0]
    assert (taken.left, taken.without_key) == (1, 1)


@pytest.mark.parametrize(("stored", "kept"), [(False, None), (True, "{")])
def test_what_was_rejected_is_kept_only_where_it_is_sent(stored, kept):
    (one,) = take([reject(0)], CONTRACT, stored=stored).rejects
    assert one.reject.payload == kept
    assert one.content == content_of({"EXTERNAL_ID": "c-0"}, "{", {})


def test_payloads_that_are_kept_are_bounded():
    taken = take([reject(0), reject(1), reject(2)], CONTRACT, stored=True, most_bytes=4)
    assert (len(taken.rejects), taken.left) == (2, 1)


def test_times_with_and_without_nanoseconds_sort_as_times():
    times = ["2026-01-05T00:00:00.100000001Z", "2026-01-05T00:00:00.100000Z", "2026-01-05T00:00:00.099999999Z"]
    assert sorted(times, key=sortable) == times[::-1]
