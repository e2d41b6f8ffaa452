"""What a set-up can be told: names, the kind of login, what is there already."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields

from airflow_provider_cdi.exceptions import ConfigurationError

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupOptions:
    """What is asked for. Names are written as in ``source=``: plain, or in double quotes to be taken as they are.

    :param warehouse: one of ``WAREHOUSES``.
    :param destination: ``braze`` or ``klaviyo``.
    :param data_type: of the destination.
    :param database: Snowflake's and Redshift's database, BigQuery's project, Databricks' catalog, DuckDB's file.
    :param schema: the schema, BigQuery's dataset.
    :param table: the table or view that the sync reads.
    :param view_of: an existing table; ``table`` becomes a view of it.
    :param columns: of the view: name in the contract -> column of ``view_of``.
    :param existing_table: ``table`` is there already, and only rights are given.
    :param existing_view: as ``existing_table``, and it is a view.
    :param user: the login that reads.
    :param existing_login: it is there already, made for another sync.
    :param login: how it logs in, one of the warehouse's ``logins``.
    :param role: Snowflake's role.
    :param group: Redshift's group, which gets the rights in place of the user.
    :param compute: Snowflake's warehouse, the id of Databricks' SQL warehouse, Redshift's cluster or workgroup.
    :param region: BigQuery's location, the region of Redshift's cluster.
    :param public_key: Snowflake: the body of the public key (:func:`public_key_body`).
    :param addresses: Snowflake: addresses of the workers, for a network policy.
    :param conn_id: of the Airflow connection.
    :param braze_catalog: for ``catalog_items``: the catalog's name.
    :param revoke: take the rights back instead.
    """

    warehouse: str
    destination: str
    data_type: str
    database: str | None = None
    schema: str | None = None
    table: str | None = None
    view_of: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    existing_table: bool = False
    existing_view: bool = False
    user: str | None = None
    existing_login: bool = False
    login: str | None = None
    role: str | None = None
    group: str | None = None
    compute: str | None = None
    region: str | None = None
    public_key: str | None = None
    addresses: Sequence[str] = ()
    conn_id: str | None = None
    braze_catalog: str | None = None
    revoke: bool = False

    def __post_init__(self) -> None:
        given = [name for name in ("view_of", "existing_table", "existing_view") if getattr(self, name)]
        if len(given) > 1:
            raise ConfigurationError(f"{option(given[0])} and {option(given[1])} exclude each other: give one.")
        if self.columns and self.view_of is None:
            raise ConfigurationError("--column says what a view is made of: give --view-of too.")
        for address in self.addresses:
            check_address(address)

    @property
    def command(self) -> str:
        """The command that says the same, for a shell."""
        words = ["airflow", "cdi", "setup-sql", self.warehouse]
        for one in fields(self)[1:]:
            words += _words(one.name, getattr(self, one.name))
        return shlex.join(words)

    def given(self) -> list[str]:
        """Return the names of the options that say something."""
        return [one.name for one in fields(self) if getattr(self, one.name) not in (None, False, (), {}, [])]


#: Options that every warehouse knows.
_OF_ALL = frozenset(
    {
        *("warehouse", "destination", "data_type", "schema", "table", "view_of", "columns"),
        *("existing_table", "existing_view", "conn_id", "braze_catalog", "revoke"),
    }
)
#: Field -> option, where the two differ by more than dashes.
_OPTIONS = {"columns": "--column", "addresses": "--worker-address", "public_key": "--public-key-file"}


def option(name: str) -> str:
    """Return the option of the command that fills a field."""
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def check_options(options: SetupOptions, title: str, *, also: Collection[str], logins: Mapping[str, str]) -> None:
    """Refuse options that mean nothing for a warehouse.

    :param options: what is asked for.
    :param title: of the warehouse.
    :param also: the options that it has beside those of all.
    :param logins: kind of login -> what it is.
    :raises ConfigurationError: it names the option.
    """
    for name in options.given():
        if name not in _OF_ALL and name not in also:
            raise ConfigurationError(f"{option(name)} means nothing for {title}: leave it out.")
    if options.login not in (None, *logins):
        kinds = ", ".join(f"{kind} ({what})" for kind, what in logins.items())
        raise ConfigurationError(f"--login {options.login!r} is unknown for {title}; it is one of: {kinds}.")


def _words(name: str, value: object) -> list[str]:
    if name == "public_key":
        return [option(name), "…"] if value else []
    if isinstance(value, bool):
        return [option(name)] if value else []
    if isinstance(value, str):
        return [option(name), value]
    many = [f"{one}={column}" for one, column in value.items()] if isinstance(value, Mapping) else value or ()
    return [word for one in many for word in (option(name), str(one))]  # type: ignore[attr-defined]


def check_address(text: str) -> None:
    """Refuse what is no IP address and no network.

    :raises ConfigurationError: it names the text.
    """
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ConfigurationError(
            f"--worker-address {text!r} is no IP address and no network such as 203.0.113.0/24."
        ) from None


def public_key_body(text: str) -> str:
    """Return the base64 body of a public key in PEM form, as Snowflake wants it.

    :raises ConfigurationError: when the text is none; its message holds nothing of it.
    """
    found = _PEM.search(text)
    if found is not None and "PRIVATE" in found[1]:
        raise ConfigurationError(
            "--public-key-file names a private key, which no warehouse may see. Give its public half: "
            "openssl rsa -in <private key> -pubout"
        )
    body = "".join(found[2].split()) if found is not None and found[1] == "PUBLIC KEY" else ""
    try:
        is_key = len(base64.b64decode(body, validate=True)) > 0
    except binascii.Error:
        is_key = False
    if not is_key:
        raise ConfigurationError(
            "--public-key-file holds no public key in PEM form, which begins with -----BEGIN PUBLIC KEY-----."
        )
    return body
