"""``airflow cdi preview``, or ``python -m airflow_provider_cdi preview``: what it prints, and how it ends.

The page shows its output, written here.

``CDI_WRITE_PAGES=1`` writes the output into the page.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from support.lab_command import LabCommand
from support.pages import DOCS, blocks, write_block

PAGE = DOCS / "cli" / "preview.md"
USERS = """create or replace table users as select * from (values
    (timestamp '2026-01-05 09:00:00', 'c-1', '{"first_name": "Ana", "email": "ana@acme-demo.io", "visits": 3}'),
    (timestamp '2026-01-05 09:00:01', 'c-2', '{"first_name": "Bo", "phone": "+4915112345678", "score": 1.50}'),
    (timestamp '2026-01-05 09:00:02', 'c-3', '{"first_name": "Cy", "email": "cy@acme-demo.io"'),
    (timestamp '2026-01-05 09:00:03', 'dee@acme-demo.io', '{"note": "call +49 151 12345678"}'),
    (timestamp '2126-01-05 09:00:00', 'c-5', '{"first_name": "Ed"}'),
    (null, 'c-6', '{"first_name": "Flo"}')) as rows(updated_at, external_id, payload)"""
SYNC = "--warehouse-conn-id warehouse --source users --data-type attributes --braze-conn-id braze_default"
PERSONAL = re.compile(r"Ana|\bBo\b|\bCy\b|\bEd\b|acme-demo|12345678|\bc-\d")


@pytest.fixture
def command(lab: Any, capsys: pytest.CaptureFixture[str]) -> LabCommand:
    lab.sql(USERS)
    return LabCommand(lab, capsys)


@pytest.mark.parametrize("place", [0, 1])
def test_the_page_shows_what_the_command_prints(command: LabCommand, place: int) -> None:
    code, out, err = command(blocks(PAGE, "bash")[place].text)
    out = out.replace(command.lab.sandbox.url, "https://rest.iad-01.braze.com")
    out = re.sub(r"up to 20\d\d-[\d:.T-]+Z", "up to 2026-01-05T10:00:00.000000Z", out)
    out = re.sub(r"(User-Agent\W+)airflow-provider-cdi/[\d.\w]+", r"\1airflow-provider-cdi/0.1", out)
    if os.environ.get("CDI_WRITE_PAGES"):
        write_block(PAGE, blocks(PAGE, "text", "json")[place], out)
    assert (code, err, out) == (0, "", blocks(PAGE, "text", "json")[place].text)


@pytest.mark.parametrize("output", ["table", "plain", "json"])
def test_what_is_masked_is_in_no_output(command: LabCommand, output: str) -> None:
    code, out, err = command(f"preview {SYNC} --mask all --output {output}")
    assert (code, PERSONAL.search(out + err)) == (0, None)
    assert "all" in out
    code, out, err = command(f"preview {SYNC} --mask email,phone --output {output}")
    assert re.findall(r"acme-demo|12345678", out + err) == []
    assert "Ana" in out


@pytest.mark.parametrize("output", ["table", "plain", "json"])
def test_no_output_has_a_secret_and_nothing_is_sent(command: LabCommand, output: str) -> None:
    _, out, err = command(f"preview {SYNC} --output {output} --verbose")
    assert command.lab.sandbox.key not in out + err
    assert command.lab.sandbox.requests() == []


def test_the_result_is_on_standard_output_alone_and_json_is_json(command: LabCommand) -> None:
    code, out, err = command(f"preview {SYNC} --output json --rows 2")
    shown = json.loads(out)
    assert (code, err, [row["request"] for row in shown["rows"]]) == (0, "", [1, 1, None])
    assert shown["requests"][0]["body"].encode() == (
        b'{"attributes":[{"external_id":"c-1","first_name": "Ana", "email": "ana@acme-demo.io", "visits": 3},'
        b'{"external_id":"c-2","first_name": "Bo", "phone": "+4915112345678", "score": 1.50}]}'
    )


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (f"preview {SYNC} --source nowhere", 1, "nowhere"),
        (f"preview {SYNC} --rows 0", 2, "1 to 1,000"),
        (f"preview {SYNC} --mask ,", 2, "name fields such as email"),
        (f"preview {SYNC} --from-beginning --since 2026-01-05", 2, "give either"),
        (f"preview {SYNC} --since yesterday", 1, "no timestamp"),
        (f"preview {SYNC} --arg 'partition={{{{ ds }}}}'", 1, "--arg partition=VALUE"),
        ("preview", 2, "Name a sync"),
    ],
)
def test_what_cannot_be_shown_is_an_error_with_its_code(command: LabCommand, line: str, code: int, words: str) -> None:
    ended, out, err = command(line)
    assert (ended, out) == (code, "")
    assert words in err


def test_a_run_that_would_stop_is_shown_and_told_by_the_exit_code(command: LabCommand) -> None:
    command.lab.sql("create table gone as select timestamp '2026-01-05' as updated_at, 'c-' || i as external_id "
                    "from range(1001) numbers(i)")  # fmt: skip
    code, out, _ = command(f"preview {SYNC.replace('attributes', 'user_deletes').replace('users', 'gone', 1)} --rows 1")
    assert (code, "would delete 1,001 users" in out, "c-0" in out) == (1, True, True)


def test_a_sync_of_a_dag_file_is_previewed_by_its_id(command: LabCommand, tmp_path: Path) -> None:
    (tmp_path / "a_dag.py").write_text(
        "from airflow.sdk import DAG\nfrom airflow_provider_cdi import WarehouseToBrazeOperator\n"
        "with DAG('users_to_braze', schedule=None):\n"
        "    WarehouseToBrazeOperator(task_id='sync', warehouse_conn_id='warehouse', source='users',\n"
        "        data_type='attributes', sync_id='users', settle=__import__('datetime').timedelta(0))\n"
    )
    code, out, _ = command(f"preview --sync-id users --dag-file {tmp_path} --from-beginning --output json")
    assert (code, json.loads(out)["sync_id"]) == (0, "users")
