"""Keys as ``airflow cdi keygen`` makes them, taken by Snowflake's own connector against the stand-in."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standins.snowflake import KEY_LOGIN, SnowflakeStandIn

from airflow_provider_cdi.cli.parser import main
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

PHRASE = "hunter2-phrase"


@pytest.fixture(scope="module")
def snowflake() -> Iterator[SnowflakeStandIn]:
    with SnowflakeStandIn() as stand_in:
        yield stand_in


class Shell:
    """Runs the command, and keeps all that it said."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.said = ""

    def run(self, *words: str) -> tuple[int, str]:
        self._capfd.readouterr()  # what the test itself had logged, where a test before it has Airflow log
        with pytest.raises(SystemExit) as ended:
            main(["keygen", *words])
        out, err = self._capfd.readouterr()
        self.said += out + err
        return int(ended.value.code or 0), out


@pytest.fixture
def shell(capfd: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capfd)


def connect(snowflake: SnowflakeStandIn, monkeypatch: pytest.MonkeyPatch, file: Path, password: str = "") -> None:
    fields = {"login": KEY_LOGIN, "password": password, "extra": {"private_key_file": str(file)}}
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(snowflake.connection(**fields)))
    for name, value in snowflake.environment.items():
        monkeypatch.setenv(name, value)


def works() -> bool:
    return get_warehouse_hook("w").test_connection()[0]


def no_key_in(text: str, *files: Path) -> bool:
    """Whether no line of a private key, and no passphrase, stands in a text."""
    lines = [line for file in files for line in file.read_text().splitlines()]
    return not any(line in text for line in lines) and PHRASE not in text and "PRIVATE KEY" not in text


def test_a_key_is_set_used_and_rotated_without_downtime(
    snowflake: SnowflakeStandIn, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old.p8", tmp_path / "new.p8"
    monkeypatch.setenv("KEY_PHRASE", PHRASE)
    code, statement = shell.run(
        "snowflake", "--user", KEY_LOGIN, "--out", str(old), "--passphrase-from", "env:KEY_PHRASE"
    )
    assert (code, stat.S_IMODE(old.stat().st_mode)) == (0, 0o600)
    connect(snowflake, monkeypatch, old, PHRASE)
    assert not works()
    snowflake.sql(statement)
    assert works()

    _, script = shell.run("snowflake", "--user", KEY_LOGIN, "--out", str(new), "--rotate-to", "2")
    first, last = [line for line in script.splitlines() if line.startswith("ALTER")]
    snowflake.sql(first)
    assert works()
    assert shell.run("in-use", "--conn-id", "w", "-o", "plain")[0] == 0
    assert "The key is RSA_PUBLIC_KEY." in shell.said
    connect(snowflake, monkeypatch, new)
    assert works()
    code, found = shell.run("in-use", "--conn-id", "w", "-o", "json")
    assert (code, json.loads(found)["slot"]) == (0, 2)
    snowflake.sql(last)
    assert works()
    code, found = shell.run(
        "in-use", "--conn-id", "w", "--key", str(old), "--passphrase-from", "env:KEY_PHRASE", "-o", "json"
    )
    assert (code, json.loads(found)["slot"]) == (1, None)
    connect(snowflake, monkeypatch, old, PHRASE)
    assert not works()
    assert no_key_in(shell.said, old, new)


def test_pasted_fingerprints_are_enough(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "key.p8"
    made = json.loads(shell.run("snowflake", "--user", "U", "--out", str(file), "-o", "json")[1])
    assert set(made) == {"user", "private_key_file", "fingerprint", "public_key", "statement", "script"}
    code, _ = shell.run("in-use", "--key", str(file), "--fingerprint-2", made["fingerprint"])
    assert code == 0
    assert no_key_in(shell.said, file)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("snowflake", "--user", "U", "--passphrase-from", PHRASE), "never the passphrase itself"),
        (("snowflake", "--user", "U", "--passphrase-from", "env:NOWHERE"), "no passphrase in env:NOWHERE"),
        (("snowflake", "--user", "U", "--passphrase-from", "file:/nowhere"), "cannot be read"),
        (("snowflake", "--user", "U", "--passphrase-from", "ask"), "no terminal"),
        (("in-use", "--fingerprint", "SHA256:x"), "--key with its file"),
        (("in-use", "--key", "/nowhere"), "/nowhere cannot be read"),
    ],
)
def test_what_cannot_be_understood_makes_no_key(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out = shell.run(*words)
    assert code in {1, 2}
    assert out == ""
    assert told in shell.said
    assert PHRASE not in shell.said
    assert os.listdir(tmp_path) == []


def test_a_passphrase_is_asked_for_without_echo(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or PHRASE)
    file = tmp_path / "key.p8"
    assert shell.run("snowflake", "--user", "U", "--out", str(file), "--passphrase-from", "ask")[0] == 0
    assert len(asked) == 2
    assert re.match("-----BEGIN ENCRYPTED PRIVATE KEY", file.read_text())
