"""The page of ``airflow cdi check`` shows what the command prints."""

from __future__ import annotations

import json
import re

import pytest
from support.pages import PROJECT
from warehouses.conftest import Worlds

from airflow_provider_cdi.cli.parser import main
from cdi_sandbox.server import SandboxServer

PAGE = PROJECT / "docs" / "cli" / "check.md"
COMMAND = re.compile(r"^airflow cdi (check --warehouse-conn-id warehouse .*)$", re.MULTILINE)
SHOWN = re.compile(r"```text\n(.*?)```", re.DOTALL)
#: What is another one each time.
CHANGES = (
    (r"\(\d+\.\d\d s\)", "(0.01 s)"),
    (r"(warehouse.*)127\.0\.0\.1:\d+", r"\g<1>127.0.0.1:5432"),
    (r"(destination.*)127\.0\.0\.1:\d+", r"\g<1>127.0.0.1:8125"),
    (r"in \d+ (m?s)\.", r"in 1 \1."),
    (r"are \d+ s apart", "are 0 s apart"),
)


def test_the_page_shows_what_the_command_prints(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = worlds["postgres"]
    world.begin(monkeypatch)
    world.run(
        "create schema marketing",
        "create table marketing.users (updated_at timestamp, external_id text, payload jsonb)",
        "insert into marketing.users select timestamp '2026-01-01' + make_interval(mins => i), 'u' || i, '{\"a\": 1}' "
        "from generate_series(1, 40) i",
        "drop role if exists page",
        "create role page login",
        "grant usage on schema marketing to page",
        "grant select on marketing.users to page",
    )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(world.connection(login="page")))
    page = PAGE.read_text()
    (command,) = COMMAND.findall(page)
    with SandboxServer() as sandbox:
        braze = {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key}
        monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(braze))
        with pytest.raises(SystemExit) as ended:
            main(command.split())
    world.run("drop schema marketing cascade", "drop role page")
    assert not ended.value.code
    printed = capsys.readouterr().out
    said = "\n".join(line for line in printed.splitlines() if re.match(r"[✓!✗-] |    ", line))
    for pattern, usual in CHANGES:
        said = re.sub(pattern, usual, said)
    assert SHOWN.findall(page)[0].strip() == said.strip(), f"put this into {PAGE.name}:\n{said}"
