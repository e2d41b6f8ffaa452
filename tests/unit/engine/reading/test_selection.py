from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.engine.reading.selection import PayloadField, Selection, select_columns
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.exceptions import ConfigurationError, SourceError

USER_IDS = ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL", "BRAZE_ID", "EMAIL", "PHONE")
PAIRS = (("ALIAS_NAME", "ALIAS_LABEL"),)
ATTRIBUTES = TableContract("attributes", USER_IDS, pairs=PAIRS)
DELETES = TableContract("user_deletes", USER_IDS[:4], pairs=PAIRS, has_payload=False, refuses_payload=True)
CATALOG = TableContract("catalog_items", ("ID",), optional=("DELETED",))


def select(available: str, contract: TableContract = ATTRIBUTES, **kwargs: Any) -> Selection:
    return select_columns(contract, available.split(), **kwargs)


def test_names_match_without_regard_to_case_and_keep_the_sources_spelling() -> None:
    selection = select("Updated_At external_id PayLoad")
    assert (selection.updated_at, dict(selection.identifiers), selection.payload) == (
        "Updated_At",
        {"EXTERNAL_ID": "external_id"},
        "PayLoad",
    )


def test_other_columns_are_ignored() -> None:
    selection = select("updated_at external_id payload loaded_by")
    assert "loaded_by" not in str(selection)


def test_identifiers_come_in_the_contracts_order() -> None:
    assert list(select("email external_id updated_at payload").identifiers) == ["EXTERNAL_ID", "EMAIL"]


def test_optional_columns_are_taken_when_they_are_there() -> None:
    assert select("updated_at id payload deleted", CATALOG).optional == {"DELETED": "deleted"}
    assert select("updated_at id payload", CATALOG).optional == {}


def test_columns_maps_the_contracts_name_to_the_sources() -> None:
    selection = select("changed customer_key payload", columns={"external_id": "CUSTOMER_KEY", "UPDATED_AT": "changed"})
    assert (selection.updated_at, selection.identifiers["EXTERNAL_ID"]) == ("changed", "customer_key")


def test_a_mapped_column_wins_over_one_of_the_contracts_name() -> None:
    selection = select("updated_at external_id crm_id payload", columns={"EXTERNAL_ID": "crm_id"})
    assert selection.identifiers == {"EXTERNAL_ID": "crm_id"}


def test_a_key_of_columns_that_the_contract_has_not_got_names_the_allowed_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"names USER_ID.*UPDATED_AT, EXTERNAL_ID.*PAYLOAD"):
        select("updated_at external_id payload", columns={"USER_ID": "external_id"})


def test_columns_may_not_name_one_column_in_two_spellings() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        select("updated_at a b payload", columns={"EMAIL": "a", "email": "b"})


def test_columns_may_not_name_a_payload_for_a_data_type_without_one() -> None:
    with pytest.raises(ConfigurationError, match="names PAYLOAD"):
        select("updated_at external_id body", DELETES, columns={"PAYLOAD": "body"})


def test_a_mapped_column_that_does_not_exist_is_named() -> None:
    with pytest.raises(SourceError, match=r"no column 'crm_id', named in columns= for EXTERNAL_ID"):
        select("updated_at external_id payload", columns={"EXTERNAL_ID": "crm_id"})


def test_a_view_without_updated_at_is_told_how_to_get_one() -> None:
    with pytest.raises(SourceError, match=r"no UPDATED_AT column.*external_id, payload.*columns="):
        select("external_id payload")


def test_no_identifier_column_at_all_names_those_that_would_do() -> None:
    with pytest.raises(SourceError, match=r"whose row.*updated_at, payload.*one of EXTERNAL_ID.*columns="):
        select("updated_at payload")


def test_a_catalog_without_id_is_refused() -> None:
    with pytest.raises(SourceError, match=r"catalog_items needs ID\."):
        select("updated_at item_id payload", CATALOG)


def test_a_missing_payload_points_at_payload_columns() -> None:
    with pytest.raises(SourceError, match=r"no PAYLOAD column.*payload_columns="):
        select("updated_at external_id plan")


def test_a_source_of_deletes_with_a_payload_is_refused() -> None:
    with pytest.raises(SourceError, match="does not look like a list of user_deletes"):
        select("updated_at external_id Payload", DELETES)


def test_a_source_of_deletes_needs_no_payload() -> None:
    assert select("updated_at external_id", DELETES).payload is None


def test_columns_that_differ_only_by_case_are_ambiguous() -> None:
    with pytest.raises(SourceError, match="differ only by case, UPDATED_AT, updated_at"):
        select("UPDATED_AT updated_at external_id payload")


def test_columns_settles_an_ambiguity_by_the_exact_spelling() -> None:
    selection = select("UPDATED_AT updated_at external_id payload", columns={"UPDATED_AT": "updated_at"})
    assert selection.updated_at == "updated_at"


def test_ambiguous_columns_that_nobody_asked_for_do_no_harm() -> None:
    assert select("updated_at external_id payload Note note").payload == "payload"


def test_half_of_an_alias_beside_another_identifier_is_ignored_and_named() -> None:
    selection = select("updated_at external_id alias_name payload")
    assert (dict(selection.identifiers), selection.ignored) == (
        {"EXTERNAL_ID": "external_id"},
        ("ALIAS_NAME",),
    )


def test_half_of_an_alias_as_the_only_identifier_is_refused() -> None:
    with pytest.raises(SourceError, match="ALIAS_LABEL without the other half"):
        select("updated_at alias_label payload")


def test_half_of_an_alias_that_was_mapped_on_purpose_is_refused() -> None:
    with pytest.raises(SourceError, match="ALIAS_NAME without the other half"):
        select("updated_at external_id nick payload", columns={"ALIAS_NAME": "nick"})


