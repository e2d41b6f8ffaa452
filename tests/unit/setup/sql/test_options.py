"""What a set-up can be told."""

from __future__ import annotations

import shlex

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.setup.sql.options import SetupOptions, public_key_body

NEEDED = {"warehouse": "snowflake", "destination": "braze", "data_type": "attributes"}


def options(**given):
    return SetupOptions(**{**NEEDED, **given})


def test_the_command_says_what_was_asked_for_and_is_safe_to_paste():
    asked = options(table='"it\'s"', columns={"EMAIL": "mail"}, addresses=["203.0.113.7"], view_of="t", revoke=True)
    assert shlex.split(asked.command)[3:] == [
        *("snowflake", "--destination", "braze", "--data-type", "attributes", "--table", '"it\'s"', "--view-of", "t"),
        *("--column", "EMAIL=mail", "--worker-address", "203.0.113.7", "--revoke"),
    ]


def test_the_command_shows_no_key():
    assert options(public_key="MIIB").command.endswith("--data-type attributes --public-key-file '…'")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"view_of": "t", "existing_table": True}, "exclude each other"),
        ({"existing_view": True, "existing_table": True}, "exclude each other"),
        ({"columns": {"EMAIL": "mail"}}, "give --view-of too"),
        ({"addresses": ["worker-1"]}, "'worker-1' is no IP address"),
        ({"addresses": ["203.0.113.7/8'); drop"]}, "is no IP address"),
    ],
)
def test_what_makes_no_sense_together_is_refused(given, words):
    with pytest.raises(ConfigurationError, match=words):
        options(**given)


KEY = ed25519.Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
PRIVATE = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def test_a_public_key_is_its_body_in_one_line():
    body = public_key_body(f"# mine\n{PUBLIC.decode()}".replace("\n", "\r\n"))
    assert "\n" not in body
    assert body in PUBLIC.decode().replace("\n", "")


def test_a_private_key_is_refused_without_a_word_of_it():
    with pytest.raises(ConfigurationError, match="names a private key") as caught:
        public_key_body(PRIVATE.decode())
    assert PRIVATE.decode().splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "MIIB", "-----BEGIN PUBLIC KEY-----\n'; drop\n-----END PUBLIC KEY-----", "ssh-rsa AAAA x@y"]
)
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(ConfigurationError, match="holds no public key"):
        public_key_body(text)
