"""Names that every metadata database can hold: in ASCII, and never one for two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.state.assets import ascii_name, sync_asset
from airflow_provider_cdi.state.identity import Identity
from airflow_provider_cdi.state.stores.variable_store import VariableStore

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize("name", ["crm/users.sync", "crm.users", "all:public.users:0/8", "caf%C3%A9", "a~b"])
def test_a_name_in_ascii_stays_as_it_is(name):
    assert ascii_name(name) == name
    assert sync_asset(name).name == f"cdi_sync:{name}"


@pytest.mark.parametrize(
    "name", ["caf\u00e9.sync", "\u6771\u4eac/sync", "\u0441\u0445\u0435\u043c\u0430.users", "\U0001f600"]
)
def test_other_names_are_written_in_ascii(name):
    asset = sync_asset(name)
    assert (asset.name + asset.uri).isascii()
    assert VariableStore(name).name("cdi_state").isascii()


def test_names_of_one_sound_stay_two():
    composed, decomposed, quoted = "caf\u00e9", "cafe\u0301", "caf%C3%A9"
    assert len({sync_asset(name).name for name in (composed, decomposed, quoted)}) == 3
    assert len({sync_asset(name).uri for name in (composed, decomposed, quoted)}) == 3


@given(NAMES, NAMES)
def test_two_names_never_become_one(one, other):
    assert (ascii_name(one) == ascii_name(other)) == (one == other)
    assert ascii_name(one).isascii()


def test_a_mapped_sync_finds_what_was_kept_under_its_name_as_it_is():
    name = "all:\u0441\u0445\u0435\u043c\u0430.users:0/8"
    today, former = Identity(name, "attributes", "d", asset_id="all").key_suffixes
    assert today.isascii()
    assert former == f":{name}"
    assert Identity("all:t", "attributes", "d", asset_id="all").key_suffixes == (":all:t",)
