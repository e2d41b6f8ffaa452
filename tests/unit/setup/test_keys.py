"""Key pairs: where the private half goes, and what is told of the public one."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.setup.keys import fingerprint, make_key, public_text, read_public_key
from airflow_provider_cdi.setup.snowflake_keys import given_fingerprint, key_in_use, rotation, set_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.p8"


def test_the_file_is_pkcs8_and_its_owners_alone(path: Path) -> None:
    make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_a_passphrase_encrypts_the_file(path: Path) -> None:
    key = make_key(path, passphrase="hunter2")
    assert path.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert fingerprint(read_public_key(path.read_bytes(), "hunter2", "The file")) == fingerprint(key)
    with pytest.raises(ConfigurationError, match="passphrase") as raised:
        read_public_key(path.read_bytes(), "hunter3", "The file")
    assert "hunter" not in str(raised.value)


def test_a_file_is_never_written_over(path: Path) -> None:
    path.write_text("somebody's")
    with pytest.raises(ConfigurationError, match="never written over"):
        make_key(path)
    assert path.read_text() == "somebody's"


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError):
        make_key(path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("bits", [1024, 2049, 16384])
def test_a_key_that_snowflake_does_not_take_is_not_made(path: Path, bits: int) -> None:
    with pytest.raises(ConfigurationError, match="2048 to 8192"):
        make_key(path, bits=bits)
    assert not path.exists()


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        make_key(tmp_path / "nowhere" / "key.p8")


def test_a_key_is_read_from_base64_of_its_pem_too(path: Path) -> None:
    key = make_key(path)
    assert fingerprint(read_public_key(base64.b64encode(path.read_bytes()), None, "The key")) == fingerprint(key)


def test_a_public_key_has_the_fingerprint_of_its_private_one(path: Path) -> None:
    key = make_key(path)
    pem = f"-----BEGIN PUBLIC KEY-----\n{public_text(key)}\n-----END PUBLIC KEY-----\n"
    assert fingerprint(read_public_key(pem.encode(), None, "The key")) == fingerprint(key)


def test_a_key_that_is_not_rsa_is_refused() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ConfigurationError, match="not RSA"):
        read_public_key(pem, None, "The key")


def test_the_statement_holds_the_public_key_and_a_user_of_any_name(path: Path) -> None:
    key = make_key(path)
    assert set_key("CDI_READER", key) == f"ALTER USER CDI_READER SET RSA_PUBLIC_KEY = '{public_text(key)}';"
    assert set_key('a "b"', key, 2).startswith('ALTER USER "a ""b""" SET RSA_PUBLIC_KEY_2 = ')


@pytest.mark.parametrize(("slot", "taken"), [(1, "UNSET RSA_PUBLIC_KEY_2;"), (2, "UNSET RSA_PUBLIC_KEY;")])
def test_a_rotation_sets_the_new_key_before_it_takes_the_old_one(path: Path, slot: int, taken: str) -> None:
    script = rotation("U", make_key(path), slot, path)
    places = [script.index(words) for words in (" SET RSA", "the Airflow connection", "in-use", taken)]
    assert places == sorted(places)


def test_the_place_of_a_key_is_told_by_fingerprints(path: Path) -> None:
    key = make_key(path)
    other = "SHA256:" + "A" * 43 + "="
    assert key_in_use(key, {1: other, 2: fingerprint(key)}).slot == 2
    assert key_in_use(key, {1: other, 2: None}).slot is None


@pytest.mark.parametrize(
    ("text", "read"), [("null", None), ("", None), (f" SHA256:{'A' * 43}= ", f"SHA256:{'A' * 43}=")]
)
def test_a_pasted_fingerprint_may_be_empty(text: str, read: str | None) -> None:
    assert given_fingerprint(text) == read


def test_what_is_no_fingerprint_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="DESC USER"):
        given_fingerprint("MD5:abc")
