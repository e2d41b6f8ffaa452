"""Masks: a field by its name, and its value wherever else it stands; all the rest of a text stays as it is."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cdi.engine.rows.plain_row import PlainRow
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.preview.masks import Cover, Mask

ANA = PlainRow(
    identifier={"EXTERNAL_ID": "c-1", "EMAIL": "Ana@Acme-Demo.io"},
    updated_at="2026-01-01T00:00:00.000000Z",
    payload='{"contact": {"home_phone": "+49 151 1234567"}, "first_name": "Ana-Lena"}',
    columns={"NOTE": None},
)


def cover(*words: str, row: PlainRow = ANA) -> Cover:
    return Mask.of(words).over([row])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"email":"ana@acme-demo.io","n":1.50}', '{"email":"***","n":1.50}'),
        ('{ "E-Mail" : null , "n" : 1E2 }', '{ "E-Mail" : null , "n" : 1E2 }'),
        ('{"home_email":{"work":["x@y.example",true,7]},"n":7}', '{"home_email":{"work":["***",true,"***"]},"n":7}'),
        ('[{"n":"write to ANA@acme-demo.io"},{"email":1,"n":2}]', '[{"n":"write to ***"},{"email":"***","n":2}]'),
        ('{"a":[{"email":"q"},{"n":"q"}],"n":"q"}', '{"a":[{"email":"***"},{"n":"q"}],"n":"q"}'),
        ('{"ana@acme-demo.io":true}', '{"***":true}'),
        (r'{"n":"an\u0061@acme-demo.io \u00e9"}', '{"n":"*** é"}'),
        (r'{"n":"\u00e9 stays as it is written"}', r'{"n":"\u00e9 stays as it is written"}'),
    ],
)
def test_an_email_is_masked_by_its_field_and_by_its_value(text: str, shown: str) -> None:
    assert cover("email").json(text) == shown


@pytest.mark.parametrize("written", ['"+49 151 1234567"', '"491511234567"', "491511234567", '"+1 (555) 010-0199"'])
def test_a_phone_number_is_masked_in_every_form_in_which_it_stands(written: str) -> None:
    assert cover("phone").json(f'{{"n":{written}}}') == '{"n":"***"}'


def test_times_and_short_numbers_are_no_phone_numbers() -> None:
    text = '{"at":"2026-01-05T09:00:00Z","day":"2026-01-05","price":1234567.5}'
    assert cover("phone").json(text) == text


def test_all_masks_every_value_and_keeps_the_shape() -> None:
    text = '{"a":{"b":[1,"x",null,true]},"email":"q"}'
    assert cover("all").json(text) == '{"a":{"b":["***","***",null,"***"]},"email":"***"}'


def test_values_of_masked_fields_are_masked_in_reasons_and_paths() -> None:
    covered = cover("email", "first_name")
    assert covered.text("Klaviyo: ana@acme-demo.io is no address of Ana-Lena") == "Klaviyo: *** is no address of ***"
    assert covered.path("/api/profiles?filter=any(email,%5B%22ana%40acme-demo.io%22%5D)") == (
        '/api/profiles?filter=any(email,["***"])'
    )
    assert covered.path("/a?page%5Bsize%5D=1") == "/a?page%5Bsize%5D=1"


def test_a_value_that_is_a_part_of_many_words_is_masked_only_where_it_stands_alone() -> None:
    row = PlainRow({}, "", None, {"FIRST_NAME": "Al"})
    assert cover("first_name", row=row).json('{"a":"AL","b":"Also"}') == '{"a":"***","b":"Also"}'


def test_a_state_names_nobody_and_stays() -> None:
    row = PlainRow({}, "", '{"email_subscribe":"subscribed"}', {})
    text = '{"email_subscribe":"subscribed","push_subscribe":"subscribed"}'
    assert cover("email", row=row).json(text) == text
    assert "subscribed" not in cover("all", row=row).json(text)


def test_columns_are_masked_as_fields_are() -> None:
    covered = cover("email")
    assert (covered.value("EMAIL", "x"), covered.value("EXTERNAL_ID", "c-1")) == ("***", "c-1")
    assert covered.value("EXTERNAL_ID", "ana@acme-demo.io") == "***"


def test_without_a_mask_everything_stays() -> None:
    text = '{"email":"ana@acme-demo.io"}'
    assert (cover().json(text), cover().text(text), cover().value("EMAIL", text)) == (text, text, text)


def test_text_that_is_no_json_is_masked_by_its_values() -> None:
    assert "acme" not in cover("email").json('{"email: ana@acme-demo.io, "x')


@pytest.mark.parametrize("word", ["", " ", "-"])
def test_a_mask_that_names_nothing_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match="name fields such as email"):
        Mask.of(["email", word])


def test_a_masked_text_is_still_json() -> None:
    text = json.dumps({"email": 'a"b@acme.io', "list": [{"x": "\\"}], "deep": {"email": {"y": 1}}})
    assert json.loads(cover("email").json(text)) == {
        "email": "***",
        "list": [{"x": "\\"}],
        "deep": {"email": {"y": "***"}},
    }
