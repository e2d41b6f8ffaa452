"""``airflow cdi plan``, or ``python -m airflow_provider_cdi plan``: what it prints, how it ends, what it leaves out.

The page shows its output, written here.

``CDI_WRITE_PAGES=1`` writes the output into the page.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest
from support.lab_command import LabCommand
from support.pages import DOCS, blocks, write_block

PAGE = DOCS / "cli" / "plan.md"
USERS = """create or replace table users as select * from (values
    (timestamp '2026-01-05 09:00:00', 'c-1', '{"plan": "gold", "email": "ana@acme-demo.io", "visits": 3}'),
    (timestamp '2026-01-05 09:00:01', 'c-2', '{"pets": [{"id": 1, "name": "Rex"}], "score": null}'),
    (timestamp '2026-01-05 09:00:01', 'c-2', '{"tags": {"add": ["new", "paid"]}, "email_subscribe": "opted_in"}'),
    (timestamp '2026-01-05 09:00:02', 'c-3', '{"plan": "free", "email": "cy@acme-demo.io"'),
    (timestamp '2026-01-05 09:00:03', 'c-4', '{"plan": "free", "external_id": "dee@acme-demo.io"}'),
    (timestamp '2126-01-05 09:00:00', 'c-5', '{"plan": "free"}'),
    (null, 'c-6', '{"plan": "free"}')) as rows(updated_at, external_id, payload)"""
SYNC = "--warehouse-conn-id warehouse --source users --data-type attributes --braze-conn-id braze_default"
PERSONAL = re.compile(r"acme-demo|gold|Rex|\bc-\d")


@pytest.fixture
def command(lab: Any, capsys: pytest.CaptureFixture[str]) -> LabCommand:
    lab.sql(USERS)
    return LabCommand(lab, capsys)


def steadied(out: str, url: str) -> str:
    """Put what differs from run to run in the place of what the page has."""
    out = out.replace(url, "https://rest.iad-01.braze.com")
    out = re.sub(r"up to 20\d\d-[\d:.T-]+Z", "up to 2026-01-05T10:00:00.000000Z", out)
    out = re.sub(r"(\"seconds(?:_without_rows)?\": )[\d.]+", r"\g<1>0.2", out)
    out = re.sub(r"(\"(?:delay|in_flight)\": )[\d.]+", r"\g<1>0.0", out)
    return re.sub(r"[\d.]+ s at least", "0.2 s at least", out)


@pytest.mark.parametrize("place", [0, 1])
def test_the_page_shows_what_the_command_prints(command: LabCommand, place: int) -> None:
    block = blocks(PAGE, "text", "json")[place]
    code, out, err = command(blocks(PAGE, "bash")[place].text)
    out = steadied(out, command.lab.sandbox.url)
    if os.environ.get("CDI_WRITE_PAGES"):
        write_block(PAGE, block, out)
        block = blocks(PAGE, "text", "json")[place]
    assert (code, err, out) == (0, "", block.text)


@pytest.mark.parametrize("output", ["table", "plain", "json"])
def test_no_output_has_anything_of_a_person_or_a_secret_and_nothing_is_sent(command: LabCommand, output: str) -> None:
    code, out, err = command(f"plan {SYNC} --output {output} --verbose")
    assert (code, PERSONAL.search(out + err)) == (0, None)
    assert command.lab.sandbox.key not in out + err
    assert command.lab.sandbox.requests() == []


def test_examples_are_shown_as_far_as_the_mask_allows(command: LabCommand) -> None:
    masked = command(f"plan {SYNC} --mask email --output json")[1]
    whole = command(f"plan {SYNC} --mask none --output json")[1]
    assert ("c-3" in masked, "acme-demo" in masked, "cy@acme-demo.io" in whole) == (True, False, True)
    assert json.loads(masked)["masked"] == ["email"]


@pytest.mark.parametrize("output", ["table", "plain"])
def test_an_example_that_is_too_large_is_cut_where_a_person_reads_it(command: LabCommand, output: str) -> None:
    command.lab.sql("update users set external_id = repeat('x', 2000), payload = '[' || repeat('1,', 600000) || '1]'")
    code, out, _ = command(f"plan {SYNC} --mask none --output {output} --arg stop_if_all_rejected=1000")
    assert (code, "payload_too_large" in out or "identifier_too_long" in out) == (0, True)
    assert max(map(len, out.splitlines())) < 2_500


def test_the_figures_of_a_run_that_would_stop_are_shown_and_the_exit_code_tells_it(command: LabCommand) -> None:
    command.lab.sql(
        "create table gone as select timestamp '2026-01-05' as updated_at, 'c-' || i as external_id "
        "from range(1001) numbers(i)"
    )
    line = f"plan {SYNC.replace('attributes', 'user_deletes').replace('users', 'gone', 1)} --output json"
    code, out, _ = command(line)
    shown = json.loads(out)
    assert (code, "would delete 1,001 users" in shown["stopped_by"]) == (1, True)
    assert (shown["accepted"], shown["plan"]["removes"]) == (1001, {"users_deleted": 1001})


def test_a_run_that_would_end_because_all_its_rows_are_rejected_is_told_with_their_codes(command: LabCommand) -> None:
    command.lab.sql("update users set payload = 'no JSON'")
    command.lab.sql("insert into users select updated_at, 'd-' || i, 'no JSON' from users, range(20) numbers(i)")
    code, out, _ = command(f"plan {SYNC} --output json")
    shown = json.loads(out)
    assert (code, "payload_not_json" in shown["stopped_by"], shown["rejected"] > 50) == (1, True, True)
    assert len(shown["plan"]["examples"]) == 3


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (f"plan {SYNC} --source nowhere", 1, "nowhere"),
        (f"plan {SYNC} --mask ,", 2, "name fields such as email"),
        (f"plan {SYNC} --from-beginning --since 2026-01-05", 2, "give either"),
        (f"plan {SYNC} --since yesterday", 1, "no timestamp"),
        ("plan", 2, "Name a sync"),
    ],
)
def test_what_cannot_be_planned_is_an_error_with_its_code(
    command: LabCommand, line: str, code: int, words: str
) -> None:
    ended, out, err = command(line)
    assert (ended, out) == (code, "")
    assert words in err