def test_a_whole_alias_is_an_identifier() -> None:
    assert list(select("updated_at alias_name alias_label payload").identifiers) == ["ALIAS_NAME", "ALIAS_LABEL"]


def test_payload_columns_become_keys_as_they_are_written() -> None:
    selection = select("updated_at external_id PLAN", payload_columns=["Plan"])
    assert selection.payload_fields == (PayloadField("PLAN", ("Plan",)),)


def test_a_dot_in_a_path_nests_and_a_dot_in_a_name_does_not() -> None:
    nested = select("updated_at external_id amount", payload_columns={"amount": "properties.amount"})
    plain = select("updated_at external_id a.b", payload_columns=["a.b"])
    assert nested.payload_fields[0].path == ("properties", "amount")
    assert plain.payload_fields[0].path == ("a.b",)


@pytest.mark.parametrize(
    ("payload_columns", "problem"),
    [
        ({"plan": "a", "city": "a"}, "at or below"),
        ({"plan": "a", "city": "a.b"}, "at or below"),
        ({"plan": "a..b"}, "empty part"),
        (["plan", "plan"], "twice"),
        ("plan", "not one text"),
    ],
)
def test_payload_columns_that_make_no_sense_are_refused(payload_columns: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        select("updated_at external_id plan city", payload_columns=payload_columns)


def test_a_payload_column_that_does_not_exist_is_named() -> None:
    with pytest.raises(SourceError, match="no column 'planet', named in payload_columns="):
        select("updated_at external_id plan", payload_columns=["planet"])


def test_a_payload_column_and_payload_columns_together_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="'payload' and payload_columns= is given too"):
        select("updated_at external_id payload plan", payload_columns=["plan"])


def test_payload_columns_for_a_data_type_without_payload_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="have no payload"):
        select("updated_at external_id plan", DELETES, payload_columns=["plan"])


@given(st.lists(st.text(min_size=1), unique_by=str.casefold))
def test_whatever_other_columns_there_are_the_selection_is_the_same(others: list[str]) -> None:
    mine = ["updated_at", "external_id", "payload"]
    theirs = [name for name in others if name.upper() not in {*USER_IDS, "UPDATED_AT", "PAYLOAD"}]
    assert select_columns(ATTRIBUTES, [*theirs, *mine]) == select_columns(ATTRIBUTES, mine)


# --- contracts that take more than they name -------------------------------------------------------------

EVENTS = TableContract(
    "events",
    ("EMAIL",),
    needs_payload=False,
    required=("EVENT_TIME",),
    optional=("CITY",),
    other_columns="without_payload",
    aliases=(("PAYLOAD", "PROPERTIES"), ("CITY", "LOCATION___CITY")),
)


def test_other_columns_are_taken_under_their_own_names() -> None:
    selection = select("updated_at email Event_Time Plan visits", EVENTS)
    assert selection.optional == {"EVENT_TIME": "Event_Time", "Plan": "Plan", "visits": "visits"}
    assert (selection.payload, selection.payload_fields) == (None, ())


@pytest.mark.parametrize(
    ("available", "kwargs"),
    [
        ("updated_at email event_time plan payload", {}),
        ("updated_at email event_time plan size", {"payload_columns": ["size"]}),
    ],
)
def test_other_columns_stay_where_they_are_when_there_is_a_payload(available: str, kwargs: dict[str, Any]) -> None:
    assert select(available, EVENTS, **kwargs).optional == {"EVENT_TIME": "event_time"}


def test_other_columns_may_be_taken_beside_a_payload() -> None:
    selection = select("updated_at email event_time plan payload", replace(EVENTS, other_columns="taken"))
    assert (selection.payload, selection.optional["plan"]) == ("payload", "plan")


def test_a_column_whose_part_another_one_plays_is_not_taken_and_named() -> None:
    selection = select("updated_at email main_email event_time", EVENTS, columns={"EMAIL": "main_email"})
    assert (selection.optional, selection.ignored) == ({"EVENT_TIME": "event_time"}, ("email",))


def test_a_required_column_must_be_there() -> None:
    with pytest.raises(SourceError, match=r"no EVENT_TIME column, which events need.*columns="):
        select("updated_at email", EVENTS)


def test_a_required_column_cannot_be_updated_at_too() -> None:
    with pytest.raises(SourceError, match="'updated_at' cannot be both UPDATED_AT and EVENT_TIME"):
        select("updated_at email", EVENTS, columns={"EVENT_TIME": "updated_at"})


def test_an_alias_stands_for_the_contracts_name() -> None:
    selection = select("updated_at email event_time location___city Properties", EVENTS)
    assert (selection.optional["CITY"], selection.payload) == ("location___city", "Properties")


def test_a_name_and_its_alias_together_are_ambiguous() -> None:
    with pytest.raises(SourceError, match=r"mean the same, city, location___city, so CITY could be any"):
        select("updated_at email event_time city location___city", EVENTS)


@pytest.mark.parametrize(
    ("available", "kwargs"),
    [
        ("external_id payload", {}),
        ("updated_at payload", {}),
        ("updated_at external_id", {}),
        ("updated_at alias_name payload", {}),
        ("updated_at external_id payload", {"columns": {"EXTERNAL_ID": "crm_id"}}),
        ("updated_at external_id", {"payload_columns": ["planet"]}),
        ("updated_at external_id name", {"contract": EVENTS}),
    ],
)
def test_a_column_that_is_not_there_is_missing_and_no_matter_of_configuration(available: str, kwargs: Any) -> None:
    with pytest.raises(SourceError) as caught:
        select(available, **kwargs)
    assert caught.value.kind == "missing"
