"""What lies where a state should: whose it is, and when nothing may be written over it."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.by_hand.found import FoundState
from airflow_provider_cdi.state.by_hand.places import shared_places

USERS, VARIABLE = shared_places("cdi_state", "users", "users")
PART, _ = shared_places("cdi_state", "users:db.users:0/2", "users")


@pytest.mark.parametrize("place", [USERS, VARIABLE])
def test_what_cannot_be_read_is_not_written_over(place):
    state = FoundState(unreadable={place: "It is of a newer version."})
    with pytest.raises(ConfigurationError, match=r"It is of a newer version\. Nothing was changed"):
        state.refuse_closed("users")
    assert "of a newer version" in state.unreadable_of("users", "users")


def test_a_reference_to_a_store_elsewhere_is_not_written_over_and_is_no_damage():
    state = FoundState(elsewhere={USERS})
    with pytest.raises(ConfigurationError, match="state_store_backend keeps the state outside"):
        state.refuse_closed("users")
    assert state.unreadable_of("users", "users") is None


def test_a_sync_is_closed_by_any_of_its_instances_and_an_instance_by_itself_alone():
    state = FoundState(unreadable={PART: "It is damaged."})
    with pytest.raises(ConfigurationError, match="damaged"):
        state.refuse_closed("users")
    with pytest.raises(ConfigurationError, match="damaged"):
        state.refuse_closed("users", "users:db.users:0/2")
    state.refuse_closed("users", "users:db.users:1/2")
    state.refuse_closed("users2")
