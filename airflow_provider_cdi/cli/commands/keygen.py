"""``airflow cdi keygen``: key pairs for Snowflake, and which of a user's two keys is in use."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.cli.cli_config import GroupCommand

from airflow_provider_cdi.cli.command import GOOD, NOT_GOOD, cdi_command, option
from airflow_provider_cdi.exceptions import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from airflow_provider_cdi.setup.snowflake_keys import KeyInUse

ARG_PASSPHRASE = option(
    "--passphrase-from",
    metavar="WHERE",
    help="ask (twice, without echo), env:VARIABLE or file:PATH (its first line). Default: no passphrase. Never the "
    "passphrase itself: every user of a machine can read its command lines",
)


def _make(options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.output import print_json, print_text, tell
    from airflow_provider_cdi.setup.keys import fingerprint, make_key, public_text
    from airflow_provider_cdi.setup.snowflake_keys import quoted_user, rotation, set_key

    user, file = options.user, Path(options.out)
    quoted_user(user)
    key = make_key(file, bits=options.bits, passphrase=_passphrase(options.passphrase_from, twice=True))
    statement = set_key(user, key, options.rotate_to or 1)
    script = rotation(user, key, options.rotate_to, file) if options.rotate_to else statement
    tell(f"The private key is in {file}, which only you can read. Its fingerprint is {fingerprint(key)}.")
    if options.output == "json":
        print_json(
            {
                "user": user,
                "private_key_file": str(file),
                "fingerprint": fingerprint(key),
                "public_key": public_text(key),
                "statement": statement,
                "script": script,
            }
        )
    else:
        print_text(script)
    return GOOD


def _in_use(options: argparse.Namespace) -> int:
    from airflow_provider_cdi.cli.output import print_result, tell
    from airflow_provider_cdi.setup.snowflake_keys import FINGERPRINTS, SLOTS, key_in_use

    found = key_in_use(_asked_about(options), _registered(options))
    rows = [
        {
            "place": SLOTS[slot],
            "is_this_key": registered == found.fingerprint,
            "fingerprint": registered,
            "shown_as": FINGERPRINTS[slot],
        }
        for slot, registered in found.registered.items()
    ]
    print_result(rows, options.output, document={"fingerprint": found.fingerprint, "slot": found.slot, "keys": rows})
    tell(_said(found))
    return NOT_GOOD if found.slot is None else GOOD


def _said(found: KeyInUse) -> str:
    from airflow_provider_cdi.setup.snowflake_keys import SLOTS

    if found.slot is None:
        return f"The user has no key with the fingerprint {found.fingerprint}: this key does not log in."
    other = 3 - found.slot
    if found.registered.get(other) is None:
        return f"The key is {SLOTS[found.slot]}. {SLOTS[other]} is empty: a new key goes there (--rotate-to {other})."
    return f"The key is {SLOTS[found.slot]}. Nobody who uses this key needs {SLOTS[other]}, which is set, too."


def _asked_about(options: argparse.Namespace) -> RSAPublicKey:
    from airflow_provider_cdi.hooks.connections import find_connection
    from airflow_provider_cdi.setup.snowflake_keys import key_of_connection, key_of_file

    if options.key:
        return key_of_file(Path(options.key), _passphrase(options.passphrase_from))
    if options.conn_id:
        return key_of_connection(find_connection(options.conn_id))
    raise UsageError("Say which key: --key with its file, or --conn-id with the connection that logs in with it.")


def _registered(options: argparse.Namespace) -> dict[int, str | None]:
    from airflow_provider_cdi.setup.snowflake_keys import given_fingerprint, registered_keys

    pasted = (options.fingerprint, options.fingerprint_2)
    if any(pasted):
        return {slot: given_fingerprint(text) for slot, text in enumerate(pasted, start=1)}
    if options.conn_id:
        return registered_keys(options.conn_id, options.user)
    raise UsageError(
        "Say what Snowflake has: --conn-id asks it; or run DESC USER there, and paste what it shows as "
        "--fingerprint and --fingerprint-2."
    )


def _passphrase(where: str | None, *, twice: bool = False) -> str | None:
    """Read a passphrase from where an option says.

    :raises UsageError: when there is none.
    """
    kind, _, name = (where or "").partition(":")
    if where is None:
        return None
    if kind == "env" and name:
        found = os.environ.get(name, "")
    elif kind == "file" and name:
        found = _first_line(Path(name))
    elif where == "ask":
        found = _asked(twice=twice)
    else:
        # What was given is not repeated: it may be the passphrase.
        raise UsageError("--passphrase-from is ask, env:VARIABLE or file:PATH, never the passphrase itself.")
    if not found:
        raise UsageError(f"There is no passphrase in {kind}:{name}." if name else "The passphrase is empty.")
    return found


def _first_line(path: Path) -> str:
    try:
        return path.read_text().partition("\n")[0].rstrip("\r")
    except (OSError, ValueError):
        raise UsageError(f"The file of the passphrase, {path}, cannot be read as text.") from None


def _asked(*, twice: bool) -> str:
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask for the passphrase: use env:VARIABLE or file:PATH.")
    found = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("Once more: ") != found:
        raise ConfigurationError("The two passphrases differ. No key was made.")
    return found


_SNOWFLAKE = cdi_command(
    "snowflake",
    _make,
    help="Make a key pair for a Snowflake user, and print the statement that registers it",
    description=(
        "Make an RSA key pair for a Snowflake user: the private key goes into a new file that only you can read, the "
        "statement with the public key to standard output. With --rotate-to the steps of a rotation without downtime. "
        "Needs no connection and no database"
    ),
    args=(
        option("--user", required=True, help="The Snowflake user"),
        option("--out", default="rsa_key.p8", metavar="PATH", help="The new file. It is never written over"),
        option("--bits", type=int, default=2048, help="Of the key, 2048 to 8192. Default: 2048"),
        ARG_PASSPHRASE,
        option(
            "--rotate-to",
            type=int,
            choices=(1, 2),
            metavar="(1, 2)",
            help="The user has a key: put the new one beside it, as RSA_PUBLIC_KEY (1) or RSA_PUBLIC_KEY_2 (2)",
        ),
    ),
    examples=(
        "--user CDI_READER --out cdi_reader.p8",
        "--user CDI_READER --out cdi_reader_2027.p8 --rotate-to 2 --passphrase-from ask",
    ),
)
_IN_USE = cdi_command(
    "in-use",
    _in_use,
    help="Say which of the two keys of a Snowflake user a connection or a file holds",
    description=(
        "Compare the fingerprint of a key with those that Snowflake has for a user (DESC USER), through a connection "
        "or as they are pasted. Exit code 1 when it is neither"
    ),
    args=(
        option("--conn-id", help="A Snowflake connection: its key is asked about, and through it Snowflake is asked"),
        option("--key", metavar="PATH", help="A file with a private or public key, instead of the connection's"),
        ARG_PASSPHRASE,
        option("--user", help="Whose keys, when it is another user than the connection's"),
        option("--fingerprint", metavar="SHA256:…", help="RSA_PUBLIC_KEY_FP of DESC USER, instead of a connection"),
        option("--fingerprint-2", metavar="SHA256:…", help="RSA_PUBLIC_KEY_2_FP of DESC USER"),
    ),
    examples=(
        "--conn-id snowflake_default",
        "--key cdi_reader.p8 --fingerprint SHA256:… --fingerprint-2 SHA256:…",
    ),
)
COMMAND = GroupCommand(
    name="keygen", help="Make key pairs, and see which one is in use", subcommands=(_SNOWFLAKE, _IN_USE)
)
